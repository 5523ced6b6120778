"""Names by millrace-nc and the HTTP example from Debian's dnsmasq at the TAP's other end, by resolv.conf and --dns."""

import shutil
import socket
import subprocess
import time

import pytest

from programs import KERNEL_ADDRESS, path_of

if shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
    pytest.skip("dnsmasq is missing (package dnsmasq-base)", allow_module_level=True)

RECORDS = "\n".join(
    [f"{KERNEL_ADDRESS} server.mill.test"] + [f"198.18.7.{n} many.mill.test" for n in range(1, 120)]
)
# Bound over the system's for one program: `ip netns exec` has given it a mount namespace of its own.
MOUNTS = 'mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && shift 2 && exec "$@"'


class Surroundings:
    """The files that a program finds, and what the name server was asked."""

    def __init__(self, namespace, folder) -> None:
        self.namespace = namespace
        self.hosts, self.resolv_conf, self.log = folder / "hosts", folder / "resolv.conf", folder / "log"
        self._records = folder / "records"
        self.hosts.write_text("127.0.0.1 localhost\n")
        self.resolv_conf.write_text(f"nameserver {KERNEL_ADDRESS}\nsearch mill.test\n")
        self._records.write_text(RECORDS + "\n")
        self.log.touch()

    def serve_names(self, *options: str) -> None:
        process = self.namespace.start(
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
            f"--addn-hosts={self._records}", "--cname=alias.mill.test,server.mill.test", "--local=/test/",
            "--user=root", "--pid-file", "--log-queries", f"--log-facility={self.log}", *options,
            stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + 10
        while "started" not in self.log.read_text():
            assert process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def asked(self, name: str) -> int:
        """How often the server was asked for the address of this very name."""
        return sum(f"query[A] {name} from" in line for line in self.log.read_text().splitlines())

    def run(self, *command) -> subprocess.CompletedProcess:
        return self.namespace.run("sh", "-c", MOUNTS, "sh", self.hosts, self.resolv_conf, *command,
                                  check=False, timeout=60)

    def nc(self, name: str, *arguments) -> subprocess.CompletedProcess:
        """What millrace-nc says of port 9000 of that name."""
        return self.run(path_of("nc"), "--log", "error", "-v", "-w", "5", *arguments, name, "9000")

    def http_get(self, name: str, *arguments) -> subprocess.CompletedProcess:
        return self.run(path_of("http_get"), "--log", "error", *arguments, f"{name}:8000", "/page")


@pytest.fixture
def place(namespace, tmp_path):
    """With a listener of the kernel's on port 9000."""
    namespace.start("nc", "-N", "-k", "-l", "9000", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    namespace.wait_for_listener(9000)
    return Surroundings(namespace, tmp_path)


def serve_page(place: Surroundings, folder) -> None:
    (folder / "page").write_text("by name\n")
    place.namespace.start("python3", "-m", "http.server", "8000", "--directory", folder,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    place.namespace.wait_for_listener(8000)


def expect_connected(ended: subprocess.CompletedProcess) -> None:
    assert ended.returncode == 0, ended.stderr
    assert f"connected to {KERNEL_ADDRESS}:9000" in ended.stderr


def expect_refusal(ended: subprocess.CompletedProcess, words: str) -> None:
    assert ended.returncode == 1, ended.stderr
    assert words in ended.stderr


@pytest.mark.parametrize("name", ["server.mill.test", "SERVER.mill.test.", "alias.mill.test", "server"])
def test_a_name_leads_to_its_server(place, name):
    """An A record, in other letters, a CNAME, and a short name in its search domain."""
    place.serve_names()
    expect_connected(place.nc(name))


def test_a_short_name_is_asked_for_in_its_domain(place):
    place.serve_names()
    expect_connected(place.nc("server"))
    assert place.asked("server.mill.test") == 1


def test_the_hosts_file_goes_before_the_servers(place):
    place.serve_names()
    place.hosts.write_text(f"{KERNEL_ADDRESS} listed.example listed # ours\n")
    expect_connected(place.nc("LISTED"))
    assert "query[A]" not in place.log.read_text()


def test_dns_goes_before_resolv_conf(place):
    place.serve_names()
    place.resolv_conf.write_text("nameserver 198.18.0.77\noptions timeout:30\n")
    expect_connected(place.nc("server.mill.test", "--dns", KERNEL_ADDRESS))
    # The first one has nobody at that port.
    expect_connected(place.nc("server.mill.test", "--dns", f"{KERNEL_ADDRESS}:5454,{KERNEL_ADDRESS}:53"))


def test_an_absent_name_is_said_to_be(place):
    place.serve_names()
    expect_refusal(place.nc("nobody.mill.test"), "millrace-nc: cannot resolve nobody.mill.test: name not found")


def test_a_server_that_refuses_is_said_to_fail(place):
    """dnsmasq has nobody to ask about names that are not its own."""
    place.serve_names()
    expect_refusal(place.nc("server.elsewhere.example."), "elsewhere.example.: name server failed")


def test_a_long_answer_comes_by_tcp(place):
    """A hundred and nineteen addresses are too many for a datagram; only the order of the answer is open."""
    place.serve_names()
    ended = place.nc("many.mill.test", "-u", "-q", "0", "--gateway", KERNEL_ADDRESS)
    assert ended.returncode == 0, ended.stderr
    assert "sending to 198.18.7." in ended.stderr
    assert place.asked("many.mill.test") == 2, "by UDP, and again by TCP"


def test_a_silent_server_is_given_up_in_time(place):
    place.resolv_conf.write_text(f"nameserver {KERNEL_ADDRESS}\noptions timeout:1 attempts:2\n")
    with place.namespace.entered():
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with silent:
        silent.bind(("0.0.0.0", 53))
        begun = time.monotonic()
        expect_refusal(place.nc("server.mill.test"), "cannot resolve server.mill.test: timed out")
        assert 2.5 < time.monotonic() - begun < 20, "one second, then two"


def test_no_server_is_said_to_be_missing(place):
    expect_refusal(place.nc("server.mill.test"), "cannot resolve server.mill.test: no name server")
    # One that only the kernel could ask.
    place.resolv_conf.write_text("nameserver 127.0.0.53\n")
    expect_refusal(place.nc("server.mill.test"), "cannot resolve server.mill.test: no name server")


def test_a_wrong_server_is_refused_at_once(place):
    ended = place.nc("server.mill.test", "--dns", "127.0.0.53")
    assert ended.returncode == 2
    assert ended.stderr == (
        "millrace-nc: --dns: 127.0.0.53 is a loopback address; give one that the network leads to\n")


@pytest.mark.parametrize("ttl, questions", [(60, 1), (0, 3)])
def test_a_name_is_remembered_as_long_as_its_server_says(place, tmp_path, ttl, questions):
    """The HTTP example looks its server up for every fetch."""
    serve_page(place, tmp_path)
    place.serve_names(f"--local-ttl={ttl}")
    ended = place.http_get("server.mill.test", "--times", "3")
    assert (ended.returncode, ended.stdout) == (0, "by name\n" * 3), ended.stderr
    assert place.asked("server.mill.test") == questions


def test_the_example_says_what_it_did_not_find(place):
    place.serve_names()
    expect_refusal(place.http_get("nobody.mill.test"),
                   "millrace-http-get: cannot resolve nobody.mill.test: name not found")
