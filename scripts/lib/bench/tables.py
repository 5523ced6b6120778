"""A session as tables in Markdown, and the part of docs/performance.md that is made of them."""

import functools
import pathlib
import re

from arithmetic import quantile
from catalog import CASES, FIGURES, Case, is_within
from machine import IDLE_ENOUGH
from session import scaled

BEGIN = "<!-- figures: written by scripts/bench --publish; edit scripts/lib/bench/tables.py instead -->"
END = "<!-- end of figures -->"
DERIVED = ("tail_ns",)  # From others in the same row.
MET = {True: "met", False: "**not met**", None: ""}


def _limit(least: float | None, most: float | None, text) -> str:
    if least is not None:
        return f"at least {text(least)}"
    return f"at most {text(most)}" if most is not None else ""


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [_row(head), _row(["---"] * len(head)), *map(_row, rows)]


def _cell(summary: dict | None, unit: str) -> str:
    """A median, and how far the quartiles are apart."""
    if summary is None:
        return ""
    spread = f" ({100 * summary['relative_spread']:.1f} %)" if summary["count"] > 1 else ""
    return scaled(summary["median"], unit) + spread


def _figure_lines(case: Case, document: dict) -> list[str]:
    """A row for each run, a column for each figure that any has."""
    runs = [document["runs"][name] for name in case.runs if name in document["runs"]]
    figures = [name for name in FIGURES if name not in DERIVED and any(name in run["summaries"] for run in runs)]
    rows = []
    for run in runs:
        cells = [_cell(run["summaries"].get(name), FIGURES[name].unit) for name in figures]
        rows.append([run["title"], *(cells if run["summaries"] else ["no result", *[""] * (len(figures) - 1)])])
    return _table(["run", *(FIGURES[name].title for name in figures or ["rate"])], rows) if rows else []


def _compared(value: float, kind: str) -> str:
    if kind == "difference":
        return scaled(value, "ns")
    return f"{100 * value:.1f} %" if abs(value) < 0.5 else f"{value:.2f}"


def _judged(title: str, summary: dict, least: float | None, most: float | None, text) -> list[str]:
    return [title, text(summary["median"]),
            f"{text(summary['lower_quartile'])} to {text(summary['upper_quartile'])}",
            f"{text(summary['least'])} to {text(summary['most'])}",
            _limit(least, most, text), MET[is_within(summary["median"], least, most)]]


def _comparison_rows(case: Case, document: dict) -> list[list[str]]:
    """What is compared with another run, then what has a bar of its own."""
    rows = []
    for one in case.comparisons:
        made = document["comparisons"].get(one.name)
        if made:
            text = functools.partial(_compared, kind=made["kind"])
            rows.append(_judged(made["title"], made["summary"], made["least"], made["most"], text))
    for bar in case.bars:
        summary = document["runs"].get(bar.run, {}).get("summaries", {}).get(bar.figure)
        if summary:
            described = FIGURES[bar.figure]
            text = functools.partial(scaled, unit=described.unit)
            title = f"{document['runs'][bar.run]['title']}: {described.title}"
            rows.append(_judged(title, summary, bar.least, bar.most, text))
    return rows


def _idle_line(case: Case, document: dict) -> list[str]:
    """How idle the client's processor was while it measured, where that is known: who the limit was."""
    parts = []
    for name in case.runs:
        shares = document["runs"].get(name, {}).get("notes", {}).get("client_idle")
        if shares:
            parts.append(f"{name} {100 * quantile(shares, 0.5):.0f} %")
    return ["", "Idle share of the client's processor meanwhile: " + ", ".join(parts) + "."] if parts else []


