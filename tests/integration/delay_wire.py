"""A wire between two namespaces that takes its time: two TUN interfaces and a thread that carries what leaves one to the
other after a delay. For a few packets at a time; what needs speed has a veth."""

import fcntl
import heapq
import os
import select
import struct
import threading
import time

from namespaces import Namespace

_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000


class DelayWire:
    """Use it as a context manager. `mangle`, if given, gets each IPv4 datagram and its direction (0: from the left) and
    returns what goes on, or None to lose it."""

    def __init__(self, left: Namespace, left_address: str, right: Namespace, right_address: str, delay: float,
                 mangle=None) -> None:
        self.delay = delay
        self.mangle = mangle or (lambda datagram, _direction: datagram)
        self._ends = [_open_tun(left, left_address), _open_tun(right, right_address)]
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def __enter__(self) -> "DelayWire":
        self._thread.start()
        return self

    def __exit__(self, *_exception) -> None:
        os.write(self._wake_write, b"x")
        self._thread.join()
        for descriptor in (*self._ends, self._wake_read, self._wake_write):
            os.close(descriptor)

    def _carry(self) -> None:
        under_way: list[tuple[float, int, int, bytes]] = []  # Due when, in which order, to which end, what.
        count = 0
        while True:
            timeout = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
            readable, _, _ = select.select([*self._ends, self._wake_read], [], [], timeout)
            if self._wake_read in readable:
                return
            for end in readable:
                direction = self._ends.index(end)
                datagram = self.mangle(os.read(end, 65536), direction)
                if datagram is not None:
                    count += 1
                    heapq.heappush(under_way, (time.monotonic() + self.delay, count, 1 - direction, datagram))
            while under_way and under_way[0][0] <= time.monotonic():
                _, _, to, datagram = heapq.heappop(under_way)
                os.write(self._ends[to], datagram)


def _open_tun(namespace: Namespace, address: str) -> int:
    name = f"wire{os.getpid() % 100000}"
    with namespace.entered():
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    namespace.run("sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=1", check=False)
    namespace.ip("address", "add", address, "dev", name)
    namespace.ip("link", "set", name, "up")
    return descriptor
