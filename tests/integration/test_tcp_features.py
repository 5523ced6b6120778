"""What TCP agrees on with the kernel, and what both ends then do: options, urgent data, TIME-WAIT, simultaneous open."""

import itertools
import select
import socket
import subprocess
import threading
import time

import pytest

import tcp_info
from delay_wire import DelayWire
from namespaces import Namespace, end_process
from programs import ADDRESS, KERNEL_ADDRESS, path_of
from tcp_info import tcp_info as info_of

ECHO_PORT = 7


def echo(connection: socket.socket, data: bytes) -> bytes:
    """Sends all of it from a second thread, so that neither direction waits for the other."""
    sender = threading.Thread(target=connection.sendall, args=(data,))
    sender.start()
    answer = b""
    while len(answer) < len(data):
        piece = connection.recv(1 << 16)
        assert piece, f"the echo ended after {len(answer)} bytes"
        answer += piece
    sender.join()
    return answer


def connect(namespace: Namespace, port: int = ECHO_PORT, source: int = 0) -> socket.socket:
    connection = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.settimeout(20)
    if source:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        connection.bind(("", source))
    connection.connect((ADDRESS, port))
    return connection


def wait_until_free(namespace: Namespace, source: int) -> None:
    """The last ACK of what had this port may still be on its way to the kernel."""
    deadline = time.monotonic() + 5
    while namespace.run("ss", "-H", "-tan", "sport", "=", f":{source}").stdout:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("timestamps, sack, scaling", itertools.product((0, 1), repeat=3))
def test_options_are_those_that_both_offer(namespace, serve, timestamps, sack, scaling):
    for name, value in (("timestamps", timestamps), ("sack", sack), ("window_scaling", scaling)):
        namespace.run("sysctl", "-qw", f"net.ipv4.tcp_{name}={value}")
    serve("echo")
    data = bytes(range(256)) * 4096
    with connect(namespace) as connection:
        assert echo(connection, data) == data
        info = info_of(connection)
        agreed = info.options & (tcp_info.TIMESTAMPS | tcp_info.SACK | tcp_info.WINDOW_SCALE)
        assert agreed == timestamps * tcp_info.TIMESTAMPS + sack * tcp_info.SACK + scaling * tcp_info.WINDOW_SCALE
        assert info.snd_mss == 1460 - 12 * timestamps
        assert info.bytes_received == len(data)
        assert info.bytes_acked == len(data) + 1


def test_both_ends_count_the_same(namespace, serve):
    server = serve("echo")
    before = server.stats()
    data = bytes(1 << 20)
    with connect(namespace) as connection:
        assert echo(connection, data) == data
        info = info_of(connection)
        after = server.stats()
    assert after["tcp_bytes_in"] - before["tcp_bytes_in"] == info.bytes_acked - 1 == len(data)
    assert after["tcp_bytes_out"] - before["tcp_bytes_out"] == info.bytes_received == len(data)
    assert after["tcp_retransmitted_segments"] == before["tcp_retransmitted_segments"] == 0


def test_urgent_data_is_read_in_line(namespace, serve):
    serve("echo")
    with connect(namespace) as connection:
        connection.sendall(b"abc")
        connection.send(b"!", socket.MSG_OOB)
        connection.sendall(b"def")
        answer = b""
        while len(answer) < 7:
            answer += connection.recv(100)
        assert answer == b"abc!def"


def test_urgent_data_passes_by_the_stream_both_ways(namespace, serve):
    """Out of line at both ends, as Linux does by default: the stream lacks the byte, and it comes by itself."""
    serve("urgent")
    with connect(namespace) as connection:
        for number in range(100):
            before, urgent, after = b"before %d" % number, bytes([number]), b"after %d" % number
            connection.sendall(before)
            connection.send(urgent, socket.MSG_OOB)
            connection.sendall(after)
            answer, seen = b"", b""
            while len(answer + seen) < len(before + urgent + after):
                readable, _, exceptional = select.select([connection], [], [connection], 20)
                assert readable or exceptional
                # First, for the kernel drops it once the stream has been read beyond its place.
                if exceptional:
                    connection.setblocking(False)  # With a time limit Python would wait for the stream.
                    seen += connection.recv(1, socket.MSG_OOB)
                    connection.settimeout(20)
                else:
                    answer += connection.recv(100)
            assert (answer, seen) == (before + after, urgent)


def test_a_port_is_used_again_while_the_kernel_waits(namespace, serve):
    """The kernel has closed first; its next SYN comes from the same port."""
    namespace.run("sysctl", "-qw", "net.ipv4.tcp_tw_reuse=1")
    serve("echo")
    for _ in range(20):
        with connect(namespace, source=40_000) as connection:
            assert echo(connection, b"x" * 1000) == b"x" * 1000
            # A reset would leave no TIME-WAIT behind, so the end is an orderly one.
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
        time.sleep(1.1)  # RFC 6191: a second later a timestamp tells the two apart.


def test_a_port_is_used_again_while_millrace_waits(namespace, serve):
    """Millrace has closed first and is in TIME-WAIT: a SYN that cannot be an old one takes its place."""
    server = serve("httpd")
    request = f"GET / HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: close\r\n\r\n".encode()
    for _ in range(50):
        wait_until_free(namespace, 40_001)
        with connect(namespace, 80, source=40_001) as connection:
            connection.sendall(request)
            answer = b""
            while piece := connection.recv(1 << 16):
                answer += piece
            assert answer.startswith(b"HTTP/1.1 200 ")
    assert server.wait_until_idle()["time_wait"] == 1


def test_simultaneous_open(namespace):
    """Both connect to each other; their SYNs cross on a wire that takes 300 ms."""
    syn_is_under_way = threading.Event()
    flags_seen = []

    def watch(datagram: bytes, direction: int) -> bytes:
        header = (datagram[0] & 15) * 4
        if datagram[9] == socket.IPPROTO_TCP:
            flags_seen.append((direction, datagram[header + 13] & 0x17))
            syn_is_under_way.set()
        return datagram

    with Namespace() as far, DelayWire(namespace, "198.19.0.1/24", far, "198.19.0.2/24", 0.3, watch):
        namespace.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        far.ip("route", "add", "default", "via", "198.19.0.1")
        program = namespace.start(
            path_of("nc"), "--gateway", KERNEL_ADDRESS, "-p", 5001, "-q", 5, "198.19.0.2", 5002,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        try:
            with far.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
                connection.bind(("", 5002))
                connection.settimeout(20)
                assert syn_is_under_way.wait(20), program.stderr.read()
                connection.connect((ADDRESS, 5001))
                connection.sendall(b"from the kernel")
                connection.shutdown(socket.SHUT_WR)
                program.stdin.write(b"from millrace")
                program.stdin.close()
                answer = b""
                while piece := connection.recv(100):
                    answer += piece
            assert answer == b"from millrace"
            assert program.stdout.read() == b"from the kernel"
            assert program.wait(20) == 0, program.stderr.read()
        finally:
            end_process(program)
    syn, ack = 0x02, 0x10
    assert flags_seen[:2] == [(0, syn), (1, syn)]
    assert {(0, syn | ack), (1, syn | ack)} <= set(flags_seen)
