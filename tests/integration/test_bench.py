"""scripts/bench measures in turns, writes what it says, holds sessions against a baseline, and leaves nothing behind, however
it ends. How fast anything is does not matter here."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Two rounds of a moment, in ordinary pages: what machines for tests have.
SHORT = ["--quick", "--rounds", "2", "--seconds", "0.3", "--hugepages", "0"]


# A server that is not there, twenty times, because it is gone at another moment each time.
MISSING_SERVER = """
import pathlib, sys
import processes, stage, wires
class Where:
    folder = pathlib.Path(sys.argv[1])
    server_processor = 0
with wires.veth(True) as wire:
    for _ in range(20):
        try:
            with stage.KernelServer(Where, ["no-such-server"], wire.server) as running:
                running.wait_until_serving(5201)
        except processes.RunFailed as failure:
            print("named" if "no-such-server" in str(failure) else failure)
"""


def command(*arguments) -> list[str]:
    return [str(ROOT / "scripts/bench"), "--build", os.environ["MILLRACE_BUILD"], *map(str, arguments)]


# The process ids of the sessions that the test at hand has started: others may be under way, or have left something.
sessions: set[int] = set()


@pytest.fixture(autouse=True)
def scratch(monkeypatch):
    """Nothing may stay of what was made: no namespace, no folder, no process. Its path is short, for sockets."""
    sessions.clear()
    with tempfile.TemporaryDirectory(prefix="mb-") as name:
        folder = pathlib.Path(name)
        monkeypatch.setenv("TMPDIR", name)
        yield folder
        assert list(folder.iterdir()) == []
        assert namespaces() == set()
        assert processes_that_name(folder) == []


def namespaces() -> set[str]:
    """Of the sessions that the test has started."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False).stdout
    return {found[0] for found in re.finditer(r"millrace-bench-(\d+)-\d+", listed) if int(found[1]) in sessions}


