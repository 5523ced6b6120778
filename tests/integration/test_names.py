"""Names by millrace-nc from Debian's dnsmasq in the namespace: short ones, many addresses, absent ones."""

import subprocess
import time

import pytest

from programs import KERNEL_ADDRESS, path_of

HOSTS = "\n".join(
    [f"{KERNEL_ADDRESS} server.mill.test"] + [f"198.18.7.{n} many.mill.test" for n in range(1, 120)]
    + [f"{KERNEL_ADDRESS} many.mill.test"]
)


@pytest.fixture
def dns(namespace, tmp_path):
    """The name server; what it was asked stands in its log."""
    hosts, log = tmp_path / "hosts", tmp_path / "log"
    hosts.write_text(HOSTS + "\n")
    log.touch()
    process = namespace.start(
        "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", f"--addn-hosts={hosts}",
        "--local=/test/", "--user=root", "--pid-file", "--log-queries", f"--log-facility={log}",
        stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
    )
    deadline = time.monotonic() + 10
    while "started" not in log.read_text():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    return log


def ask(namespace, name: str, *arguments) -> subprocess.CompletedProcess:
    """What a listener of the kernel's says to millrace-nc, which knows it by name."""
    return namespace.run(path_of("nc"), "--log", "error", "-w", "5", *arguments, "--dns", KERNEL_ADDRESS, name, "9000",
                         check=False, timeout=40)


def listen(namespace) -> None:
    namespace.start("nc", "-N", "-k", "-l", "9000", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    namespace.wait_for_listener(9000)


def test_a_name_leads_to_its_server(namespace, dns):
    listen(namespace)
    ended = ask(namespace, "server.mill.test", "-v")
    assert ended.returncode == 0, ended.stderr
    assert f"connected to {KERNEL_ADDRESS}:9000" in ended.stderr
    assert "query[A] server.mill.test" in dns.read_text()


def test_an_absent_name_is_said_to_be(namespace, dns):
    ended = ask(namespace, "nobody.mill.test")
    assert ended.returncode == 1
    assert "nobody.mill.test: name not found" in ended.stderr


def test_a_long_answer_comes_by_tcp(namespace, dns):
    """A hundred and twenty addresses are too many for a datagram of DNS; only the order of the answer is open."""
    ended = ask(namespace, "many.mill.test", "-u", "-q", "0", "-v")
    assert ended.returncode == 0, ended.stderr
    assert "sending to 198.18." in ended.stderr
    assert dns.read_text().count("query[A] many.mill.test") == 2, "by UDP, and again by TCP"


def test_a_server_that_is_not_there_is_noticed(namespace):
    begun = time.monotonic()
    ended = ask(namespace, "server.mill.test")
    assert ended.returncode == 1
    assert "server.mill.test: " in ended.stderr
    assert time.monotonic() - begun < 30


def test_the_example_fetches_by_name(namespace, dns, tmp_path):
    (tmp_path / "page").write_text("by name\n")
    namespace.start("python3", "-m", "http.server", "8000", "--directory", tmp_path,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    namespace.wait_for_listener(8000)
    ended = namespace.run(path_of("http_get"), "--log", "error", "--dns", f"{KERNEL_ADDRESS}:53",
                          "server.mill.test:8000", "/page", check=False)
    assert (ended.returncode, ended.stdout) == (0, "by name\n"), ended.stderr
    missing = namespace.run(path_of("http_get"), "--log", "error", "--dns", f"{KERNEL_ADDRESS}:53",
                            "nobody.mill.test:8000", check=False)
    assert missing.returncode == 1
    assert "nobody.mill.test: name not found" in missing.stderr
