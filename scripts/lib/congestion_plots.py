"""Draws what millrace-sim measures of congestion control, as small SVG files that are the same each time.

    congestion_plots.py MILLRACE_SIM FOLDER

One file for each controller (window, rate and queue over time) and fairness.svg (the rates of flows that share a link).
"""

import json
import pathlib
import subprocess
import sys

from steady_svg import save  # Before pyplot: it chooses the backend.

import matplotlib.pyplot as plt

SECONDS = 15
PATH = ["--loss", "0", "--rtt", "20", "--rate", "50", "--buffer", "1", "--mark", "0.25"]
BDP_KIB = 50e6 / 8 * 0.02 / 1024
LINK_MBPS = 50 * 1448 / 1538
WINDOW, RATE, QUEUE, LINE = "#2b5c8a", "#3d7a3d", "#a8442a", "#888888"


def measure(program: str, *arguments: str) -> list[dict]:
    result = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{program} {' '.join(arguments)}: {result.stderr}")
    return json.loads(result.stdout)


def draw_one(cell: dict, path: pathlib.Path) -> None:
    samples = [sample for sample in cell["samples"] if sample["s"] <= SECONDS]
    seconds = [sample["s"] for sample in samples]
    figure, (window, rate, queue) = plt.subplots(3, 1, figsize=(7, 4.8), sharex=True, layout="constrained")
    window.plot(seconds, [sample["cwnd"] / 1024 for sample in samples], color=WINDOW)
    window.set_ylabel("cwnd, KiB")
    for bdps, name in ((1, "1 BDP"), (2, "2 BDP: the buffer is full")):
        window.axhline(bdps * BDP_KIB, color=LINE, linestyle=":")
        window.annotate(name, (SECONDS, bdps * BDP_KIB), ha="right", va="bottom", fontsize=7, color=LINE)
    rate.plot(seconds, [sample["mbps"] for sample in samples], color=RATE)
    rate.axhline(LINK_MBPS, color=LINE, linestyle=":")
    rate.set_ylabel("goodput, Mb/s")
    rate.set_ylim(0, 60)
    queue.plot(seconds, [sample["queue"] / 1024 for sample in samples], color=QUEUE)
    queue.set_ylabel("queue, KiB")
    queue.set_ylim(0, 1.15 * BDP_KIB)
    queue.set_xlabel("seconds")
    queue.set_xlim(0, SECONDS)
    window.set_ylim(0, max(2.4 * BDP_KIB, *(sample["cwnd"] / 1100 for sample in samples)))
    marks = ", marks from a quarter of it" if cell["controller"] == "dctcp" else ""
    figure.suptitle(f"{cell['controller']}: 50 Mb/s, 20 ms, buffer of one BDP{marks}", fontsize=10)
    save(figure, path)


def draw_fairness(runs: list[dict], path: pathlib.Path) -> None:
    controllers = list(dict.fromkeys(run["controller"] for run in runs))
    counts = list(dict.fromkeys(run["flows"] for run in runs))
    figure, panels = plt.subplots(len(controllers), len(counts), figsize=(9, 1.9 * len(controllers)), sharex=True,
                                  layout="constrained", squeeze=False)
    for row, controller in enumerate(controllers):
        for column, count in enumerate(counts):
            run = next(run for run in runs if (run["controller"], run["flows"]) == (controller, count))
            panel = panels[row][column]
            seconds = [moment["s"] for moment in run["over_time"]]
            for flow in range(count):
                panel.plot(seconds, [moment["mbps"][flow] for moment in run["over_time"]], linewidth=0.7)
            panel.axhline(LINK_MBPS / count, color=LINE, linestyle=":")
            panel.set_title(f"{controller}, {count} flows: Jain {run['jain']:.3f}", fontsize=8)
            panel.set_ylim(0, min(50, 5 * LINK_MBPS / count))
            if column == 0:
                panel.set_ylabel("Mb/s each")
            if row == len(controllers) - 1:
                panel.set_xlabel("seconds")
    save(figure, path)


def main(program: str, folder: pathlib.Path) -> None:
    folder.mkdir(exist_ok=True)
    for cell in measure(program, "table", *PATH, "--samples", "400"):
        draw_one(cell, folder / f"{cell['controller']}.svg")
    draw_fairness(measure(program, "fairness"), folder / "fairness.svg")


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
