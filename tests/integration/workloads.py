"""What is done to a Millrace server whatever device it has: pings, transfers, crowds, half closes. `client` is the
namespace in which the kernel's programs run."""

import pathlib
import re
import socket

from conftest import sha256_of
from programs import ADDRESS, MillraceProgram

GIB = 1 << 30
ECHO_PORT = 7
REQUEST = f"GET / HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: close\r\n\r\n".encode()


def every_ping_is_answered(client, size: int) -> None:
    output = client.run("ping", "-c", "50", "-i", "0.01", "-s", str(size), ADDRESS).stdout
    assert "50 received, 0% packet loss" in output


def download(client, file: pathlib.Path, digest: str, received: pathlib.Path) -> None:
    """`file` is served under its name; all of it must arrive in `received`, which is removed again."""
    client.run(
        "curl", "-sS", "--fail", "--max-time", "240", "-o", received, f"http://{ADDRESS}/{file.name}", timeout=250
    )
    assert received.stat().st_size == file.stat().st_size
    assert sha256_of(received) == digest
    received.unlink()


def upload(client, file: pathlib.Path, digest: str) -> None:
    answer = client.run(
        "curl", "-sS", "--fail", "--max-time", "240", "-T", file, f"http://{ADDRESS}/sink", timeout=250
    ).stdout
    assert digest in answer
    assert str(file.stat().st_size) in answer


def thousand_connections_at_once(client) -> None:
    output = client.run("wrk", "-t", "2", "-c", "1000", "-d", "5s", f"http://{ADDRESS}/", timeout=30).stdout
    assert "Socket errors" not in output, output
    assert "Non-2xx" not in output, output
    assert int(re.search(r"(\d+) requests in", output).group(1)) > 1000, output


def connections_one_after_another(client, server: MillraceProgram, count: int) -> None:
    """Either side closes first in half of them."""
    accepted_before = server.stats()["tcp_accepted"]
    with client.entered():
        for number in range(count):
            request_once(client_closes_first=number % 2 == 0)
    usage = server.wait_until_idle()
    assert usage["time_wait"] > 0
    assert server.stats()["tcp_accepted"] - accepted_before == count
    left = client.run("ss", "-H", "-tan", "state", "all", "exclude", "time-wait").stdout
    assert left == ""


def request_once(client_closes_first: bool) -> None:
    with socket.create_connection((ADDRESS, 80), timeout=10) as connection:
        if client_closes_first:
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(65536) == b""
            return
        connection.sendall(REQUEST)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        assert answer.startswith(b"HTTP/1.1 200 ")


def netcat_half_closes(client, file: pathlib.Path, digest: str, echoed: pathlib.Path) -> None:
    """`nc -N` sends FIN at the end of its input; the echo of all of it must still arrive."""
    with file.open("rb") as source, echoed.open("wb") as sink:
        client.run("nc", "-N", ADDRESS, str(ECHO_PORT), stdin=source, stdout=sink, timeout=60)
    assert sha256_of(echoed) == digest
