"""Network namespaces of a test's own, and processes in them. Everything is removed by the name or process id that was
made, also after a failure. What runs in them is the callers' matter."""

import contextlib
import ctypes
import itertools
import os
import pathlib
import resource
import signal
import socket
import subprocess
import time

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


def _allow_many_descriptors() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))


class Namespace:
    """One network namespace. Use it as a context manager, or call `remove`."""

    def __init__(self) -> None:
        self.name = f"millrace-test-{os.getpid()}-{next(_numbers)}"
        self._processes: list[subprocess.Popen] = []
        subprocess.run(["ip", "netns", "add", self.name], check=True, capture_output=True, text=True)
        self.ip("link", "set", "lo", "up")

    def __enter__(self) -> "Namespace":
        return self

    def __exit__(self, *_exception) -> None:
        self.remove()

    def ip(self, *arguments: str) -> str:
        """`ip` with these arguments, in here."""
        return subprocess.run(
            ["ip", "-n", self.name, *arguments], check=True, capture_output=True, text=True
        ).stdout

    def run(self, *command, timeout: float = 60, check: bool = True, **options) -> subprocess.CompletedProcess:
        """Runs a command to its end; output is captured as text unless `options` say otherwise."""
        options.setdefault("stdin", subprocess.DEVNULL if "input" not in options else None)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        options.setdefault("text", True)
        if "input" in options:
            options.pop("stdin")
        result = subprocess.run(
            self._inside(command), timeout=timeout, preexec_fn=_allow_many_descriptors, **options
        )
        if check and result.returncode != 0:
            raise AssertionError(
                f"{command} ended with {result.returncode}\n{result.stdout or ''}\n{result.stderr or ''}"
            )
        return result

    def start(self, *command, **options) -> subprocess.Popen:
        """Starts a command that `remove` ends if it still runs by then."""
        process = subprocess.Popen(self._inside(command), preexec_fn=_allow_many_descriptors, **options)
        self._processes.append(process)
        return process

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is in the namespace; a socket made here stays in it for good."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            _set_namespace(there)
            yield
        finally:
            _set_namespace(home)
            os.close(home)
            os.close(there)

    def socket(self, *arguments) -> socket.socket:
        """A socket in here."""
        with self.entered():
            return socket.socket(*arguments)

    def wait_for_listener(self, port: int, seconds: float = 10) -> None:
        """Until a program of the kernel listens on a TCP port in here."""
        wanted = f":{port:04X}"
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            table = self.run("cat", "/proc/net/tcp").stdout.splitlines()[1:]
            if any(line.split()[1].endswith(wanted) and line.split()[3] == "0A" for line in table):
                return
            time.sleep(0.02)
        raise AssertionError(f"nobody listens on port {port} after {seconds} s")

    def remove(self) -> None:
        """Ends what still runs in here, then removes the namespace."""
        for process in self._processes:
            end_process(process)
        self._processes.clear()
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)

    def _inside(self, command) -> list[str]:
        return ["ip", "netns", "exec", self.name, *map(str, command)]


def end_process(process: subprocess.Popen, seconds: float = 10) -> int:
    """Asks for an orderly end, insists after a while; returns the exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def connect_namespaces(
    left: Namespace, left_address: str | None, right: Namespace, right_address: str | None
) -> tuple[str, str]:
    """A veth pair between two namespaces that carries frames as a wire does: no offload joins or splits them. An end
    without an address is left to somebody else than the kernel."""
    number = next(_numbers)
    names = (f"veth{number}l", f"veth{number}r")
    left.ip("link", "add", names[0], "type", "veth", "peer", "name", names[1], "netns", right.name)
    for namespace, name, address in ((left, names[0], left_address), (right, names[1], right_address)):
        namespace.run("ethtool", "-K", name, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        if address:
            namespace.ip("address", "add", address, "dev", name)
        else:
            namespace.ip("link", "set", name, "addrgenmode", "none")
        namespace.ip("link", "set", name, "up")
    return names


def missing_surroundings() -> str:
    """Why nothing here can run on this machine; empty if it can."""
    if os.geteuid() != 0:
        return "needs root for network namespaces"
    if not pathlib.Path("/dev/net/tun").exists():
        return "needs /dev/net/tun"
    name = f"millrace-test-{os.getpid()}-0"
    made = subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True, text=True)
    if made.returncode != 0:
        return f"network namespaces cannot be made here: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
    return ""


def _set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
