"""millrace-ss: agrees with the kernel's ss at the other end of the same connections; pages; says clearly what it could
not see. Where a process must misbehave, a telemetry socket made by hand stands in for it."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from delay_wire import DelayWire
from namespaces import Namespace
from programs import ADDRESS, KERNEL_ADDRESS, path_of
from tcp_info import tcp_info as info_of
from test_tcp_features import ECHO_PORT, connect, echo


def run_ss(*arguments, check: bool = True, **options) -> subprocess.CompletedProcess:
    result = subprocess.run(
        [path_of("ss"), *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False, **options
    )
    assert not check or result.returncode == 0, result.stderr
    return result


def sockets_of(program, *arguments) -> list[dict]:
    return json.loads(run_ss("--json", "--process", program.process.pid, *arguments).stdout)


def by_peer_port(sockets: list[dict]) -> dict[int, dict]:
    ports = {one["peer"]["port"]: one for one in sockets}
    assert len(ports) == len(sockets)
    return ports


def settled(program, connections) -> list[tuple[dict, object]]:
    """Each connection as both ends see it, once nothing is under way between them any more."""
    deadline = time.monotonic() + 5
    while True:
        ours = by_peer_port(sockets_of(program, "-t"))
        pairs = [(ours[one.getsockname()[1]], info_of(one)) for one in connections]
        if all(mine["send_q"] == 0 and mine["info"]["segs_in"] == theirs.segs_out
               and mine["info"]["segs_out"] == theirs.segs_in for mine, theirs in pairs):
            return pairs
        assert time.monotonic() < deadline, [(mine["info"], vars(theirs)) for mine, theirs in pairs]
        time.sleep(0.1)


@pytest.mark.parametrize("timestamps, scaling", [(1, 1), (0, 1), (1, 0)])
def test_it_agrees_with_the_kernel(namespace, serve, timestamps, scaling):
    namespace.run("sysctl", "-qw", f"net.ipv4.tcp_timestamps={timestamps}")
    namespace.run("sysctl", "-qw", f"net.ipv4.tcp_window_scaling={scaling}")
    server = serve("echo")
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(namespace)) for _ in range(5)]
        for number, connection in enumerate(connections):
            data = os.urandom(1 + 50_000 * number)
            assert echo(connection, data) == data
        for mine, theirs in settled(server, connections):
            info = mine["info"]
            assert mine["state"] == "ESTAB"
            assert mine["local"] == {"address": ADDRESS, "port": ECHO_PORT}
            assert mine["peer"]["address"] == KERNEL_ADDRESS
            assert mine["recv_q"] == mine["send_q"] == 0
            # The kernel has opened: its SYN counts as a byte, at its own end alone.
            assert info["bytes_received"] == theirs.bytes_acked - 1
            assert info["bytes_acked"] == theirs.bytes_received
            assert info["data_segs_in"] == theirs.data_segs_out
            assert info["data_segs_out"] == theirs.data_segs_in
            assert info["bytes_sent"] - info["bytes_retrans"] == theirs.bytes_received
            assert info["mss"] == theirs.snd_mss
            assert info["advmss"] - 12 * timestamps == theirs.advmss
            assert info["pmtu"] == theirs.pmtu
            assert info["ts"] == timestamps
            assert info["wscale"] == scaling
            assert (info["rcv_wscale"], info["snd_wscale"]) == (theirs.wscale & 15, theirs.wscale >> 4)
            assert abs(info["rtt"] - theirs.rtt) < 50_000


# What ss -ti can say of a connection; rcv_wnd since iproute2 6.3.
SS_WORDS = set(
    "wscale rto backoff rtt ato mss pmtu rcvmss advmss cwnd ssthresh bytes_sent bytes_retrans bytes_acked"
    " bytes_received segs_out segs_in data_segs_out data_segs_in lastsnd lastrcv lastack delivered busy rwnd_limited"
    " sndbuf_limited unacked retrans lost sacked dsack_dups reordering rcv_rtt rcv_space rcv_ssthresh notsent minrtt"
    " rcv_ooopack snd_wnd rcv_wnd".split()
)


def words_of(line: str) -> dict[str, str]:
    return dict(word.split(":", 1) for word in line.split() if ":" in word)


def test_its_words_are_those_of_ss(namespace, serve):
    server = serve("echo")
    with connect(namespace) as connection:
        data = os.urandom(200_000)
        assert echo(connection, data) == data
        port = connection.getsockname()[1]
        settled(server, [connection])
        kernel = namespace.run("ss", "-tinH", "sport", "=", f":{port}").stdout.splitlines()
        ours = run_ss("-tinH", "--process", server.process.pid).stdout.splitlines()
    assert len(ours) == len(kernel) == 2
    assert ours[0].split() == ["ESTAB", "0", "0", f"{ADDRESS}:{ECHO_PORT}", f"{KERNEL_ADDRESS}:{port}"]
    theirs, mine = words_of(kernel[1]), words_of(ours[1])
    assert set(mine) <= SS_WORDS
    assert mine["wscale"] == ",".join(reversed(theirs["wscale"].split(",")))
    for one, other in (("segs_in", "segs_out"), ("segs_out", "segs_in"), ("data_segs_in", "data_segs_out"),
                       ("data_segs_out", "data_segs_in"), ("bytes_acked", "bytes_received"), ("mss", "mss"),
                       ("advmss", "advmss"), ("pmtu", "pmtu")):
        assert mine[one] == theirs[other], (one, kernel[1], ours[1])
    assert int(mine["bytes_received"]) == int(theirs["bytes_acked"]) - 1
    assert re.fullmatch(r"[0-9.e-]+/[0-9.e-]+", mine["rtt"])


def test_round_trips_agree(namespace):
    """50 ms each way, which both ends must see."""
    with Namespace() as far, DelayWire(namespace, "198.19.0.1/24", far, "198.19.0.2/24", 0.05, lambda datagram, _: datagram):
        namespace.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        far.ip("route", "add", "default", "via", "198.19.0.1")
        program = namespace.start(
            path_of("nc"), "--gateway", KERNEL_ADDRESS, "-l", 9000, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while namespace.run("ping", "-c", "1", "-W", "1", "-q", ADDRESS, check=False).returncode != 0:
            assert time.monotonic() < deadline and program.poll() is None
        with far.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
            connection.settimeout(10)
            connection.connect((ADDRESS, 9000))
            for _ in range(30):
                connection.send(b"x")
                time.sleep(0.02)
            program.stdin.write(b"y" * 1000)
            program.stdin.flush()
            assert connection.recv(1)
            time.sleep(0.3)
            ours = json.loads(run_ss("--json", "--process", program.pid).stdout)
            theirs = info_of(connection)
        assert len(ours) == 1
        mine = ours[0]["info"]
        for microseconds in (mine["rtt"], mine["minrtt"], theirs.rtt, theirs.min_rtt):
            assert 95_000 < microseconds < 200_000, (mine, theirs.rtt)
        assert abs(mine["minrtt"] - theirs.min_rtt) < 20_000


def test_every_state_has_its_place(namespace, serve):
    server = serve("httpd")
    request = f"GET / HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: close\r\n\r\n".encode()
    with connect(namespace, 80) as connection:
        connection.sendall(request)
        while connection.recv(1 << 16):
            pass
    server.wait_until_idle()
    with connect(namespace, 80) as connection:
        port = connection.getsockname()[1]

        def states(*arguments) -> list[str]:
            return sorted(one["state"] for one in sockets_of(server, *arguments))

        assert states() == ["ESTAB"]
        assert states("-l") == ["LISTEN"]
        assert states("-a") == ["ESTAB", "LISTEN", "TIME-WAIT"]
        assert states("-a", "-u") == []
        listing = run_ss("-alntp", "--process", server.process.pid).stdout.splitlines()
        assert listing[0].split() == "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process".split()
        listeners = [line.split() for line in listing if line.startswith("LISTEN")]
        user = f'users:(("millrace-httpd",pid={server.process.pid},core=0))'
        assert listeners == [["LISTEN", "0", "511", "0.0.0.0:80", "0.0.0.0:*", user]]
        named = run_ss("-t", "--process", server.process.pid).stdout.splitlines()[1].split()
        assert named[3:] == [f"{ADDRESS}:http", f"{KERNEL_ADDRESS}:{port}"]
        summary = run_ss("-s", "--process", server.process.pid).stdout
        assert summary.startswith("Total: 3\nTCP:   3 (estab 1, closed 1, orphaned 0, timewait 1)\n")
        assert json.loads(run_ss("-s", "--json", "--process", server.process.pid).stdout)["tcp"]["timewait"] == 1
        # The time that is left of TIME-WAIT.
        waiting = [one for one in sockets_of(server, "-a") if one["state"] == "TIME-WAIT"]
        assert waiting[0]["timer"]["name"] == "timewait"
        assert 0 < waiting[0]["timer"]["left"] <= 60_000_000


@contextlib.contextmanager
def netcat(namespace, *words):
    """millrace-nc with an open input, once it can be reached."""
    program = namespace.start(
        path_of("nc"), "--log", "error", *words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with program.stdin:
        deadline = time.monotonic() + 20
        while namespace.run("ping", "-c", "1", "-W", "1", "-q", ADDRESS, check=False).returncode != 0:
            assert time.monotonic() < deadline and program.poll() is None
        yield program


def wait_for(look, wanted) -> None:
    deadline = time.monotonic() + 5
    while (found := look()) != wanted:
        assert time.monotonic() < deadline, found


def listed(pid: int, *arguments) -> list[list[str]]:
    """State, local and peer address, without the columns of the queues."""
    lines = run_ss("-nH", *arguments, "--process", pid).stdout.splitlines()
    return [[line.split()[0], *line.split()[3:5]] for line in lines]


def listed_by_kernel(namespace, *arguments) -> list[list[str]]:
    """The same of the other end: its addresses the other way round."""
    lines = namespace.run("ss", "-nH", *arguments).stdout.splitlines()
    return [[line.split()[0], line.split()[4], line.split()[3]] for line in lines]


@pytest.mark.parametrize(
    "who_finishes, ours, theirs", [("kernel", "CLOSE-WAIT", "FIN-WAIT-2"), ("millrace", "FIN-WAIT-2", "CLOSE-WAIT")]
)
def test_half_open_connections_agree(namespace, who_finishes, ours, theirs):
    with netcat(namespace, "-l", "9000") as program, namespace.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        connection.connect((ADDRESS, 9000))
        ends = [f"{ADDRESS}:9000", f"{KERNEL_ADDRESS}:{connection.getsockname()[1]}"]
        wait_for(lambda: listed(program.pid, "-t"), [["ESTAB", *ends]])
        if who_finishes == "kernel":
            connection.shutdown(socket.SHUT_WR)
        else:
            program.stdin.close()
        wait_for(
            lambda: (listed(program.pid, "-t"), listed_by_kernel(namespace, "-t", "dport", "=", ":9000")),
            ([[ours, *ends]], [[theirs, *ends]]),
        )


def test_datagram_sockets_agree(namespace):
    with namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.settimeout(10)
        receiver.bind(("", 9000))  # Its address comes with the TAP.
        with netcat(namespace, "-u", KERNEL_ADDRESS, "9000") as program:
            program.stdin.write(b"anybody?")
            program.stdin.flush()
            text, sender = receiver.recvfrom(100)
            assert text == b"anybody?"
            receiver.connect(sender)
            ends = [f"{sender[0]}:{sender[1]}", f"{KERNEL_ADDRESS}:9000"]
            assert listed(program.pid, "-u") == [["ESTAB", *ends]]
            assert listed_by_kernel(namespace, "-ua", "sport", "=", ":9000") == [["ESTAB", *ends]]


def test_datagram_sockets_that_wait_for_anybody_are_unconnected(namespace):
    with netcat(namespace, "-u", "-l", "9000") as program:
        assert listed(program.pid, "-u", "-a") == [["UNCONN", "0.0.0.0:9000", "0.0.0.0:*"]]
        assert listed(program.pid, "-t", "-a") == []


def test_queues_show_what_waits(namespace, serve):
    """A peer that does not read: bytes wait at the sender; the kernel's ss says so of the same connection."""
    server = serve("echo")
    with connect(namespace) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            while True:
                connection.send(b"z" * 65536)
        mine = sockets_of(server)[0]
        assert mine["send_q"] > 0
        assert mine["info"]["notsent"] > 0
        assert mine["info"]["snd_wnd"] < 10_000
        assert mine["info"]["rwnd_limited"] > 100_000
        connection.settimeout(20)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def test_two_thousand_connections_are_listed_page_by_page(namespace, serve):
    server = serve("echo")
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(namespace)) for _ in range(2000)]
        ports = {connection.getsockname()[1] for connection in connections}
        for arguments in ((), ("-a",), ("-i",)):
            listed = [one["peer"]["port"] for one in sockets_of(server, *arguments) if one["state"] == "ESTAB"]
            assert len(listed) == 2000
            assert set(listed) == ports
        lines = run_ss("-tnH", "--process", server.process.pid).stdout.splitlines()
        assert len(lines) == 2000
        # One look after the other costs the server little: it still answers in between.
        looking = threading.Thread(target=lambda: [run_ss("-ti", "--process", server.process.pid) for _ in range(3)])
        looking.start()
        slowest = 0.0
        while looking.is_alive():
            before = time.monotonic()
            assert echo(connections[0], b"still there?") == b"still there?"
            slowest = max(slowest, time.monotonic() - before)
        looking.join()
        assert slowest < 1


