"""Runs over shared memory: DPDK's own programs as the yardsticks, then Millrace on the same rings and pages."""

import contextlib
import signal
import time

from processes import Process, RunFailed
import readers
from stage import MillraceServer, Stage, client_command, eal_arguments
import wires

# Frames on their way between two testpmd: bursts of 32.
IN_FLIGHT_BURSTS = 8
BURST = 32
LONG_FRAME_BYTES = 1000  # Of such a frame the bytes count.
# Of the ping-pong: as long as the frame of a 64-byte message, with 12 bytes of timestamps.
PING_PONG_FRAME_BYTES = 14 + 20 + 32 + 64
WEB_CONNECTIONS = 1000
BODY_BYTES = 128
# Connections stay, and the file is looked at once a second, as nginx is told to.
HTTPD_OPTIONS = ["--max-requests", 1_000_000_000, "--file-seconds", 1]
TIME_WAIT_SECONDS = 60
TIME_WAIT_MOST = 1 << 26
CONNECTIONS_EXPECTED = 1_200_000  # A second: for the size of tables alone.
SHARE_ENOUGH = 0.95
CRR_ADDRESSES = 8  # As many as a device takes.
CRR_PORTS = 250


class Testpmd(Process):
    """An interactive testpmd on one port, which is told what to do line by line."""

    def __init__(self, stage: Stage, name: str, processor: int, vdev: str) -> None:
        program = stage.program("testpmd")
        super().__init__(
            # Lines at once, though they go to a file.
            ["stdbuf", "-oL", program, *eal_arguments(stage, processor, name, vdev, lcores=2), "--", "-i",
             "--forward-mode=io", "--port-topology=loop", f"--burst={BURST}", "--rxd=1024", "--txd=1024",
             "--total-num-mbufs=32768", "--no-lsc-interrupt"],
            stage.folder, name, processor=processor, takes_input=True,
        )

    def ask(self, command: str, marker: str, seconds: float = 10) -> str:
        """Says a command; returns what is printed from then on, as soon as `marker` is in it."""
        before = len(self.output())
        self.say(command)
        self.wait_until(lambda: marker in self.output()[before:], seconds, f"answering '{command}'")
        time.sleep(0.02)  # For the rest of the line.
        return self.output()[before:]

    def wait_for_link(self) -> None:
        def is_up() -> bool:
            return readers.testpmd_link_is_up(self.ask("show port summary 0", "Link"))
        self.wait_until(is_up, 20, "linked to its peer", step=0.1)

    def rates(self) -> dict[str, int]:
        text = self.ask("show port stats 0", "Tx-pps")
        self.wait_until(lambda: len(readers.testpmd_rates(self.output())) > 0, 5, "telling its statistics")
        return readers.testpmd_rates(text + "\n" + 30 * "#")[-1]


def testpmd(kind: str, frame_bytes: int):
    """Frames that bounce between two testpmd, 256 of them on their way."""
    def measure(stage: Stage) -> dict[str, float]:
        with wires.shared_memory(kind, stage.folder) as wire, \
             Testpmd(stage, "testpmd-server", stage.server_processor, wire.vdev(True)) as server:
            server.wait_until(lambda: wire.socket.exists() and "testpmd>" in server.output(), 30, "serving")
            with Testpmd(stage, "testpmd-client", stage.client_processor, wire.vdev(False)) as client:
                client.wait_until(lambda: "testpmd>" in client.output(), 30, "ready")
                client.wait_for_link()
                server.wait_for_link()
                return _bounce(stage, server, client, frame_bytes)
    return measure


def _bounce(stage: Stage, server: Testpmd, client: Testpmd, frame_bytes: int) -> dict[str, float]:
    for end in (server, client):
        end.say(f"set txpkts {frame_bytes}")
    server.say("start")
    time.sleep(0.2)
    client.say(f"start tx_first {IN_FLIGHT_BURSTS}")
    time.sleep(0.5)
    client.rates()
    time.sleep(stage.seconds)
    rates = client.rates()
    for end in (client, server):
        text = end.ask("stop", "Accumulated forward statistics")
        end.wait_until(lambda: "Done." in end.output(), 10, "stopped")
        dropped = readers.testpmd_dropped(text)
        if dropped:
            raise RunFailed(f"{end.name} has dropped {dropped} frames: fewer were on their way than meant")
    if rates["Rx-pps"] == 0:
        raise RunFailed("no frames bounce between the two testpmd")
    bits = {"bits_per_second": 8.0 * frame_bytes * rates["Rx-pps"]} if frame_bytes >= LONG_FRAME_BYTES else {}
    return {"rate": rates["Rx-pps"], **bits}


def ping_pong(kind: str):
    """One raw frame on its way."""
    def measure(stage: Stage) -> dict[str, float]:
        program = stage.program("ping-pong")
        with contextlib.ExitStack() as stack:
            wire = stack.enter_context(wires.shared_memory(kind, stage.folder))
            ends = {"server": ("echo", stage.server_processor), "client": ("ask", stage.client_processor)}
            made = {}
            for name, (role, processor) in ends.items():
                seconds = stage.seconds + (0 if role == "ask" else 60)
                arguments = eal_arguments(stage, processor, name, wire.vdev(name == "server"))
                command = [program, role, seconds, PING_PONG_FRAME_BYTES, *arguments]
                made[name] = stack.enter_context(Process(command, stage.folder, name, processor=processor))
                if name == "server":
                    made[name].wait_until(wire.socket.exists, 30, "serving")
            text = made["client"].wait(stage.deadline)
            made["server"].send(signal.SIGTERM)
            made["server"].wait(10)
            return readers.ping_pong(text)
    return measure


