"""The programs of apps/examples against the kernel's TCP over a TAP, and some alone over a ring."""

import contextlib
import socket
import subprocess
import sys
import threading
import time

import pytest

from conftest import sha256_of
from programs import ADDRESS, KERNEL_ADDRESS, path_of

CHAT_PORT = 4000
TIMERS_PORT = 4001
REQUEST_PORT = 7001
BSD_ECHO_PORT = 4002
SERVER_PORT = 8000


@contextlib.contextmanager
def caller(namespace, port: int):
    """A kernel's connection to the example, with a limit on every wait."""
    with namespace.socket() as connection:
        connection.settimeout(10)
        connection.connect((ADDRESS, port))
        with connection.makefile("rwb", buffering=0) as stream:
            yield connection, stream


@contextlib.contextmanager
def peer_that(namespace, serve_one):
    """A kernel's listener that gives its first connection to `serve_one`, on a thread."""
    with namespace.socket() as listener:
        listener.bind(("0.0.0.0", SERVER_PORT))
        listener.listen()
        listener.settimeout(10)

        def accept() -> None:
            connection, _ = listener.accept()
            connection.settimeout(10)
            with connection:
                serve_one(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"{KERNEL_ADDRESS}:{SERVER_PORT}"
        thread.join()


def run_example(namespace, name: str, *arguments, **options) -> subprocess.CompletedProcess:
    return namespace.run(path_of(name), "--log", "error", *arguments, check=False, **options)


# both_ends


def test_both_ends_talk_to_each_other_without_network_and_privileges(namespace):
    unprivileged = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    ended = namespace.run(*unprivileged, path_of("both_ends"), check=False, timeout=30)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "good day, Ada\ngood day, Grace\n"
    # Nobody else can reach it, so nothing is suggested.
    assert "reach     this program alone" in ended.stderr
    assert "try:" not in ended.stderr


# http_get


def test_http_get_writes_what_the_server_has(namespace, make_file, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    file, digest = make_file(site, 3 << 20)
    namespace.start(
        sys.executable, "-m", "http.server", SERVER_PORT, "--directory", site,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    namespace.wait_for_listener(SERVER_PORT)
    received = tmp_path / "received"
    with received.open("wb") as output:
        ended = run_example(namespace, "http_get", f"{KERNEL_ADDRESS}:{SERVER_PORT}", f"/{file.name}", stdout=output)
    assert ended.returncode == 0, ended.stderr
    assert sha256_of(received) == digest

    missing = run_example(namespace, "http_get", f"{KERNEL_ADDRESS}:{SERVER_PORT}", "/missing")
    assert missing.returncode == 1
    assert "millrace-http-get: HTTP/1.0 404" in missing.stderr


def answer_with(reply: bytes):
    def serve_one(connection) -> None:
        while b"\r\n\r\n" not in connection.recv(65536):
            pass
        connection.sendall(reply)

    return serve_one


@pytest.mark.parametrize(
    ("serve_one", "words"),
    [
        (answer_with(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nten bytes."), "the body is cut short"),
        (answer_with(b"HTTP/1.1 200 OK\r\nServer:"), "the head is cut short"),
        (answer_with(b"SSH-2.0-nobody\r\n\r\n"), "SSH-2.0-nobody"),
        (lambda connection: connection.recv(1) and time.sleep(1.5), "not complete in time"),
    ],
    ids=["short body", "short head", "another protocol", "silence"],
)
def test_http_get_tells_what_is_wrong_with_a_reply(namespace, serve_one, words):
    with peer_that(namespace, serve_one) as server:
        ended = run_example(namespace, "http_get", server, "--timeout", "1")
    assert ended.returncode == 1
    assert words in ended.stderr


def test_http_get_tells_that_nobody_listens(namespace):
    ended = run_example(namespace, "http_get", f"{KERNEL_ADDRESS}:{SERVER_PORT}")
    assert (ended.returncode, "connection refused" in ended.stderr) == (1, True)


# chat


def test_chat_carries_lines_to_everybody_else(namespace, serve):
    serve("chat")
    with caller(namespace, CHAT_PORT) as (_, one), caller(namespace, CHAT_PORT) as (two_socket, two):
        assert one.readline() == b"you are guest1 of 1\n"
        assert one.readline() == b"guest2 comes in\n"
        assert two.readline() == b"you are guest2 of 2\n"
        with caller(namespace, CHAT_PORT) as (_, three):
            assert three.readline() == b"you are guest3 of 3\n"
            assert one.readline() == two.readline() == b"guest3 comes in\n"
            # In pieces, two at once, and with what would move a terminal's cursor.
            one.write(b"good ")
            one.write(b"day\nbye\x1b[2J\nun")
            for reader in (two, three):
                assert reader.readline() == b"guest1: good day\n"
                assert reader.readline() == b"guest1: bye[2J\n"
            three.write(b"x" * 2000)
            assert three.readline() == b"lines must be shorter\n"
        assert one.readline() == two.readline() == b"guest3 goes\n"
        # Who has finished sending still hears what was said before, and nothing after.
        one.write(b"finished\n")
        assert two.readline() == b"guest1: unfinished\n"
        two_socket.shutdown(socket.SHUT_WR)
        assert two.readline() == b""
        assert one.readline() == b"guest2 goes\n"


def test_chat_goes_on_without_a_member_who_does_not_read(namespace, serve):
    serve("chat")
    with (
        caller(namespace, CHAT_PORT) as (_, speaker),
        caller(namespace, CHAT_PORT) as (_, listener),
        namespace.socket() as deaf,
    ):
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(10)
        deaf.connect((ADDRESS, CHAT_PORT))
        while b"guest3" not in listener.readline():
            pass
        lines = 0
        heard = b""
        deadline = time.monotonic() + 30
        while b"guest3 goes" not in heard and time.monotonic() < deadline:
            speaker.write(b"y" * 900 + b"\n")
            lines += 1
            heard = listener.readline()
        assert b"guest3 goes" in heard, f"still there after {lines} lines"
        with pytest.raises(ConnectionResetError):
            while deaf.recv(65536):
                pass


# request_response


def test_request_and_response_over_a_ring(namespace):
    ended = run_example(
        namespace, "request_response",
        "--device", "ring", "--serve", "--ask", f"{ADDRESS}:{REQUEST_PORT}", "--work", "0.001", "drawer noon a",
    )
    assert ended.returncode == 0, ended.stderr
    # The shorter the word, the sooner its answer.
    answers = [line for line in ended.stdout.splitlines() if ": " in line and not line.startswith(" ")]
    assert answers[-3:] == ["a: a", "noon: noon", "drawer: reward"]


def test_request_whose_answer_takes_too_long_is_reported(namespace):
    ended = run_example(
        namespace, "request_response",
        "--device", "ring", "--serve", "--ask", f"{ADDRESS}:{REQUEST_PORT}", "--work", "0.1", "--timeout", "0.6",
        "ab abcdefghijklmnopqrstuvwxyz",
    )
    assert ended.returncode == 1
    assert "ab: ba\nabcdefghijklmnopqrstuvwxyz: no answer in time\n" in ended.stdout


def test_requests_of_a_kernel_client_are_answered(namespace, serve):
    serve("request_response", "--serve", "--work", "0.001")
    with caller(namespace, REQUEST_PORT) as (connection, stream):
        stream.write(b"1 stressed\n2 ")
        assert stream.readline() == b"1 desserts\n"
        stream.write(b"live\n3 evil\n")
        assert sorted([stream.readline(), stream.readline()]) == [b"2 evil\n", b"3 live\n"]
        # A client that goes while the server works for it leaves nothing behind; the fixture looks.
        stream.write(b"4 " + b"z" * 500 + b"\n")
        connection.shutdown(socket.SHUT_RDWR)
    with caller(namespace, REQUEST_PORT) as (_, stream), pytest.raises(ConnectionResetError):
        stream.write(b"5" * 5000)
        stream.readline()


def test_kernel_server_that_answers_some_requests(namespace):
    def answer_the_second(connection) -> None:
        lines = connection.makefile("rb")
        assert [lines.readline(), lines.readline()] == [b"1 one\n", b"2 two\n"]
        connection.sendall(b"99 nobody asked\n2 owt\n")
        assert lines.readline() == b""

    with peer_that(namespace, answer_the_second) as server:
        ended = run_example(namespace, "request_response", "--ask", server, "--timeout", "0.5", "one two")
    assert ended.returncode == 1
    assert ended.stdout.endswith("two: owt\none: no answer in time\n")


# timers


def test_timers_end_a_connection_that_says_nothing(namespace, serve):
    silence = 0.6
    serve("timers", "--silence", silence, "--report", "0.1")
    with caller(namespace, TIMERS_PORT) as (_, stream):
        for _ in range(4):  # Longer than the limit altogether, but never at once.
            time.sleep(silence / 2)
            stream.write(b"still here\n")
        said_at = time.monotonic()
        assert stream.readline() == b"goodbye\n"
        assert silence * 0.9 < time.monotonic() - said_at < silence * 4
        assert stream.readline() == b""


def test_timers_repeat_as_often_as_asked(namespace):
    started = time.monotonic()
    ended = run_example(namespace, "timers", "--device", "ring", "--report", "0.1", "--reports", "5")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("0 open\n") == 5
    assert time.monotonic() - started >= 0.5


# bsd_echo


def test_bsd_echo_says_how_it_is_called():
    program = str(path_of("bsd_echo"))
    help_text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    assert help_text.stdout.startswith("usage: millrace-bsd-echo [PORT]\n")
    for wrong in (["0"], ["65536"], ["-1"], ["7x"], [""], ["7", "8"]):
        refused = subprocess.run([program, *wrong], capture_output=True, text=True, check=False)
        assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", help_text.stdout), wrong


def test_bsd_echo_returns_what_it_gets_and_ends_in_order(namespace):
    options = "--device tap:millrace0 --address 198.18.0.2/24 --log error"
    server = namespace.start(
        "env", f"MILLRACE_OPTIONS={options}", path_of("bsd_echo"), str(BSD_ECHO_PORT)
    )
    for _ in range(100):
        try:
            with caller(namespace, BSD_ECHO_PORT) as (connection, stream):
                stream.write(b"good day")
                assert connection.recv(8, socket.MSG_WAITALL) == b"good day"
            break
        except OSError:
            time.sleep(0.1)
    else:
        pytest.fail("nobody listens")
    # More than any buffer holds, both ways at once.
    sent = bytes(range(256)) * 65536
    with caller(namespace, BSD_ECHO_PORT) as (connection, _):
        writer = threading.Thread(target=lambda: (connection.sendall(sent), connection.shutdown(socket.SHUT_WR)))
        writer.start()
        received = bytearray()
        while piece := connection.recv(1 << 20):
            received += piece
        writer.join()
    assert received == sent
    server.terminate()
    assert server.wait(timeout=10) == 0
