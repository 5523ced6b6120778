"""Two packets of a hundred are lost each way, between a client and a server with a router between them."""

import re

import pytest

from conftest import sha256_of
from namespaces import Namespace, connect_namespaces
from programs import ADDRESS, KERNEL_ADDRESS

SIZE = 64 << 20
CLIENT_ADDRESS = "198.19.0.2"


@pytest.fixture
def client(namespace):
    """A host behind a router. The router is the test's namespace, which has the TAP; it drops what it forwards."""
    with Namespace() as made:
        connect_namespaces(made, CLIENT_ADDRESS + "/24", namespace, "198.19.0.1/24")
        made.ip("route", "add", "default", "via", "198.19.0.1")
        namespace.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        yield made


def lose_packets(router) -> None:
    router.run(
        "nft",
        "add table ip lossy; add chain ip lossy through { type filter hook forward priority 0; };"
        f"add rule ip lossy through ip saddr {ADDRESS} numgen random mod 100 < 2 counter drop;"
        f"add rule ip lossy through ip daddr {ADDRESS} numgen random mod 100 < 2 counter drop",
    )


def lost_packets(router) -> list[int]:
    return [int(count) for count in re.findall(r"counter packets (\d+)", router.run("nft", "list", "ruleset").stdout)]


def test_a_file_arrives_at_the_kernel(namespace, client, serve, make_file, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    file, digest = make_file(site, SIZE)
    server = serve("httpd", "--gateway", KERNEL_ADDRESS, site)
    lose_packets(namespace)
    received = tmp_path / "received"
    client.run(
        "curl", "-sS", "--fail", "--max-time", "400", "-o", received, f"http://{ADDRESS}/{file.name}", timeout=410
    )
    assert sha256_of(received) == digest
    assert min(lost_packets(namespace)) > 100
    assert server.stats()["tcp_retransmitted_segments"] > 100
    namespace.run("nft", "flush", "ruleset")


def test_a_file_arrives_from_the_kernel(namespace, client, serve, make_file, tmp_path):
    file, digest = make_file(tmp_path, SIZE)
    server = serve("httpd", "--gateway", KERNEL_ADDRESS)
    lose_packets(namespace)
    answer = client.run(
        "curl", "-sS", "--fail", "--max-time", "400", "-T", file, f"http://{ADDRESS}/sink", timeout=410
    ).stdout
    assert digest in answer
    assert str(SIZE) in answer
    assert max(lost_packets(namespace)) > 100
    assert server.stats()["tcp_out_of_order_segments"] > 100
    namespace.run("nft", "flush", "ruleset")