def _with_server(stage: Stage, wire, program: str, arguments: list, client: list) -> tuple[dict, dict]:
    """The client's document, and by how much the server's counters have grown meanwhile."""
    with MillraceServer(stage, program, [*arguments, *wire.device(True, [wires.SERVER_ADDRESS])]) as server:
        server.wait_until_serving(wire.socket)
        before = server.counters()
        with Process([*client, "--cores", stage.client_processor, *stage.memory_of_millrace()],
                     stage.folder, "client", processor=stage.client_processor) as running:
            document = readers.perf(running.wait(stage.deadline))
        after = server.counters()
        server.send(signal.SIGTERM)
        server.wait(20)
    grown = {name: after["stats"][name] - before["stats"][name] for name in after["stats"] if name != "drops"}
    grown["drops"] = sum(after["stats"]["drops"].values()) - sum(before["stats"]["drops"].values())
    for name in ("tcp_retransmitted_segments", "drops", "tcp_resets_in", "tcp_resets_out"):
        stage.notes[name] = grown[name]
    _look_for_disturbance(stage, document)
    return document, grown


def _look_for_disturbance(stage: Stage, document: dict) -> None:
    """Programs on shared memory spin: an end that had less than its whole processor shared it with somebody."""
    for name in ("client", "server"):
        end = document.get(name)
        if end and end["seconds"] > 0:
            share = end["processor_seconds"] / end["seconds"]
            stage.notes[f"{name}_share"] = share
            if share < SHARE_ENOUGH:
                stage.warnings.append(f"the {name} had {100 * share:.0f} % of its processor")


def exchanges(kind: str, connections: int, linkage: str = ""):
    """`rr` of 64-byte messages, one at a time on each connection."""
    def measure(stage: Stage) -> dict[str, float]:
        with wires.shared_memory(kind, stage.folder) as wire:
            client = client_command(stage, "rr", ["--connections", connections,
                                                  *wire.device(False, wires.client_addresses(1))],
                                    program="perf" + linkage)
            document, _ = _with_server(stage, wire, "perf" + linkage, ["server"], client)
        return readers.perf_exchanges(document)
    return measure


def connects(kind: str, linkage: str = "", seconds_least: float = 0):
    """`crr`: the server closes first and keeps each connection for a minute. Nothing may leave its table before."""
    def measure(stage: Stage) -> dict[str, float]:
        stage.seconds = max(stage.seconds, seconds_least)
        kept = int(min(stage.seconds + 2, TIME_WAIT_SECONDS) * CONNECTIONS_EXPECTED)
        addresses = wires.client_addresses(CRR_ADDRESSES)
        with wires.shared_memory(kind, stage.folder) as wire:
            client = client_command(
                stage, "crr",
                ["--connections", 256, "--data-ports", CRR_PORTS,
                 "--local-addresses", f"{addresses[0]}-{addresses[-1]}", *wire.device(False, addresses)],
                program="perf" + linkage)
            document, grown = _with_server(
                stage, wire, "perf" + linkage,
                ["server", "--max-time-wait", min(kept, TIME_WAIT_MOST), "--max-listeners", 2 * CRR_PORTS], client)
        return _connect_figures(stage, document, grown)
    return measure


def _connect_figures(stage: Stage, document: dict, grown: dict) -> dict[str, float]:
    if grown["tcp_time_wait_recycled"]:
        raise RunFailed(f"{grown['tcp_time_wait_recycled']} connections left TIME-WAIT early, for want of room")
    # The control connection alone may be cut: by the end of the client, which has its result.
    if grown["tcp_resets_in"] > 1 or grown["tcp_resets_out"]:
        raise RunFailed(f"{grown['tcp_resets_in']} resets in, {grown['tcp_resets_out']} out")
    opened = document["client"]["total"]["opened"]
    stage.notes["time_wait_reused"] = grown["tcp_time_wait_reused"]
    figures = readers.perf_exchanges(document)
    # To the hundredth: the control connection's few dozen are among them.
    figures["packets_each"] = round((grown["rx_frames"] + grown["tx_frames"]) / opened, 2)
    return figures


def stream(kind: str, linkage: str = "", **settings):
    """One connection, from 64 MiB of memory that is written anew in each lap. `settings` are the wire's."""
    def measure(stage: Stage) -> dict[str, float]:
        with wires.shared_memory(kind, stage.folder, **settings) as wire:
            client = client_command(stage, "stream",
                                    ["--buffer", "64M", *wire.device(False, wires.client_addresses(1))],
                                    program="perf" + linkage)
            document, _ = _with_server(stage, wire, "perf" + linkage, ["server"], client)
        return readers.perf_stream(document)
    return measure


def web(kind: str, linkage: str = ""):
    """Replies of millrace-httpd with 128 bytes each, each checked, on connections that stay."""
    def measure(stage: Stage) -> dict[str, float]:
        site = stage.folder / "site"
        site.mkdir()
        (site / "body").write_bytes(BODY_BYTES * b"m")
        with wires.shared_memory(kind, stage.folder) as wire:
            client = client_command(
                stage, "http",
                ["--connections", WEB_CONNECTIONS, "--path", "/body", "--length", BODY_BYTES,
                 *wire.device(False, wires.client_addresses(1))], program="perf" + linkage, port=80)
            document, _ = _with_server(stage, wire, "httpd" + linkage, [site, *HTTPD_OPTIONS], client)
        return readers.perf_exchanges(document)
    return measure
