#!/usr/bin/python3
"""One end of a stream over the kernel's TCP, as a process for a namespace: `send` connects and sends zeros for a while
under the congestion control that it is told, `receive` accepts one connection and counts what arrives within a time from
then on. Each prints one line of JSON; the receiver then keeps its connection until its standard input ends."""

import argparse
import json
import socket
import struct
import sys
import time

PIECE = 64 << 10
TCP_INFO_BYTES = 232


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("send", "receive"))
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--controller", default="cubic")
    arguments = parser.parse_args()
    if arguments.role == "send":
        say(send(arguments))
    else:
        receive(arguments)


def say(result: dict) -> None:
    print(json.dumps(result), flush=True)


def send(arguments) -> dict:
    """For so long from the connection on; then it is reset, so that nothing goes on in the background."""
    with socket.socket() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, arguments.controller.encode())
        connection.settimeout(arguments.seconds)
        connection.connect((arguments.address, arguments.port))
        deadline = time.monotonic() + arguments.seconds
        queued = 0
        piece = bytes(PIECE)
        try:
            while (rest := deadline - time.monotonic()) > 0:
                connection.settimeout(rest)
                queued += connection.send(piece)
        except (TimeoutError, ConnectionError):
            pass  # The time is over, or the receiver has had enough.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return {"queued_bytes": queued, **describe(connection)}


def describe(connection: socket.socket) -> dict:
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    words = struct.unpack_from("24I", info, 8)
    controller = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()
    return {"controller": controller, "rtt_ms": words[15] / 1e3, "cwnd_segments": words[18],
            "retransmitted_segments": words[23]}


def receive(arguments) -> None:
    """Goodput counts from the moment of the connection; `steps` has the bytes of each tenth of the time."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((arguments.address, arguments.port))
        listener.listen(1)
        listener.settimeout(arguments.seconds + 10)
        connection, _ = listener.accept()
    with connection:
        steps = count(connection, arguments.seconds)
        total = sum(steps)
        say({"bytes": total, "goodput_mbps": total * 8 / arguments.seconds / 1e6, "steps": steps})
        sys.stdin.read()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def count(connection: socket.socket, seconds: float) -> list[int]:
    begin = time.monotonic()
    steps = [0] * 10
    buffer = bytearray(4 * PIECE)
    try:
        while (passed := time.monotonic() - begin) < seconds:
            connection.settimeout(seconds - passed)
            received = connection.recv_into(buffer)
            if received == 0:
                break
            at = int((time.monotonic() - begin) / seconds * len(steps))
            if at < len(steps):
                steps[at] += received
    except (TimeoutError, ConnectionError):
        pass
    return steps


if __name__ == "__main__":
    main()