def _stage_lines(case: Case, document: dict) -> list[str]:
    """Where the instructions of a counted run go."""
    columns = {name: {stage: values[0] for stage, values in document["runs"][name]["notes"].items()}
               for name in case.runs if name in document["runs"] and document["runs"][name]["wire"] == "callgrind"}
    columns = {name: stages for name, stages in columns.items() if stages}
    if not columns:
        return []
    weight = {stage: max(stages.get(stage, 0) for stages in columns.values())
              for made in columns.values() for stage in made}
    rows = [[stage, *(f"{stages[stage]:.0f}" if stages.get(stage, 0) >= 0.5 else "" for stages in columns.values())]
            for stage in sorted(weight, key=lambda name: -weight[name]) if weight[stage] >= 0.5]
    return ["", *_table(["stage", *(name.removeprefix("instructions-") for name in columns)], rows)]


def case_lines(case: Case, document: dict, plot: str | None) -> list[str]:
    figures = _figure_lines(case, document)
    if not figures:
        return []
    lines = [f"### {case.title}", "", f"`scripts/bench {case.name}`", "", *figures]
    comparisons = _comparison_rows(case, document)
    if comparisons:
        lines += ["", *_table(["compared, round by round", "median", "quartiles", "least to most", "bar", ""],
                              comparisons)]
    lines += _stage_lines(case, document) + _idle_line(case, document)
    if plot:
        lines += ["", f"![{case.title}]({plot})"]
    return [*lines, ""]


def in_rounds(number: int) -> str:
    return f"{number} round{'' if number == 1 else 's'}"


def machine_lines(document: dict) -> list[str]:
    machine, settings = document["machine"], document["settings"]
    pages = "hugepages of 2 MiB" if machine["hugepages"] else "ordinary pages"
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return [
        f"{machine['processor']}; {machine['processors']} processors, hypervisor {machine['hypervisor']}, "
        f"{machine['memory_gib']} GiB, {pages}. The server on processor {machine['server_processor']}, the client on "
        f"processor {machine['client_processor']}. Linux {machine['kernel']}, {machine['compiler']}, "
        f"DPDK {machine['dpdk']}; {packages}. Millrace as of {machine['commit']}.",
        "",
        f"{in_rounds(settings['rounds'])} of {settings['seconds']:g} s each{', quick' if settings['quick'] else ''}. "
        "In parentheses: how far the quartiles of the rounds are apart. "
        f"{_warned(document)}",
        "",
    ]


def _warned(document: dict) -> str:
    shares = [share for run in document["runs"].values() for moment in run["idle_before"]
              for share in moment.values() if share is not None]
    failures = sum(len(run["failures"]) for run in document["runs"].values())
    count = sum(share < IDLE_ENOUGH for share in shares)
    least = f"{100 * min(shares):.0f} %" if shares else "unknown"
    made = f"Before the runs the processors were idle for {least} of the time at least; "
    made += f"below {100 * IDLE_ENOUGH:.0f} % in {count} of {len(shares)} looks." if count else "that is as it should be."
    return made + (f" {failures} runs have failed." if failures else "")


def _bar_lines(document: dict) -> list[str]:
    """Everything that has a bar, in short, so that nothing that is not met hides in a table below."""
    rows = [[f"`{case.name}`", row[0], row[1], row[4], row[5]]
            for case in CASES.values() for row in _comparison_rows(case, document) if row[4]]
    return ["### The bars", "", *_table(["case", "what", "median", "bar", ""], rows), ""] if rows else []


def figures_text(document: dict, plots: dict[str, str]) -> str:
    """All tables. `plots`: a picture's path by case."""
    lines = machine_lines(document) + _bar_lines(document)
    for case in CASES.values():
        lines += case_lines(case, document, plots.get(case.name))
    return "\n".join(lines).rstrip() + "\n"


def with_figures(page: str, figures: str) -> str:
    """The page with what is between its markers replaced."""
    pattern = re.compile(re.escape(BEGIN) + r".*?" + re.escape(END), re.DOTALL)
    if len(pattern.findall(page)) != 1:
        raise ValueError(f"the page has not one part between '{BEGIN}' and '{END}'")
    return pattern.sub(lambda _: f"{BEGIN}\n\n{figures}\n{END}", page)


def publish(document: dict, page: pathlib.Path, plots: dict[str, str]) -> None:
    page.write_text(with_figures(page.read_text(encoding="utf-8"), figures_text(document, plots)), encoding="utf-8")
