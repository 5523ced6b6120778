"""What runs are measured on. Each wire is made for one run, in a folder or namespaces of its own, and removed."""

import contextlib
import dataclasses
import itertools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from processes import RunFailed, quietly

SERVER_ADDRESS = "198.18.0.2"
CLIENT_ADDRESS = "198.18.0.1"
# Where one address has not ports enough: 198.18.64.1 and following.
MORE_ADDRESSES = "198.18.64.{}"
PREFIX_LENGTH = 16
MTU = 1500
NETWORK = f"198.18.0.0/{PREFIX_LENGTH}"
_NAME = "millrace-bench-{}-{}"
_numbers = itertools.count(1)


def client_addresses(count: int) -> list[str]:
    return [CLIENT_ADDRESS] if count <= 1 else [MORE_ADDRESSES.format(number) for number in range(1, count + 1)]


@dataclasses.dataclass(frozen=True)
class SharedMemory:
    """Two processes and memory that they share: what Millrace programs take as `--device`, and testpmd as `--vdev`."""

    kind: str
    socket: pathlib.Path
    mtu: int = MTU
    joins_segments: bool = False  # TSO and large receive: vhost alone.

    def __post_init__(self) -> None:
        if self.joins_segments and self.kind != "vhost":
            raise RunFailed(f"{self.kind} joins no segments")

    def device(self, is_server: bool, addresses: list[str]) -> list[str]:
        """The options of a Millrace program at this end. An address of `addresses` each."""
        if self.kind == "memif":
            device = f"memif:{self.socket}" + (",server" if is_server else "")
        else:
            device = f"{'vhost' if is_server else 'virtio-user'}:{self.socket}" + (",tso" if self.joins_segments else "")
        made = ["--device", device, "--mtu", str(self.mtu)]
        for address in addresses:
            made += ["--address", f"{address}/{PREFIX_LENGTH}"]
        return made

    def vdev(self, is_server: bool) -> str:
        """The same port for DPDK's own programs: the sizes that Millrace takes are the driver's."""
        if self.kind == "memif":
            role = "server" if is_server else "client"
            return f"net_memif0,role={role},socket-abstract=no,socket={self.socket}"
        if is_server:
            return f"net_vhost0,queues=1,iface={self.socket}"
        return f"net_virtio_user0,path={self.socket},queues=1,queue_size=1024,mac=02:00:00:00:00:01"


@contextlib.contextmanager
def shared_memory(kind: str, folder: pathlib.Path, **settings):
    """`settings` are those of `SharedMemory`."""
    path = folder / f"{kind}-{next(_numbers)}.sock"
    try:
        yield SharedMemory(kind, path, **settings)
    finally:
        path.unlink(missing_ok=True)


@dataclasses.dataclass(frozen=True)
class Veth:
    """A veth between two namespaces. The kernel has the client's end; the server's is Millrace's or the kernel's."""

    client: str
    server: str
    interface: str  # The server's end.

    def device(self, driver: str) -> list[str]:
        return ["--device", f"{driver}:{self.interface}", "--address", f"{SERVER_ADDRESS}/{PREFIX_LENGTH}"]


def remove_leftovers() -> None:
    """Namespaces of a session that was killed: its process id is in their names, and nobody has it any more."""
    for name in quietly("ip", "netns", "list", check=False).split():
        found = re.fullmatch(_NAME.format(r"(\d+)", r"\d+"), name)
        if found and not pathlib.Path(f"/proc/{found[1]}").exists():
            quietly("ip", "netns", "del", name, check=False)


def remove_old_folders() -> str:
    """The same for folders; what the name of this session's begins with."""
    for folder in pathlib.Path(tempfile.gettempdir()).glob("millrace-bench-*"):
        found = re.fullmatch(r"millrace-bench-(\d+)-.*", folder.name)
        if found and not pathlib.Path(f"/proc/{found[1]}").exists():
            shutil.rmtree(folder, ignore_errors=True)
    return f"millrace-bench-{os.getpid()}-"


@contextlib.contextmanager
def _namespace():
    name = _NAME.format(os.getpid(), next(_numbers))
    try:
        quietly("ip", "netns", "add", name)
        quietly("ip", "-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        quietly("ip", "netns", "del", name, check=False)


def _write_settings(namespace: str, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        done = subprocess.run(
            ["ip", "netns", "exec", namespace, "tee", f"/proc/sys/net/{name}"], input=value, text=True,
            capture_output=True, check=False, timeout=10,
        )
        if done.returncode != 0:
            raise RunFailed(f"cannot set net/{name}: {done.stderr.strip()}")


@contextlib.contextmanager
def veth(is_kernel_server: bool, client_address_count: int = 1, has_offloads: bool = False):
    """Frames on it are as on a wire, whole and with their checksums, unless `has_offloads`."""
    with _namespace() as client, _namespace() as server:
        names = ("client0", "server0")
        quietly("ip", "-n", client, "link", "add", names[0], "type", "veth", "peer", "name", names[1], "netns", server)
        for namespace, name in zip((client, server), names):
            if not has_offloads:
                quietly("ip", "netns", "exec", namespace, "ethtool", "-K", name,
                        "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        quietly("ip", "-n", server, "link", "set", names[1], "addrgenmode", "none")
        for address in dict.fromkeys([CLIENT_ADDRESS, *client_addresses(client_address_count)]):
            quietly("ip", "-n", client, "address", "add", f"{address}/{PREFIX_LENGTH}", "dev", names[0])
        if is_kernel_server:
            quietly("ip", "-n", server, "address", "add", f"{SERVER_ADDRESS}/{PREFIX_LENGTH}", "dev", names[1])
        for namespace, name, has_address in zip((client, server), names, (True, is_kernel_server)):
            quietly("ip", "-n", namespace, "link", "set", name, "up")
            if has_address:
                # The same congestion control as Millrace's, whatever this machine prefers.
                quietly("ip", "-n", namespace, "route", "change", NETWORK, "dev", name, "proto", "kernel", "scope",
                        "link", "congctl", "cubic")
        # What tests with many connections need of the kernel, at either end; Millrace's tables are as large.
        _write_settings(client, {"ipv4/ip_local_port_range": "16384 65535"})
        _write_settings(server, {"core/somaxconn": "16384", "ipv4/tcp_max_syn_backlog": "16384",
                                 "ipv4/tcp_max_tw_buckets": "8388608"})
        yield Veth(client, server, names[1])
