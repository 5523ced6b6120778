"""millrace-loopback in each mode: on the ring, on a plug, over a veth and over memif between two processes. Whatever is
lost, damaged, repeated or without buffer ends it with 1 and is named. The commands of docs/loopback.md print what the
page shows, but for numbers."""

import json
import pathlib
import re
import shlex
import signal
import subprocess
import time

import pytest

from namespaces import end_process
from programs import path_of

FRAME_MODES = ["io", "macswap", "icmpecho", "txonly", "rxonly"]
PAGE = pathlib.Path(__file__).parents[2] / "docs" / "loopback.md"
FEW_PACKETS = ["--packets", "8192", "--eal=--no-huge"]


def loopback(namespace, *arguments, status: int = 0, timeout: float = 60) -> dict:
    ran = namespace.run(path_of("loopback"), *arguments, *FEW_PACKETS, "--json", check=False, timeout=timeout)
    assert ran.returncode == status, ran.stdout + ran.stderr
    return json.loads(ran.stdout)


def check_whole(result: dict, frames: int) -> None:
    seen = result["verification"]
    assert (seen["sent"], seen["received"]) == (frames, frames)
    assert (seen["lost"], seen["damaged"], seen["repeated"], seen["late"]) == (0, 0, 0, 0)
    assert result["passed"] and result["failures"] == []
    assert all(port["rx_nombuf"] == port["tx_nombuf"] == port["rx_missed"] == 0 for port in result["ports"])


@pytest.fixture
def veth(namespace):
    """The options of two ports with a cable between them."""
    namespace.ip("link", "add", "left", "type", "veth", "peer", "name", "right")
    for name in ("left", "right"):
        namespace.ip("link", "set", name, "up")
    return ["--device", "af_packet:left", "--device", "af_packet:right"]


@pytest.mark.parametrize("mode", FRAME_MODES)
def test_each_mode_on_the_ring(namespace, mode):
    result = loopback(namespace, mode, "-n", "20000", "--size", "64,61,1514", "--flows", "7")
    check_whole(result, 20000)
    sender, receiver = (1, 0) if mode != "txonly" else (0, 1)
    asked = 1 if mode == "icmpecho" else 0
    assert result["ports"][sender]["tx_packets"] == 20000 + asked
    assert result["ports"][receiver]["rx_packets"] == 20000 + asked


@pytest.mark.parametrize("mode", FRAME_MODES[:4])
def test_each_mode_on_a_plug(namespace, mode):
    result = loopback(namespace, mode, "--plug", "-n", "20000", "--size", "98", "--flows", "3")
    check_whole(result, 20000)
    assert len(result["ports"]) == 1


@pytest.mark.parametrize("mode", FRAME_MODES)
def test_each_mode_on_two_ports(namespace, veth, mode):
    # The kernel's queue between the two is short: what is on its way must fit.
    check_whole(loopback(namespace, mode, *veth, "-n", "2000", "--in-flight", "32", "--size", "64,1514"), 2000)


@pytest.mark.parametrize("traffic", [[], ["--traffic", "rr", "--flows", "4"], ["--traffic", "crr"]])
@pytest.mark.parametrize("where", [[], ["--plug"]], ids=["cable", "plug"])
def test_tcp_between_two_stacks(namespace, traffic, where):
    result = loopback(namespace, "tcp", *where, *traffic, "-t", "0.5")
    assert result["passed"] and result["traffic"]["passed"]
    assert set(result["stacks"]) == {"client", "server"}
    assert all(stack["segments_in"] > 10 for stack in result["stacks"].values())
    assert all(port["rx_nombuf"] == port["tx_nombuf"] == port["rx_errors"] == 0 for port in result["ports"])


def test_tcp_over_two_ports(namespace, veth):
    result = loopback(namespace, "tcp", *veth, "--traffic", "rr", "-t", "0.5")
    assert result["passed"] and result["traffic"]["client"]["measured"]["exchanges"] > 10


def test_tcp_repairs_what_is_lost_and_fails_of_what_is_damaged(namespace):
    lossy = loopback(namespace, "tcp", "-t", "1", "--fault-drop", "2000")
    assert lossy["passed"]
    assert lossy["stacks"]["client"]["retransmitted_segments"] > 0
    damaged = loopback(namespace, "tcp", "-t", "1", "--fault-corrupt", "2000", status=1)
    assert any("arrived damaged" in failure for failure in damaged["failures"])


@pytest.mark.parametrize(
    "options, words",
    [
        (["--fault-drop", "5000"], "frames lost"),
        (["--fault-corrupt", "5000"], "frames damaged"),
        (["--fault-duplicate", "5000"], "frames repeated"),
        (["--in-flight", "20000", "--rxd", "32768"], "no packet buffer to send in"),
    ],
)
def test_every_kind_of_loss_ends_it_with_1(namespace, options, words):
    result = loopback(namespace, "io", "-n", "40000", *options, status=1)
    assert not result["passed"]
    assert any(words in failure for failure in result["failures"]), result["failures"]


