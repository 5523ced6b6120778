"""Connections that cannot be: each failure has its own word, in the time it may take."""

import socket
import struct
import subprocess
import time

from programs import KERNEL_ADDRESS, path_of

ALL_PROTOCOLS = 3
SO_TIMESTAMPNS = 35
ABSENT_ADDRESS = "198.18.0.77"


class Sniffer:
    """Everything that crosses the namespace's interfaces from now on, with the kernel's time stamps."""

    def __init__(self, namespace) -> None:
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setblocking(False)

    def frames(self) -> list[tuple[float, bytes]]:
        """What has been seen: (seconds since the epoch, frame)."""
        seen = []
        while True:
            try:
                frame, ancillary, _, _ = self._socket.recvmsg(2048, 64)
            except BlockingIOError:
                return seen
            seconds, nanoseconds = struct.unpack("qq", ancillary[0][2][:16])
            seen.append((seconds + nanoseconds / 1e9, frame))


def attempt(namespace, *arguments) -> tuple[int, str, float]:
    """Runs millrace-nc; returns its exit status, what it said on standard error, and when it said the last line."""
    process = namespace.start(
        path_of("nc"), "--log", "error", *arguments,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )
    said, when = "", 0.0
    for line in process.stderr:
        if "refused" in line or "unreachable" in line or "timed out" in line:
            said, when = said + line, time.time()
    return process.wait(20), said, when


def is_syn(frame: bytes) -> bool:
    return frame[12:14] == b"\x08\x00" and frame[23] == 6 and frame[47] & 0x3F == 0x02


def is_reset(frame: bytes) -> bool:
    return frame[12:14] == b"\x08\x00" and frame[23] == 6 and frame[47] & 0x04 != 0


def is_request_for(frame: bytes, address: str) -> bool:
    return frame[12:14] == b"\x08\x06" and frame[20:22] == b"\x00\x01" and frame[38:42] == socket.inet_aton(address)


def test_a_closed_port_refuses_within_one_round_trip(namespace):
    sniffer = Sniffer(namespace)
    status, said, when = attempt(namespace, KERNEL_ADDRESS, "9")
    frames = sniffer.frames()
    assert status == 1
    assert "connection refused" in said
    assert len([frame for _, frame in frames if is_syn(frame)]) == 1
    answered = next(at for at, frame in frames if is_reset(frame))
    assert when - answered < 0.2


def test_an_absent_neighbor_is_unreachable_within_three_seconds(namespace):
    sniffer = Sniffer(namespace)
    status, said, when = attempt(namespace, ABSENT_ADDRESS, "9")
    asked = [at for at, frame in sniffer.frames() if is_request_for(frame, ABSENT_ADDRESS)]
    assert status == 1
    assert "host unreachable" in said
    assert len(asked) == 3
    assert when - asked[0] < 3.0


def test_a_silent_host_times_out_when_configured(namespace):
    namespace.run("nft", "add table ip silent; add chain ip silent in { type filter hook input priority 0; };"
                  "add rule ip silent in tcp dport 9 drop")
    sniffer = Sniffer(namespace)
    status, said, when = attempt(namespace, "-w", "2", KERNEL_ADDRESS, "9")
    tried = [at for at, frame in sniffer.frames() if is_syn(frame)]
    assert status == 1
    assert "timed out" in said
    assert len(tried) == 2
    assert 1.9 < when - tried[0] < 2.5
