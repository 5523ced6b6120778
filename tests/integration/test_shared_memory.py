"""Two Millrace programs talk through memory that they share: over memif, and over vhost and virtio-user. One serves a
socket, the other connects to it; no kernel interface is involved."""

import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import time

import pytest

from conftest import sha256_of
from namespaces import end_process
from programs import ADDRESS, MillraceProgram, path_of

GIB = 1 << 30
CLIENT_ADDRESS = "198.18.0.3/24"
ECHO_PORT = 7


@dataclasses.dataclass
class Link:
    """A kind of link and the socket that introduces its ends to each other."""

    name: str
    serving: str
    connecting: str
    socket: pathlib.Path

    @property
    def server(self) -> list[str]:
        return ["--device", self.serving.format(self.socket)]

    @property
    def client(self) -> list[str]:
        return ["--device", self.connecting.format(self.socket), "--address", CLIENT_ADDRESS]


@pytest.fixture(params=[("memif", "memif:{},server", "memif:{}"), ("vhost", "vhost:{}", "virtio-user:{}"),
                        ("vhost-tso", "vhost:{},tso", "virtio-user:{},tso")],
                ids=lambda kind: kind[0])
def link(request):
    """Socket files must be gone at the end."""
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as folder:
        made = Link(*request.param, pathlib.Path(folder) / "link.sock")
        yield made
        assert os.listdir(folder) == []


