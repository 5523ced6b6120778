"""Tables, and the page that they are a part of."""

import json
import pathlib
import unittest

import tables
from arithmetic import summarize
from catalog import CASES

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/performance.md"
FIGURES = ROOT / "docs/performance/figures.json"


def run(title: str, wire: str, main: str, notes: dict | None = None, **values) -> dict:
    return {
        "title": title, "wire": wire, "main": main, "values": values, "notes": notes or {}, "failures": [], "warnings": [],
        "summaries": {figure: summarize(made).as_json() for figure, made in values.items()},
        "idle_before": [{"0": 1.0, "1": 0.97}],
    }


def document(runs: dict, comparisons: dict) -> dict:
    return {
        "machine": {"processor": "a processor", "processors": 2, "hypervisor": "kvm", "memory_gib": 24, "hugepages": True,
                    "server_processor": 1, "client_processor": 0, "kernel": "6.1", "commit": "abc", "compiler": "gcc", "dpdk": "22.11",
                    "packages": {"wrk": "4.1"}},
        "settings": {"rounds": 5, "seconds": 5, "quick": False}, "runs": runs, "comparisons": comparisons,
    }


RR = CASES["memif-rr"]
WHOLE = document(
    {"memif-testpmd-64": run("two testpmd", "memif", "rate", rate=[20e6, 21e6, 22e6]),
     "memif-rr": run("rr", "memif", "rate", rate=[4e6, 4.2e6, 4.4e6], median_ns=[60e3] * 3, tail_ns=[1e3] * 3)},
    {RR.comparisons[0].name: {
        "title": "round trips", "kind": "ratio", "summary": summarize([0.1, 0.1, 0.11]).as_json(), "least": 0.12,
        "most": None, "is_met": False}})


class Tables(unittest.TestCase):
    def test_a_case(self) -> None:
        lines = tables.case_lines(RR, WHOLE, "performance/memif-rr.svg")
        self.assertIn("| run | rate | median |", lines)
        self.assertIn("| two testpmd | 21.0 M/s (4.8 %) |  |", lines)
        self.assertIn("| rr | 4.20 M/s (4.8 %) | 60.0 us (0.0 %) |", lines)
        self.assertIn("| round trips | 10.0 % | 10.0 % to 10.5 % | 10.0 % to 11.0 % | at least 12.0 % | **not met** |", lines)
        self.assertIn(f"![{RR.title}](performance/memif-rr.svg)", lines)

    def test_a_bar_of_a_figure_itself(self) -> None:
        made = document({"memif-stream": run("stream", "memif", "bits_per_second", bits_per_second=[61e9])}, {})
        lines = tables.case_lines(CASES["memif-stream"], made, None)
        self.assertIn("| stream | 61.0 Gb/s |", lines)
        self.assertIn("| stream: bits | 61.0 Gb/s | 61.0 Gb/s to 61.0 Gb/s | 61.0 Gb/s to 61.0 Gb/s | at least 60.0 Gb/s | "
                      "met |", lines)

    def test_a_run_without_result_is_not_passed_over(self) -> None:
        made = document({"memif-rr": run("rr", "memif", "rate")}, {})
        self.assertIn("| rr | no result |", tables.case_lines(RR, made, None))

    def test_a_case_that_was_not_measured_is_not_there(self) -> None:
        self.assertEqual(tables.case_lines(CASES["veth-rr"], WHOLE, None), [])

    def test_how_idle_the_client_was(self) -> None:
        made = document({"veth-rr-kernel": run("rr", "veth", "rate", {"client_idle": [0.5, 0.02, 0.01]}, rate=[1])}, {})
        self.assertIn("Idle share of the client's processor meanwhile: veth-rr-kernel 2 %.",
                      tables.case_lines(CASES["veth-rr"], made, None))

    def test_stages_of_counted_instructions(self) -> None:
        made = document({
            "instructions-echo": run("echo", "callgrind", "instructions", {"timers": [20.0], "demux": [45.4]},
                                     instructions=[65.4]),
            "instructions-send": run("send", "callgrind", "instructions", {"demux": [5.0]}, instructions=[5.0])}, {})
        lines = tables.case_lines(CASES["instructions"], made, None)
        place = lines.index("| stage | echo | send |")
        self.assertEqual(lines[place + 2:place + 4], ["| demux | 45 | 5 |", "| timers | 20 |  |"])


class Bars(unittest.TestCase):
    def test_all_of_them_come_first(self) -> None:
        text = tables.figures_text(WHOLE, {})
        self.assertIn("| `memif-rr` | round trips | 10.0 % | at least 12.0 % | **not met** |", text)
        self.assertLess(text.index("### The bars"), text.index(RR.title))

    def test_what_has_none_is_not_among_them(self) -> None:
        one = CASES["memif-crr"].comparisons[0]
        made = document({"memif-crr": run("crr", "memif", "rate", rate=[1])}, {one.name: {
            "title": "connections", "kind": "ratio", "summary": summarize([0.1]).as_json(), "least": None, "most": None,
            "is_met": None}})
        self.assertNotIn("### The bars", tables.figures_text(made, {}))
        self.assertIn("| connections | 10.0 %", tables.figures_text(made, {}))

    def test_without_any_there_is_no_table(self) -> None:
        self.assertNotIn("### The bars", tables.figures_text(document({}, {}), {}))


class Page(unittest.TestCase):
    def test_what_is_between_the_marks_is_replaced_and_nothing_else(self) -> None:
        page = f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n"
        made = tables.with_figures(page, "new | \\1\n")
        self.assertEqual(made, f"before\n{tables.BEGIN}\n\nnew | \\1\n\n{tables.END}\nafter\n")
        self.assertEqual(tables.with_figures(made, "new | \\1\n"), made)

    def test_marks_that_are_missing_or_there_twice_are_refused(self) -> None:
        for page in ("no marks", 2 * f"{tables.BEGIN}\n{tables.END}\n"):
            with self.assertRaises(ValueError):
                tables.with_figures(page, "new")

    def test_the_page_in_the_repository_is_made_from_the_figures_beside_it(self) -> None:
        """Nobody writes a figure by hand."""
        page = PAGE.read_text(encoding="utf-8")
        if FIGURES.exists():
            published = json.loads(FIGURES.read_text(encoding="utf-8"))
            plots = {name: f"performance/{name}.svg" for name in CASES if (FIGURES.parent / f"{name}.svg").exists()}
            text = tables.figures_text(published, plots)
        else:
            text = "No session has been published yet.\n"
        self.assertEqual(page, tables.with_figures(page, text))


if __name__ == "__main__":
    unittest.main()
