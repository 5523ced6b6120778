"""UDP with the kernel over a TAP: every size, fragments both ways, bursts, netcat, errors and broadcast."""

import os
import select
import socket
import struct
import subprocess
import time

import pytest

from programs import ADDRESS, KERNEL_ADDRESS, path_of

ECHO_PORT = 7
LARGEST = 65507
BROADCAST = "198.18.0.255"
IP_MTU_DISCOVER = 10
IP_PMTUDISC_DONT = 0


@pytest.fixture
def echo(serve):
    return serve("udp_echo")


@pytest.fixture
def kernel(namespace):
    """A UDP socket of the kernel's with much room, connected to the echo."""
    with namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUFFORCE if hasattr(socket, "SO_RCVBUFFORCE") else 33, 8 << 20)
        made.settimeout(5)
        made.connect((ADDRESS, ECHO_PORT))
        yield made


def udp_counters(namespace) -> dict[str, int]:
    """The kernel's own, by name."""
    lines = [line.split() for line in namespace.run("cat", "/proc/net/snmp").stdout.splitlines()]
    found = {}
    for names, values in zip(lines[::2], lines[1::2]):
        if names[0] in ("Udp:", "Ip:"):
            found |= {names[0] + name: int(value) for name, value in zip(names[1:], values[1:])}
    return found


def test_every_size_comes_back(echo, kernel):
    sizes = [0, 1, 2, 7, 8, 1471, 1472, 1473, 1480, 2952, 2953, 9000, 20000, 32768, 65506, LARGEST]
    for size in sizes:
        payload = os.urandom(size)
        kernel.send(payload)
        assert kernel.recv(1 << 16) == payload, f"{size} bytes"
    stats = echo.stats()
    assert stats["udp_datagrams_in"] == stats["udp_datagrams_out"] == len(sizes)
    assert stats["udp_bytes_in"] == sum(sizes)
    # 1,472 bytes fill a frame; what is larger is cut.
    assert stats["ipv4_datagrams_reassembled"] == len([size for size in sizes if size > 1472])
    assert stats["ipv4_fragments_out"] == stats["ipv4_fragments_in"] > 100
    assert stats["drops"]["udp_bad_checksum"] == 0


def test_two_hundred_of_the_largest_come_back(namespace, echo, kernel):
    for _ in range(200):
        payload = os.urandom(LARGEST)
        kernel.send(payload)
        assert kernel.recv(1 << 16) == payload
    assert echo.stats()["ipv4_datagrams_reassembled"] == 200
    assert echo.usage()["reassemblies"] == 0
    assert udp_counters(namespace)["Udp:InCsumErrors"] == 0


def test_twenty_thousand_in_bursts_come_back_once_each(echo, kernel):
    burst, total = 100, 20_000
    for first in range(0, total, burst):
        for number in range(first, first + burst):
            kernel.send(struct.pack("!I", number) * 10)
        came = sorted(struct.unpack("!I", kernel.recv(100)[:4])[0] for _ in range(burst))
        assert came == list(range(first, first + burst))
    stats = echo.stats()
    assert stats["udp_datagrams_in"] == stats["udp_datagrams_out"] == total
    assert stats["drops"]["udp_queue_full"] == stats["drops"]["udp_receive_full"] == 0


def test_a_datagram_without_checksum_is_taken(namespace, echo, kernel):
    kernel.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK
    kernel.send(b"plain")
    assert kernel.recv(100) == b"plain"


def test_a_closed_port_refuses_the_kernel(namespace, echo, kernel):
    kernel.connect((ADDRESS, 8))
    kernel.send(b"anybody?")
    with pytest.raises(ConnectionRefusedError):
        kernel.recv(100)
    assert echo.stats()["drops"]["udp_no_socket"] == 1


def run_nc(namespace, *arguments, text: bytes = b"", **options) -> subprocess.CompletedProcess:
    return namespace.run(path_of("nc"), "--log", "error", "-u", *arguments, input=text, text=False, check=False, **options)


def test_a_closed_port_of_the_kernel_is_refused(namespace):
    ended = run_nc(namespace, "-w", "5", KERNEL_ADDRESS, "9", text=b"anybody?")
    assert ended.returncode == 1
    assert b"connection refused" in ended.stderr


def test_a_silent_neighbor_is_unreachable(namespace):
    begun = time.monotonic()
    ended = run_nc(namespace, "-w", "10", "198.18.0.77", "9", text=b"anybody?")
    assert ended.returncode == 1
    assert b"host unreachable" in ended.stderr
    assert time.monotonic() - begun < 9