def test_two_processes_are_told_apart(namespace, serve):
    first = serve("echo")
    with Namespace() as other:
        second = serve("echo", where=other)
        with connect(namespace), connect(other), connect(other):
            everything = json.loads(run_ss("--json", "-a").stdout)
            for server, expected in ((first, 1), (second, 2)):
                own = [one for one in everything if one["pid"] == server.process.pid]
                assert sorted(one["state"] for one in own) == ["ESTAB"] * expected + ["LISTEN"]
                assert {one["program"] for one in own} == {"millrace-echo"}
                assert {one["core"] for one in own} == {0}
        second.wait_until_idle()
        assert second.stop() == 0


def test_a_stopped_process_does_not_answer(namespace, serve):
    server = serve("echo")
    server.process.send_signal(signal.SIGSTOP)
    try:
        result = run_ss("--process", server.process.pid, check=False)
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert result.returncode == 1
    assert f"process {server.process.pid} (millrace-echo): it does not answer" in result.stderr
    assert sockets_of(server, "-l")[0]["state"] == "LISTEN"


def test_what_a_killed_process_leaves_is_passed_over(namespace, serve):
    server = serve("echo")
    pid = server.process.pid
    assert run_ss("-l", "--process", pid).stdout.count("LISTEN") == 1
    server.process.kill()
    server.process.wait()
    result = run_ss("--process", pid, check=False)
    assert result.returncode == 1
    assert f"there is no Millrace process {pid}" in result.stderr


