"""What the wire can make a program say is bounded, and a reader of its output that goes away, or does not read, costs it
nothing."""

import os
import signal
import socket
import subprocess
import time

from frames import ETHERTYPE_ARP, arp, ethernet
from namespaces import end_process
from programs import ADDRESS, INTERFACE, path_of

BROADCAST = b"\xff" * 6
CLAIMER = bytes.fromhex("02000000beef")
OURS = bytes(map(int, ADDRESS.split(".")))
# A gratuitous ARP (RFC 5227) of another host for our address.
CLAIM = ethernet(BROADCAST, CLAIMER, ETHERTYPE_ARP, arp(1, CLAIMER, OURS, bytes(6), OURS))


def claim(namespace, count: int) -> None:
    with namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as wire:
        wire.bind((INTERFACE, 0))
        for _ in range(count):
            wire.send(CLAIM)


def echoes(namespace) -> bool:
    return namespace.run("nc", "-N", ADDRESS, "7", input="still there\n", timeout=10).stdout == "still there\n"


def test_claims_of_our_address_are_told_of_once(namespace, serve):
    server = serve("echo")
    claim(namespace, 1_000)
    assert server.stats()["arp_conflicts"] >= 1_000
    assert server.log().count(" is claimed by ") == 1, server.log()


def test_standard_error_without_a_reader(namespace):
    reading, writing = os.pipe()
    server = namespace.start(path_of("echo"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writing)
    os.close(writing)
    os.close(reading)
    try:
        deadline = time.monotonic() + 30
        while namespace.run("ping", "-c", "1", "-W", "1", "-q", ADDRESS, check=False).returncode != 0:
            assert time.monotonic() < deadline and server.poll() is None
        claim(namespace, 10)
        assert echoes(namespace)
        assert server.poll() is None
    finally:
        end_process(server)


def test_capture_whose_reader_leaves(namespace, serve, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    server = serve("echo", "--capture", str(pipe))
    os.close(reader)
    assert echoes(namespace)
    deadline = time.monotonic() + 10
    while "captur" not in server.log().partition("try:")[2]:
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.05)
    assert echoes(namespace)


def test_netcat_ends_although_nobody_reads_its_output(namespace):
    reading, writing = os.pipe()
    netcat = namespace.start(path_of("nc"), "-l", "9001", stdin=subprocess.DEVNULL, stdout=writing)
    os.close(writing)
    try:
        deadline = time.monotonic() + 30
        while namespace.run("ping", "-c", "1", "-W", "1", "-q", ADDRESS, check=False).returncode != 0:
            assert time.monotonic() < deadline and netcat.poll() is None
        with namespace.socket(socket.AF_INET, socket.SOCK_STREAM) as peer:
            peer.settimeout(10)
            peer.connect((ADDRESS, 9001))
            peer.sendall(bytes(1 << 18))  # More than a pipe holds.
            time.sleep(0.2)
            netcat.send_signal(signal.SIGTERM)
            assert netcat.wait(5) == 0
        assert INTERFACE not in namespace.ip("link", "show")
    finally:
        end_process(netcat)
        os.close(reading)