def processes_that_name(folder: pathlib.Path) -> list[str]:
    """Command lines with that folder in them: sockets and sites are there."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in text:
            found.append(text)
    return found


@contextlib.contextmanager
def started(arguments: list[str], **options):
    """A session. It is over when the block is left, however that happens."""
    with subprocess.Popen(arguments, **options) as running:
        sessions.add(running.pid)
        try:
            yield running
        finally:
            running.kill()  # Nothing happens to one that has ended. What it had started ends with it.


def ran_to_its_end(arguments: list[str], seconds: float) -> subprocess.CompletedProcess:
    with started(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        output, errors = running.communicate(timeout=seconds)
        return subprocess.CompletedProcess(arguments, running.returncode, output, errors)


def bench(*arguments, status: int = 0) -> subprocess.CompletedProcess:
    ran = ran_to_its_end(command(*arguments), 240)
    assert ran.returncode == status, ran.stdout + ran.stderr
    return ran


def test_two_cases_in_turns_and_a_baseline(tmp_path):
    ran = bench("memif-rr-1", "veth-rr", *SHORT, "--output", tmp_path / "out")
    runs = ["memif-ping-pong", "memif-rr-1", "veth-rr-kernel", "veth-rr-af_xdp"]
    told = [line.split()[4] for line in ran.stdout.splitlines() if " round " in line and " s " in line]
    assert told == runs + runs
    made = json.loads((tmp_path / "out/figures.json").read_text())
    assert list(made["runs"]) == runs
    for name, run in made["runs"].items():
        assert run["failures"] == [] and len(run["values"]["median_ns"]) == 2, name
        assert run["summaries"]["rate"]["median"] > 100, name
        assert all(set(moment) == {"0", "1"} for moment in run["idle_before"])
    ratio = made["comparisons"]["veth-rr-af_xdp / veth-rr-kernel: rate"]
    values = [made["runs"][name]["values"]["rate"] for name in ("veth-rr-af_xdp", "veth-rr-kernel")]
    assert ratio["values"] == [above / below for above, below in zip(*values)]
    assert made["machine"]["hugepages"] is False and made["machine"]["dpdk"].startswith("2")
    text = (tmp_path / "out/figures.md").read_text()
    assert "raw ping-pong" in text and "`scripts/bench veth-rr`" in text


def test_a_baseline_names_what_got_slower(tmp_path):
    stored = tmp_path / "baseline.json"
    options = ["memif-rr-1", *SHORT, "--output", tmp_path / "out", "--baseline", stored]
    bench(*options, "--save-baseline")
    kept = json.loads(stored.read_text())
    rate = kept["runs"]["memif-ping-pong"]["rate"]
    for name in ("median", "lower_quartile", "upper_quartile", "least", "most"):
        rate[name] *= 100  # No machine of this kind becomes so much faster by chance.
    stored.write_text(json.dumps(kept))
    ran = bench(*options, status=1)
    assert "SLOWER: memif-ping-pong, rate: " in ran.stdout
    kept["kind"] = "another kind"
    stored.write_text(json.dumps(kept))
    assert "another kind of machine" in bench(*options, status=2).stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_of_it_and_keeps_what_there_is(tmp_path, scratch, how):
    arguments = ["memif-rr-1", "veth-rr", "--quick", "--seconds", "1", "--hugepages", "0", "--output", tmp_path / "out"]
    with started(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        for line in running.stdout:
            if "memif-rr-1" in line:
                break
        deadline = time.monotonic() + 30
        while not namespaces():  # A run on the veth is under way.
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.5)
        running.send_signal(how)
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 128 + how, errors
    assert f"interrupted by signal {int(how)}" in errors
    made = json.loads((tmp_path / "out/figures.json").read_text())
    assert made["interrupted"] and made["runs"]["memif-rr-1"]["values"]["rate"]


def kill_with_two_namespaces(running: subprocess.Popen) -> None:
    """It stands still while they are counted: the run that has them may be about to end."""
    deadline = time.monotonic() + 30
    while True:
        running.send_signal(signal.SIGSTOP)
        time.sleep(0.2)  # A command that it has begun may yet end.
        if len(namespaces()) == 2:
            running.kill()
            running.wait()
            return
        running.send_signal(signal.SIGCONT)
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


def test_what_a_killed_session_leaves_goes_with_the_next(tmp_path, scratch):
    with started(command("veth-rr", *SHORT, "--output", tmp_path / "out"), stdout=subprocess.DEVNULL,
                 stderr=subprocess.DEVNULL) as running:
        kill_with_two_namespaces(running)
    assert len(namespaces()) == 2 and len(list(scratch.iterdir())) == 1
    bench("veth-rr", "--quick", "--rounds", "1", "--seconds", "0.3", "--hugepages", "0", "--output", tmp_path / "out")
    assert namespaces() == set()


def test_a_program_that_is_missing_is_a_failure_that_is_named(tmp_path):
    folder = tmp_path / "build"
    (folder / "apps/perf").mkdir(parents=True)
    (folder / "apps/perf/millrace-perf").symlink_to(os.environ["MILLRACE_PERF"])
    stored = tmp_path / "baseline.json"
    ran = ran_to_its_end([str(ROOT / "scripts/bench"), "--build", str(folder), "memif-rr-1", *SHORT,
                          "--baseline", str(stored), "--save-baseline"], 120)
    assert ran.returncode == 1
    assert "ping-pong is not built" in ran.stderr
    assert not stored.exists(), "half a session is none"
    made = json.loads((folder / "results/figures.json").read_text())
    assert made["runs"]["memif-rr-1"]["failures"] == [] and made["comparisons"] == {}


@pytest.mark.parametrize("arguments, words", [
    (["memif-nothing"], "no case 'memif-nothing'"),
    (["--rounds", "0"], "--rounds 0: 1 to 1000"),
    (["--processors", "0,0"], "two different numbers"),
    (["--processors", "0,9999"], "this process may use"),
    (["--publish", "--quick"], "--publish writes docs/performance.md"),
    (["--save-baseline"], "--save-baseline needs --baseline"),
    (["--baseline", "/nonexistent"], "cannot read the baseline"),
    (["--rounds", "many"], "--rounds needs a whole number"),
    (["--page-from", "/nonexistent"], "--page-from needs a figures.json"),
    (["--page-from", __file__], "no session"),
    (["--unknown"], "unknown option '--unknown'"),
])
def test_a_mistake_is_one_line(arguments, words):
    ran = bench(*arguments, status=2)
    assert words in ran.stderr and ran.stderr.count("\n") == 1, ran.stderr


def test_the_list_names_every_case():
    listed = bench("--list").stdout
    assert "memif-crr-sustained" in listed and "veth-http-nginx" in listed


def test_a_program_of_others_that_is_missing_is_a_failure_that_is_named(tmp_path):
    """iperf3, say: it ends before it serves, at whichever moment."""
    ran = subprocess.run([sys.executable, "-B", "-c", MISSING_SERVER, str(tmp_path)], cwd=ROOT / "scripts/lib/bench",
                         capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.split() == ["named"] * 20, ran.stdout + ran.stderr
