#!/usr/bin/python3
"""Millrace's CUBIC against Linux's as the sender: the same path with the same faults and seeds, the same receiver, in
turns. Prints a table and, with --json, writes the figures of each cell. Results are kept line by line in --results, and
what is there already is not run again, so that a long comparison can be made in pieces.

Status: 0 if the bars are met, 1 if not, 2 if there were too few sound runs to say."""

import argparse
import concurrent.futures
import itertools
import json
import os
import pathlib
import queue
import random
import statistics
import sys
import threading
import time

from live_world import Cell, Place, transfer

SENDERS = ("millrace", "linux")
RATES = (10, 50)
ROUND_TRIPS = (10, 50, 200)
LOSSES = (0, 0.1, 1, 3)
BUFFERS = (1,)
TRIES = 10  # A busy machine may spoil every third run.
RESAMPLES = 4000
UPPER_BOUND_MIN = 0.95  # In each cell.
MEDIAN_MIN = 1.0  # Of the cells' medians.


def main() -> int:
    arguments = read_arguments()
    cells = all_cells(arguments.rates, arguments.round_trips, arguments.losses, arguments.buffers)
    book = Book(arguments.results)
    run_all(cells, arguments, book)
    rows = [evaluate(cell, book.pairs(cell, arguments.seeds)) for cell in cells]
    verdict = judge(rows, arguments.seeds)
    print(table(rows, verdict))
    if arguments.json:
        arguments.json.write_text(json.dumps({"cells": rows, **verdict}, indent=1) + "\n", encoding="utf-8")
    return 2 if not verdict["is_complete"] else 0 if verdict["is_met"] else 1


