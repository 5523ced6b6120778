"""Programs on <millrace/socket.h> that do what processes do: they fork, execute others, sleep in the kernel and close
descriptors. What is Millrace's own must neither reach the others nor suffer from them."""

import os
import re
import subprocess

import pytest

from namespaces import Namespace
from programs import ADDRESS, INTERFACE, path_of

PORT = 9200
OPTIONS = f"--device tap:{INTERFACE} --address {ADDRESS}/24"


def start(namespace: Namespace, *arguments, options: str = OPTIONS) -> subprocess.Popen:
    return namespace.start(
        path_of("processes"), *arguments, env=os.environ | {"MILLRACE_OPTIONS": options}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )


def read_until_ready(process: subprocess.Popen) -> list[str]:
    lines = []
    for line in process.stdout:
        if line == "ready\n":
            return lines
        lines.append(line.strip())
    raise AssertionError(f"it ended: {lines}\n{process.stderr.read()}")


def go_on(process: subprocess.Popen, seconds: float = 20) -> list[str]:
    """Gives it the line it waits for; returns the rest of its output, once it has ended well."""
    output, process.errors = process.communicate("\n", timeout=seconds)
    assert process.returncode == 0, f"{process.returncode}: {output}\n{process.errors}"
    return output.split("\n")[:-1]


@pytest.fixture
def listener(namespace):
    with namespace.socket() as made:
        made.bind(("0.0.0.0", PORT))
        made.listen()
        made.settimeout(20)
        yield made


def read_all(connection) -> bytes:
    connection.settimeout(20)
    text = b""
    while piece := connection.recv(4096):
        text += piece
    return text


class Frames:
    """Pings that arrive all the time, as `with` has it."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    def __enter__(self):
        self._process = self._namespace.start("ping", "-q", "-i", "0.02", ADDRESS, stdout=subprocess.DEVNULL)

    def __exit__(self, *_exception) -> None:
        self._process.terminate()
        self._process.wait()


@pytest.mark.parametrize("how", ["exit", "close", "use"])
def test_what_a_child_does_leaves_the_parent_alone(namespace, listener, how):
    process = start(namespace, "fork", how, PORT)
    connection, _ = listener.accept()
    with connection:
        lines = read_until_ready(process)
        assert lines[-1] == "child 7"
        if how == "use":
            told = dict(line.split() for line in lines[:-1])
            assert told.pop("poll-kernels") == told.pop("write-kernels") == "works", "of the kernel's they may be used"
            assert len(told) == 11 and set(told.values()) == {"EPERM"}, told
        # Other processes of the machine may not answer, or answer something else.
        found = namespace.run(path_of("ss"), "-tanpH", check=False).stdout
        assert f"pid={process.pid}," in found, "the child has taken the name by which it is found"
        assert go_on(process) == ["two works", "three works"]
        assert read_all(connection) == b"one\ntwo\nthree\n"


def test_frames_end_no_sleep_of_the_programs_own(namespace):
    process = start(namespace, "sleep")
    read_until_ready(process)
    with Frames(namespace):
        lines = go_on(process)
    assert lines == ["nanosleep works", "poll works", "select works", "sem_timedwait ETIMEDOUT"]


def test_frames_do_not_kill_what_it_becomes(namespace):
    process = start(namespace, "exec", "sh", "-c", "sleep 1; echo alive")
    read_until_ready(process)
    with Frames(namespace):
        assert go_on(process) == ["alive"]


def test_programs_it_runs_get_none_of_its_descriptors(namespace):
    process = start(namespace, "run", "ls -l /proc/self/fd")
    links = [match[1] for line in go_on(process) if (match := re.search(r"-> (.*)", line))]
    assert links, "ls has standard output at least"
    assert all(link.startswith(("pipe:", "/proc/")) for link in links), links


def test_a_program_left_behind_does_not_keep_the_tap(namespace):
    process = start(namespace, "run", "sleep 5 >/dev/null 2>&1 &")
    assert go_on(process) == []
    assert INTERFACE not in namespace.ip("link")


def test_a_program_that_closes_everything_is_told(namespace, listener):
    process = start(namespace, "close-all", PORT)
    assert go_on(process) == ["connect ENETDOWN", "recv ENETDOWN"]
    assert "closed descriptors that are not its own" in process.errors


def test_wrong_words_in_the_environment_are_told_with_their_source(namespace):
    process = start(namespace, "run", "true", options="--device tap:x --frobnicate")
    _, errors = process.communicate("\n", timeout=20)
    assert errors.startswith("millrace: MILLRACE_OPTIONS: '--frobnicate' is not known; --help"), errors
    assert errors.count("\n") == 1
