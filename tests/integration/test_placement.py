"""Which processors a program runs on: those it may use and no fewer, unless --cores says so."""

import os
import pathlib
import subprocess

import pytest

from namespaces import Namespace
from programs import ADDRESS, MillraceProgram, path_of
from test_devices import wait_for_ping, wait_until_started


def allowed_by_thread(process_id: int) -> dict[str, str]:
    """The processors of each thread, by the thread's name."""
    allowed = {}
    for folder in pathlib.Path(f"/proc/{process_id}/task").iterdir():
        status = dict(
            line.split(":\t", 1) for line in (folder / "status").read_text(encoding="ascii").splitlines() if ":\t" in line
        )
        allowed[status["Name"]] = status["Cpus_allowed_list"]
    return allowed


def all_processors() -> str:
    """Those of this test, in the kernel's notation."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    return status.split("Cpus_allowed_list:\t")[1].split("\n")[0]


def test_nothing_is_pinned_unasked(namespace):
    """Two programs beside each other, as everybody will start them: neither takes a processor from the other."""
    with Namespace() as other:
        programs = [MillraceProgram(where, "echo") for where in (namespace, other)]
        try:
            for program, where in zip(programs, (namespace, other)):
                wait_until_started(program)
                wait_for_ping(where, ADDRESS)
                allowed = allowed_by_thread(program.process.pid)
                assert allowed["worker-0"] == all_processors()
                assert allowed["millrace-echo"] == all_processors()
                assert f"1, on any of processors {all_processors()}, " in program.log()
        finally:
            for program in programs:
                assert program.stop() == 0, program.log()


def test_a_processor_that_is_asked_for_is_taken(namespace):
    processor = max(os.sched_getaffinity(0))
    program = MillraceProgram(namespace, "echo", "--cores", processor)
    try:
        wait_until_started(program)
        wait_for_ping(namespace, ADDRESS)
        allowed = allowed_by_thread(program.process.pid)
        assert allowed["worker-0"] == str(processor)
        assert allowed["millrace-echo"] == all_processors(), "the main thread stays out of the worker's way"
        assert f"1, pinned to processor {processor}, " in program.log()
    finally:
        assert program.stop() == 0, program.log()


@pytest.mark.parametrize("arguments", [[], ["--idle", "spin"], ["--cores", "0"]], ids=["default", "spin", "pinned"])
def test_one_processor_is_enough(namespace, arguments):
    if 0 not in os.sched_getaffinity(0):
        pytest.skip("may not use processor 0")
    process = MillraceProgram(namespace, "echo", *arguments, wrapper=["taskset", "-c", "0"])
    try:
        wait_until_started(process)
        wait_for_ping(namespace, ADDRESS)
        output = namespace.run("ping", "-c", "20", "-i", "0.01", "-q", ADDRESS).stdout
        assert "20 received, 0% packet loss" in output
        assert set(allowed_by_thread(process.process.pid).values()) == {"0"}
    finally:
        assert process.stop() == 0, process.log()


def test_a_processor_that_may_not_be_used_is_refused(namespace):
    if 0 not in os.sched_getaffinity(0):
        pytest.skip("may not use processor 0")
    result = namespace.run(
        "taskset", "-c", "0", path_of("echo"), "--cores", "1", check=False, timeout=30, stdin=subprocess.DEVNULL
    )
    assert result.returncode == 1
    assert result.stderr == (
        "millrace-echo: --cores: processor 1 is not among those that this process may use; give one of 0\n"
    )
