#!/usr/bin/env python3
"""Runs one program of this folder, built for <millrace/socket.h>, on a TAP: the program, the TAP, the peer process and
the name server are in one network namespace, and the kernel's sockets are at the TAP's other end.

    run_on_millrace.py PEER PROGRAM [ARGUMENTS...]

The exit status is the program's; 77 where namespaces cannot be made."""

import pathlib
import sys
import tempfile

from run_on_kernel import PEER, SETTINGS, Namespace, play, prepare_peer, settle, start_name_server


def run(peer_program: str, command: list[str]) -> int:
    with Namespace() as both, tempfile.TemporaryDirectory(prefix="mill-sockets-") as name:
        folder = pathlib.Path(name)
        for key, value in SETTINGS.items():
            both.run("sysctl", "-qw", f"{key}={value}")
        prepare_peer(both)
        start_name_server(both, "0.0.0.0", folder)  # Its own address comes with the TAP.
        options = f"--device tap:millrace0 --gateway {PEER} --max-listeners 1024 --tcp congestion_control=reno"  # As SETTINGS.
        return play(both, both, peer_program, command, folder, MILLRACE_OPTIONS=options)


if __name__ == "__main__":
    sys.exit(settle(run, __doc__))
