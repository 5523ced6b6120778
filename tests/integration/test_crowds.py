"""Clients that are slow, stalled, aborting or just there must leave the others their server: wrk with 64 connections gets
at least 80 % of the requests beside them that it gets alone.

Both are measured in turns, several times, because a machine's speed drifts; the middle one of the ratios counts. The
crowd's own processor time is part of the loss and is reported beside it: on two processors it is taken from the server
and from wrk. So is what a request costs the server in processor time, which other work on the machine hardly changes."""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

import pytest

from programs import ADDRESS

ROUNDS = 5
SECONDS = 3
SHARE_MIN = 0.8
CROWD = pathlib.Path(__file__).with_name("crowd.py")


@dataclasses.dataclass
class Report:
    """What a crowd did while it was there."""

    processor_seconds: float = 0
    turned_out: dict[str, int] = dataclasses.field(default_factory=dict)
    aborted: int = 0


@contextlib.contextmanager
def crowd_of(namespace, **numbers: int):
    """A crowd, once all of it is connected. The report is complete when the crowd has gone."""
    report = Report()
    process = namespace.start(
        sys.executable, CROWD, ADDRESS, "80", *(f"{kind}={number}" for kind, number in numbers.items()),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    assert process.stdout.readline() == "ready\n"
    yield report
    process.stdin.close()
    for name, value in json.loads(process.stdout.readline()).items():
        setattr(report, name, value)
    assert process.wait(30) == 0
    process.stdout.close()


def processor_seconds(program) -> float:
    """What a program has taken so far, in user space and in the kernel."""
    fields = pathlib.Path(f"/proc/{program.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_wrk(namespace, server) -> tuple[int, float]:
    """How many requests were answered, and what one of them cost the server, in seconds."""
    before = processor_seconds(server)
    requests = requests_of_wrk(namespace)
    return requests, (processor_seconds(server) - before) / requests


def requests_of_wrk(namespace) -> int:
    output = namespace.run(
        "wrk", "-t", "1", "-c", "64", "-d", f"{SECONDS}s", f"http://{ADDRESS}/small.txt", timeout=SECONDS + 20
    ).stdout
    assert "Socket errors" not in output, output
    assert "Non-2xx" not in output, output
    return int(re.search(r"(\d+) requests in", output).group(1))


@pytest.fixture
def site(tmp_path) -> pathlib.Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "small.txt").write_bytes(b"x" * 1000)
    (folder / "big.bin").write_bytes(bytes(8 << 20))
    return folder


@pytest.mark.parametrize(
    "numbers",
    [
        {"slow": 2000},
        {"stalled": 200},
        {"aborting": 50},
        {"idle": 10_000},
        {"slow": 2000, "stalled": 200, "aborting": 50, "idle": 10_000},
    ],
    ids=lambda numbers: "+".join(numbers),
)
def test_crowd_leaves_the_others_their_share(namespace, serve, site, capsys, numbers):
    # A crowd that leaves would keep its ports in TIME-WAIT, and the next round would find too few.
    namespace.run("sh", "-c", "echo 0 >/proc/sys/net/ipv4/tcp_max_tw_buckets")
    server = serve("httpd", site)
    start = server.wait_until_idle()["packets_in_use"]
    shares, own_shares, costs = [], [], []
    turned_out, aborted = 0, 0
    for _ in range(ROUNDS):
        alone, cost_alone = run_wrk(namespace, server)
        server.wait_until_idle()
        with crowd_of(namespace, **numbers) as report:
            beside, cost_beside = run_wrk(namespace, server)
            held = server.usage()["connections"]
        server.wait_until_idle(start)
        assert held >= 0.95 * sum(number for kind, number in numbers.items() if kind != "aborting")
        shares.append(beside / alone)
        costs.append(cost_beside / cost_alone)
        own_shares.append(report.processor_seconds / SECONDS)
        turned_out += sum(report.turned_out.values())
        aborted += report.aborted
    share = statistics.median(shares)
    with capsys.disabled():
        print(
            f"\n{'+'.join(numbers)}: wrk kept {share:.0%} of its requests (rounds: "
            f"{', '.join(f'{s:.0%}' for s in shares)}); the crowd itself took {statistics.median(own_shares):.0%} of "
            f"a processor; a request cost the server {statistics.median(costs):.0%} of what it costs alone; "
            f"{turned_out} turned out, {aborted} aborted"
        )
    assert aborted >= 0.5 * numbers.get("aborting", 0) * ROUNDS * SECONDS
    assert share >= SHARE_MIN
