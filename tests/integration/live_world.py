"""Transfers through `millrace-sim live`: one end sends for a while, the other is the kernel's receiver in a namespace, and
between them is a path with faults. Both kinds of sender stand before the same path and have the same limits."""

import contextlib
import dataclasses
import json
import pathlib
import select
import signal
import subprocess

from namespaces import Namespace, end_process
from programs import path_of

RECEIVER_ADDRESS = "198.18.2.1"
PORT = 5001
VOID = 4
STREAM = pathlib.Path(__file__).with_name("linux_stream.py")
FULL_FRAME = 1514


@dataclasses.dataclass(frozen=True)
class Cell:
    """One path. Rates in Mb/s, times in milliseconds, loss in percent of the frames, the buffer in bandwidth-delay
    products."""

    rate: float
    rtt: float
    loss: float
    buffer: float = 1.0

    def in_flight(self) -> int:
        """Bytes under way when the path and its buffer are full."""
        product = self.rate * 1e6 / 8 * self.rtt / 1e3
        return int(product + max(product * self.buffer, 20 * FULL_FRAME))

    def window_limit(self) -> int:
        """What either end may buffer: never the limit, also where half of it is bookkeeping."""
        return max(5 * self.in_flight(), 1 << 20)

    def late_limit(self) -> float:
        """Milliseconds that a world may be behind the clock."""
        return max(self.rtt / 10, 4.0)

    def seconds(self) -> float:
        """Long enough for slow start and several periods of congestion avoidance."""
        return 4.0 if self.rtt <= 10 else 6.0 if self.rtt <= 50 else 10.0

    def __str__(self) -> str:
        return f"{self.rate:g} Mb/s, {self.rtt:g} ms, {self.loss:g} %, {self.buffer:g} BDP"


class Place:
    """Two namespaces whose kernels remember nothing between connections and have the limits that Millrace has."""

    def __init__(self) -> None:
        self.sender = Namespace()
        self.receiver = Namespace()
        self.taps = ("live-from", "live-to")

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_exception) -> None:
        self.sender.remove()
        self.receiver.remove()

    def prepare(self, cell: Cell) -> None:
        limit = cell.window_limit()
        for namespace in (self.sender, self.receiver):
            namespace.run(
                "sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1", "net.ipv4.tcp_slow_start_after_idle=0",
                f"net.ipv4.tcp_rmem=4096 {limit} {limit}",
                f"net.ipv4.tcp_wmem=4096 {limit} {limit}",
            )


def timeouts_of(namespace: Namespace) -> int:
    """Retransmission timeouts that its kernel has had so far."""
    lines = [line.split() for line in namespace.run("cat", "/proc/net/netstat").stdout.splitlines()]
    names, values = (line for line in lines if line[0] == "TcpExt:")
    return int(values[names.index("TCPTimeouts")])


class LiveWorld:
    """A running `millrace-sim live`. Use it as a context manager; `stop` gives its status and what it says."""

    def __init__(self, *arguments, is_urgent: bool = True) -> None:
        self.process = subprocess.Popen(
            [path_of("sim"), "live", "--json", *(["--urgent"] if is_urgent else []), *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )

    def __enter__(self) -> "LiveWorld":
        line = self.process.stderr.readline()
        if "the world runs" not in line:
            raise AssertionError(f"no world: {line}{self.process.stderr.read()}")
        return self

    def __exit__(self, *_exception) -> None:
        end_process(self.process)
        self.process.stdout.close()
        self.process.stderr.close()

    def stop(self) -> tuple[int, dict]:
        self.process.send_signal(signal.SIGINT)
        text, _ = self.process.communicate(timeout=20)
        return self.process.returncode, json.loads(text)


@contextlib.contextmanager
def process_in(namespace: Namespace, *command):
    process = namespace.start(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        end_process(process)
        process.stdin.close()
        process.stdout.close()


def line_of(process: subprocess.Popen, seconds: float) -> dict:
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    line = process.stdout.readline() if ready else ""
    if not line:
        raise AssertionError(f"{process.args} said nothing within {seconds} s")
    return json.loads(line)


def transfer(place: Place, sender: str, cell: Cell, seed: int, seconds: float | None = None, settings=(),
             capture: str = "") -> dict:
    """One stream by `sender`, millrace or linux, for so long. "void" says that the machine was too slow for the path.
    `settings` are Millrace's, as for --tcp; its frames go into the folder `capture` if there is one."""
    seconds = seconds or cell.seconds()
    limit = cell.window_limit()
    place.prepare(cell)
    origin = "millrace" if sender == "millrace" else f"tap:{place.taps[0]}@{place.sender.name}"
    world = LiveWorld(
        "--from", origin, "--to", f"tap:{place.taps[1]}@{place.receiver.name}", "--rate", cell.rate, "--rtt", cell.rtt,
        "--loss", cell.loss, "--buffer", cell.buffer, "--seed", seed, "--port", PORT, "--duration", seconds + 30,
        "--late-limit", cell.late_limit(), "--tcp", "congestion_control=cubic",
        *[f"--tcp={name}_buffer{which}_bytes={limit}" for name in ("send", "receive") for which in ("", "_initial")],
        *[f"--tcp={setting}" for setting in settings], *(["--capture", capture] if capture else []),
    )
    with world, process_in(
        place.receiver, STREAM, "receive", RECEIVER_ADDRESS, PORT, seconds
    ) as receiver, contextlib.ExitStack() as stack:
        sent: dict = {}
        before = timeouts_of(place.sender)
        if sender == "linux":
            place.receiver.wait_for_listener(PORT)
            source = stack.enter_context(process_in(
                place.sender, STREAM, "send", RECEIVER_ADDRESS, PORT, seconds, "--controller", "cubic"))
        received = line_of(receiver, seconds + 20)
        if sender == "linux":
            sent = {**line_of(source, seconds + 20), "timeouts": timeouts_of(place.sender) - before}
        status, said = world.stop()
    if status not in (0, VOID):
        raise AssertionError(f"{sender}, {cell}, seed {seed}: status {status}: {said}")
    sent = sent or said["sender"]
    assert sent["controller"] == "cubic", sent
    return {
        "sender": sender, "cell": dataclasses.asdict(cell), "seed": seed, "void": said["void"],
        "late_ms": said["late"]["worst_ms"], "goodput_mbps": received["goodput_mbps"], "steps": received["steps"],
        "retransmitted": sent["retransmitted_segments"], "timeouts": sent["timeouts"],
        "rtt_ms": sent["rtt_ms"], "late_mean_ms": said["late"]["mean_ms"], "forth": said["forth"],
    }
