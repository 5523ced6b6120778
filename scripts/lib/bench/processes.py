"""Processes of a run: pinned, bounded in time, with their output in files, ended by their process ids. They also end
when this program is killed."""

import contextlib
import ctypes
import os
import pathlib
import resource
import signal
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
DESCRIPTORS = 65536


class RunFailed(Exception):
    """A run has no result; the text says why, with the end of a log where that helps."""


class Interrupted(BaseException):
    """SIGINT, SIGTERM or SIGHUP: everything is undone on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _raise_interrupted(number: int, _frame) -> None:
    # Cleaning up takes seconds at most and is not cut short by another signal.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(number)


def heed_signals() -> None:
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _raise_interrupted)


def tail(text: str, lines: int = 6) -> str:
    return "\n".join("    " + line for line in text.strip().splitlines()[-lines:])


class Process:
    """A command that runs. A context manager: it has ended when its block is left, however that happens."""

    def __init__(self, command: list, folder: pathlib.Path, name: str, *, processor: int | None = None,
                 namespace: str | None = None, takes_input: bool = False) -> None:
        """DPDK's own programs leave their run-time folder behind: it is in `folder`, and goes with it. Millrace's remove
        theirs, and have a socket in it, whose path must not be long."""
        self.name = name
        self._output, self._errors = folder / f"{name}.out", folder / f"{name}.err"
        leaves_folder = any(word in str(command) for word in ("testpmd", "ping-pong"))
        environment = os.environ | ({"RUNTIME_DIRECTORY": str(folder)} if leaves_folder else {})
        inside = ["ip", "netns", "exec", namespace] if namespace else []

        def prepare() -> None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, DESCRIPTORS), hard))
            for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(each, signal.SIG_DFL)
            if processor is not None:
                os.sched_setaffinity(0, {processor})

        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            # A session of its own: Ctrl-C reaches this script alone.
            self._process = subprocess.Popen(
                [*inside, *map(str, command)], stdout=output, stderr=errors, preexec_fn=prepare,
                stdin=subprocess.PIPE if takes_input else subprocess.DEVNULL, start_new_session=True,
                env=environment,
            )

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_exception) -> None:
        self.end()

    @property
    def pid(self) -> int:
        return self._process.pid

    def output(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    def log(self) -> str:
        return self._errors.read_text(encoding="utf-8", errors="replace")

    def is_running(self) -> bool:
        return self._process.poll() is None

    def say(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def wait(self, seconds: float) -> str:
        """Until it ends by itself, in order; returns its output."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.end()
            raise RunFailed(f"{self.name} had not ended after {seconds:.0f} s\n{self._last_words()}") from None
        if status != 0:
            raise RunFailed(f"{self.name} ended with status {status}\n{self._last_words()}")
        return self.output()

    def wait_until(self, condition, seconds: float, what: str, step: float = 0.01) -> None:
        """Polls `condition` while the process runs."""
        deadline = time.monotonic() + seconds
        while not condition():
            if not self.is_running():
                raise RunFailed(f"{self.name} ended before {what}\n{self._last_words()}")
            if time.monotonic() > deadline:
                raise RunFailed(f"{self.name}: not {what} after {seconds:.0f} s\n{self._last_words()}")
            time.sleep(step)

    def send(self, number: signal.Signals) -> None:
        if self.is_running():
            self._process.send_signal(number)

    def end(self, seconds: float = 5) -> None:
        """Asks for an orderly end, insists after a while."""
        if self.is_running():
            self._process.terminate()
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def _last_words(self) -> str:
        return tail(self.log()) or tail(self.output())


def quietly(*command: str, check: bool = True) -> str:
    """Runs a short command to its end; its output. The error has what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, stdin=subprocess.DEVNULL)
    if check and done.returncode != 0:
        raise RunFailed(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
