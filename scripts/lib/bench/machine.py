"""What figures depend on beside the code: processors and how idle they are, memory pages, versions. Hugepages that are
reserved here are given back."""

import contextlib
import os
import pathlib
import platform
import re
import subprocess
import time

from arithmetic import idle_share
from processes import RunFailed
from readers import processor_ticks

IDLE_ENOUGH = 0.95
WATCH_SECONDS = 0.25
_HUGEPAGES = pathlib.Path("/proc/sys/vm/nr_hugepages")
HUGEPAGE_BYTES = 2 << 20


def _ticks(processors: list[int]) -> dict[int, tuple[int, int]]:
    stat = pathlib.Path("/proc/stat").read_text(encoding="ascii")
    return {each: processor_ticks(stat, each) for each in processors}


class IdleWatch:
    """How idle processors were between its beginning and `shares`."""

    def __init__(self, processors: list[int]) -> None:
        self._processors = sorted(set(processors))
        self._before = _ticks(self._processors)

    def shares(self) -> dict[int, float | None]:
        after = _ticks(self._processors)
        return {each: idle_share(self._before[each], after[each]) for each in self._processors}


def idle_before(processors: list[int]) -> dict[int, float | None]:
    """Watches for a moment in which nothing of ours runs."""
    watch = IdleWatch(processors)
    time.sleep(WATCH_SECONDS)
    return watch.shares()


def busy(shares: dict[int, float | None]) -> list[str]:
    """A sentence for each processor that was not idle."""
    return [
        f"processor {number} was idle for {100 * share:.0f} % of the time before the run"
        for number, share in shares.items() if share is not None and share < IDLE_ENOUGH
    ]


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "not there"
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0].strip() if lines else "says no version"


def _package(name: str) -> str:
    made = _first_line("dpkg-query", "-W", "-f", "${Version}", name)
    return made if re.match(r"\d", made) else "not there"


def _commit() -> str:
    made = _first_line("git", "-C", str(pathlib.Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12")
    return made if re.fullmatch(r"[\w.+-]+", made) else "no commit"


def _processor_model() -> str:
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    family = re.search(r"^cpu family\s*:\s*(.*)$", text, re.MULTILINE)
    model = re.search(r"^model\s*:\s*(.*)$", text, re.MULTILINE)
    numbers = f", family {family[1]} model {model[1]}" if family and model else ""
    return (found[1] if found else platform.machine()) + numbers


def _hypervisor() -> str:
    kind = _first_line("systemd-detect-virt", "--vm")
    flags = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    return kind if re.fullmatch(r"[a-z0-9-]+", kind) else ("unknown" if " hypervisor" in flags else "none")


def describe(programs: dict[str, str], has_hugepages: bool, processors: list[int]) -> dict:
    """All that a reader of the figures must know of the machine. `programs`: what says versions, by name."""
    return {
        "processor": _processor_model(),
        "processors": len(os.sched_getaffinity(0)),
        "hypervisor": _hypervisor(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "hugepages": has_hugepages,
        "server_processor": processors[0],
        "client_processor": processors[1],
        "kernel": platform.release(),
        "commit": _commit(),
        "compiler": _first_line("c++", "--version"),
        "dpdk": _package("libdpdk-dev"),
        "packages": {name: _package(name) for name in ("dpdk-dev", "iperf3", "sockperf", "nginx-light", "wrk")},
        "programs": {name: _first_line(path, "--version") for name, path in programs.items()},
    }


def kind_of(machine: dict) -> str:
    """Machines of one kind may be compared: same processor, as many of them, same pages."""
    pages = "hugepages" if machine["hugepages"] else "ordinary pages"
    return f"{machine['processor']}, {machine['processors']} processors, hypervisor {machine['hypervisor']}, {pages}"


def _free_hugepages() -> int:
    path = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
    return int(path.read_text(encoding="ascii")) if path.exists() else 0


@contextlib.contextmanager
def hugepages(mebibytes: int):
    """As many free as asked for; tells whether they are there. What was reserved for it is given back."""
    wanted = mebibytes * 2**20 // HUGEPAGE_BYTES
    missing = wanted - _free_hugepages()
    if missing <= 0 or not _HUGEPAGES.exists():
        yield missing <= 0
        return
    before = int(_HUGEPAGES.read_text(encoding="ascii"))
    try:
        try:
            _HUGEPAGES.write_text(str(before + missing), encoding="ascii")
        except OSError as error:
            raise RunFailed(f"cannot reserve hugepages: {error}") from error
        yield _free_hugepages() >= wanted
    finally:
        _HUGEPAGES.write_text(str(before), encoding="ascii")
