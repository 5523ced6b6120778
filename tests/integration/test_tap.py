"""The kernel's programs and Millrace's talk over a TAP: ping, curl, wrk, nc, nginx."""

import shutil
import signal
import subprocess
import time

import pytest

import workloads
from conftest import sha256_of
from programs import ADDRESS, INTERFACE, KERNEL_ADDRESS, MillraceProgram, path_of


@pytest.mark.parametrize("size", [0, 56, 1472])
def test_ping_is_answered_every_time(namespace, serve, size):
    serve("echo")
    workloads.every_ping_is_answered(namespace, size)


def test_gibibyte_arrives_at_the_kernel(namespace, serve, make_file, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    file, digest = make_file(site, workloads.GIB)
    serve("httpd", site)
    workloads.download(namespace, file, digest, tmp_path / "received")
    file.unlink()


def test_gibibyte_arrives_from_the_kernel(namespace, serve, make_file, tmp_path):
    file, digest = make_file(tmp_path, workloads.GIB)
    serve("httpd")
    workloads.upload(namespace, file, digest)
    file.unlink()


def test_thousand_concurrent_connections_without_a_socket_error(namespace, serve):
    serve("httpd")
    workloads.thousand_connections_at_once(namespace)


def test_twenty_thousand_connections_one_after_another(namespace, serve):
    workloads.connections_one_after_another(namespace, serve("httpd"), 20_000)


def test_kernel_netcat_half_closes(namespace, serve, make_file, tmp_path):
    file, digest = make_file(tmp_path, 16 << 20)
    serve("echo")
    workloads.netcat_half_closes(namespace, file, digest, tmp_path / "echoed")


def test_netcat_sends_to_and_receives_from_the_kernels(namespace, make_file, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    ours, our_digest = make_file(tmp_path / "a", 32 << 20)
    theirs, their_digest = make_file(tmp_path / "b", 24 << 20)
    got_by_them, got_by_us = tmp_path / "got-by-them", tmp_path / "got-by-us"
    with theirs.open("rb") as source, got_by_them.open("wb") as sink:
        peer = namespace.start("nc", "-N", "-l", "9000", stdin=source, stdout=sink)
    namespace.wait_for_listener(9000)
    # Our input ends last: the kernel's netcat, when it listens, leaves with its own input half sent once ours ended.
    with got_by_us.open("wb") as sink:
        client = namespace.start(path_of("nc"), KERNEL_ADDRESS, "9000", stdin=subprocess.PIPE, stdout=sink)
    with client.stdin, ours.open("rb") as source:
        shutil.copyfileobj(source, client.stdin)
        client.stdin.flush()
        wait_for_size(got_by_us, theirs.stat().st_size)
    assert client.wait(10) == 0
    assert peer.wait(10) == 0
    assert sha256_of(got_by_them) == our_digest
    assert sha256_of(got_by_us) == their_digest


def test_netcat_listens_for_the_kernels(namespace, make_file, tmp_path):
    file, digest = make_file(tmp_path, 8 << 20)
    received = tmp_path / "received"
    with received.open("wb") as sink:
        listener = namespace.start(path_of("nc"), "-l", "9000", stdin=subprocess.DEVNULL, stdout=sink)
    wait_for_ping(namespace)
    with file.open("rb") as source:
        namespace.run("nc", "-N", ADDRESS, "9000", stdin=source, timeout=60)
    assert listener.wait(10) == 0
    assert sha256_of(received) == digest


def test_netcat_fetches_from_nginx(namespace, make_file, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    file, _ = make_file(site, 4 << 20)
    start_nginx(namespace, tmp_path, site)
    # Input stays open until the answer is there: nginx gives up on a client that half-closes early.
    client = namespace.start(path_of("nc"), KERNEL_ADDRESS, "8080", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    client.stdin.write(f"GET /{file.name} HTTP/1.0\r\n\r\n".encode())
    client.stdin.flush()
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        octet = client.stdout.read(1)
        assert octet, f"the answer ended in its head: {head}"
        head += octet
    body = client.stdout.read(file.stat().st_size)
    client.stdin.close()
    assert client.wait(10) == 0
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert body == file.read_bytes()


def start_nginx(namespace, folder, site) -> None:
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"""
        daemon off;
        master_process off;
        pid {folder}/nginx.pid;
        error_log stderr;
        events {{}}
        http {{
          access_log off;
          client_body_temp_path {folder}/body;
          proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/fastcgi;
          uwsgi_temp_path {folder}/uwsgi;
          scgi_temp_path {folder}/scgi;
          server {{ listen 8080; root {site}; }}
        }}
        """
    )
    namespace.start("nginx", "-c", configuration, stderr=subprocess.DEVNULL)
    namespace.wait_for_listener(8080)


def wait_for_size(file, size: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while file.stat().st_size < size:
        assert time.monotonic() < deadline, f"{file.stat().st_size} of {size} bytes after {seconds} s"
        time.sleep(0.02)


def wait_for_ping(namespace) -> None:
    for _ in range(100):
        if namespace.run("ping", "-c", "1", "-W", "1", "-q", ADDRESS, check=False).returncode == 0:
            return
    raise AssertionError("no answer to ping")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_program_in_order(namespace, how):
    program = MillraceProgram(namespace, "echo")
    program.wait_until_reachable()
    assert program.stop(how) == 0, program.log()
    assert INTERFACE not in namespace.ip("link", "show")
