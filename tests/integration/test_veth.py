"""Millrace borrows one end of a veth by AF_PACKET or AF_XDP, in one queue; the kernel's programs use the other end from
a namespace of their own."""

import os
import re
import time

import pytest

import workloads
from namespaces import Namespace, connect_namespaces
from programs import ADDRESS, KERNEL_ADDRESS, MillraceProgram, path_of

DRIVERS = ["af_packet", "af_xdp"]
TICKS = os.sysconf("SC_CLK_TCK")


class Link:
    """A veth between `namespace`, where Millrace runs, and `client`. The kernel has no address on Millrace's end."""

    def __init__(self, driver: str, namespace: Namespace, client: Namespace) -> None:
        self.namespace, self.client = namespace, client
        self.interface, self.far_end = connect_namespaces(namespace, None, client, KERNEL_ADDRESS + "/24")
        self.device = f"{driver}:{self.interface}"

    def state(self) -> str:
        """All that is set on Millrace's end: MTU, promiscuity, XDP program, addresses; not its link."""
        shown = self.namespace.ip("-d", "address", "show", "dev", self.interface)
        return re.sub(r"<[^>]*>| state [A-Z]+", "", shown)


@pytest.fixture(params=DRIVERS)
def link(request, namespace):
    with Namespace() as client:
        made = Link(request.param, namespace, client)
        before = made.state()
        yield made
        assert made.state() == before


@pytest.fixture
def serve_on(link, serve):
    """serve_on(NAME, ARGUMENTS...) starts millrace-NAME on the link; see `serve`."""
    return lambda name, *arguments: serve(name, "--device", link.device, *arguments, client=link.client)


@pytest.mark.parametrize("size", [0, 56, 1472])
def test_ping_is_answered_every_time(link, serve_on, size):
    serve_on("echo")
    workloads.every_ping_is_answered(link.client, size)


