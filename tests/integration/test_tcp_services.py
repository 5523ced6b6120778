"""What a connection to the kernel can be asked for beyond data: a large window, keepalives, Fast Open."""

import contextlib
import hashlib
import os
import socket
import subprocess
import threading
import time

import pytest

import tcp_info
from namespaces import Namespace, end_process
from programs import ADDRESS, KERNEL_ADDRESS, path_of
from tcp_info import tcp_info as info_of

ECHO_PORT = 7
PORT = 9000
MEBI = 1 << 20
LARGE_WINDOW = 64 * MEBI
REQUEST = f"GET / HTTP/1.0\r\nHost: {ADDRESS}\r\n\r\n".encode()


def wait_for(condition, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextlib.contextmanager
def running(namespace: Namespace, *command, **options):
    """A client of Millrace's, ended in any case."""
    program = namespace.start(*command, stderr=subprocess.PIPE, **options)
    try:
        yield program
    finally:
        end_process(program)
        program.stderr.close()


@contextlib.contextmanager
def listener(namespace: Namespace, fast_open: int = 0):
    with namespace.socket(socket.AF_INET, socket.SOCK_STREAM) as waiting:
        waiting.settimeout(20)
        waiting.bind(("", PORT))
        if fast_open:
            waiting.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, fast_open)
        waiting.listen()
        yield waiting


def connect(namespace: Namespace, port: int, seconds: float = 20) -> socket.socket:
    """Also to a program that has only just been started."""
    deadline = time.monotonic() + seconds
    while True:
        connection = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.settimeout(20)
        try:
            connection.connect((ADDRESS, port))
            return connection
        except OSError:
            connection.close()
            assert time.monotonic() < deadline
            time.sleep(0.05)


def read_to_end(connection: socket.socket) -> bytes:
    pieces = []
    while piece := connection.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


# A window beyond what a program reads


def test_the_kernel_fills_a_window_of_64_mib(namespace):
    """Nobody reads the standard output, so that everything beyond a pipe's worth waits in the receive buffer."""
    namespace.run("sysctl", "-qw", f"net.ipv4.tcp_wmem=4096 {MEBI} {4 * LARGE_WINDOW}")
    data = os.urandom(LARGE_WINDOW + 16 * MEBI)
    command = (
        path_of("nc"), "--tcp", "receive_buffer_bytes=268435456", "--tcp", "receive_buffer_initial_bytes=268435456",
        "--packets", 262_144, "-l", PORT,
    )
    with running(namespace, *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as program:
        with connect(namespace, PORT) as connection:
            connection.settimeout(60)
            sender = threading.Thread(target=connection.sendall, args=(data,))
            sender.start()
            wait_for(lambda: info_of(connection).bytes_acked >= LARGE_WINDOW, 60)
            assert info_of(connection).snd_wnd >= LARGE_WINDOW
            sender.join()
            connection.shutdown(socket.SHUT_WR)
            digest = hashlib.sha256()
            while piece := program.stdout.read(MEBI):
                digest.update(piece)
        assert program.wait(20) == 0, program.stderr.read()
    assert digest.digest() == hashlib.sha256(data).digest()


# Keepalive


def test_keepalives_of_the_kernel_are_answered(namespace, serve):
    serve("echo")
    with connect(namespace, ECHO_PORT) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 3)):
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
        before = info_of(connection)
        time.sleep(6)
        after = info_of(connection)
        assert after.segs_in - before.segs_in >= 4
        assert after.probes <= 1  # One may be under way.
        connection.sendall(b"still here")
        assert connection.recv(100) == b"still here"


def test_keepalives_ask_the_kernel_and_miss_it(namespace):
    command = (path_of("nc"), "--keepalive", 1, KERNEL_ADDRESS, PORT)
    with listener(namespace) as waiting:
        with running(namespace, *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
            connection, _ = waiting.accept()
            with connection:
                before = info_of(connection).segs_in
                time.sleep(6)
                assert info_of(connection).segs_in - before >= 4
                assert program.poll() is None, program.stderr.read()
                namespace.run("nft", "add table ip gone; add chain ip gone in "
                              "{ type filter hook input priority 0; policy drop; }")
                began = time.monotonic()
                assert program.wait(20) == 1
                assert 2.5 < time.monotonic() - began < 8
                assert b": timed out\n" in program.stderr.read()


@pytest.mark.parametrize("seconds", ["0", "-1", "32768", "soon", "1.5"])
def test_keepalive_seconds_that_cannot_be_are_refused(namespace, seconds):
    ended = namespace.run(path_of("nc"), f"--keepalive={seconds}", KERNEL_ADDRESS, PORT, check=False)
    assert ended.returncode == 2
    assert f"--keepalive {seconds}: 1 to 32767 seconds are needed" in ended.stderr


# Fast Open


def fast_open(namespace: Namespace) -> tuple[bool, bytes]:
    """One request of the kernel's; whether it went with the SYN, and the answer."""
    with namespace.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        # Without a cookie a socket that may not block would only begin to connect, and take nothing.
        assert connection.sendto(REQUEST, socket.MSG_FASTOPEN, (ADDRESS, 80)) == len(REQUEST)
        connection.settimeout(20)
        answer = read_to_end(connection)
        return bool(info_of(connection).options & tcp_info.SYN_DATA), answer


@pytest.mark.parametrize("pending", [0, 8])
def test_the_kernel_opens_with_its_request(namespace, serve, pending):
    namespace.run("sysctl", "-qw", "net.ipv4.tcp_fastopen=3")
    server = serve("httpd", "--fast-open", pending)
    opens = [fast_open(namespace) for _ in range(3)]
    assert [went for went, _ in opens] == [False, pending > 0, pending > 0]  # The first only gets the cookie.
    for _, answer in opens:
        assert answer.startswith(b"HTTP/1.1 200 ")
    assert server.stats()["tcp_fast_opens_in"] == (2 if pending else 0)
    assert server.stats()["tcp_fast_opens_refused"] == 0


@pytest.mark.parametrize("pending", [0, 8])
def test_millrace_opens_with_its_request(namespace, pending):
    namespace.run("sysctl", "-qw", "net.ipv4.tcp_fastopen=3")
    went, asked = [], []

    def serve_all(waiting: socket.socket) -> None:
        for _ in range(3):
            connection, _ = waiting.accept()
            with connection:
                went.append(bool(info_of(connection).options & tcp_info.SYN_DATA))
                asked.append(connection.recv(1000))
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nyes")

    with listener(namespace, pending) as waiting:
        server = threading.Thread(target=serve_all, args=(waiting,))
        server.start()
        ended = namespace.run(
            path_of("http_get"), "--fast-open", "--times", 3, f"{KERNEL_ADDRESS}:{PORT}", "/page", check=False
        )
        server.join()
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "yes" * 3
    assert went == [False, pending > 0, pending > 0]
    assert [request.split(b"\r\n")[0] for request in asked] == [b"GET /page HTTP/1.0"] * 3
