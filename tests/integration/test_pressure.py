"""Two hundred random conversations at a time between Millrace and the kernel, half of them opened by either, with a
router between them that loses packets: every stream arrives whole, or is cut short where its plan says so.

Two minutes; thirty with MILLRACE_LONG. MILLRACE_SEED plays the conversations of another run again (their timing is the
network's)."""

import json
import os
import re
import secrets
import subprocess

import pytest

from namespaces import Namespace, connect_namespaces
from programs import ADDRESS, KERNEL_ADDRESS, MillraceProgram

SECONDS = 1800 if os.environ.get("MILLRACE_LONG") else 120
LANES = 100
CLIENT_ADDRESS = "198.19.0.2"
KERNEL_PORT = 9001


@pytest.fixture
def client(namespace):
    """A host behind a router, which is the test's namespace."""
    with Namespace() as made:
        connect_namespaces(made, CLIENT_ADDRESS + "/24", namespace, "198.19.0.1/24")
        made.ip("route", "add", "default", "via", "198.19.0.1")
        namespace.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        yield made


def lose_packets(router: Namespace, percent: int) -> None:
    router.run(
        "nft",
        "add table ip lossy; add chain ip lossy through { type filter hook forward priority 0; };"
        f"add rule ip lossy through numgen random mod 100 < {percent} counter drop",
    )


def wait_for_end(millrace: MillraceProgram, client: Namespace) -> int:
    """Conversations may take two minutes each, and what is left of the last ones a few more."""
    try:
        return millrace.process.wait(SECONDS + 400)
    except subprocess.TimeoutExpired:
        pytest.fail(f"no end; Millrace: {millrace.report()}\nthe kernel: {client.run('ss', '-tanio').stdout}")


def test_every_conversation_goes_as_planned(namespace, client, capsys):
    seed = int(os.environ.get("MILLRACE_SEED") or secrets.randbelow(1 << 32))
    lose_packets(namespace, 2)
    kernel = client.start(
        os.environ["KERNEL_PRESSURE"], ADDRESS, 9000, KERNEL_PORT, seed, LANES, SECONDS,
        stdout=subprocess.PIPE, text=True,
    )
    client.wait_for_listener(KERNEL_PORT)
    millrace = MillraceProgram(
        namespace, "pressure", f"{CLIENT_ADDRESS}:{KERNEL_PORT}", "--gateway", KERNEL_ADDRESS,
        "--lanes", LANES, "--seconds", SECONDS, "--conversation-seed", seed,
    )
    status = wait_for_end(millrace, client)
    kernel_line, _ = kernel.communicate(timeout=60)
    with capsys.disabled():
        print(f"\nseed {seed}\nmillrace {last_json(millrace.log())}\nkernel   {kernel_line.strip()}")
    for line in (last_json(millrace.log()), kernel_line):
        ledger = json.loads(line)
        assert ledger["violations"] == [], f"MILLRACE_SEED={seed}"
        assert ledger["complete"] > SECONDS * 20
        assert ledger["cut"] > SECONDS
        assert ledger["opened"] > SECONDS and ledger["accepted"] > SECONDS
    assert status == 0 and kernel.returncode == 0
    assert dropped_by(namespace) > SECONDS


def last_json(log: str) -> str:
    return [line for line in log.splitlines() if line.startswith('{"opened"')][-1]


def dropped_by(router: Namespace) -> int:
    return int(re.search(r"counter packets (\d+)", router.run("nft", "list", "ruleset").stdout).group(1))
