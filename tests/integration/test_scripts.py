"""What the scripts promise: an interrupted installation leaves nothing behind, builds in one folder take turns."""

import os
import pathlib
import signal
import subprocess
import time

import pytest

PROJECT = pathlib.Path(__file__).resolve().parents[2]


def write_tool(folder: pathlib.Path, name: str, text: str) -> None:
    tool = folder / name
    tool.write_text("#!/bin/bash\n" + text, encoding="utf-8")
    tool.chmod(0o755)


@pytest.fixture
def tools(tmp_path):
    folder = tmp_path / "tools"
    folder.mkdir()
    return folder


def test_interrupted_installation_leaves_no_policy_behind(tools, tmp_path):
    started = tmp_path / "started"
    sbin = tmp_path / "sbin"
    sbin.mkdir()
    # A shell whose child ends well in spite of an interrupt goes on, so there is no child.
    write_tool(tools, "apt-get", f": > {started}; exec sleep 60\n")
    script = f"mount --bind {sbin} /usr/sbin && source {PROJECT}/scripts/lib/packages.sh && install_packages anything"
    shell = subprocess.Popen(
        ["unshare", "--mount", "bash", "-c", script],
        env=os.environ | {"PATH": f"{tools}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}, start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while not started.exists():
        assert time.monotonic() < deadline and shell.poll() is None
        time.sleep(0.02)
    assert (sbin / "policy-rc.d").exists()
    os.killpg(shell.pid, signal.SIGINT)
    assert shell.wait(30) != 0
    assert list(sbin.iterdir()) == []
    assert [path.name for path in tmp_path.glob("tmp.*")] == []


def test_configurations_of_one_folder_take_turns(tools, tmp_path):
    # Fails if anybody takes its folder away while it works.
    write_tool(tools, "meson", 'touch "$2/mine"; sleep 0.5; [ -e "$2/mine" ] && touch "$2/build.ninja"\n')
    library = PROJECT / "scripts" / "lib"
    script = f"source {library}/common.sh; source {library}/build.sh; configure {tmp_path}/build/test --option"
    shells = [
        subprocess.Popen(["bash", "-euc", script], env=os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"})
        for _ in range(2)
    ]
    assert [shell.wait(20) for shell in shells] == [0, 0]
