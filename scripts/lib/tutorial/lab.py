"""The surroundings of the tutorial: a network namespace that routes between two TAPs, and a folder with what the
commands need. Everything is removed by the names and process ids that were made, also after a failure."""

import contextlib
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SERVER_ADDRESS = "198.18.1.2"

_CONFIGURATION = """\
device  = "tap:{name}0"
address = "198.18.{net}.2/24"
gateway = "198.18.{net}.1"
capture = "{name}.pcapng"
"""
_SETTINGS = (
    "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
    "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1",
)
_WRITTEN_AT = 1_767_225_600  # Fixed, because the server's answers tell it and their length with it.
_LINE = "{:4} The quick brown fox jumps over the lazy dog.\n"


class Lab:
    """Use as a context manager. `apps` is the folder `apps` of a build."""

    def __init__(self, apps: pathlib.Path) -> None:
        self._apps = apps
        self.namespace = f"millrace-tutorial-{os.getpid()}"
        self.folder = pathlib.Path()
        self._cleaner = contextlib.ExitStack()

    def __enter__(self) -> "Lab":
        with contextlib.ExitStack() as undo:
            self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-tutorial-"))
            undo.callback(shutil.rmtree, self.folder, ignore_errors=True)
            _run("ip", "netns", "add", self.namespace)
            undo.callback(self._remove_namespace)
            _run("ip", "-n", self.namespace, "link", "set", "lo", "up")
            _run(*self.inside("sysctl", "-qw", *_SETTINGS))
            self._fill_folder()
            self._cleaner = undo.pop_all()
        return self

    def __exit__(self, *_exception) -> None:
        self._cleaner.close()

    def inside(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.namespace, *command]

    def environment(self) -> dict[str, str]:
        programs = [self.folder / ".bin", self._apps / "httpd", self._apps / "nc", self._apps / "examples" / "tutorial"]
        path = ":".join([*map(str, programs), os.environ["PATH"]])
        return {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}

    def _fill_folder(self) -> None:
        for net, name in ((1, "server"), (2, "client")):
            (self.folder / f"{name}.toml").write_text(_CONFIGURATION.format(name=name, net=net))
        site = self.folder / "site"
        site.mkdir()
        (site / "hello.txt").write_text("Hello.\n")
        for name, lines in (("page", 40), ("chapter", 110), ("book", 219)):
            (site / f"{name}.txt").write_text("".join(map(_LINE.format, range(1, lines + 1))))
        for file in site.iterdir():
            os.utime(file, (_WRITTEN_AT, _WRITTEN_AT))
        (self.folder / ".bin").mkdir()
        draw = self.folder / ".bin" / "draw"
        draw.write_text(f'#!/bin/sh\nexec "{sys.executable}" -B "{HERE / "draw.py"}" "$@"\n')
        draw.chmod(draw.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    def _remove_namespace(self) -> None:
        for how in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + 5
            pids = self._processes()
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, how)
            while self._processes() and time.monotonic() < deadline:
                time.sleep(0.05)
        subprocess.run(["ip", "netns", "del", self.namespace], check=False, capture_output=True)

    def _processes(self) -> list[int]:
        """Those in our namespace, which are ours alone."""
        listed = subprocess.run(["ip", "netns", "pids", self.namespace], check=False, capture_output=True, text=True)
        return [int(pid) for pid in listed.stdout.split()]


class Shell:
    """A shell in a lab that is given one command after another and keeps its jobs and variables between them."""

    _MARK = "--- end of output, status "

    def __init__(self, lab: Lab) -> None:
        self._process = subprocess.Popen(
            lab.inside("bash", "--noprofile", "--norc"), cwd=lab.folder, env=lab.environment(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )
        self.run(f'source "{HERE / "lab.sh"}"')

    def run(self, command: str) -> tuple[str, int]:
        """What it printed, both streams in one, without the last line's end; and its exit status."""
        self._process.stdin.write(f"{command}\n{{ _status=$?; printf '\\n{self._MARK}%d\\n' $_status; (exit $_status); }}\n")
        self._process.stdin.flush()
        output = ""
        for line in self._process.stdout:
            if line.startswith(self._MARK):
                return output.rstrip("\n"), int(line.removeprefix(self._MARK))
            output += line.rstrip() + "\n"
        raise RuntimeError(f"the shell ended within: {command}\n{output}")


def _run(*command: str) -> None:
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()}")