def test_another_order_is_told_and_is_no_failure(namespace):
    result = loopback(namespace, "io", "-n", "40000", "--fault-reorder", "1000")
    assert result["passed"] and result["verification"]["late"] > 0


def test_a_cable_that_is_cut_is_noticed(namespace, veth):
    process = namespace.start(
        path_of("loopback"), "io", *veth, *FEW_PACKETS, "-t", "2", "--in-flight", "16", "--json",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    time.sleep(1.2)
    namespace.ip("link", "set", "right", "down")
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 1, output + errors
    assert any("frames lost" in failure for failure in json.loads(output)["failures"])


@pytest.mark.parametrize("mode", ["io", "macswap"])
def test_two_processes_over_memif(namespace, tmp_path, mode):
    socket = tmp_path / "link"
    far = namespace.start(
        path_of("loopback"), mode, "--alone", "--device", f"memif:{socket},server", *FEW_PACKETS, "--json",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    wait_for(socket)
    result = loopback(namespace, mode, "--device", f"memif:{socket}", "-n", "20000", "--in-flight", "64")
    check_whole(result, 20000)
    far.send_signal(signal.SIGINT)
    output, errors = far.communicate(timeout=30)
    assert far.returncode == 0, output + errors
    told = json.loads(output)
    assert told["interrupted"] and told["verification"] is None
    assert told["ports"][0]["rx_packets"] == told["ports"][0]["tx_packets"] == 20000


@pytest.mark.parametrize("seed, status", [("1", 0), ("2", 1)], ids=["same seed", "another seed"])
def test_one_process_sends_and_another_counts(namespace, tmp_path, seed, status):
    socket = tmp_path / "link"
    receiver = namespace.start(
        path_of("loopback"), "rxonly", "--device", f"memif:{socket},server", *FEW_PACKETS, "--json",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    wait_for(socket)
    sent = loopback(namespace, "txonly", "--alone", "--device", f"memif:{socket}", "-n", "3000", "--rate", "5000",
                    "--flows", "3", "--payload-seed", seed)
    assert sent["verification"] is None and sent["ports"][0]["tx_packets"] == 3000 + 9
    if status:
        receiver.send_signal(signal.SIGTERM)
    output, errors = receiver.communicate(timeout=30)
    assert receiver.returncode == status, output + errors
    seen = json.loads(output)["verification"]
    assert (seen["received"], seen["lost"]) == ((3000, 0) if status == 0 else (0, 0))
    assert (seen["damaged"] > 0) == (status == 1)


def wait_for(socket: pathlib.Path) -> None:
    deadline = time.monotonic() + 20
    while not socket.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("mode", ["io", "tcp"])
def test_ctrl_c_ends_it_in_order_with_the_summary(namespace, mode):
    process = namespace.start(
        path_of("loopback"), mode, *FEW_PACKETS, "-t", "60", "--period", "0.2",
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    first = process.stdout.readline()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, first + output
    assert "interrupted" in output and "passed: " in output
    assert "rx-packets:" in output and "rx-nombuf: 0" in output


def test_a_mistake_is_one_line(namespace):
    for arguments, words in ((["io", "--burst", "33"], "--burst 33: 1 to 32 is needed"), (["http"], "MODE http")):
        ran = namespace.run(path_of("loopback"), *arguments, check=False)
        assert ran.returncode == 2
        assert ran.stderr.count("\n") == 1 and words in ran.stderr, ran.stderr


def transcripts() -> list[tuple[str, str]]:
    """Commands of the page and what follows them, from its indented blocks."""
    found = re.findall(r"^    \$ (millrace-loopback .*)\n((?:(?:    (?!\$ ).*)?\n)*)", PAGE.read_text(encoding="utf-8"), re.M)
    return [(command, re.sub(r"^    ", "", output, flags=re.M).strip()) for command, output in found]


def without_numbers(text: str) -> list[str]:
    text = re.sub(r"\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b", "MAC", text)
    text = re.sub(r"[0-9]+(\.[0-9]+)?( ?(?=[kMGT]\b| [kMGT]?B|ns|us|ms)[kMGTnum]?s?)?", "N", text)
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.strip().splitlines()]
    return [line for i, line in enumerate(lines) if i == 0 or line != lines[i - 1]]


def test_the_page_has_transcripts():
    assert len(transcripts()) >= 4


@pytest.mark.parametrize("command, shown", transcripts(), ids=[command for command, _ in transcripts()])
def test_the_page_is_true(namespace, command, shown):
    words = shlex.split(command)
    ran = namespace.run(path_of("loopback"), *words[1:], check=False)
    assert ran.returncode in (0, 1), ran.stderr
    assert without_numbers(ran.stdout) == without_numbers(shown), ran.stdout