def test_gibibyte_arrives_at_the_kernel(link, serve_on, make_file, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    file, digest = make_file(site, workloads.GIB)
    serve_on("httpd", site)
    workloads.download(link.client, file, digest, tmp_path / "received")
    file.unlink()


def test_gibibyte_arrives_from_the_kernel(link, serve_on, make_file, tmp_path):
    file, digest = make_file(tmp_path, workloads.GIB)
    serve_on("httpd")
    workloads.upload(link.client, file, digest)
    file.unlink()


def test_thousand_concurrent_connections_without_a_socket_error(link, serve_on, tmp_path):
    arguments = []
    if link.device.startswith("af_xdp"):
        # A page of one segment: with the built-in one, which takes four, so many clients at once overrun the 2,048
        # frames that the driver's receive ring holds, and what is lost there waits for timeouts.
        (tmp_path / "index.html").write_text("<!doctype html><title>Small</title>" + 900 * "x", encoding="utf-8")
        arguments.append(tmp_path)
    serve_on("httpd", *arguments)
    workloads.thousand_connections_at_once(link.client)


def test_twenty_thousand_connections_one_after_another(link, serve_on):
    workloads.connections_one_after_another(link.client, serve_on("httpd"), 20_000)


def test_kernel_netcat_half_closes(link, serve_on, make_file, tmp_path):
    file, digest = make_file(tmp_path, 16 << 20)
    serve_on("echo")
    workloads.netcat_half_closes(link.client, file, digest, tmp_path / "echoed")


def test_a_core_without_work_sleeps_and_is_there_at_once(link, serve_on):
    server = serve_on("echo")
    assert "sleeps when idle" in server.log()
    before = processor_seconds(server.process.pid)
    time.sleep(3)
    assert processor_seconds(server.process.pid) - before < 0.02 * 3
    output = link.client.run("ping", "-c", "20", "-i", "0.05", "-q", ADDRESS).stdout
    fastest = float(output.split("= ")[-1].split("/")[0])
    assert fastest < 1.0, output  # Milliseconds; were nothing to wake it, a timer would be seconds away.


def processor_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def test_unfinished_checksums_are_told_of_and_the_advice_cures_them(link, serve_on):
    link.client.run("ethtool", "-K", link.far_end, "tx", "on")
    server = serve_on("httpd")
    command = ["curl", "-sS", "--max-time", "5", "-o", "/dev/null", f"http://{ADDRESS}/"]
    refused = link.client.run(*command, "--connect-timeout", "2", check=False)
    assert refused.returncode == 28, refused.stderr
    stats = server.stats()
    assert stats["drops"]["tcp_partial_checksum"] > 0
    assert stats["drops"]["tcp_bad_checksum"] == 0
    lines = [line for line in server.log().splitlines() if "ethtool" in line]
    assert len(lines) == 1, server.log()
    assert "on the other end of the veth" in lines[0]
    advice = lines[0].split("run: ")[1].replace("IFACE", link.far_end).split()
    assert advice[:2] == ["ethtool", "-K"]
    link.client.run(*advice)
    link.client.run(*command)


def test_the_other_end_is_named_where_it_can_be_seen(namespace):
    """Both ends in one namespace: what the kernel sends to Millrace leaves it by the other end."""
    namespace.ip("link", "add", "here0", "type", "veth", "peer", "name", "there0")
    for name in ("here0", "there0"):
        namespace.ip("link", "set", name, "up")
    namespace.ip("address", "add", KERNEL_ADDRESS + "/24", "dev", "there0")
    program = MillraceProgram(namespace, "httpd", "--device", "af_packet:here0")
    program.wait_until_reachable()
    namespace.run("curl", "-sS", "--max-time", "1", f"http://{ADDRESS}/", check=False)
    assert "run: ethtool -K there0 tx off tso off gso off gro off" in program.log()
    assert program.stop() == 0


@pytest.mark.parametrize("words, driver", [("goes on receiving", "af_packet"), ("reaches the kernel, SSH", "af_xdp")])
def test_an_interface_that_the_kernel_uses_too(namespace, words, driver):
    with Namespace() as client:
        interface, _ = connect_namespaces(namespace, "198.18.0.9/24", client, KERNEL_ADDRESS + "/24")
        program = MillraceProgram(namespace, "echo", "--device", f"{driver}:{interface}", client=client)
        program.wait_until_reachable()
        warnings = [line for line in program.log().splitlines() if "198.18.0.9" in line]
        assert len(warnings) == 1
        assert "warning" in warnings[0] and interface in warnings[0] and words in warnings[0]
        assert program.stop() == 0


def test_a_program_that_was_killed_does_not_stop_the_next(link):
    killed = MillraceProgram(link.namespace, "echo", "--device", link.device, client=link.client)
    killed.wait_until_reachable()
    killed.process.kill()
    killed.process.wait()
    program = MillraceProgram(link.namespace, "echo", "--device", link.device, client=link.client)
    program.wait_until_reachable()
    assert program.stop() == 0


def test_a_second_program_on_an_interface_by_xdp_is_refused_and_harms_nobody(namespace):
    with Namespace() as client:
        interface, _ = connect_namespaces(namespace, None, client, KERNEL_ADDRESS + "/24")
        first = MillraceProgram(namespace, "echo", "--device", f"af_xdp:{interface}", client=client)
        first.wait_until_reachable()
        result = namespace.run(path_of("echo"), "--device", f"af_xdp:{interface}", check=False, timeout=30)
        assert result.returncode == 1
        assert result.stderr.splitlines() == [
            f"millrace-echo: another program has af_xdp:{interface}: end that one, or name another interface"
        ]
        workloads.every_ping_is_answered(client, 56)
        assert first.stop() == 0


def test_a_far_end_whose_mtu_is_too_large_for_xdp(namespace):
    with Namespace() as client:
        interface, far_end = connect_namespaces(namespace, None, client, KERNEL_ADDRESS + "/24")
        client.ip("link", "set", far_end, "mtu", "9000")
        result = namespace.run(path_of("echo"), "--device", f"af_xdp:{interface}", check=False, timeout=30)
        assert result.returncode == 1
        assert len(result.stderr.splitlines()) == 1, result.stderr
        assert "Peer MTU is too large" in result.stderr
        assert "ip link set mtu 1500" in result.stderr
