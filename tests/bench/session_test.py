"""Rounds and what is made of them, with runs that measure nothing."""

import contextlib
import io
import pathlib
import tempfile
import unittest
from unittest import mock

import machine
import session
from catalog import Case, Comparison, Kind, Run
from processes import RunFailed

MACHINE = {"processor": "a processor", "processors": 2, "hypervisor": "none", "hugepages": True}


class Rounds(unittest.TestCase):
    def setUp(self) -> None:
        self.order: list[str] = []
        self.idle = {0: 1.0, 1: 1.0}

    def scripted(self, name: str, values: list, wire: str = "memif", **options) -> Run:
        """A run whose rounds give these values; an exception is raised, a pair goes with the client's idle share."""
        left = list(values)

        def measure(stage) -> dict[str, float]:
            self.order.append(name)
            value = left.pop(0)
            if isinstance(value, Exception):
                raise value
            if isinstance(value, tuple):
                value, stage.notes["client_idle"] = value
            return {"rate": value(stage) if callable(value) else value}
        return Run(name, wire, f"run {name}", measure, **options)

    def session_of(self, runs: list[Run], comparisons: tuple = (), rounds: int = 3) -> dict:
        case = Case("case", "a case", tuple(run.name for run in runs), comparisons)
        settings = session.Settings(programs={}, server_processor=1, client_processor=0, rounds=rounds, seconds=1,
                                    is_quick=False, has_hugepages=True)
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(machine, "idle_before", lambda _: self.idle), \
             contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            made = session.Session(settings, [case], runs, pathlib.Path(folder))
            made.measure()
            return made.document(MACHINE)

    def test_runs_take_turns(self) -> None:
        self.session_of([self.scripted("a", [1, 2, 3]), self.scripted("b", [1, 2, 3])])
        self.assertEqual(self.order, ["a", "b", "a", "b", "a", "b"])

    def test_ratio_of_each_round(self) -> None:
        one = Comparison("a / b", "a", "b", "rate", "", least=0.4)
        made = self.session_of([self.scripted("a", [5, 1, 20]), self.scripted("b", [10, 2, 40])], (one,))
        self.assertEqual(made["comparisons"]["a / b"]["values"], [0.5, 0.5, 0.5])
        self.assertTrue(made["comparisons"]["a / b"]["is_met"])
        self.assertEqual(made["runs"]["a"]["summaries"]["rate"]["median"], 5)

    def test_difference(self) -> None:
        one = Comparison("a - b", "a", "b", "rate", "", kind=Kind.DIFFERENCE, most=3)
        made = self.session_of([self.scripted("a", [5, 6, 7]), self.scripted("b", [1, 1, 1])], (one,))
        self.assertEqual(made["comparisons"]["a - b"]["values"], [4, 5, 6])
        self.assertFalse(made["comparisons"]["a - b"]["is_met"])

    def test_a_round_that_fails_is_told_and_left_out_of_ratios(self) -> None:
        one = Comparison("a / b", "a", "b", "rate", "")
        runs = [self.scripted("a", [4, RunFailed("the server ended"), 8]), self.scripted("b", [2, 1, 2])]
        made = self.session_of(runs, (one,))
        self.assertEqual(made["runs"]["a"]["failures"], ["the server ended"])
        self.assertEqual(made["runs"]["a"]["values"]["rate"], [4, None, 8])
        self.assertEqual(made["comparisons"]["a / b"]["values"], [2, 4])

    def test_a_run_without_any_result_has_no_comparison(self) -> None:
        one = Comparison("a / b", "a", "b", "rate", "")
        runs = [self.scripted("a", [RunFailed("no")] * 3), self.scripted("b", [2, 1, 2])]
        self.assertEqual(self.session_of(runs, (one,))["comparisons"], {})

    def test_the_rate_of_the_first_round_is_known_to_later_runs(self) -> None:
        runs = [self.scripted("a", [100, 200, 300]), self.scripted("b", [lambda stage: stage.rates["a"]] * 3)]
        self.assertEqual(self.session_of(runs)["runs"]["b"]["values"]["rate"], [100, 100, 100])

    def test_what_only_counts_runs_once(self) -> None:
        self.session_of([self.scripted("a", [1], is_once=True), self.scripted("b", [1, 2, 3])])
        self.assertEqual(self.order, ["a", "b", "b", "b"])

    def test_a_busy_processor_is_told_of(self) -> None:
        self.idle = {0: 0.5, 1: 0.99}
        made = self.session_of([self.scripted("a", [1, 2, 3])])
        self.assertEqual(made["runs"]["a"]["warnings"], ["processor 0 was idle for 50 % of the time before the run"])
        self.assertEqual(made["runs"]["a"]["idle_before"][0], {"0": 0.5, "1": 0.99})

    def test_what_a_run_itself_warns_of_is_told(self) -> None:
        def warned(stage) -> int:
            stage.warnings.append("the server had 75 % of its processor")
            return 1
        made = self.session_of([self.scripted("a", [warned] * 3)])
        self.assertEqual(made["runs"]["a"]["warnings"], ["the server had 75 % of its processor"])

    def test_the_bar_is_another_where_the_client_is_the_limit_of_both(self) -> None:
        one = Comparison("a / b", "a", "b", "rate", "", least=1.5, least_at_client_limit=1.0)
        for idle_of_b, least, is_met in ((0.01, 1.0, True), (0.2, 1.5, False)):
            runs = [self.scripted("a", [(12, 0.01)] * 3), self.scripted("b", [(10, idle_of_b)] * 3)]
            made = self.session_of(runs, (one,))["comparisons"]["a / b"]
            self.assertEqual((made["least"], made["is_met"]), (least, is_met))


class Scaled(unittest.TestCase):
    def test_three_digits_and_a_unit(self) -> None:
        for value, unit, text in ((5_700_000, "/s", "5.70 M/s"), (61.25e9, "b/s", "61.2 Gb/s"), (800_000, "/s", "800 k/s"),
                                  (512, "ns", "512 ns"), (1532, "ns", "1.53 us"), (7.01, "", "7.01"), (7715.5, "", "7,716"), (42, "/s", "42 /s"),
                                  (-120, "ns", "-120 ns"), (999_600, "/s", "1.00 M/s")):
            self.assertEqual(session.scaled(value, unit), text)


if __name__ == "__main__":
    unittest.main()
