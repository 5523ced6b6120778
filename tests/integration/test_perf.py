"""millrace-perf between Millrace and the kernel's sockets, both ways in each mode; what it says when bytes are changed
on the way, when an end is killed, when it is interrupted, and of options that make no sense."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from namespaces import end_process
from programs import ADDRESS, INTERFACE, KERNEL_ADDRESS, MillraceProgram, path_of

CONTROL_PORT = 5210
SECONDS = ["-t", "0.5"]

MODES = {
    "stream": ["-c", "2"],
    "stream-reverse": ["--reverse"],
    "stream-both": ["--both-ways", "--verify", "all"],
    "rr": ["-c", "8", "-d", "4"],
    "rr-large": ["--request-size", "100K", "--response-size", "30000", "--verify", "all"],
    "rr-tiny": ["--request-size", "1", "--response-size", "3"],
    "rr-open-loop": ["-c", "4", "-r", "2000"],
    "crr": ["-c", "4", "--data-ports", "3"],
    "idle": ["-c", "200", "-r", "2"],
}


def arguments_of(case: str) -> list[str]:
    return ["-m", case.split("-")[0], *MODES[case]]


def client(namespace, *arguments, check: bool = True, timeout: float = 60) -> subprocess.CompletedProcess:
    ran = namespace.run(path_of("perf"), "client", *arguments, "--json", check=False, timeout=timeout)
    if check:
        assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran


def on_kernel(namespace, host: str, *arguments, **options) -> dict:
    return json.loads(client(namespace, host, "-b", "kernel", *arguments, **options).stdout)


def on_millrace(namespace, *arguments, **options) -> dict:
    return json.loads(client(namespace, KERNEL_ADDRESS, *arguments, **options).stdout)


class KernelServer:
    """millrace-perf on the kernel's sockets; `log` is all of its output."""

    def __init__(self, namespace, *arguments) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="millrace-test-")
        self._log = pathlib.Path(self._folder.name) / "log"
        with self._log.open("wb") as log:
            self.process = namespace.start(
                path_of("perf"), "server", "-b", "kernel", *arguments, stdout=log, stderr=subprocess.STDOUT
            )
        namespace.wait_for_listener(CONTROL_PORT)

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")


@pytest.fixture
def kernel_server(namespace):
    server = KernelServer(namespace)
    yield server
    assert server.process.poll() is None, server.log()
    assert end_process(server.process) == 0


def check_passed(case: str, result: dict, backends: tuple[str, str]) -> None:
    """Both ends agree on all that went by."""
    ends = result["client"], result["server"]
    assert (ends[0]["backend"], ends[1]["backend"]) == backends
    assert result["passed"] and result["failures"] == []
    ours, theirs = ends[0]["total"], ends[1]["total"]
    assert (ours["bytes_out"], ours["bytes_in"]) == (theirs["bytes_in"], theirs["bytes_out"])
    assert ours["opened"] == ours["closed"] == theirs["opened"] == theirs["closed"] > 0
    if case.startswith("stream"):
        moved = ends[0]["measured"]["bytes_in"] + ends[0]["measured"]["bytes_out"]
        assert moved > 1 << 20
        return
    assert ours["exchanges"] == theirs["exchanges"] > 0
    latency = result["latency_ns"]
    # A connection's time ends with its response, the connection itself some packets later.
    slack = result["test"]["connections"] if case == "crr" else 0
    assert abs(latency["count"] - ends[0]["measured"]["exchanges"]) <= slack
    assert 0 < latency["min"] <= latency["p50"] <= latency["p99"] <= latency["p99_99"] <= latency["max"]


def test_millrace_serves_the_kernel_in_each_mode(namespace, serve):
    serve("perf", "server")
    for case in MODES:
        check_passed(case, on_kernel(namespace, ADDRESS, *arguments_of(case), *SECONDS), ("kernel", "millrace"))


@pytest.mark.parametrize("case", MODES)
def test_kernel_serves_millrace(namespace, kernel_server, case):
    check_passed(case, on_millrace(namespace, *arguments_of(case), *SECONDS), ("millrace", "kernel"))


def test_kernel_against_kernel(namespace, kernel_server):
    for case in ("rr", "crr", "stream"):
        result = on_kernel(namespace, "127.0.0.1", *arguments_of(case), *SECONDS)
        check_passed(case, result, ("kernel", "kernel"))


def test_open_loop_keeps_its_rate(namespace, kernel_server):
    result = on_kernel(namespace, "127.0.0.1", "-m", "rr", "-c", "3", "-r", "1000", "-n", "500")
    assert result["client"]["measured"]["exchanges"] == 500
    assert 0.45 < result["client"]["seconds"] < 2


