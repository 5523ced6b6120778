"""Wrong options and wrong surroundings: one clear line on standard error that says what would be right, and an exit
status that tells usage (2) from surroundings (1)."""

import dataclasses
import os
import subprocess

import pytest

from programs import ADDRESS, MillraceProgram, path_of

USAGE = 2
SURROUNDINGS = 1


@dataclasses.dataclass
class Case:
    """What is asked, and what the line must contain."""

    name: str
    program: str
    arguments: list[str]
    status: int
    words: list[str]
    wrapper: list[str] = dataclasses.field(default_factory=list)
    address_held: bool = False
    unwanted: str | None = None  # What the line must not say.

    def __str__(self) -> str:
        return self.name


def hidden(path: str) -> list[str]:
    """Runs what follows where a folder looks empty."""
    return ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {path} && exec "$@"', "sh"]


# On most machines everybody may open /dev/net/tun; this one is nobody's.
WITHOUT_TUN = [
    "unshare", "--mount", "sh", "-c",
    "mount -t tmpfs none /dev/net && mknod -m 000 /dev/net/tun c 10 200 && "
    'exec setpriv --bounding-set=-all --inh-caps=-all "$@"', "sh",
]
WITHOUT_NET_ADMIN = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]

CASES = [
    Case("unknown device kind", "echo", ["--device", "foo:bar"], USAGE, ["foo:bar", "tap:"]),
    Case("malformed address", "echo", ["--address", "300.1.1.1/24"], USAGE, ["--address", "300.1.1.1/24"]),
    Case("address without prefix", "echo", ["--address", "198.18.0.2"], USAGE, ["--address", "198.18.0.2/24"]),
    Case("prefix too long", "echo", ["--address", "198.18.0.2/33"], USAGE, ["--address", "198.18.0.2/33"]),
    Case("gateway elsewhere", "echo", ["--gateway", "10.0.0.1"], USAGE, ["gateway", "10.0.0.1"]),
    Case("small mtu", "echo", ["--mtu", "100"], USAGE, ["--mtu", "576"]),
    Case("no connections", "echo", ["--max-connections", "0"], USAGE, ["--max-connections", "0"]),
    Case("unknown idle policy", "echo", ["--idle", "nap"], USAGE, ["--idle", "spin", "adaptive"]),
    Case("unknown option", "echo", ["--frobnicate"], USAGE, ["--frobnicate"]),
    Case("more cores than queues", "echo", ["--cores", "0-1"], USAGE, ["--cores"]),
    Case("missing configuration file", "echo", ["--config", "/nonexistent.toml"], SURROUNDINGS, ["/nonexistent.toml"]),
    Case("configuration file without a name", "echo", ["--config=", "--device=ring"], USAGE, ["--config", "TOML"]),
    Case("flag with a value of its own", "echo", ["--counters=perhaps"], USAGE, ["--counters", "true or false"]),
    Case("address that the kernel holds", "echo", [], SURROUNDINGS, [ADDRESS], address_held=True),
    Case("address meant for the kernel's end", "echo", ["--address=198.18.0.2/24", "--address=198.18.0.1/24"],
         SURROUNDINGS, ["198.18.0.1", "kernel's end", "--no-host-setup"]),
    Case("missing interface", "echo", ["--device", "vdev:net_af_packet0,iface=nosuch0"], SURROUNDINGS, ["net_af_packet0"]),
    Case("name of an interface that is no TAP", "echo", ["--device", "tap:lo"], SURROUNDINGS, ["lo exists already"],
         unwanted="delete"),
    Case("missing root", "httpd", ["/nonexistent"], SURROUNDINGS, ["/nonexistent"]),
    Case("root is no folder", "httpd", ["/etc/passwd"], SURROUNDINGS, ["/etc/passwd"]),
    Case("unwritable capture", "echo", ["--capture", "/nonexistent/a.pcapng"], SURROUNDINGS, ["/nonexistent/a.pcapng"]),
    Case("capture into a pipe that nobody reads", "echo", ["--capture", "{pipe}"], SURROUNDINGS, ["reader", "{pipe}"]),
    Case("EAL as a secondary process", "echo", ["--eal=--proc-type=secondary"], SURROUNDINGS, ["--proc-type"]),
    Case("no /dev/net/tun", "echo", [], SURROUNDINGS, ["/dev/net/tun", "--device ring"], hidden("/dev/net")),
    Case("no permission", "echo", [], SURROUNDINGS, ["permission", "CAP_NET_ADMIN", "--device ring"], WITHOUT_NET_ADMIN),
    Case("no permission for /dev/net/tun", "echo", [], SURROUNDINGS, ["permission", "/dev/net/tun", "--device ring"],
         WITHOUT_TUN),
    Case("argument that the EAL refuses", "echo", ["--eal=--no-such-argument"], SURROUNDINGS, ["--no-such-argument"]),
    Case("port out of range", "httpd", ["--port", "70000"], USAGE, ["--port", "70000"]),
    Case("netcat without destination", "nc", [], USAGE, ["HOST", "PORT"]),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_clear_line(namespace, case, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    arguments = [argument.format(pipe=pipe) for argument in case.arguments]
    if case.address_held:
        namespace.ip("address", "add", ADDRESS + "/24", "dev", "lo")
    result = namespace.run(
        *case.wrapper, path_of(case.program), *arguments, check=False, timeout=30, stdin=subprocess.DEVNULL
    )
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith(f"millrace-{case.program}: ")
    for word in case.words:
        assert word.format(pipe=pipe) in lines[0]
    assert case.unwanted is None or case.unwanted not in lines[0]
    assert result.returncode == case.status
    assert result.stdout == ""
    assert "millrace0" not in namespace.ip("link", "show")


def test_a_tap_that_another_program_holds(namespace):
    first = MillraceProgram(namespace, "echo")
    first.wait_until_reachable()
    result = namespace.run(path_of("echo"), "--address", "198.18.0.3/24", check=False, timeout=30)
    assert result.returncode == SURROUNDINGS
    assert len(result.stderr.splitlines()) == 1
    assert "millrace0" in result.stderr
    assert first.stop() == 0


@pytest.mark.parametrize("program", ["echo", "httpd", "nc"])
def test_help_and_version(namespace, program):
    help_text = namespace.run(path_of(program), "--help").stdout
    for option in ("--device", "--address", "--gateway", "--mtu", "--cores", "--idle", "--max-connections", "--config",
                   "--log", "--capture", "--eal", "--help", "--version", "--no-host-setup"):
        assert option in help_text
    assert namespace.run(path_of(program), "--version").stdout.startswith(f"millrace-{program} ")
