"""A stored session, against which later ones on a machine of the same kind are held."""

import dataclasses
import json
import pathlib

from arithmetic import Summary, loss, tolerance
from catalog import FIGURES

FORMAT = 2


class NotComparable(Exception):
    """The baseline is another machine's, was measured for another time, or is no baseline."""


@dataclasses.dataclass(frozen=True)
class Change:
    run: str
    figure: str
    before: float
    after: float
    loss: float  # As arithmetic.loss tells it; negative: better.
    tolerance: float

    @property
    def is_worse(self) -> bool:
        return self.loss > self.tolerance

    @property
    def is_better(self) -> bool:
        return -self.loss > self.tolerance


def make(document: dict) -> dict:
    """What is kept of a session."""
    return {
        "format": FORMAT,
        "kind": document["kind"],
        "seconds": document["settings"]["seconds"],
        "runs": {name: {figure: summary for figure, summary in run["summaries"].items()
                        if FIGURES[figure].is_compared}
                 for name, run in document["runs"].items() if run["summaries"]},
    }


def load(path: pathlib.Path) -> dict:
    try:
        made = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotComparable(f"cannot read the baseline {path}: {error.strerror}") from error
    except ValueError as error:
        raise NotComparable(f"{path} is no baseline: {error}") from error
    if not isinstance(made, dict) or made.get("format") != FORMAT or not {"runs", "kind", "seconds"} <= set(made):
        raise NotComparable(f"{path} is no baseline of this version: --save-baseline writes one")
    return made


def check_same(baseline: dict, kind: str, seconds: float) -> None:
    """Runs of another length have other figures: tables fill, windows grow."""
    if baseline["kind"] != kind:
        raise NotComparable(f"the baseline is of another kind of machine: '{baseline['kind']}', this is '{kind}'")
    if baseline["seconds"] != seconds:
        raise NotComparable(f"the baseline's runs took {baseline['seconds']:g} s each, not {seconds:g} s: see --seconds")


def _summary(stored: dict) -> Summary:
    return Summary(**{field.name: stored[field.name] for field in dataclasses.fields(Summary)})


def compare(baseline: dict, document: dict) -> list[Change]:
    """Of each figure that both have."""
    check_same(baseline, document["kind"], document["settings"]["seconds"])
    changes = []
    for name, run in document["runs"].items():
        for figure, stored in baseline["runs"].get(name, {}).items():
            if figure not in run["summaries"] or figure not in FIGURES:
                continue
            before, after = _summary(stored), _summary(run["summaries"][figure])
            changes.append(Change(
                run=name, figure=figure, before=before.median, after=after.median,
                loss=loss(before.median, after.median, FIGURES[figure].is_more_better),
                tolerance=tolerance(before, after),
            ))
    return changes


def missing(baseline: dict, document: dict) -> list[str]:
    """Runs that were wanted, are in the baseline, and have no result now: the worst way of being slower."""
    return [name for name, run in document["runs"].items() if name in baseline["runs"] and not run["summaries"]]
