"""A seed decides everything: millrace-sim replays a run to the byte in another process, with memory at other addresses,
and what it captures is the same file. A failing seed names the command that repeats it.

    swarm_replay.py MILLRACE_SIM
"""

import hashlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SEEDS = (3, 17, 42)


def run(program: str, seed: int, folder: pathlib.Path, *before: str) -> tuple[str, dict[str, str]]:
    """What it says of the trace, and a digest of each capture."""
    folder.mkdir()
    result = subprocess.run(
        [*before, program, "replay", "--seed", str(seed), "--capture", str(folder)],
        capture_output=True, text=True, timeout=120, check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    trace = re.search(r"^trace ([0-9a-f]{16})$", result.stdout, re.MULTILINE)
    assert trace, result.stdout
    files = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}
    assert files and all(name.startswith(f"{seed}-198.18.") for name in files), files
    return trace[1], files


def main(program: str) -> int:
    fixed = [shutil.which("setarch"), "-R"]  # Without random addresses.
    traces = set()
    with tempfile.TemporaryDirectory() as scratch:
        for seed in SEEDS:
            once = run(program, seed, pathlib.Path(scratch) / f"{seed}-once")
            twice = run(program, seed, pathlib.Path(scratch) / f"{seed}-twice")
            assert once == twice, f"seed {seed} differs from process to process"
            if fixed[0] and subprocess.run([*fixed, "true"], capture_output=True, check=False).returncode == 0:
                still = run(program, seed, pathlib.Path(scratch) / f"{seed}-fixed", *fixed)
                assert once == still, f"seed {seed} depends on where memory is"
            traces.add(once[0])
    assert len(traces) == len(SEEDS), "different seeds gave the same trace"
    wrong = subprocess.run([program, "replay"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2 and "--seed" in wrong.stderr, wrong
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