class Server(MillraceProgram):
    """There is no kernel on this link that could ping it: it is ready when it serves its socket and has made its
    report."""

    def wait_until_serving(self, link: Link, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not (link.socket.exists() and "  memory " in self.log()):
            assert self.process.poll() is None, f"the program ended:\n{self.log()}"
            assert time.monotonic() < deadline, f"no socket after {seconds} s:\n{self.log()}"
            time.sleep(0.02)


@pytest.fixture
def serve(namespace, link):
    """serve(LINK, NAME, ARGUMENTS...) starts millrace-NAME on the serving end. After the test it must hold as many
    packets as at its start and no connection, and end in order."""
    running = []

    def start(link: Link, name: str, *arguments) -> Server:
        # What a peer had sent last may go with it, so that a connection's end is never acknowledged.
        server = Server(namespace, name, "--user-timeout", "3", *link.server, *arguments)
        running.append((server, None))
        server.wait_until_serving(link)
        running[-1] = (server, server.usage()["packets_in_use"])
        return server

    yield start
    for server, packets in running:
        if packets is None or server.process.poll() is not None:
            continue
        server.wait_until_idle(packets)
        assert server.stats()["tcp_broken_invariants"] == 0
        assert server.stop() == 0, server.log()


def load(namespace, link: Link, *arguments, seconds: float = 120) -> dict:
    """Runs millrace-load on the connecting end; returns what it counted. It fails if a request does."""
    ran = namespace.run(
        path_of("load"), *link.client, f"{ADDRESS}:80", *map(str, arguments), check=False, timeout=seconds + 10
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout)


def test_gibibyte_arrives_both_ways(namespace, serve, link, make_file, tmp_path):
    file, digest = make_file(tmp_path, GIB)
    serve(link, "httpd", tmp_path)
    counted = load(namespace, link, f"/{file.name}", "--sha256", digest, "--request-timeout", 100)
    assert (counted["done"], counted["bytes_in"]) == (1, GIB)
    counted = load(namespace, link, "/sink", "--put", GIB, "--seed", 3, "--request-timeout", 100)
    assert (counted["done"], counted["bytes_out"]) == (1, GIB)
    file.unlink()


def test_thousand_concurrent_connections_without_an_error(namespace, serve, link):
    server = serve(link, "httpd", "--max-requests", "1000000")  # No connection has to be made anew.
    counted = load(namespace, link, "-c", 1000, "-t", 5)
    assert counted["connections"] == 1000
    assert counted["done"] > 1000
    assert server.stats()["tcp_accepted"] == 1000


def test_twenty_thousand_connections_one_after_another(namespace, serve, link):
    """Either side closes first in half of them."""
    server = serve(link, "httpd")
    counted = load(namespace, link, "-n", 20_000, "--close", "alternate")
    assert (counted["connections"], counted["done"]) == (20_000, 20_000)
    usage = server.wait_until_idle()
    assert 0 < usage["time_wait"] <= 10_000
    assert server.stats()["tcp_accepted"] == 20_000


def test_netcat_half_closes(namespace, serve, link, make_file, tmp_path):
    """FIN follows the input; the echo of all of it must still arrive."""
    file, digest = make_file(tmp_path, 16 << 20)
    serve(link, "echo")
    echoed = tmp_path / "echoed"
    with file.open("rb") as source, echoed.open("wb") as sink:
        namespace.run(
            path_of("nc"), *link.client, ADDRESS, ECHO_PORT, stdin=source, stdout=sink, timeout=60
        )
    assert sha256_of(echoed) == digest


def test_server_goes_on_when_its_peer_is_killed(namespace, serve, link):
    server = serve(link, "httpd")
    for _ in range(3):
        peer = namespace.start(
            path_of("load"), *link.client, f"{ADDRESS}:80", "-c", "50", "-t", "60",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: server.usage()["connections"] == 50)
        kill(peer)
        counted = load(namespace, link, "-c", 10, "-n", 1000)
        assert counted["done"] == 1000
    assert server.process.poll() is None


def test_client_goes_on_when_its_server_is_killed_and_comes_back(namespace, link):
    """A killed server leaves its socket file, which the next one removes. The client's connections are lost with the
    server's memory of them, and it makes new ones as soon as somebody serves the socket."""
    first = Server(namespace, "httpd", *link.server)
    first.wait_until_serving(link)
    client = namespace.start(
        path_of("load"), *link.client, f"{ADDRESS}:80", "-c", "20", "-t", "8", "--close", "server",
        "--request-timeout", "3", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    wait_for(lambda: first.stats()["tcp_accepted"] > 20)
    kill(first.process)
    assert stat.S_ISSOCK(link.socket.stat().st_mode)
    second = Server(namespace, "httpd", *link.server)
    second.wait_until_serving(link)
    wait_for(lambda: second.stats()["tcp_accepted"] > 20)
    output, _ = client.communicate(timeout=30)
    counted = json.loads(output)
    # Of the twenty that were under way those fail whose handshake was done; the SYNs of the others are sent again.
    assert counted["failed"] <= 80, counted
    assert counted["done"] > 40, counted
    second.wait_until_idle(0)
    assert second.stop() == 0, second.log()


def test_client_waits_for_somebody_to_serve(namespace, link):
    client = namespace.start(
        path_of("load"), *link.client, f"{ADDRESS}:80", "-n", "10",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    time.sleep(2)
    server = Server(namespace, "httpd", *link.server)
    server.wait_until_serving(link)
    output, report = client.communicate(timeout=30)
    assert client.returncode == 0, output + report
    assert "waits for a peer" in report
    assert json.loads(output)["done"] == 10
    assert server.stop() == 0, server.log()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_removes_the_socket(namespace, link, how):
    server = Server(namespace, "echo", *link.server)
    server.wait_until_serving(link)
    assert server.stop(how) == 0, server.log()
    assert not link.socket.exists()


def test_a_start_that_fails_leaves_no_socket(namespace, link):
    """The root is looked at when the devices are there."""
    refused(namespace, ["/nonexistent", *link.server], "/nonexistent", program="httpd")
    assert not link.socket.exists()


def test_a_socket_in_use_is_refused(namespace, serve, link):
    serve(link, "echo")
    refused(namespace, link.server, "in use")
    assert link.socket.exists(), "it belongs to the first"


def test_a_folder_that_is_missing_and_a_file_of_another_kind_are_named(namespace, link):
    missing = dataclasses.replace(link, socket=link.socket.parent / "none" / "link.sock")
    for side in (missing.server, missing.client):
        refused(namespace, side, "mkdir -p")
    link.socket.write_text("mine")
    for side in (link.server, link.client):
        refused(namespace, side, "is no socket")
    assert link.socket.read_text() == "mine"
    link.socket.unlink()


# --- Peers that mean no good --------------------------------------------------------------------------------------------


# Many times what the server takes to leave a visitor who is wrong, for it may be kept from its processor.
VISIT_SECONDS = 10
on_memif = pytest.mark.parametrize("link", [("memif", "memif:{},server", "memif:{}")], indirect=True)


def descriptors_at_greeting(server: Server, link: Link) -> collections.Counter:
    """The server's descriptors when it has just greeted a visitor: whoever was there before is forgotten then, and its
    driver, which takes two, has been called anew. At any other time it may have either still before it."""
    deadline = time.monotonic() + 20
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as visitor:
            visitor.settimeout(VISIT_SECONDS)
            visitor.connect(str(link.socket))
            with contextlib.suppress(ConnectionError):
                if visitor.recv(256):
                    return descriptors_of(server.process)
        assert time.monotonic() < deadline, "somebody else is still there"
        time.sleep(0.02)


def descriptors_of(process: subprocess.Popen) -> collections.Counter:
    """How many of each name, without the numbers that sockets have."""
    names = []
    for path in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # Closed meanwhile.
            names.append(re.sub(r"\[\d+\]", "", os.readlink(path)))
    return collections.Counter(names)


def visit(link: Link, *messages: tuple[bytes, list[int]]) -> None:
    """Connects, says these things, each with sizes of the files that come along, and stays until the server has had
    enough."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as visitor:
        visitor.settimeout(VISIT_SECONDS)
        with contextlib.suppress(ConnectionError):
            visitor.connect(str(link.socket))
            visitor.recv(256)
            for text, sizes in messages:
                files = [os.memfd_create("region") for _ in sizes]
                for file, size in zip(files, sizes):
                    os.ftruncate(file, size)
                socket.send_fds(visitor, [text], files)
                for file in files:
                    os.close(file)
                visitor.recv(256)
            while visitor.recv(256):
                pass


def memif_message(kind: int, layout: str = "", *fields: int) -> bytes:
    return (struct.pack("<H", kind) + struct.pack("<" + layout, *fields)).ljust(128, b"\0")


INIT = (memif_message(3, "HIB", 0x200, 0, 0), [])
REGION = (memif_message(4, "HQ", 0, 4096), [4096])
HOSTILE = {
    "noise": [(os.urandom(128), [])],
    "half a message": [(INIT[0][:5], [])],
    "another version": [(memif_message(3, "HIB", 0x100, 0, 0), [])],
    "another interface": [(memif_message(3, "HIB", 0x200, 9, 0), [])],
    "many files": [(os.urandom(128), [1, 1, 1, 1, 1, 1])],
    "a region out of turn": [INIT, (memif_message(4, "HQ", 7, 4096), [4096])],
    "a region larger than its file": [
        INIT, (memif_message(4, "HQ", 0, 4096), [0]), (memif_message(5, "HHHIBH", 1, 0, 0, 0, 5, 0), [0]),
        (memif_message(5, "HHHIBH", 0, 0, 0, 1024, 5, 0), [0]), (memif_message(6), []),
    ],
}
ASTRAY = {
    "a ring beyond its region": [
        INIT, REGION, (memif_message(5, "HHHIBH", 1, 0, 0, 1 << 30, 5, 0), [0]), (memif_message(6), []),
    ],
    "a ring in no region": [
        INIT, REGION, (memif_message(5, "HHHIBH", 1, 0, 99, 0, 5, 0), [0]), (memif_message(6), []),
    ],
    "a ring of no queue": [INIT, REGION, (memif_message(5, "HHHIBH", 1, 99, 0, 0, 5, 0), [0])],
}


@on_memif
def test_hostile_peers_leave_nothing_and_keep_nobody_out(namespace, serve, link):
    server = serve(link, "httpd")
    load(namespace, link, "-c", 10, "-n", 100)
    before = descriptors_at_greeting(server, link)
    for messages in HOSTILE.values():
        for _ in range(3):
            visit(link, *messages)
    counted = load(namespace, link, "-c", 10, "-n", 100)
    assert counted["done"] == 100
    assert descriptors_at_greeting(server, link) - before == collections.Counter()


@on_memif
def test_peers_who_point_beyond_their_memory_do_no_harm(namespace, serve, link):
    """DPDK's driver keeps the descriptor of a region whose client leaves before the end of its introduction."""
    server = serve(link, "httpd")
    for messages in ASTRAY.values():
        for _ in range(3):
            visit(link, *messages)
    assert load(namespace, link, "-c", 10, "-n", 100)["done"] == 100
    assert server.process.poll() is None


@on_memif
def test_a_silent_peer_gives_way(namespace, serve, link):
    server = serve(link, "httpd")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as visitor:
        visitor.connect(str(link.socket))
        counted = load(namespace, link, "-c", 1, "-n", 10, "--request-timeout", 20)
        assert counted["done"] == 10
        assert visitor.recv(256) != b"", "it is greeted"
        assert visitor.recv(256) == b"", "and then left"
    assert server.process.poll() is None


@pytest.mark.parametrize("signal_after", [0.5, 4.0])
def test_a_vhost_peer_that_never_answers_holds_up_no_signal(namespace, signal_after):
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as folder:
        path = pathlib.Path(folder) / "silent.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
            silent.bind(str(path))
            silent.listen()
            program = MillraceProgram(namespace, "echo", "--device", f"virtio-user:{path}")
            time.sleep(signal_after)
            program.process.send_signal(signal.SIGTERM)
            program.process.wait(10)


def refused(namespace, arguments: list[str], words: str, program: str = "echo") -> None:
    ran = namespace.run(path_of(program), *arguments, check=False, timeout=30)
    assert ran.returncode == 1, ran.stderr
    assert len(ran.stderr.splitlines()) == 1, ran.stderr
    assert words in ran.stderr


def kill(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    end_process(process)


def wait_for(is_true, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
