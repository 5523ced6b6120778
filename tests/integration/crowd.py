"""A crowd of clients that cost a server much and themselves little, as a process of its own, so that what it takes of the
machine can be told apart:

    crowd.py ADDRESS PORT KIND=NUMBER...

idle      connections that never send a byte
slow      connections that send one byte of an endless header per second
stalled   connections that ask for /big.bin and never read the answer
aborting  times per second that a client asks for /big.bin, reads a little, and resets the connection

Whoever is turned out comes back. It prints "ready" once all are connected, and when its standard input ends, one line of
JSON: the processor time it took in between, the turned out by kind, the aborts."""

import json
import os
import resource
import select
import socket
import struct
import sys
import time

TICK_SECONDS = 0.05
TICKS = round(1 / TICK_SECONDS)
CONNECTING_MAX = 400
ASK = b"GET /big.bin HTTP/1.1\r\nHost: crowd\r\n\r\n"
HEADER = b"GET / HTTP/1.1\r\nX: "
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
ENDED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Member:
    def __init__(self, kind: str, number: int) -> None:
        self.kind = kind
        self.tick = number % TICKS
        self.socket: socket.socket | None = None
        self.is_connected = False
        self.sent = 0


class Crowd:
    def __init__(self, address: str, port: int, numbers: dict[str, int]) -> None:
        self._peer = (address, port)
        self._aborts_per_second = numbers.pop("aborting", 0)
        self._epoll = select.epoll()
        self._by_descriptor: dict[int, Member] = {}
        members = [Member(kind, number) for kind, count in numbers.items() for number in range(count)]
        self._to_connect = members[::-1]
        self._slow = [[m for m in members if m.kind == "slow" and m.tick == tick] for tick in range(TICKS)]
        self._waiting_for = len(members)
        self._connecting = 0
        self.turned_out = dict.fromkeys(numbers, 0)
        self.aborted = 0

    def run(self) -> None:
        self._epoll.register(sys.stdin.fileno(), select.EPOLLIN | select.EPOLLHUP)
        started = None
        tick, due = 0, time.monotonic()
        while True:
            while self._to_connect and self._connecting < CONNECTING_MAX:
                self._connect(self._to_connect.pop())
            if self._waiting_for == 0 and started is None:
                started = time.process_time()
                print("ready", flush=True)
            for descriptor, events in self._epoll.poll(max(0, due - time.monotonic())):
                if descriptor == sys.stdin.fileno():
                    self._say_goodbye(time.process_time() - (started or 0))
                    return
                if member := self._by_descriptor.get(descriptor):
                    self._on_event(member, events)
            if (now := time.monotonic()) >= due:
                due = max(due + TICK_SECONDS, now)
                self._on_tick(tick)
                tick = (tick + 1) % TICKS

    def _on_tick(self, tick: int) -> None:
        for member in self._slow[tick]:
            if member.is_connected:
                self._send(member, HEADER[member.sent : member.sent + 1] or b"x")
                member.sent += 1
        aborts = (tick + 1) * self._aborts_per_second // TICKS - tick * self._aborts_per_second // TICKS
        self._to_connect += [Member("aborting", 0) for _ in range(aborts)]

    def _connect(self, member: Member) -> None:
        member.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        member.is_connected, member.sent = False, 0
        member.socket.connect_ex(self._peer)
        self._by_descriptor[member.socket.fileno()] = member
        self._epoll.register(member.socket.fileno(), select.EPOLLOUT | ENDED)
        self._connecting += 1

    def _on_event(self, member: Member, events: int) -> None:
        if events & ENDED:
            self._come_back(member)
        elif not member.is_connected:
            self._on_connected(member)
        elif events & select.EPOLLIN:  # Watched for by aborting members alone.
            member.socket.recv(65536)
            self.aborted += 1
            self._leave(member)

    def _on_connected(self, member: Member) -> None:
        member.is_connected = True
        self._connecting -= 1
        interest = ENDED
        if member.kind == "aborting":
            member.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            interest |= select.EPOLLIN
        else:
            self._waiting_for -= 1
        self._epoll.modify(member.socket.fileno(), interest)
        if member.kind in ("stalled", "aborting"):
            self._send(member, ASK)

    def _send(self, member: Member, data: bytes) -> None:
        try:
            member.socket.send(data)
        except BlockingIOError:
            pass  # The server has not taken the last ones; that is slow enough.
        except OSError:
            self._come_back(member)

    def _come_back(self, member: Member) -> None:
        if member.kind == "aborting":
            self._leave(member)
            return
        self.turned_out[member.kind] += 1
        was_connected = member.is_connected
        self._leave(member)
        self._waiting_for += was_connected
        self._to_connect.insert(0, member)

    def _leave(self, member: Member) -> None:
        self._connecting -= not member.is_connected
        del self._by_descriptor[member.socket.fileno()]
        member.is_connected = False
        member.socket.close()

    def _say_goodbye(self, seconds: float) -> None:
        for member in list(self._by_descriptor.values()):
            member.socket.close()
        print(json.dumps({"processor_seconds": seconds, "turned_out": self.turned_out, "aborted": self.aborted}))


def main() -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    os.set_blocking(sys.stdin.fileno(), False)
    numbers = {kind: int(number) for kind, number in (argument.split("=") for argument in sys.argv[3:])}
    Crowd(sys.argv[1], int(sys.argv[2]), numbers).run()


if __name__ == "__main__":
    main()
