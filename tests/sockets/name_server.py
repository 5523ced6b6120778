"""A name server with a handful of names, for the tests of getaddrinfo: name_server.py ADDRESS serves UDP and TCP on port
53 there and prints "ready"."""

import socket
import struct
import sys
import threading

# Name: addresses, or the name that it is another name of. Whatever else is asked for does not exist.
NAMES = {
    "one.test": ["198.18.0.1"],
    "two.test": ["198.18.0.1", "198.18.0.77"],
    "alias.test": "one.test",
    "short.search.test": ["198.18.0.42"],
    "empty.test": [],  # Exists without an IPv4 address.
    "many.test": [f"198.18.3.{host}" for host in range(1, 61)],  # Does not fit a datagram of 512 bytes.
}
SILENT = "silent.test"
FAILING = "failing.test"

A, CNAME, IN = 1, 5, 1
NO_ERROR, SERVER_FAILURE, NAME_ERROR = 0, 2, 3
RESPONSE, TRUNCATED, RECURSION = 0x8000, 0x0200, 0x0180


def encode(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def question_of(query: bytes) -> tuple[str, int, bytes]:
    """The name, the type and the question's bytes."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(labels).lower(), struct.unpack_from("!H", query, at + 1)[0], query[12 : at + 5]


def record(name: str, kind: int, data: bytes) -> bytes:
    return encode(name) + struct.pack("!HHIH", kind, IN, 60, len(data)) + data


def records_of(name: str, kind: int) -> list[bytes]:
    found = NAMES[name]
    if isinstance(found, str):
        return [record(name, CNAME, encode(found)), *records_of(found, kind)]
    return [record(name, A, socket.inet_aton(address)) for address in found] if kind == A else []


def answer_to(query: bytes, limit: int) -> bytes | None:
    name, kind, question = question_of(query)
    if name == SILENT:
        return None
    code = SERVER_FAILURE if name == FAILING else NO_ERROR if name in NAMES else NAME_ERROR
    records = records_of(name, kind) if code == NO_ERROR else []
    flags = RESPONSE | RECURSION | code
    body = question + b"".join(records)
    if 12 + len(body) > limit:
        flags, body, records = flags | TRUNCATED, question, []
    return query[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + body


def serve_datagrams(server: socket.socket) -> None:
    while True:
        query, sender = server.recvfrom(4096)
        answer = answer_to(query, 512)
        if answer:
            server.sendto(answer, sender)


def serve_streams(server: socket.socket) -> None:
    while True:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as stream:
            while len(size := stream.read(2)) == 2:
                answer = answer_to(stream.read(struct.unpack("!H", size)[0]), 65535)
                if answer:
                    connection.sendall(struct.pack("!H", len(answer)) + answer)


def main() -> None:
    address = (sys.argv[1], 53)
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(address)
    streams = socket.create_server(address)
    threading.Thread(target=serve_streams, args=(streams,), daemon=True).start()
    print("ready", flush=True)
    serve_datagrams(datagrams)


if __name__ == "__main__":
    main()