class Impostor:
    """A telemetry socket that answers as it is told, then hangs up, or says nothing."""

    def __init__(self, folder: pathlib.Path, answers: list[str | None], pid: int = 4_000_000) -> None:
        self.folder = folder
        own = folder / f"millrace-{pid}"
        own.mkdir()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(own / "dpdk_telemetry.v2"))
        self._listener.listen()
        self._answers = answers
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> "Impostor":
        return self

    def __exit__(self, *_exception) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    connection.send(b'{"version":"DPDK 22.11.0","pid":1,"max_output_len":16384}')
                    for answer in self._answers:
                        if not connection.recv(1 << 16):
                            break
                        if answer is None:
                            connection.recv(1 << 16)  # Until the other end has given up.
                            break
                        connection.send(answer.encode())


CORES = '{"/millrace/cores":{"cores":1}}'
PAGE = ('{"/millrace/sockets":{"next":4294967301,"s0":{"proto":"tcp","state":"ESTAB","recv_q":0,"send_q":0,'
        '"local":"198.18.0.2","lport":7,"peer":"198.18.0.1","pport":40000}}}')


@pytest.mark.parametrize(
    "answers, complaint, lines",
    [
        ([CORES, PAGE], "it ended while it was asked; not all of its sockets are shown", 1),
        ([CORES], "it ended while it was asked; not all of its sockets are shown", 0),
        ([CORES, None], "it does not answer", 0),
        (["nonsense"], "its answer is no JSON object", 0),
        (["[]"], "its answer is no JSON object", 0),
        (['{"/millrace/cores":null}'], "it does not know the question", 0),
        ([CORES, '{"/millrace/sockets":{"error":"core 0: it does not answer"}}'], "core 0: it does not answer", 0),
        ([CORES, PAGE, PAGE], "its list of sockets has no end", 2),
    ],
)
def test_processes_that_misbehave(tmp_path, answers, complaint, lines):
    with Impostor(tmp_path, answers):
        result = run_ss("-tnH", "--folder", tmp_path, check=False)
        as_json = run_ss("--json", "--folder", tmp_path, check=False)
    assert result.returncode == as_json.returncode == 1
    assert f"millrace-ss: process 4000000 (?): {complaint}" in result.stderr
    assert len(result.stdout.splitlines()) == lines
    assert len(json.loads(as_json.stdout)) == lines


