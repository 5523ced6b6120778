"""The tables of runs and cases."""

import unittest
from unittest import mock

import catalog
from catalog import CASES, RUNS, Comparison


class Tables(unittest.TestCase):
    def test_every_name_is_there_and_no_comparison_leaves_its_wire(self) -> None:
        self.assertEqual(catalog.problems(), [])

    def test_a_comparison_across_wires_would_be_noticed(self) -> None:
        case = catalog.Case("odd", "", ("memif-rr", "veth-rr-kernel"), (
            Comparison("odd", "memif-rr", "veth-rr-kernel", "rate", ""),))
        CASES["odd"] = case
        try:
            self.assertEqual(catalog.problems(), ["odd: odd is across two wires"])
        finally:
            del CASES["odd"]

    def test_what_a_setting_brings_has_no_bar(self) -> None:
        runs = ("vhost-stream-tso", "vhost-stream")
        for limits in ({}, {"least": 2.0}, {"most": 2.0}, {"least_at_client_limit": 2.0}):
            one = Comparison("odd", *runs, "bits_per_second", "", **limits)
            problems = ["odd: odd has a bar, and the wire is not set alike"] if limits else []
            with mock.patch.dict(CASES, odd=catalog.Case("odd", "", runs, (one,))):
                self.assertEqual(catalog.problems(), problems)

    def test_every_run_is_in_a_case(self) -> None:
        self.assertEqual(set(RUNS), {name for case in CASES.values() for name in case.runs})

    def test_names_of_comparisons_are_unique(self) -> None:
        names = [one.name for case in CASES.values() for one in case.comparisons]
        self.assertEqual(len(names), len(set(names)))


class VhostStream(unittest.TestCase):
    def test_each_stream_gets_the_wire_that_it_names(self) -> None:
        """The runs are begun, and stopped where they would make their wire."""
        made = {}
        for name in CASES["vhost-stream"].runs:
            with mock.patch("wires.shared_memory", side_effect=InterruptedError) as wire:
                with self.assertRaises(InterruptedError):
                    RUNS[name].measure(mock.Mock())
            self.assertEqual(wire.call_args.args[0], "vhost")
            made[name] = wire.call_args.kwargs
            self.assertEqual(dict(RUNS[name].settings), made[name])
        self.assertEqual(made, {"vhost-stream": {}, "vhost-stream-tso": {"joins_segments": True},
                                "vhost-stream-9000": {"mtu": 9000},
                                "vhost-stream-9000-tso": {"mtu": 9000, "joins_segments": True}})

    def test_all_are_compared_with_the_plain_one(self) -> None:
        case = CASES["vhost-stream"]
        self.assertEqual({(one.run, one.with_run, one.figure) for one in case.comparisons},
                         {(name, "vhost-stream", "bits_per_second") for name in case.runs if name != "vhost-stream"})

    def test_tso_has_to_reach_100_gigabits(self) -> None:
        (bar,) = CASES["vhost-stream"].bars
        self.assertEqual((bar.run, bar.figure), ("vhost-stream-tso", "bits_per_second"))
        self.assertTrue(bar.is_met(100e9))
        self.assertFalse(bar.is_met(99.9e9))


class Selection(unittest.TestCase):
    def test_a_yardstick_of_two_cases_runs_once(self) -> None:
        made = catalog.runs_of([CASES["memif-rr"], CASES["memif-http"]], is_quick=False)
        self.assertEqual([run.name for run in made], ["memif-testpmd-64", "memif-rr", "memif-http"])

    def test_quick_leaves_slow_runs_out_and_keeps_a_run_of_every_wire(self) -> None:
        made = catalog.runs_of(list(CASES.values()), is_quick=True)
        self.assertNotIn("memif-crr-sustained", [run.name for run in made])
        self.assertEqual({run.wire for run in made}, {"memif", "vhost-user", "veth"})


class Bars(unittest.TestCase):
    def test_at_least_and_at_most(self) -> None:
        self.assertIsNone(catalog.is_within(5, None, None))
        self.assertTrue(catalog.is_within(5, 5, None))
        self.assertFalse(catalog.is_within(4.9, 5, None))
        self.assertTrue(catalog.is_within(5, None, 5))
        self.assertFalse(catalog.is_within(5.1, None, 5))

    def test_where_the_client_is_the_limit_another_bar_counts(self) -> None:
        one = Comparison("x", "a", "b", "rate", "", least=1.5, least_at_client_limit=1.0)
        self.assertFalse(one.is_met(1.2))
        self.assertTrue(one.at_client_limit().is_met(1.2))
        plain = Comparison("x", "a", "b", "rate", "", least=1.5)
        self.assertFalse(plain.at_client_limit().is_met(1.2))


if __name__ == "__main__":
    unittest.main()
