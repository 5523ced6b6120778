"""millrace-sim table --quick, for every controller of the library: the cells reach their bars, and they are exactly what
table.snapshot.txt says, so that a change of behaviour shows as a difference of that file.

    table_test.py MILLRACE_SIM [--refresh | --grid [MBPS...]]

--refresh writes the snapshot anew; `scripts/congestion snapshot` builds first. Read what has changed. docs/congestion.md
says what the bars are and why. --grid holds every cell of the whole table to its bar instead, the largest included, or
those of the rates named; it takes hours, and prints what it has measured.
"""

import concurrent.futures
import itertools
import json
import os
import pathlib
import subprocess
import sys

SNAPSHOT = pathlib.Path(__file__).with_name("table.snapshot.txt")
REFRESH = "scripts/congestion snapshot"
CELLS = 30
SIDES = {
    "loss_percent": {0, 0.01, 0.1, 1, 3},
    "rtt_ms": {0.1, 1, 10, 50, 200},
    "rate_mbps": {10, 1_000, 10_000},
    "buffer_bdp": {0.1, 1, 4},
}
COLUMNS = (
    f"{'control':<8}{'loss %':>7}{'RTT ms':>8}{'Mb/s':>7}{'buffer':>7}{'goodput':>11}{'bound':>11} {'law':<6}{'share':>7}"
    f"{'ideal':>7}{'s':>9}{'recov.':>8}{'timeouts':>9}"
)


def table(program: str, *more: str, seconds: int | None = 500) -> list[dict]:
    result = subprocess.run([program, "table", *more], capture_output=True, text=True, timeout=seconds, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr
    return json.loads(result.stdout)


def line_of(cell: dict) -> str:
    ideal = f"{cell['ideal_mbps'] / cell['bound_mbps']:.2f}" if "ideal_mbps" in cell else "-"
    return (
        f"{cell['controller']:<8}{cell['loss_percent']:>7g}{cell['rtt_ms']:>8g}{cell['rate_mbps']:>7g}"
        f"{cell['buffer_bdp']:>7g}{cell['goodput_mbps']:>11.3f}{cell['bound_mbps']:>11.3f} {cell['bound_law']:<6}"
        f"{cell['share']:>7.3f}{ideal:>7}{cell['measured_s']:>9.3f}{cell['recoveries']:>8}{cell['timeouts']:>9}"
    )


def snapshot_of(cells: list[dict]) -> str:
    return "\n".join([COLUMNS, *map(line_of, cells)]) + "\n"


def bar_of(cell: dict) -> float:
    """The least goodput in Mb/s that a cell must have."""
    if cell["loss_percent"] == 0:
        # One bandwidth-delay product of buffer is enough for these.
        return 0.95 * cell["bound_mbps"] if cell["buffer_bdp"] >= 1 and cell["controller"] in ("cubic", "bbr") else 0
    if cell["controller"] not in ("cubic", "reno"):
        return 0
    # Where the link cuts off what the response function has above it, the rules by themselves do not reach it either.
    return min(0.9 * cell["bound_mbps"], 0.95 * cell["ideal_mbps"])


def check(cells: list[dict]) -> list[str]:
    faults = []
    for cell in cells:
        goodput = cell["goodput_mbps"]
        if "problem" in cell or not 0 < goodput <= cell["rate_mbps"]:
            faults.append("wrong: " + line_of(cell))
        if goodput < bar_of(cell):
            faults.append(f"below its bar of {bar_of(cell):.3f} Mb/s: " + line_of(cell))
        if cell["window_limited_share"] > 0.02:
            faults.append("the peer's window and not the controller held it up: " + line_of(cell))
        if cell["loss_percent"] > 0 and cell["recoveries"] + cell["timeouts"] < 10:
            faults.append("too few losses to mean anything: " + line_of(cell))
    return faults


def check_choice(cells: list[dict]) -> list[str]:
    """Which cells they are: thirty for each controller, and each value of each side is among them."""
    faults = []
    for controller in {cell["controller"] for cell in cells}:
        own = [cell for cell in cells if cell["controller"] == controller]
        if len(own) != CELLS:
            faults.append(f"{controller} has {len(own)} cells")
        for side, values in SIDES.items():
            if {cell[side] for cell in own} != values:
                faults.append(f"{controller} lacks values of {side}")
    return faults


def compare(text: str) -> list[str]:
    kept = SNAPSHOT.read_text(encoding="utf-8") if SNAPSHOT.exists() else ""
    if text == kept:
        return []
    old, new = kept.splitlines(), text.splitlines()
    differences = [f"- {line}" for line in old if line not in new] + [f"+ {line}" for line in new if line not in old]
    return [f"{SNAPSHOT.name} differs; read the difference, then {REFRESH}", COLUMNS, *differences]


def check_samples(program: str) -> list[str]:
    """A cell by itself, sampled, is the one of the table."""
    one = ["--controller", "reno", "--loss", "0", "--rtt", "1", "--rate", "1000", "--buffer", "1", "--segments", "200000"]
    plain, sampled = table(program, *one)[0], table(program, *one, "--samples", "50")[0]
    samples = sampled.pop("samples", [])
    if plain != sampled or not 100 <= len(samples) <= 102 or not any(sample["queue"] > 0 for sample in samples):
        return [f"sampling changes the cell: {plain} and {sampled}, {len(samples)} samples"]
    return []


def check_refusals(program: str) -> list[str]:
    """What would have no effect, and a table of nothing."""
    faults = []
    for words in (["--quick", "--loss", "5"], ["--quick", "--bdp", "1"], ["--rate", "10000", "--rtt", "200"]):
        result = subprocess.run([program, "table", *words], capture_output=True, text=True, timeout=60, check=False)
        if result.returncode != 2 or "--" not in result.stderr or result.stdout:
            faults.append(f"{' '.join(words)}: status {result.returncode}, {result.stdout[:200]}{result.stderr[:200]}")
    return faults


def grid(program: str, rates: list[str]) -> int:
    """As many processes as processors, each with a path and a buffer."""
    kept = [line.split()[0] for line in SNAPSHOT.read_text(encoding="utf-8").splitlines()[1:]]
    controllers = list(dict.fromkeys(kept))
    rates, trips, buffers = (
        chosen or [str(value) for value in sorted(SIDES[side])]
        for side, chosen in (("rate_mbps", rates), ("rtt_ms", []), ("buffer_bdp", []))
    )
    paths = itertools.product(controllers, rates, trips, buffers)
    faults = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        names = ("--controller", "--rate", "--rtt", "--buffer")
        runs = [
            pool.submit(table, program, "--bdp", "512", *itertools.chain(*zip(names, path)), seconds=None) for path in paths
        ]
        print(COLUMNS)
        for run in runs:
            cells = run.result()
            print(*map(line_of, cells), sep="\n", flush=True)
            faults += check(cells)
    print(*faults, sep="\n")
    return 1 if faults else 0


def main(program: str, refreshes: bool) -> int:
    cells = table(program, "--quick")
    faults = check(cells) + check_choice(cells) + check_refusals(program)
    if refreshes:
        SNAPSHOT.write_text(snapshot_of(cells), encoding="utf-8")
    else:
        faults += compare(snapshot_of(cells)) + check_samples(program)
    print("\n".join(faults) if faults else f"{len(cells)} cells")
    return 1 if faults else 0


if __name__ == "__main__":
    if sys.argv[2:3] == ["--grid"]:
        sys.exit(grid(sys.argv[1], sys.argv[3:]))
    sys.exit(main(sys.argv[1], "--refresh" in sys.argv[2:]))