def test_nobody_there(tmp_path):
    (tmp_path / "millrace-4000001").mkdir()
    (tmp_path / "rte").mkdir()
    stale = tmp_path / "millrace-4000002"
    stale.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(stale / "dpdk_telemetry.v2"))
    result = run_ss("--folder", tmp_path, check=False)
    assert result.returncode == 1
    assert result.stderr == f"millrace-ss: no Millrace process is running (looked into {tmp_path})\n"
    assert json.loads(run_ss("--json", "--folder", tmp_path, check=False).stdout) == []


def test_another_users_process(tmp_path):
    os.chmod(tmp_path, 0o755)
    for parent in tmp_path.parents:
        if parent != pathlib.Path("/tmp"):
            with contextlib.suppress(PermissionError):
                os.chmod(parent, parent.stat().st_mode | 0o055)
    with Impostor(tmp_path, [CORES]):
        os.chmod(tmp_path / "millrace-4000000", 0o700)
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        result = subprocess.run(
            [*nobody, path_of("ss"), "--folder", tmp_path], capture_output=True, text=True, timeout=30, check=False
        )
    assert result.returncode == 1
    assert "process 4000000 (?): its telemetry socket cannot be opened: Permission denied; it is another user's" in (
        result.stderr
    )


@pytest.mark.parametrize("wrong", [["--process", "0"], ["--process", "me"], ["--folder", "/nowhere"], ["-x"], ["extra"]])
def test_wrong_usage_is_refused(wrong):
    result = run_ss(*wrong, check=False)
    assert result.returncode == 2
    assert result.stderr.strip()
    assert not result.stdout
