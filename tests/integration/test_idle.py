"""Sleeping between bursts (--idle adaptive): what an idle program costs, and what waking it adds to a request. These
tests look at the clock; they take many samples in turns and compare medians, so that a busy machine does not decide."""

import contextlib
import os
import pathlib
import signal
import socket
import statistics
import time

import pytest

from namespaces import Namespace
from programs import ADDRESS, INTERFACE, MillraceProgram
from test_devices import wait_for_ping, wait_until_started

ECHO_PORT = 7
IDLE_SECONDS = 5
CPU_SHARE_MAX = 0.02
ADDED_LATENCY_MAX = 100e-6
ROUNDS = 60
SAMPLES = 15
PAUSE = 0.002  # Between requests: long enough for a core to fall asleep.


def cpu_seconds(process_id: int) -> float:
    """What all of its threads have used so far."""
    fields = pathlib.Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_share(program: MillraceProgram, seconds: float = IDLE_SECONDS) -> float:
    begin, before = time.monotonic(), cpu_seconds(program.process.pid)
    time.sleep(seconds)
    return (cpu_seconds(program.process.pid) - before) / (time.monotonic() - begin)


def wait_for(condition, what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} after {seconds} s"
        time.sleep(0.1)


@pytest.fixture
def start(namespace):
    """start(ARGUMENTS..., where=NAMESPACE) runs the echo server; every one must end in order."""
    with contextlib.ExitStack() as running:

        def begin(*arguments, where: Namespace = namespace) -> MillraceProgram:
            program = MillraceProgram(where, "echo", *arguments)

            def end() -> None:
                program.process.send_signal(signal.SIGCONT)
                assert program.stop() == 0, program.log()

            running.callback(end)
            wait_until_started(program)
            return program

        yield begin


class EchoClient:
    """A connection that a request can be sent on at any time."""

    def __init__(self, namespace: Namespace, address: str = ADDRESS) -> None:
        self._socket = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(10)
        self._socket.connect((address, ECHO_PORT))

    def __enter__(self) -> "EchoClient":
        return self

    def __exit__(self, *_exception) -> None:
        self._socket.close()

    def round_trip(self) -> float:
        """Seconds from a request to the whole of its answer."""
        begin = time.perf_counter()
        self._socket.sendall(b"0123456789abcdef" * 4)
        missing = 64
        while missing > 0:
            missing -= len(self._socket.recv(64))
        return time.perf_counter() - begin

    def median_round_trip(self, samples: int = SAMPLES) -> float:
        times = []
        for _ in range(samples):
            time.sleep(PAUSE)
            times.append(self.round_trip())
        return statistics.median(times)


def test_an_idle_server_leaves_the_processor_alone(namespace, start):
    program = start()
    wait_for_ping(namespace, ADDRESS)
    time.sleep(1)  # The first announcements and the kernel's own greetings are over.
    share = cpu_share(program)
    print(f"an idle server takes {share:.2%} of a core")
    assert share < CPU_SHARE_MAX


def test_a_server_with_idle_connections_leaves_the_processor_alone(namespace, start):
    program = start()
    wait_for_ping(namespace, ADDRESS)
    with contextlib.ExitStack() as open_connections:
        for _ in range(200):
            open_connections.enter_context(EchoClient(namespace)).round_trip()
        time.sleep(1)
        assert cpu_share(program) < CPU_SHARE_MAX


def test_waking_adds_little_to_a_request(namespace, start):
    """Both policies serve in one run, in turns; while one is measured the other is stopped."""
    with Namespace() as other:
        programs = {"adaptive": start("--idle", "adaptive"), "spin": start("--idle", "spin", where=other)}
        where = {"adaptive": namespace, "spin": other}
        assert "sleeps when idle" in programs["adaptive"].log()
        assert "spins when idle" in programs["spin"].log()
        clients = {}
        differences = []
        medians = {policy: [] for policy in programs}
        with contextlib.ExitStack() as open_connections:
            for policy in programs:
                wait_for_ping(where[policy], ADDRESS)
                clients[policy] = open_connections.enter_context(EchoClient(where[policy]))
            for number in range(ROUNDS):
                in_turn = ("adaptive", "spin") if number % 2 else ("spin", "adaptive")
                for policy in in_turn:
                    stopped = "spin" if policy == "adaptive" else "adaptive"
                    programs[stopped].process.send_signal(signal.SIGSTOP)
                    programs[policy].process.send_signal(signal.SIGCONT)
                    clients[policy].round_trip()  # What piled up while it was stopped.
                    medians[policy].append(clients[policy].median_round_trip())
                differences.append(medians["adaptive"][-1] - medians["spin"][-1])
        added = statistics.median(differences)
        print(
            f"a round trip takes {statistics.median(medians['adaptive']) * 1e6:.0f} us with adaptive, "
            f"{statistics.median(medians['spin']) * 1e6:.0f} us with spin; difference {added * 1e6:.0f} us"
        )
        assert added < ADDED_LATENCY_MAX


def test_any_of_several_devices_wakes(namespace, start):
    program = start("--device", "tap:mill-a", "--address", "198.18.0.2/24",
                    "--device", "tap:mill-b", "--address", "198.18.1.2/24",
                    "--device", "tap:mill-b.100", "--address", "198.18.2.2/24")
    assert "sleeps when idle" in program.log()
    for address in ("198.18.0.2", "198.18.1.2"):
        wait_for_ping(namespace, address)
    time.sleep(1)
    assert cpu_share(program) < CPU_SHARE_MAX
    for address in ("198.18.1.2", "198.18.0.2", "198.18.1.2"):
        with EchoClient(namespace, address) as client:
            # One that is not woken answers when its next timer is due, seconds later.
            assert client.median_round_trip(100) < 0.005


def test_the_report_names_the_device_that_keeps_it_awake(start):
    program = start("--device", "tap:mill-a", "--address", "198.18.0.2/24", "--device", "ring", "--address",
                    "198.18.1.2/24")
    assert "spins when idle, because of ring" in program.log()
    # Asked for all the same, it is still not possible.
    with Namespace() as other:
        program = start("--idle", "adaptive", "--device", "ring", "--address", "198.18.1.2/24", where=other)
        assert "spins when idle, because of ring" in program.log()


def test_a_device_that_takes_nothing_does_not_keep_it_spinning(namespace, start):
    """The kernel's end goes down in the middle of a transfer: there is always something to send, and no way."""
    program = start()
    wait_for_ping(namespace, ADDRESS)
    with namespace.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.connect((ADDRESS, ECHO_PORT))
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                connection.send(b"x" * 65536)
        time.sleep(0.2)  # Nobody reads: the echoes are in flight.
        namespace.ip("link", "set", INTERFACE, "down")
        sent = program.stats()["tx_frames"]
        wait_for(lambda: program.stats()["tx_frames"] > sent, "frame that cannot leave")
        share = cpu_share(program)
        namespace.ip("link", "set", INTERFACE, "up")
    print(f"with its device down it takes {share:.2%} of a core")
    assert share < 0.1


def test_a_sleeping_server_without_connections_ends_at_once(namespace):
    """The time that a drain may take is for answers under way. Nothing may come to wake the core, neither IPv6 nor our
    own announcements, which are over after some seconds."""
    namespace.run("sysctl", "-q", "net.ipv6.conf.default.disable_ipv6=1")
    program = MillraceProgram(namespace, "httpd", "--drain-seconds", "60")
    wait_until_started(program)
    time.sleep(6)
    program.process.send_signal(signal.SIGTERM)
    assert program.process.wait(10) == 0
