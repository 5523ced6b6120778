"""What a run is given: where programs are, which processors are whose, how long to measure; and how Millrace's programs
are started on it."""

import dataclasses
import os
import pathlib
import re
import signal

from processes import Process, RunFailed
import readers
import wires

START_SECONDS = 40
# Beyond the measured time: set-up, warm-up, what is on its way, results.
GRACE_SECONDS = 90
WARMUP_SECONDS = 0.3
CONTROL_PORT = 5210


@dataclasses.dataclass
class Stage:
    programs: dict[str, pathlib.Path]
    folder: pathlib.Path  # Of this run alone.
    server_processor: int
    client_processor: int
    seconds: float
    has_hugepages: bool
    rates: dict[str, float] = dataclasses.field(default_factory=dict)  # Of earlier rounds, by run.
    warnings: list[str] = dataclasses.field(default_factory=list)
    notes: dict[str, float] = dataclasses.field(default_factory=dict)  # What is told beside the figures.

    def program(self, name: str) -> pathlib.Path:
        if name not in self.programs:
            raise RunFailed(f"{name} is not built")
        return self.programs[name]

    def memory(self) -> list[str]:
        """For programs of DPDK alone, as Millrace chooses it for its own."""
        return ["--in-memory", "--single-file-segments"] if self.has_hugepages else ["--no-huge", "-m", "512"]

    def memory_of_millrace(self) -> list[str]:
        return [] if self.has_hugepages else ["--eal=--no-huge"]

    @property
    def deadline(self) -> float:
        return self.seconds + GRACE_SECONDS


def eal_arguments(stage: Stage, processor: int, prefix: str, vdev: str, lcores: int = 1) -> list[str]:
    """As those that Millrace's programs give to themselves, so that ports and pages are the same."""
    cores = ",".join(f"{number}@{processor}" for number in range(lcores))
    return [f"--file-prefix=millrace-bench-{prefix}", "--no-shconf", f"--lcores={cores}", *stage.memory(), "--no-pci",
            "--iova-mode=va", "--no-telemetry", "--log-level=*:warning", f"--vdev={vdev}"]


class MillraceServer(Process):
    """millrace-perf or millrace-httpd as a server; it serves when it has made its report."""

    def __init__(self, stage: Stage, name: str, arguments: list, *, namespace: str | None = None) -> None:
        super().__init__(
            [stage.program(name), *arguments, "--cores", stage.server_processor, *stage.memory_of_millrace()],
            stage.folder, "server", processor=stage.server_processor, namespace=namespace,
        )

    def wait_until_serving(self, socket: pathlib.Path | None = None) -> None:
        def serves() -> bool:
            return "  memory " in self.log() + self.output() and (socket is None or socket.exists())
        self.wait_until(serves, START_SECONDS, "serving")

    def counters(self) -> dict:
        """What its core has counted until now."""
        before = len(readers.counters(self.log()))
        self.send(signal.SIGUSR1)
        self.wait_until(lambda: len(readers.counters(self.log())) > before, 10, "telling its counters")
        return readers.counters(self.log())[-1]


class KernelServer(Process):
    """A server on the kernel's sockets, which is ready when it listens."""

    def __init__(self, stage: Stage, command: list, namespace: str) -> None:
        super().__init__(command, stage.folder, "server", processor=stage.server_processor, namespace=namespace)
        self._namespace = f"/run/netns/{namespace}"

    def wait_until_serving(self, port: int) -> None:
        wanted = re.compile(rf":{port:04X} [0-9A-F]+:[0-9A-F]+ 0A ", re.MULTILINE)

        def listens() -> bool:
            inside = f"/proc/{self.pid}"
            try:
                if not os.path.samefile(f"{inside}/ns/net", self._namespace):
                    return False  # `ip` has not entered it yet.
                tables = [pathlib.Path(f"{inside}/net/{name}") for name in ("tcp", "tcp6")]
                return any(path.exists() and wanted.search(path.read_text(encoding="ascii")) for path in tables)
            except OSError:
                return False  # It has ended meanwhile, of which `wait_until` tells.
        self.wait_until(listens, START_SECONDS, f"listening on port {port}")


def client_command(stage: Stage, mode: str, options: list, *, port: int | None = None,
                   program: str = "perf") -> list:
    made = [stage.program(program), "client", wires.SERVER_ADDRESS, "--mode", mode, "--json", "--interval", "0",
            "--warmup", WARMUP_SECONDS, "--duration", stage.seconds, *options]
    return made + (["--port", port] if port else [])
