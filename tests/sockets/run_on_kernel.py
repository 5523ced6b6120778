#!/usr/bin/env python3
"""Runs one program of this folder on the kernel's sockets: in a network namespace of its own, with a second one behind a
veth for the peer process and a small name server. All of it is removed at the end, also after a failure.

    run_on_kernel.py PEER PROGRAM [ARGUMENTS...]

The exit status is the program's; 77 where namespaces cannot be made."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

from namespaces import Namespace, connect_namespaces, missing_surroundings  # noqa: E402

SKIPPED = 77
LIMIT_SECONDS = 240
OWN, PEER = "198.18.0.2", "198.18.0.1"

# What results depend on and distributions set differently. All of these belong to a namespace.
SETTINGS = {
    "net.ipv4.tcp_congestion_control": "reno",
    "net.ipv4.tcp_rmem": "4096 131072 6291456",
    "net.ipv4.tcp_wmem": "4096 16384 4194304",
    "net.ipv4.tcp_fastopen": "1",
    "net.ipv4.tcp_syn_retries": "6",
    "net.ipv4.tcp_ecn": "2",
    "net.ipv4.tcp_notsent_lowat": "4294967295",
    "net.ipv4.ip_local_port_range": "32768 60999",
    "net.ipv4.icmp_ratemask": "0",
}

HOSTS = f"127.0.0.1 localhost\n{OWN} own.test\n{PEER} peer.test other-name.test\n"


def prepare_peer(peer: Namespace) -> None:
    """A router for one network that exists, so to speak, and cannot be reached: ICMP says so."""
    peer.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    peer.ip("route", "add", "unreachable", "198.18.7.0/24")


def start_name_server(peer: Namespace, address: str, folder: pathlib.Path) -> subprocess.Popen:
    """Also writes what makes a resolver ask it."""
    server = peer.start(sys.executable, "-B", HERE / "name_server.py", address, stdout=subprocess.PIPE, text=True)
    if server.stdout.readline() != "ready\n":
        raise RuntimeError("the name server did not start")
    (folder / "resolv.conf").write_text(f"nameserver {PEER}\nsearch search.test\noptions timeout:1 attempts:2\n")
    (folder / "hosts").write_text(HOSTS)
    return server


def run(peer_program: str, command: list[str]) -> int:
    with Namespace() as own, Namespace() as peer, tempfile.TemporaryDirectory(prefix="mill-sockets-") as name:
        folder = pathlib.Path(name)
        connect_namespaces(own, f"{OWN}/24", peer, f"{PEER}/24")
        own.ip("route", "add", "default", "via", PEER)
        for namespace in (own, peer):
            for key, value in SETTINGS.items():
                namespace.run("sysctl", "-qw", f"{key}={value}")
        prepare_peer(peer)
        start_name_server(peer, PEER, folder)
        return play(own, peer, peer_program, command, folder)


def play(own: Namespace, peer: Namespace, peer_program: str, command: list[str], folder: pathlib.Path, **more) -> int:
    """The program, told where it and its peer are, with `folder`'s files in the place of the system's."""
    environment = {
        **os.environ,
        "SOCKETS_PEER": peer_program,
        "SOCKETS_PEER_NAMESPACE": f"/run/netns/{peer.name}",
        "SOCKETS_OWN_ADDRESS": OWN,
        "SOCKETS_PEER_ADDRESS": PEER,
        **more,
    }
    # `ip netns exec` gives the program a mount namespace of its own: these files are only there.
    mounts = f'mount --bind {folder}/resolv.conf /etc/resolv.conf && mount --bind {folder}/hosts /etc/hosts && exec "$@"'
    program = own.start("sh", "-c", mounts, "sh", *command, env=environment)
    try:
        return program.wait(LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"not done after {LIMIT_SECONDS} s: ended", file=sys.stderr)
        return 1


def settle(run_program, usage: str) -> int:
    """main of both scripts. Who ends it gets the namespaces removed as well."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if len(sys.argv) < 3:
        print(usage, file=sys.stderr)
        return 2
    reason = missing_surroundings()
    if reason:
        print(f"skipped: {reason}")
        return SKIPPED
    return run_program(sys.argv[1], sys.argv[2:])


if __name__ == "__main__":
    sys.exit(settle(run, __doc__))
