"""Runs that count instructions instead of measuring time; scripts/instructions does the same for all traces."""

import pathlib
import sys

from processes import RunFailed
from stage import Stage

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import instructions as callgrind  # noqa: E402  (it lies beside this folder)


def instructions(trace: str):
    """Of one unit of the trace; by stage in the notes."""
    def measure(stage: Stage) -> dict[str, float]:
        try:
            profile, units, _unit = callgrind.run(stage.program("instructions"), trace)
        except (SystemExit, OSError) as problem:
            raise RunFailed(str(problem)) from problem
        for name, count in profile.by_stage().items():
            stage.notes[name] = count / units
        return {"instructions": profile.total / units}
    return measure