def test_stalls_count_for_every_request_that_was_due(namespace, kernel_server):
    """The server stands still for 0.4 s in the middle: closed loop, one request feels it; open loop, all that were due
    meanwhile do."""

    def stall() -> None:
        time.sleep(0.4)
        os.kill(kernel_server.process.pid, signal.SIGSTOP)
        time.sleep(0.4)
        os.kill(kernel_server.process.pid, signal.SIGCONT)

    shares = {}
    for name, more in (("closed", []), ("open", ["-r", "1000"])):
        thread = threading.Thread(target=stall)
        thread.start()
        shares[name] = on_kernel(namespace, "127.0.0.1", "-m", "rr", "-t", "1.2", *more)["latency_ns"]
        thread.join()
    assert shares["closed"]["p90"] < 100_000_000 < 300_000_000 < shares["closed"]["max"]
    assert shares["open"]["p90"] > 100_000_000


def test_many_addresses_and_ports(namespace, kernel_server):
    addresses = ["--address", "198.18.0.2/24", "--address", "198.18.0.3/24", "--address", "198.18.0.4/24"]
    result = on_millrace(
        namespace, *addresses, "-m", "crr", "-n", "300", "--local-addresses", "198.18.0.2-198.18.0.4", "--data-ports", "5"
    )
    assert result["client"]["total"]["closed"] == 300
    refused = on_kernel(
        namespace, "127.0.0.1", "-m", "crr", "-n", "3", "--local-addresses", "192.0.2.1", "-t", "5", check=False
    )
    assert not refused["passed"]
    assert "not one of ours" in str(refused["failures"]) or "not available" in str(refused["failures"])


def test_http_checks_status_and_length(namespace, serve, tmp_path):
    (tmp_path / "small").write_bytes(b"x" * 128)
    serve("httpd", tmp_path, "--max-requests", "50")
    web = [ADDRESS, "-m", "http", "--path", "/small"]
    counted = on_kernel(namespace, *web, "-c", "10", "-d", "3", "-n", "5000")
    assert counted["passed"] and counted["client"]["total"]["exchanges"] >= 5000
    assert counted["client"]["total"]["opened"] > 50  # The server ended connections, and they were made anew.
    wrong_length = on_kernel(namespace, *web, "--length", "129", "-n", "10", check=False)
    assert "a body of 128 bytes where 129 were expected" in str(wrong_length["failures"])
    missing = on_kernel(namespace, ADDRESS, "-m", "http", "--path", "/absent", "-n", "10", check=False)
    assert "status 404 where 200 was expected" in str(missing["failures"])
    absent = on_kernel(namespace, ADDRESS, "-m", "http", "--path", "/absent", "--status", "404", "-n", "10")
    assert absent["passed"]


class ChangingProxy:
    """Passes connections on to the server and changes one bit of what goes by on the data port, once: of the byte at `at`
    in the stream to the server, or to the client."""

    def __init__(self, namespace, to_server: bool, at: int) -> None:
        self._namespace, self._to_server, self._at = namespace, to_server, at
        self._has_changed = False
        self._listeners = [namespace.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(2)]
        for offset, listener in enumerate(self._listeners):
            listener.bind(("127.0.0.1", CONTROL_PORT + offset))
            listener.listen()
            threading.Thread(target=self._accept, args=(listener, offset), daemon=True).start()

    def close(self) -> None:
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self, listener: socket.socket, offset: int) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = self._namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
            far.connect((ADDRESS, CONTROL_PORT + offset))
            for source, sink, changes in ((near, far, self._to_server), (far, near, not self._to_server)):
                at = self._at if changes and offset == 1 else None
                threading.Thread(target=self._pass_on, args=(source, sink, at), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, at: int | None) -> None:
        position = 0
        try:
            while piece := bytearray(source.recv(65536)):
                if at is not None and not self._has_changed and position <= at < position + len(piece):
                    self._has_changed = True
                    piece[at - position] ^= 0x20
                position += len(piece)
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)  # So that whoever waits for it hears of it.
                end.close()


@pytest.mark.parametrize("mode, end", [("rr", "server"), ("rr", "client"), ("stream", "server"), ("crr", "client")])
def test_changed_byte_is_noticed(namespace, serve, mode, end):
    """By the client itself, or by the server, which tells it in its result. The proxy has the server's port numbers."""
    serve("perf", "server")
    at = 1_000_003 if mode == "stream" else 37
    proxy = ChangingProxy(namespace, end == "server", at)
    try:
        ran = client(
            namespace, "127.0.0.1", "-b", "kernel", "-m", mode, "--verify", "all", *SECONDS,
            check=False,
        )
    finally:
        proxy.close()
    assert ran.returncode == 1, ran.stdout + ran.stderr
    result = json.loads(ran.stdout)
    assert not result["passed"]
    if end == "client":
        assert result["client"]["total"]["corrupt"] == 1, result["failures"]
        assert f"at byte {at} of its stream" in str(result["failures"])
    else:
        assert result["server"]["total"]["corrupt"] == 1
        assert f"at byte {at} of its stream" in str(result["failures"])


