"""Several devices in one program: two TAPs whose kernel ends lie in namespaces of their own, VLANs on a TAP, and routes
that choose among them. What leaves by the wrong device arrives nowhere, so most of it shows by working at all."""

import contextlib
import re
import socket
import struct
import subprocess
import threading
import time

import pytest

import frames
from conftest import sha256_of
from namespaces import Namespace
from programs import MillraceProgram, path_of

MIB = 1 << 20
ECHO_PORT = 7
NETWORKS = {"mill-a": "198.18.0", "mill-b": "198.18.1"}  # By TAP; ours ends in .2, the kernel's in .1.
FAR_AWAY = "203.0.113.7"  # An address behind both kernel ends.


def wait_until_started(program: MillraceProgram, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while "\n  memory " not in program.log():
        assert program.process.poll() is None, f"the program ended:\n{program.log()}"
        assert time.monotonic() < deadline, f"no report after {seconds} s:\n{program.log()}"
        time.sleep(0.02)


def wait_for_ping(namespace: Namespace, address: str) -> None:
    for _ in range(100):
        if namespace.run("ping", "-c", "1", "-W", "1", "-q", address, check=False).returncode == 0:
            return
    raise AssertionError(f"{address} does not answer to ping")


class TwoTaps:
    """A program on two TAPs, and a namespace around the kernel's end of each."""

    def __init__(self, program: MillraceProgram, ends: dict[str, Namespace]) -> None:
        self.program = program
        self.ends = ends

    def address(self, tap: str) -> str:
        return NETWORKS[tap] + ".2"


@pytest.fixture
def two_taps(namespace):
    """two_taps(PROGRAM, ARGUMENTS...) gives a TwoTaps; afterwards all packets must be back and the end orderly."""
    with contextlib.ExitStack() as cleanup:
        started = []

        def start(name: str, *arguments) -> TwoTaps:
            devices = []
            for tap, network in NETWORKS.items():
                devices += ["--device", f"tap:{tap}", "--address", f"{network}.2/24", "--gateway", f"{network}.1"]
            program = MillraceProgram(namespace, name, *devices, "--no-host-setup", *arguments)
            cleanup.callback(program.stop)
            wait_until_started(program)
            ends = {}
            for tap, network in NETWORKS.items():
                ends[tap] = cleanup.enter_context(Namespace())
                namespace.ip("link", "set", tap, "netns", ends[tap].name)
                ends[tap].ip("address", "add", f"{network}.1/24", "dev", tap)
                ends[tap].ip("link", "set", tap, "up")
                wait_for_ping(ends[tap], f"{network}.2")
            started.append((program, program.wait_until_idle()["packets_in_use"]))
            return TwoTaps(program, ends)

        yield start
        for program, packets in started:
            program.wait_until_idle(packets)
            assert program.stats()["tcp_broken_invariants"] == 0
            assert program.stop() == 0, program.log()


def in_parallel(function, taps) -> None:
    """Calls function(TAP) for all at once; the first failure counts."""
    failures = []

    def call(tap: str) -> None:
        try:
            function(tap)
        except BaseException as failure:  # pylint: disable=broad-except
            failures.append(failure)

    threads = [threading.Thread(target=call, args=(tap,)) for tap in taps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_files_cross_both_devices_at_once(two_taps, make_file, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    file, digest = make_file(site, 256 * MIB)
    taps = two_taps("httpd", site)

    def fetch(tap: str) -> None:
        received = tmp_path / f"received-{tap}"
        taps.ends[tap].run(
            "curl", "-sS", "--fail", "--max-time", "200", "-o", received,
            f"http://{taps.address(tap)}/{file.name}", timeout=210,
        )
        assert sha256_of(received) == digest
        received.unlink()

    def store(tap: str) -> None:
        answer = taps.ends[tap].run(
            "curl", "-sS", "--fail", "--max-time", "200", "-T", file, f"http://{taps.address(tap)}/sink", timeout=210
        ).stdout
        assert digest in answer

    in_parallel(fetch, NETWORKS)
    in_parallel(store, NETWORKS)
    file.unlink()


def test_connections_over_both_devices_at_once(two_taps):
    taps = two_taps("httpd")

    def load(tap: str) -> None:
        output = taps.ends[tap].run(
            "wrk", "-t", "1", "-c", "200", "-d", "3s", f"http://{taps.address(tap)}/", timeout=30
        ).stdout
        assert "Socket errors" not in output, output
        assert int(re.search(r"(\d+) requests in", output).group(1)) > 200, output

    in_parallel(load, NETWORKS)


def test_answers_leave_through_the_device_that_was_asked(two_taps):
    """The same far address lies behind both gateways, and each kernel knows only the way it is on."""
    taps = two_taps("echo")
    for tap, end in taps.ends.items():
        end.ip("address", "add", f"{FAR_AWAY}/32", "dev", "lo")
        end.run("ping", "-c", "3", "-i", "0.05", "-q", "-I", FAR_AWAY, taps.address(tap))
        for _ in range(20):
            assert echo_once(end, taps.address(tap), FAR_AWAY) == b"which way?"


def echo_once(end: Namespace, address: str, source: str) -> bytes:
    with end.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        connection.bind((source, 0))
        connection.connect((address, ECHO_PORT))
        connection.sendall(b"which way?")
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(64):
            answer += piece
        return answer


def test_an_address_is_not_reached_through_the_other_device(two_taps):
    taps = two_taps("echo")
    end, other = taps.ends["mill-a"], taps.address("mill-b")
    end.ip("route", "add", other, "via", taps.address("mill-a"))
    before = taps.program.stats()["drops"]["ipv4_not_for_us"]
    assert end.run("ping", "-c", "2", "-i", "0.1", "-W", "1", "-q", other, check=False).returncode != 0
    assert taps.program.stats()["drops"]["ipv4_not_for_us"] - before == 2
    # Nor does anybody say there that the address is here.
    end.ip("route", "replace", other, "dev", "mill-a")
    assert end.run("ping", "-c", "1", "-W", "1", "-q", other, check=False).returncode != 0
    assert "lladdr" not in end.ip("neigh", "show", other)


@pytest.mark.parametrize(
    "route, source",
    [([], "198.18.0.2"), (["--route", "203.0.113.0/24,198.18.1.1"], "198.18.1.2")],
    ids=["first gateway", "route"],
)
def test_routes_choose_the_device_of_an_open(namespace, route, source):
    namespace.ip("address", "add", f"{FAR_AWAY}/32", "dev", "lo")
    with namespace.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind((FAR_AWAY, 9000))
        listener.listen()
        listener.settimeout(20)
        devices = []
        for tap, network in NETWORKS.items():
            devices += ["--device", f"tap:{tap}", "--address", f"{network}.2/24", "--gateway", f"{network}.1"]
        client = namespace.start(path_of("nc"), *devices, *route, FAR_AWAY, "9000", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        connection, peer = listener.accept()
        connection.close()
        assert peer[0] == source
        assert client.wait(20) == 0


def test_each_kernel_end_gets_its_address_and_loses_it(namespace):
    program = MillraceProgram(
        namespace, "echo",
        "--device", "tap:mill-a", "--address", "198.18.0.2/24",
        "--device", "tap:mill-b.100", "--address", "198.18.2.2/24",
        "--device", "tap:mill-b", "--address", "198.18.1.2/24",
    )
    try:
        wait_until_started(program)
        for address in ("198.18.0.2", "198.18.1.2"):
            wait_for_ping(namespace, address)
        log = program.log()
        assert "tap:mill-b, VLAN 100, driver net_tap" in log
        assert "ip link add link mill-b name mill-b.100 type vlan id 100" in log
        assert "198.18.1.1/24 on mill-b" in log
    finally:
        assert program.stop() == 0
    assert "mill-" not in namespace.ip("link", "show")


def test_two_devices_in_one_network_need_addresses_for_both_kernel_ends(namespace):
    result = namespace.run(
        path_of("echo"), "--device", "tap:mill-a", "--address", "198.18.0.2/24", "--device", "tap:mill-b", "--address",
        "198.18.0.3/24", check=False, timeout=30,
    )
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "--no-host-setup" in result.stderr


class TaggedPeer:
    """A host on the VLANs of a TAP, made of frames: this kernel may have no VLANs of its own. It strips tags that come
    in and tells them beside the frame (packet(7), PACKET_AUXDATA)."""

    MAC = b"\x02\x00\x00\x00\x00\x99"
    _PACKET_AUXDATA = 8
    _SOL_PACKET = 263
    _VLAN_VALID = 0x10

    def __init__(self, namespace: Namespace, interface: str) -> None:
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self._socket.setsockopt(self._SOL_PACKET, self._PACKET_AUXDATA, 1)
        self._socket.bind((interface, 3))

    def close(self) -> None:
        self._socket.close()

    def send(self, tags: list[int], destination: bytes, ethertype: bytes, payload: bytes) -> None:
        tag_bytes = b"".join(b"\x81\x00" + struct.pack("!H", tag) for tag in tags)
        self._socket.send(destination + self.MAC + tag_bytes + ethertype + payload)

    def receive(self, seconds: float = 2) -> tuple[int | None, bytes] | None:
        """The next frame for this host and its VLAN; None when there is none in time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                frame, extra, _, _ = self._socket.recvmsg(2048, 64)
            except TimeoutError:
                return None
            if frame[:6] == self.MAC:
                status, _, _, _, _, tag = struct.unpack("IIIHHH", extra[0][2][:18])
                return (tag & 0xFFF if status & self._VLAN_VALID else None), frame
        return None


@pytest.fixture
def tagged(namespace):
    """A server with an untagged network and VLANs 100 and 200 on a TAP, and a peer there."""
    program = MillraceProgram(
        namespace, "echo",
        "--device", "tap:mill-b.100", "--address", "198.18.2.2/24",
        "--device", "tap:mill-b", "--address", "198.18.1.2/24",
        "--device", "tap:mill-b,vlan=200", "--address", "198.18.3.2/24",
    )
    peer = None
    try:
        wait_until_started(program)
        wait_for_ping(namespace, "198.18.1.2")
        peer = TaggedPeer(namespace, "mill-b")
        yield program, peer
    finally:
        if peer:
            peer.close()
        assert program.stop() == 0, program.log()


def resolve(peer: TaggedPeer, tags: list[int], ours: str, theirs: str) -> tuple[int | None, bytes] | None:
    """Asks who has `ours`; gives the VLAN of the answer and the MAC address in it."""
    request = frames.arp(1, peer.MAC, frames.address(theirs), bytes(6), frames.address(ours))
    peer.send(tags, b"\xff" * 6, frames.ETHERTYPE_ARP, request)
    answer = peer.receive(1)
    if answer is None:
        return None
    vlan, frame = answer
    assert frame[12:14] == frames.ETHERTYPE_ARP
    return vlan, frame[22:28]


@pytest.mark.parametrize("vlan, network", [(100, "198.18.2"), (200, "198.18.3")])
def test_arp_ping_and_tcp_in_a_vlan(tagged, vlan, network):
    program, peer = tagged
    ours, theirs = frames.address(network + ".2"), frames.address(network + ".9")
    answer = resolve(peer, [0x6000 | vlan], network + ".2", network + ".9")  # With a priority.
    assert answer is not None and answer[0] == vlan
    mac = answer[1]

    echo = frames.icmp(8, 0, 0x00010001, b"x" * 1472)  # With its tag the largest frame there is.
    peer.send([vlan], mac, frames.ETHERTYPE_IPV4, frames.ipv4(theirs, ours, frames.ICMP, echo))
    got_vlan, frame = peer.receive()
    assert got_vlan == vlan
    assert frame[34] == 0 and frame[42:] == b"x" * 1472

    def segment(flags: int, seq: int, ack: int, payload: bytes = b"") -> None:
        tcp = frames.tcp(theirs, ours, 40000, ECHO_PORT, seq, ack, flags, payload=payload)
        peer.send([vlan], mac, frames.ETHERTYPE_IPV4, frames.ipv4(theirs, ours, frames.TCP, tcp))

    def answer_with(flags: int) -> tuple[frames.TcpFrame, bytes]:
        while True:
            got, raw = peer.receive()
            assert got == vlan
            parsed = frames.TcpFrame.parse(raw)
            if parsed.flags & flags == flags:
                return parsed, raw

    segment(frames.SYN, 1000, 0)
    syn_ack, _ = answer_with(frames.SYN | frames.ACK)
    assert syn_ack.ack == 1001
    segment(frames.ACK | frames.PSH, 1001, syn_ack.seq + 1, b"tagged")
    echoed, raw = answer_with(frames.PSH)
    assert raw[-6:] == b"tagged"
    segment(frames.ACK | frames.FIN, 1007, echoed.seq + 6)
    fin, _ = answer_with(frames.FIN)
    segment(frames.ACK, 1008, fin.seq + 1)
    assert program.wait_until_idle()["connections"] == 0


def test_vlans_are_kept_apart(tagged):
    program, peer = tagged
    untagged = resolve(peer, [], "198.18.1.2", "198.18.1.9")
    assert untagged is not None and untagged[0] is None
    priority = resolve(peer, [0xA000], "198.18.1.2", "198.18.1.9")
    assert priority is not None and priority[0] is None
    drops = program.stats()["drops"]
    for tags in ([], [200], [101], [4095], [100, 100]):
        assert resolve(peer, tags, "198.18.2.2", "198.18.2.9") is None, tags
    after = program.stats()["drops"]
    assert after["vlan_unknown"] - drops["vlan_unknown"] == 2
    assert after["vlan_nested"] - drops["vlan_nested"] == 1
    assert after["arp_unsolicited"] - drops["arp_unsolicited"] == 2


def test_file_crosses_a_vlan_between_two_programs(namespace, make_file, tmp_path):
    """Two programs on TAPs whose kernel ends are one bridge, in a VLAN alone: the kernel hands tags through."""
    file, digest = make_file(tmp_path, 32 * MIB)
    received = tmp_path / "received"
    namespace.ip("link", "add", "mill-bridge", "type", "bridge")
    namespace.ip("link", "set", "mill-bridge", "up")
    with received.open("wb") as sink:
        server = namespace.start(
            path_of("nc"), "--device", "tap:mill-a.100", "--address", "198.18.2.1/24", "-l", "9000",
            stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.DEVNULL,
        )
        enslave(namespace, "mill-a")
        with file.open("rb") as source:
            client = namespace.start(
                path_of("nc"), "--device", "tap:mill-b.100", "--address", "198.18.2.2/24", "198.18.2.1", "9000",
                stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            enslave(namespace, "mill-b")
        assert client.wait(120) == 0
        assert server.wait(20) == 0
    assert sha256_of(received) == digest


def enslave(namespace: Namespace, interface: str) -> None:
    for _ in range(500):
        if namespace.run("ip", "link", "set", interface, "master", "mill-bridge", check=False).returncode == 0:
            return
        time.sleep(0.02)
    raise AssertionError(f"{interface} never appeared")
