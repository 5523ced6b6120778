"""Sessions against a stored one."""

import json
import pathlib
import tempfile
import unittest

import baseline
from arithmetic import summarize


def document(kind: str = "this kind", seconds: float = 5, **runs) -> dict:
    """runs: NAME={figure: values}."""
    return {
        "kind": kind, "machine": {}, "settings": {"seconds": seconds},
        "runs": {name.replace("_", "-"): {"summaries": {figure: summarize(values).as_json()
                                                        for figure, values in figures.items()}}
                 for name, figures in runs.items()},
    }


class Baselines(unittest.TestCase):
    def changes(self, before: dict, after: dict) -> dict:
        return {(each.run, each.figure): each for each in baseline.compare(baseline.make(before), after)}

    def test_a_rate_that_fell_beyond_chance_is_worse(self) -> None:
        made = self.changes(document(memif_rr={"rate": [100] * 5}), document(memif_rr={"rate": [95] * 5}))
        self.assertTrue(made["memif-rr", "rate"].is_worse)
        self.assertFalse(made["memif-rr", "rate"].is_better)

    def test_a_latency_that_fell_is_better(self) -> None:
        made = self.changes(document(memif_rr={"median_ns": [100] * 5}), document(memif_rr={"median_ns": [90] * 5}))
        self.assertTrue(made["memif-rr", "median_ns"].is_better)

    def test_what_the_spread_explains_is_neither(self) -> None:
        wide = [90, 95, 100, 105, 110]
        made = self.changes(document(memif_rr={"rate": wide}), document(memif_rr={"rate": [each * 0.9 for each in wide]}))
        self.assertFalse(made["memif-rr", "rate"].is_worse)

    def test_a_small_loss_without_spread_is_chance(self) -> None:
        made = self.changes(document(memif_rr={"rate": [100] * 5}), document(memif_rr={"rate": [98] * 5}))
        self.assertFalse(made["memif-rr", "rate"].is_worse)

    def test_figures_that_are_too_unsteady_are_not_kept(self) -> None:
        self.assertNotIn("p99_9_ns", baseline.make(document(memif_rr={"p99_9_ns": [1], "rate": [1]}))["runs"]["memif-rr"])

    def test_runs_that_are_in_one_alone_are_not_compared(self) -> None:
        self.assertEqual(self.changes(document(memif_rr={"rate": [1]}), document(memif_crr={"rate": [1]})), {})

    def test_a_run_that_fails_now_is_named(self) -> None:
        stored = baseline.make(document(memif_rr={"rate": [1]}))
        self.assertEqual(baseline.missing(stored, document(memif_rr={})), ["memif-rr"])
        self.assertEqual(baseline.missing(stored, document(memif_rr={"rate": [1]})), [])

    def test_another_kind_of_machine_is_refused(self) -> None:
        stored = baseline.make(document("that kind", memif_rr={"rate": [1]}))
        with self.assertRaisesRegex(baseline.NotComparable, "another kind of machine: 'that kind'"):
            baseline.compare(stored, document("this kind", memif_rr={"rate": [1]}))

    def test_another_length_of_the_runs_is_refused(self) -> None:
        stored = baseline.make(document(seconds=5, memif_rr={"rate": [1]}))
        with self.assertRaisesRegex(baseline.NotComparable, "took 5 s each, not 0.5 s"):
            baseline.compare(stored, document(seconds=0.5, memif_rr={"rate": [1]}))

    def test_it_survives_its_file(self) -> None:
        stored = baseline.make(document(memif_rr={"rate": [99, 100, 101]}))
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "baseline.json"
            path.write_text(json.dumps(stored), encoding="utf-8")
            self.assertEqual(baseline.load(path), stored)

    def test_files_that_are_none(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "baseline.json"
            with self.assertRaisesRegex(baseline.NotComparable, "cannot read"):
                baseline.load(path)
            for text in ("{", "[]", '{"format": 0, "runs": {}, "kind": "", "seconds": 1}',
                         '{"format": 2, "runs": {}, "kind": ""}'):
                path.write_text(text, encoding="utf-8")
                with self.assertRaisesRegex(baseline.NotComparable, "is no baseline"):
                    baseline.load(path)


if __name__ == "__main__":
    unittest.main()
