"""Segments that stay joined between vhost and virtio-user (TSO and large receive), and frames that no packet holds."""

import dataclasses
import os
import pathlib
import select
import subprocess
import tempfile

import pytest

from programs import ADDRESS, path_of
from test_shared_memory import Link, Server, load, refused

PLAIN, JOINED = "", ",tso"
FILE_BYTES = 256 << 20


@dataclasses.dataclass
class LongLink(Link):
    mtu: int = 1500

    @property
    def server(self) -> list[str]:
        return [*super().server, "--mtu", str(self.mtu)]

    @property
    def client(self) -> list[str]:
        return [*super().client, "--mtu", str(self.mtu)]


def link_of(folder: str, mtu: int = 1500, server: str = JOINED, client: str = JOINED) -> LongLink:
    """Its ends as they are told."""
    return LongLink("vhost", "vhost:{}" + server, "virtio-user:{}" + client, pathlib.Path(folder) / "link.sock", mtu)


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as made:
        yield made


@pytest.mark.parametrize("mtu, told, frame_bytes", [(1500, JOINED, 20_000), (9000, PLAIN, 8_000), (9000, JOINED, 20_000)])
def test_long_frames_cross_the_link_both_ways(namespace, folder, make_file, tmp_path, mtu, told, frame_bytes):
    """On average so many bytes each, those that carry only an ACK apart."""
    file, digest = make_file(tmp_path, FILE_BYTES)
    link = link_of(folder, mtu, told, told)
    server = Server(namespace, "httpd", "--user-timeout", "3", *link.server, tmp_path)
    try:
        server.wait_until_serving(link)
        packets = server.usage()["packets_in_use"]
        before = server.stats()
        counted = load(namespace, link, "/sink", "--put", FILE_BYTES, "--seed", 3, "--request-timeout", 100)
        assert (counted["done"], counted["bytes_out"]) == (1, FILE_BYTES)
        stats = server.stats()
        assert FILE_BYTES / (stats["rx_frames"] - before["rx_frames"]) > frame_bytes
        counted = load(namespace, link, f"/{file.name}", "--sha256", digest, "--request-timeout", 100)
        assert (counted["done"], counted["bytes_in"]) == (1, FILE_BYTES)
        assert FILE_BYTES / (server.stats()["tx_frames"] - stats["tx_frames"]) > frame_bytes
        server.wait_until_idle(packets)
        assert server.stats()["tcp_broken_invariants"] == 0
    finally:
        assert server.stop() == 0, server.log()
        file.unlink()


@pytest.mark.parametrize("size", [5_000, 8_972, 30_000])
def test_datagrams_longer_than_a_packet_are_echoed(namespace, folder, size):
    """In one frame, in the longest frame, and in fragments of 9,000 bytes."""
    link = link_of(folder, 9000, PLAIN, PLAIN)
    server = Server(namespace, "udp_echo", *link.server)
    try:
        server.wait_until_serving(link)
        text = os.urandom(size)
        with namespace.start(path_of("nc"), "--log", "error", "-u", "-q", "1", *link.client, ADDRESS, "7",
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            os.write(client.stdin.fileno(), text)
            got = b""
            while len(got) < size:
                assert select.select([client.stdout], [], [], 10)[0], f"{len(got)} bytes of {size}"
                got += os.read(client.stdout.fileno(), 1 << 16)
            assert got == text
            client.stdin.close()
            assert client.wait(10) == 0
    finally:
        assert server.stop() == 0, server.log()


def test_virtio_user_refuses_a_peer_that_was_not_told(namespace, folder):
    link = link_of(folder, server=PLAIN)
    server = Server(namespace, "echo", *link.server)
    try:
        server.wait_until_serving(link)
        refused(namespace, link.client, "takes no joined segments: give its device ',tso', too")
    finally:
        assert server.stop() == 0, server.log()


def test_vhost_keeps_its_link_down_for_a_peer_that_was_not_told(namespace, folder):
    link = link_of(folder, client=PLAIN)
    server = Server(namespace, "httpd", *link.server)
    try:
        server.wait_until_serving(link)
        ran = namespace.run(path_of("load"), *link.client, "-n", "1", "--request-timeout", "3", f"{ADDRESS}:80",
                            check=False, timeout=60)
        assert ran.returncode != 0
        assert server.stats()["rx_frames"] == 0
        # One that was comes after it.
        fit = link_of(folder)
        assert load(namespace, fit, "-c", 1, "-n", 10)["done"] == 10
    finally:
        assert server.stop() == 0, server.log()