def test_netcat_sends_to_the_kernel_and_hears_it(namespace):
    with namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("0.0.0.0", 9000))
        peer.settimeout(10)
        with namespace.start(path_of("nc"), "--log", "error", "-u", "-q", "1", KERNEL_ADDRESS, "9000",
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            client.stdin.write(b"from our netcat\n")
            client.stdin.flush()
            text, source = peer.recvfrom(1 << 16)
            assert text == b"from our netcat\n"
            assert source[0] == ADDRESS
            for answer in (b"first\n", b"x" * 5000 + b"\n"):
                peer.sendto(answer, source)
                got = b""
                while len(got) < len(answer):
                    got += os.read(client.stdout.fileno(), 1 << 16)
                assert got == answer
            client.stdin.close()
            assert client.wait(10) == 0


def test_netcat_listens_for_the_kernels(namespace):
    with namespace.start(path_of("nc"), "-u", "-v", "-l", "9000", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE) as server:
        while b"listening" not in server.stderr.readline():
            pass
        with namespace.start("nc", "-u", ADDRESS, "9000", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            client.stdin.write(b"from theirs\n")
            client.stdin.flush()
            assert server.stdout.readline() == b"from theirs\n"
            server.stdin.write(b"from ours\n")
            server.stdin.flush()
            assert select.select([client.stdout], [], [], 10)[0]
            assert client.stdout.readline() == b"from ours\n"
            # Another one is not listened to any more.
            with namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.settimeout(5)
                stranger.connect((ADDRESS, 9000))
                stranger.send(b"me, too")
                with pytest.raises(ConnectionRefusedError):
                    stranger.recv(100)
            client.kill()
        server.terminate()
        server.wait(10)


def test_broadcasts_go_both_ways(namespace):
    with namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("0.0.0.0", 9000))
        peer.settimeout(10)
        for address in (BROADCAST, "255.255.255.255"):
            run_nc(namespace, "-q", "0", address, "9000", text=b"everyone")
            assert peer.recvfrom(100)[0] == b"everyone"


def test_the_kernels_broadcasts_are_received_and_never_refused(namespace, echo):
    with namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(5)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        peer.sendto(b"everyone", (BROADCAST, ECHO_PORT))
        text, source = peer.recvfrom(100)
        assert (text, source) == (b"everyone", (ADDRESS, ECHO_PORT))
        peer.sendto(b"nobody", (BROADCAST, 8))
        time.sleep(0.2)
    assert echo.stats()["icmp_errors_out"] == 0


def test_long_pings_are_answered(namespace, echo):
    for size in (1473, 9000, 65507):
        ended = namespace.run("ping", "-c", "3", "-i", "0.05", "-W", "5", "-s", str(size), ADDRESS)
        assert "3 received" in ended.stdout, ended.stdout
    assert echo.stats()["icmp_echo_replies_out"] >= 9


def test_fragments_that_stay_incomplete_are_given_up_and_told(namespace, serve):
    echo = serve("udp_echo", "--reassembly", "timeout=1")
    with namespace.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as listener, \
            namespace.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sender:
        listener.settimeout(5)
        udp = struct.pack("!HHHH", 5000, ECHO_PORT, 3000, 0) + bytes(1472)
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 77, 0x2000, 64, 17, 0,
                             socket.inet_aton(KERNEL_ADDRESS), socket.inet_aton(ADDRESS))
        sender.sendto(header + udp, (ADDRESS, 0))
        message = b"\0"
        while message[0] != 11:
            message = listener.recv(2000)[20:]
        assert message[1] == 1, "fragment reassembly time exceeded"
    assert echo.usage()["reassemblies"] == 0
    assert echo.stats()["drops"]["ipv4_fragments_incomplete"] == 1


def test_a_flood_of_fragments_leaves_others_their_service(namespace, echo, kernel):
    """Thirty thousand first fragments that nothing follows, and datagrams in fragments in between."""
    with namespace.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sender:
        for number in range(30_000):
            source = socket.inet_aton(f"198.18.0.{100 + number % 100}")
            header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, number % 65536, 0x2000, 64, 17, 0, source,
                                 socket.inet_aton(ADDRESS))
            sender.sendto(header + bytes(8), (ADDRESS, 0))
            if number % 1000 == 999:
                payload = os.urandom(8000)
                kernel.send(payload)
                assert kernel.recv(1 << 16) == payload
    report = echo.report()
    assert report["usage"]["reassemblies"] <= 256
    assert report["stats"]["drops"]["ipv4_reassembly_full"] > 25_000
    # What is left of them is given up in time; the test need not wait for that.
    echo.stop()