def all_cells(rates=RATES, round_trips=ROUND_TRIPS, losses=LOSSES, buffers=BUFFERS) -> list[Cell]:
    return [Cell(*path) for path in itertools.product(rates, round_trips, losses, buffers)]


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help="the build folder")
    parser.add_argument("--seeds", type=int, default=10, help="for each cell (10)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="worlds side by side (one a processor)")
    parser.add_argument("--minutes", type=float, help="begins nothing new after so long")
    parser.add_argument("--rates", type=numbers, default=RATES, metavar="MBPS,...")
    parser.add_argument("--round-trips", type=numbers, default=ROUND_TRIPS, metavar="MS,...")
    parser.add_argument("--losses", type=numbers, default=LOSSES, metavar="PERCENT,...")
    parser.add_argument("--buffers", type=numbers, default=BUFFERS, metavar="BDP,...")
    parser.add_argument("--seconds", type=float, help="of each transfer (4 to 10, by its round trip)")
    parser.add_argument("--tcp", action="append", default=[], metavar="NAME=VALUE", help="a setting of Millrace's")
    parser.add_argument("--results", type=pathlib.Path, help="a file of lines, which is read first and added to")
    parser.add_argument("--json", type=pathlib.Path, help="where to write the figures")
    arguments = parser.parse_args()
    os.environ["MILLRACE_SIM"] = str(arguments.build / "apps/sim/millrace-sim")
    return arguments


def numbers(text: str) -> tuple[float, ...]:
    return tuple(float(one) for one in text.split(","))


class Book:
    """All sound runs: by sender, cell and seed."""

    def __init__(self, path: pathlib.Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._runs: dict[tuple, dict] = {}
        if path and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._note(json.loads(line))

    def add(self, run: dict) -> None:
        with self._lock:
            self._note(run)
            if self._path:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(run) + "\n")

    def has(self, sender: str, cell: Cell, seed: int) -> bool:
        return (sender, cell, seed) in self._runs

    def pairs(self, cell: Cell, seeds: int) -> list[tuple[dict, dict]]:
        """Runs of both senders with the same seed."""
        return [tuple(self._runs[sender, cell, seed] for sender in SENDERS) for seed in range(1, seeds + 1)
                if all(self.has(sender, cell, seed) for sender in SENDERS)]

    def _note(self, run: dict) -> None:
        if not run["void"]:
            self._runs[run["sender"], Cell(**run["cell"]), run["seed"]] = run


def run_all(cells: list[Cell], arguments, book: Book) -> None:
    """Seed by seed, so that an early end leaves all cells with about as many."""
    work: queue.SimpleQueue = queue.SimpleQueue()
    for seed, cell in itertools.product(range(1, arguments.seeds + 1), cells):
        work.put((cell, seed))
    deadline = time.monotonic() + arguments.minutes * 60 if arguments.minutes else None
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        workers = [pool.submit(work_off, work, book, arguments, deadline) for _ in range(arguments.jobs)]
    for worker in workers:
        worker.result()


def work_off(work: queue.SimpleQueue, book: Book, arguments, deadline: float | None) -> None:
    with Place() as place:
        while deadline is None or time.monotonic() < deadline:
            try:
                cell, seed = work.get_nowait()
            except queue.Empty:
                return
            run_pair(place, cell, seed, book, arguments)


def run_pair(place: Place, cell: Cell, seed: int, book: Book, arguments) -> None:
    """One sender after the other; a void run is repeated."""
    for sender in SENDERS:
        for _ in range(TRIES):
            if book.has(sender, cell, seed):
                break
            run = transfer(place, sender, cell, seed, arguments.seconds, arguments.tcp)
            book.add(run)
            print(f"{cell}, seed {seed}, {sender}: {run['goodput_mbps']:.3f} Mb/s"
                  f"{', void: late by %.1f ms' % run['late_ms'] if run['void'] else ''}", file=sys.stderr, flush=True)


def evaluate(cell: Cell, pairs: list[tuple[dict, dict]]) -> dict:
    """Of a cell: the medians, the median ratio of runs with the same seed, and bounds of it that hold with 95 % each."""
    row: dict = {"cell": str(cell), "seeds": len(pairs)}
    if not pairs:
        return row
    ratios = [ours["goodput_mbps"] / theirs["goodput_mbps"] for ours, theirs in pairs]
    lower, upper = bootstrap(ratios)
    for index, sender in enumerate(SENDERS):
        row[sender + "_mbps"] = statistics.median(pair[index]["goodput_mbps"] for pair in pairs)
        row[sender + "_retransmitted"] = statistics.median(pair[index]["retransmitted"] for pair in pairs)
    return {**row, "ratio": statistics.median(ratios), "lower": lower, "upper": upper}


def bootstrap(values: list[float]) -> tuple[float, float]:
    """The 5th and the 95th percentile of the median over samples drawn from the values."""
    draw = random.Random(len(values))
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return medians[RESAMPLES * 5 // 100], medians[RESAMPLES * 95 // 100 - 1]


def judge(rows: list[dict], seeds: int) -> dict:
    counted = [row for row in rows if "ratio" in row]
    verdict = {
        "is_complete": bool(rows) and all(row["seeds"] >= seeds for row in rows),
        "median_of_medians": statistics.median(row["ratio"] for row in counted) if counted else None,
        "below": [row["cell"] for row in counted if row["upper"] < UPPER_BOUND_MIN],
    }
    median = verdict["median_of_medians"]
    verdict["is_met"] = median is not None and median >= MEDIAN_MIN and not verdict["below"]
    return verdict


def table(rows: list[dict], verdict: dict) -> str:
    lines = [f"{'cell':32} seeds  millrace     linux   ratio  95 % bounds    sent again"]
    for row in rows:
        text = f"{row['cell']:32} {row['seeds']:5}"
        if "ratio" in row:
            text += (f" {row['millrace_mbps']:9.3f} {row['linux_mbps']:9.3f} {row['ratio']:7.3f}  {row['lower']:.3f} to"
                     f" {row['upper']:.3f} {row['millrace_retransmitted']:6.0f} {row['linux_retransmitted']:6.0f}")
        lines.append(text)
    median = verdict["median_of_medians"]
    lines.append(f"median of the medians {median:.4f}" if median is not None else "no pair of runs")
    lines += [f"below {UPPER_BOUND_MIN}: {cell}" for cell in verdict["below"]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
