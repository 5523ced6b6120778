"""Rounds: in each, every run once, one after the other, in processes and on a wire of its own. What came of it, with the
machine it was measured on, is one document."""

import dataclasses
import pathlib
import sys
import tempfile
import time

from arithmetic import differences, quantile, ratios, summarize
from catalog import CLIENT_LIMIT_IDLE, FIGURES, Case, Comparison, Kind, Run
import machine
from processes import RunFailed
from readers import Unreadable
from stage import Stage

FORMAT = 1


@dataclasses.dataclass
class Settings:
    programs: dict[str, pathlib.Path]
    server_processor: int
    client_processor: int
    rounds: int
    seconds: float
    is_quick: bool
    has_hugepages: bool


class Session:
    def __init__(self, settings: Settings, cases: list[Case], runs: list[Run], scratch: pathlib.Path) -> None:
        self._settings = settings
        self._cases, self._runs = cases, runs
        self._scratch = scratch
        self._results = {run.name: [] for run in runs}  # An entry a round.
        self._rates: dict[str, float] = {}

    def measure(self) -> None:
        started = time.monotonic()
        for number in range(1, self._settings.rounds + 1):
            for run in self._runs:
                if run.is_once and number > 1:
                    continue
                result = self._measure_once(run)
                self._results[run.name].append(result)
                self._tell(number, run, result, time.monotonic() - started)

    def _measure_once(self, run: Run) -> dict:
        idle = machine.idle_before([self._settings.server_processor, self._settings.client_processor])
        result = {"idle_before": {str(number): share for number, share in idle.items()}, "warnings": machine.busy(idle)}
        with tempfile.TemporaryDirectory(prefix="run-", dir=self._scratch) as folder:
            stage = Stage(
                programs=self._settings.programs, folder=pathlib.Path(folder),
                server_processor=self._settings.server_processor, client_processor=self._settings.client_processor,
                seconds=self._settings.seconds, has_hugepages=self._settings.has_hugepages, rates=self._rates,
            )
            try:
                result["figures"] = run.measure(stage)
            except (RunFailed, Unreadable) as failure:
                result["failure"] = str(failure)
            result["notes"] = stage.notes
            result["warnings"] += stage.warnings
        if "rate" in result.get("figures", {}):
            self._rates.setdefault(run.name, result["figures"]["rate"])
        return result

    def _tell(self, number: int, run: Run, result: dict, seconds: float) -> None:
        where = f"{seconds:6.0f} s  round {number}  {run.name:<26}"
        if "failure" in result:
            print(f"{where} FAILED: {result['failure']}", file=sys.stderr, flush=True)
        else:
            main = FIGURES[run.main]
            print(f"{where} {main.title} {scaled(result['figures'][run.main], main.unit)}", flush=True)
        for warning in result["warnings"]:
            print(f"{'':19}warning: {warning}", file=sys.stderr, flush=True)

    def document(self, described: dict, is_interrupted: bool = False) -> dict:
        rounds = max(map(len, self._results.values()), default=0)
        runs = {run.name: _run_document(run, self._results[run.name]) for run in self._runs}
        return {
            "format": FORMAT,
            "machine": described,
            "kind": machine.kind_of(described),
            "settings": {"rounds": rounds, "seconds": self._settings.seconds, "quick": self._settings.is_quick,
                         "cases": [case.name for case in self._cases]},
            "runs": runs,
            "comparisons": {one.name: made for case in self._cases for one in case.comparisons
                            if (made := _comparison_document(one, runs))},
            "interrupted": is_interrupted,
        }


def _run_document(run: Run, results: list[dict]) -> dict:
    names = {name for result in results for name in result.get("figures", {})}
    values = {name: [result.get("figures", {}).get(name) for result in results] for name in FIGURES if name in names}
    notes: dict[str, list] = {}
    for result in results:
        for name, value in result["notes"].items():
            notes.setdefault(name, []).append(value)
    return {
        "wire": run.wire,
        "title": run.title,
        "main": run.main,
        "values": values,
        "summaries": {name: summarize([each for each in made if each is not None]).as_json()
                      for name, made in values.items()},
        "idle_before": [result["idle_before"] for result in results],
        "notes": notes,
        "failures": [result["failure"] for result in results if "failure" in result],
        "warnings": sorted({warning for result in results for warning in result["warnings"]}),
    }


def _comparison_document(one: Comparison, runs: dict) -> dict | None:
    if not {one.run, one.with_run} <= set(runs):
        return None
    above = runs[one.run]["values"].get(one.figure, [])
    below = runs[one.with_run]["values"].get(one.figure, [])
    values = ratios(above, below) if one.kind is Kind.RATIO else differences(above, below)
    if not values:
        return None
    if all(_client_is_limit(runs[name]) for name in (one.run, one.with_run)):
        one = one.at_client_limit()
    summary = summarize(values)
    return {"title": one.title, "kind": one.kind.value, "values": values, "summary": summary.as_json(),
            "least": one.least, "most": one.most, "is_met": one.is_met(summary.median)}


def _client_is_limit(run: dict) -> bool:
    shares = run["notes"].get("client_idle", [])
    return bool(shares) and quantile(shares, 0.5) < CLIENT_LIMIT_IDLE


def scaled(value: float, unit: str) -> str:
    """Three digits, and a unit of a thousand: "9.41 Gb/s"."""
    if unit == "ns":
        steps = ["ns", "us", "ms", "s"]
    elif unit:
        steps = ["", "k", "M", "G", "T"]
    else:
        return f"{value:.3g}" if abs(value) < 999.5 else f"{value:,.0f}"
    step = 0
    while abs(value) >= 999.5 and step + 1 < len(steps):
        value, step = value / 1000, step + 1
    digits = 0 if abs(value) >= 99.95 or (step == 0 and float(value).is_integer()) else 1 if abs(value) >= 9.995 else 2
    made = f"{value:.{digits}f} {steps[step]}"
    return made.strip() if unit == "ns" else (made + unit if steps[step] else made.strip() + " " + unit)
