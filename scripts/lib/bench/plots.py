"""A picture for each case: a line for each run, a dot for each round, a stroke at the median."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from steady_svg import save  # noqa: E402  (a script's folder is not a package)

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter  # noqa: E402

from catalog import CASES, FIGURES, RUNS, Case  # noqa: E402
from session import scaled  # noqa: E402

OTHERS, OURS, DOTS = "#9aa5b1", "#2b5c8a", "#14304a"


def _is_ours(name: str) -> bool:
    return not any(word in name for word in ("testpmd", "ping-pong", "kernel", "iperf3", "sockperf", "nginx"))


def _panels(case: Case, document: dict) -> dict[str, list[str]]:
    """Runs by their main figure; those of different ones do not share an axis."""
    made: dict[str, list[str]] = {}
    for name in case.runs:
        run = document["runs"].get(name)
        if run and RUNS[name].main in run["values"]:
            made.setdefault(RUNS[name].main, []).append(name)
    return made


def _draw_panel(panel, names: list[str], figure: str, document: dict) -> None:
    described = FIGURES[figure]
    for place, name in enumerate(names):
        run = document["runs"][name]
        values = [value for value in run["values"][figure] if value is not None]
        median = run["summaries"][figure]["median"]
        panel.barh(place, median, height=0.6, color=OURS if _is_ours(name) else OTHERS)
        panel.plot(values, [place] * len(values), "|", color=DOTS, markersize=8)
        panel.annotate(" " + scaled(median, described.unit), (max(values), place), va="center", fontsize=8)
    panel.set_yticks(range(len(names)), [document["runs"][name]["title"] for name in names])
    panel.invert_yaxis()
    panel.margins(x=0.18)
    panel.set_xlim(left=0)
    panel.grid(axis="y", visible=False)
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: scaled(value, described.unit)))
    panel.set_xlabel(f"{described.title}, {'more' if described.is_more_better else 'less'} is better")


def draw_case(case: Case, document: dict, path: pathlib.Path) -> bool:
    """False: there is nothing to draw."""
    panels = _panels(case, document)
    if not panels:
        return False
    heights = [0.9 + len(names) for names in panels.values()]
    figure, axes = plt.subplots(len(panels), 1, figsize=(8, 0.42 * sum(heights) + 0.4), layout="constrained",
                                squeeze=False, gridspec_kw={"height_ratios": heights})
    for panel, (name, runs) in zip(axes[:, 0], panels.items()):
        _draw_panel(panel, runs, name, document)
    figure.suptitle(case.title, fontsize=10)
    save(figure, path)
    return True


def draw(document: dict, folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """A picture's path by case."""
    folder.mkdir(parents=True, exist_ok=True)
    return {case.name: path for case in CASES.values()
            if draw_case(case, document, path := folder / f"{case.name}.svg")}