def test_killed_server_ends_the_client(namespace):
    """Millrace dies without a word; the kernel's client misses it and tells what it has."""
    server = MillraceProgram(namespace, "perf", "server", "--device", f"tap:{INTERFACE}")
    server.wait_until_reachable()
    running = namespace.start(
        path_of("perf"), "client", ADDRESS, "-b", "kernel", "-m", "rr", "-t", "60", "--json",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    wait_until(lambda: "test from" in server.log())
    time.sleep(0.3)
    server.process.kill()
    out, err = running.communicate(timeout=30)
    assert running.returncode == 1
    assert "the server is gone" in err or "no connection is left" in err
    result = json.loads(out)
    assert not result["passed"] and result["client"]["total"]["exchanges"] > 0
    server.stop()


def test_killed_kernel_server_ends_the_client_on_millrace(namespace):
    server = KernelServer(namespace)
    running = namespace.start(
        path_of("perf"), "client", KERNEL_ADDRESS, "-m", "stream", "-t", "60", "--json",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    wait_until(lambda: "test from" in server.log())
    time.sleep(0.3)
    server.process.kill()
    out, err = running.communicate(timeout=30)
    assert running.returncode == 1
    assert "the server is gone" in err or "no connection is left" in err
    assert not json.loads(out)["passed"]


def test_killed_client_leaves_a_free_server(namespace, kernel_server):
    running = namespace.start(
        path_of("perf"), "client", "127.0.0.1", "-b", "kernel", "-m", "rr", "-t", "60",
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: "test from" in kernel_server.log())
    busy = client(namespace, "127.0.0.1", "-b", "kernel", "-m", "rr", check=False)
    assert busy.returncode == 1
    assert "another test is under way" in busy.stderr
    running.kill()
    running.wait()
    wait_until(lambda: "the client is gone in the middle of its test" in kernel_server.log())
    check_passed("rr", on_kernel(namespace, "127.0.0.1", "-m", "rr", *SECONDS), ("kernel", "kernel"))


def test_interrupt_tells_what_there_is(namespace, kernel_server):
    for backend in (["-b", "kernel", "127.0.0.1"], [KERNEL_ADDRESS]):
        running = namespace.start(
            path_of("perf"), "client", *backend, "-m", "rr", "-t", "60", "--json",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        seen = kernel_server.log().count("test from")
        wait_until(lambda: kernel_server.log().count("test from") > seen)
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
        assert running.returncode == 0, err
        result = json.loads(out)
        assert result["interrupted"] and result["passed"]
        assert 0 < result["client"]["seconds"] < 30
        assert result["server"]["total"]["exchanges"] == result["client"]["total"]["exchanges"] > 0


def test_one_off_server_ends_with_the_result(namespace):
    server = KernelServer(namespace, "--one-off")
    on_kernel(namespace, "127.0.0.1", "-m", "rr", "-n", "10")
    assert server.process.wait(10) == 0
    server = KernelServer(namespace, "--one-off")
    with namespace.entered():
        stranger = socket.create_connection(("127.0.0.1", CONTROL_PORT))
    stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
    stranger.settimeout(10)
    with pytest.raises(ConnectionResetError):
        stranger.recv(1)
    assert server.process.poll() is None  # Strangers are no tests.


def test_nobody_there_and_wrong_usage(namespace):
    refused = client(namespace, "127.0.0.1", "-b", "kernel", check=False)
    assert refused.returncode == 1 and "connection refused" in refused.stderr
    for arguments, words in (
        (["client", "127.0.0.1", "-b", "kernel", "--device", "tap:x"], "--device"),
        (["client", "127.0.0.1", "-b", "kernel", "-m", "crr", "-d", "2"], "--depth: only for rr and http"),
        (["client", "127.0.0.1", "-m", "ping"], "--mode ping"),
        (["server", "127.0.0.1"], "HOST: only for clients"),
        ([], "ROLE"),
    ):
        ran = namespace.run(path_of("perf"), *arguments, check=False)
        assert ran.returncode == 2, ran.stderr
        assert words in ran.stderr


def test_lines_for_people(namespace, kernel_server):
    ran = namespace.run(
        path_of("perf"), "client", "127.0.0.1", "-b", "kernel", "-m", "rr", "-t", "0.6", "-i", "0.2", "--warmup", "0.2"
    )
    lines = ran.stdout.splitlines()
    assert "round trips" in lines[0] and "median" in lines[0]
    assert 3 <= sum(" - " in line for line in lines) <= 4
    assert any(line.startswith("latency") and "99.99 %" in line for line in lines)
    assert lines[-1].startswith("passed")


def wait_until(condition, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not after {seconds} s"
        time.sleep(0.02)
