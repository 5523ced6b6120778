"""What the path tells TCP: a router between client and server takes smaller datagrams, marks them, or refuses."""

import re
import threading
import time

import pytest

from conftest import sha256_of
from namespaces import Namespace, connect_namespaces
from programs import ADDRESS, KERNEL_ADDRESS, path_of

SIZE = 16 << 20
CLIENT_ADDRESS = "198.19.0.2"
NARROW = 1280


class Route:
    """A client behind a router. The router is the test's namespace, which has the TAP."""

    def __init__(self, client, router, towards_client):
        self.client = client
        self.router = router
        self._towards_client = towards_client

    def narrow(self, mtu: int) -> None:
        """The router sends nothing larger to the client, which goes on to ask for segments of 1460."""
        self.router.ip("link", "set", self._towards_client, "mtu", str(mtu))

    def rule(self, hook: str, rule: str) -> None:
        self.router.run(
            "nft",
            f"add table ip path; add chain ip path {hook} {{ type filter hook {hook} priority 0; }};"
            f"add rule ip path {hook} {rule}",
        )

    def counted(self) -> list[int]:
        ruleset = self.router.run("nft", "list", "table", "ip", "path").stdout
        return [int(count) for count in re.findall(r"counter packets (\d+)", ruleset)]


@pytest.fixture
def route(namespace):
    with Namespace() as client:
        _, router_end = connect_namespaces(client, CLIENT_ADDRESS + "/24", namespace, "198.19.0.1/24")
        client.ip("route", "add", "default", "via", "198.19.0.1")
        # A second change shortly after the first one is told, too.
        namespace.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.icmp_ratelimit=0")
        yield Route(client, namespace, router_end)


@pytest.fixture
def site(tmp_path, make_file):
    """A folder with one file; its name and digest."""
    folder = tmp_path / "site"
    folder.mkdir()
    file, digest = make_file(folder, SIZE)
    return folder, file.name, digest


def download(route, site, into, *options) -> None:
    _, name, digest = site
    route.client.run(
        "curl", "-sS", "--fail", "--max-time", "100", *options, "-o", into, f"http://{ADDRESS}/{name}", timeout=110
    )
    assert sha256_of(into) == digest


def test_a_smaller_mtu_behind_the_router(route, serve, site, tmp_path):
    route.narrow(NARROW)
    server = serve("httpd", "--gateway", KERNEL_ADDRESS, site[0])
    download(route, site, tmp_path / "received")
    stats = server.stats()
    assert stats["tcp_path_mtu_lowered"] == 1
    assert stats["tcp_mtu_black_holes"] == 0
    assert stats["tcp_retransmission_timeouts"] == 0
    # What is known serves the next connection from its first segment on.
    before = stats["icmp_errors_in"]
    download(route, site, tmp_path / "again")
    assert server.stats()["icmp_errors_in"] == before


def test_a_path_that_narrows_in_the_middle(route, serve, site, tmp_path):
    # Little waits at the client, so that the server is still sending while the client still reads.
    route.client.run("sysctl", "-qw", "net.ipv4.tcp_rmem=4096 131072 262144")
    server = serve("httpd", "--gateway", KERNEL_ADDRESS, site[0])
    failures = []

    def run() -> None:
        try:
            download(route, site, tmp_path / "received", "--limit-rate", "4M")
        except BaseException as error:  # Told to the test, whatever it is.
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    for part, mtu in enumerate((1400, NARROW, 900), start=1):
        while server.stats()["tcp_bytes_out"] < part * SIZE // 5 and thread.is_alive():
            time.sleep(0.05)
        route.narrow(mtu)
    thread.join()
    assert not failures, failures[0]
    stats = server.stats()
    assert stats["tcp_path_mtu_lowered"] == 3
    assert stats["tcp_mtu_black_holes"] == 0


def test_a_router_that_says_nothing_of_its_mtu(route, serve, site, tmp_path):
    route.narrow(NARROW)
    route.rule("output", "icmp type destination-unreachable counter drop")
    server = serve("httpd", "--gateway", KERNEL_ADDRESS, site[0])
    download(route, site, tmp_path / "received")
    assert route.counted()[0] > 0
    stats = server.stats()
    assert stats["tcp_path_mtu_lowered"] == 0
    assert stats["tcp_mtu_black_holes"] >= 1
    assert stats["tcp_mtu_probes"] > stats["tcp_mtu_probes_arrived"] >= 1


def test_marks_on_what_we_send_slow_us_down_instead_of_losses(route, serve, site, tmp_path):
    route.client.run("sysctl", "-qw", "net.ipv4.tcp_ecn=1")
    route.rule("forward", f"ip saddr {ADDRESS} ip ecn ect0 numgen random mod 1000 < 5 counter ip ecn set ce")
    server = serve("httpd", "--gateway", KERNEL_ADDRESS, site[0])
    download(route, site, tmp_path / "received")
    assert route.counted()[0] > 5
    stats = server.stats()
    assert stats["tcp_ecn_connections"] == 1
    assert 0 < stats["tcp_ecn_reductions"] <= route.counted()[0]
    assert stats["tcp_retransmitted_segments"] == 0


def test_marks_on_what_we_receive_are_echoed_to_the_kernel(route, serve, site):
    folder, name, digest = site
    route.client.run("sysctl", "-qw", "net.ipv4.tcp_ecn=1")
    route.rule("forward", f"ip daddr {ADDRESS} ip ecn ect0 numgen random mod 1000 < 5 counter ip ecn set ce")
    # The kernel says that it has slowed down.
    route.rule("forward", f"ip daddr {ADDRESS} tcp flags & cwr == cwr counter")
    server = serve("httpd", "--gateway", KERNEL_ADDRESS)
    answer = route.client.run(
        "curl", "-sS", "--fail", "--max-time", "100", "-T", folder / name, f"http://{ADDRESS}/sink", timeout=110
    ).stdout
    assert digest in answer
    marked, slowed_down = route.counted()
    # The SYN carries CWR, too.
    assert marked > 5
    assert slowed_down > 1
    assert server.stats()["tcp_ecn_marks_in"] == marked


def test_a_kernel_that_does_not_ask_gets_no_marks(route, serve, site, tmp_path):
    route.client.run("sysctl", "-qw", "net.ipv4.tcp_ecn=0")
    route.rule("forward", f"ip saddr {ADDRESS} ip ecn != not-ect counter")
    server = serve("httpd", "--gateway", KERNEL_ADDRESS, site[0])
    download(route, site, tmp_path / "received")
    assert server.stats()["tcp_ecn_connections"] == 0
    assert route.counted() == [0]


def test_an_icmp_port_unreachable_refuses_an_open(route):
    route.rule("forward", "tcp dport 9 reject with icmp port-unreachable")
    began = time.monotonic()
    result = route.router.run(
        path_of("nc"), "--gateway", KERNEL_ADDRESS, CLIENT_ADDRESS, "9", check=False, timeout=60
    )
    assert result.returncode != 0
    assert "connection refused" in result.stderr
    assert time.monotonic() - began < 20
