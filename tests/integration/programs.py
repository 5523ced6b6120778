"""Millrace's programs as processes in a namespace: start, what they hold and have counted, orderly end."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

from namespaces import Namespace, end_process

ADDRESS = "198.18.0.2"
KERNEL_ADDRESS = "198.18.0.1"
INTERFACE = "millrace0"


def path_of(name: str) -> str:
    """Where the build has put millrace-NAME; the build's test set-up tells."""
    return os.environ["MILLRACE_" + name.upper()]


class MillraceProgram:
    """A server that runs until `stop`. After SIGUSR1 it prints one JSON line per core on standard error:
    {"core": 0, "usage": {...}, "stats": {..., "drops": {...}}}, named as in <millrace/stats.hpp>."""

    def __init__(self, namespace: Namespace, name: str, *arguments, wrapper: list[str] | None = None,
                 client: Namespace | None = None) -> None:
        """`client` is where it can be reached from, if not from the namespace it runs in."""
        self.namespace = namespace
        self.client = client or namespace
        self._folder = tempfile.TemporaryDirectory(prefix="millrace-test-")
        self._log = pathlib.Path(self._folder.name) / "log"
        self._log_file = self._log.open("wb")
        self.process = namespace.start(
            *(wrapper or []), path_of(name), *arguments,
            stdin=subprocess.DEVNULL, stdout=self._log_file, stderr=subprocess.STDOUT,
        )

    def log(self) -> str:
        """All of its output so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait_until_reachable(self, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"the program ended:\n{self.log()}"
            answer = self.client.run("ping", "-c", "1", "-W", "1", "-q", ADDRESS, check=False)
            if answer.returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError(f"no answer to ping after {seconds} s:\n{self.log()}")

    def report(self) -> dict:
        """What core zero holds and has counted, now."""
        before = self._reports()
        self.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            reports = self._reports()
            if len(reports) > len(before):
                return reports[-1]
            assert self.process.poll() is None, f"the program ended:\n{self.log()}"
            time.sleep(0.01)
        raise AssertionError("no counters after SIGUSR1")

    def usage(self) -> dict:
        return self.report()["usage"]

    def stats(self) -> dict:
        return self.report()["stats"]

    def wait_until_idle(self, packets: int | None = None, seconds: float = 20) -> dict:
        """Until no connection is left but in TIME-WAIT, and as many packets are in use as given."""
        deadline = time.monotonic() + seconds
        while True:
            usage = self.usage()
            idle = usage["connections"] == 0 and usage["active_blocks_in_use"] == 0
            if idle and (packets is None or usage["packets_in_use"] == packets):
                return usage
            if time.monotonic() > deadline:
                raise AssertionError(f"not idle with {packets} packets in use after {seconds} s: {usage}")
            time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends it in order; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass  # Insisted on below; a second signal sooner would cut the orderly end short.
        status = end_process(self.process)
        self._log_file.close()
        return status

    def _reports(self) -> list[dict]:
        lines = [line for line in self.log().splitlines() if line.startswith('{"core":')]
        return [json.loads(line) for line in lines if line.endswith("}")]
