"""Runs on one veth: the client is the kernel's in all of them; the server is the kernel's too, or Millrace's on a device
of its own at the other end."""

import contextlib
import time

from machine import IdleWatch
from processes import Process, RunFailed
import readers
from shared_memory_runs import BODY_BYTES, HTTPD_OPTIONS
from stage import CONTROL_PORT, KernelServer, MillraceServer, Stage, client_command
import wires

KERNEL = "kernel"
RR_CONNECTIONS = 256
CRR_ADDRESSES = 16
CRR_PORTS = 20
CRR_TIME_WAIT = 1 << 23
WEB_CONNECTIONS = 64
# Of what the kernel's server reached in the closed loop: neither end is near its limit then.
OPEN_LOOP_SHARE = 0.5
# millrace-perf looks at its surroundings and warms up, the others begin at once, or after what they omit.
PERF_SETTLES = 0.8
OTHERS_SETTLE = 0.3
IPERF3_OMITS = 1
WATCHED_SHARE = 0.6
SOCKPERF_PORT = 11111
IPERF3_PORT = 5201


@contextlib.contextmanager
def _perf_server(stage: Stage, server: str, wire: wires.Veth):
    arguments = ["server"]
    if server == KERNEL:
        with KernelServer(stage, [stage.program("perf"), *arguments, "--backend", "kernel"], wire.server) as running:
            running.wait_until_serving(CONTROL_PORT)
            yield
        return
    options = ["--max-time-wait", CRR_TIME_WAIT, "--max-listeners", 2 * CRR_PORTS, *wire.device(server)]
    with MillraceServer(stage, "perf", [*arguments, *options], namespace=wire.server) as running:
        running.wait_until_serving()
        yield
        counted = running.counters()["stats"]
        stage.notes["tcp_retransmitted_segments"] = counted["tcp_retransmitted_segments"]
        stage.notes["tcp_time_wait_recycled"] = counted["tcp_time_wait_recycled"]


def _client(stage: Stage, wire: wires.Veth, command: list, settling_seconds: float) -> str:
    """Runs a client of the kernel's to its end, and sees how idle its processor was in the midst of the measured time,
    which begins after so many seconds."""
    with Process(command, stage.folder, "client", processor=stage.client_processor, namespace=wire.client) as running:
        time.sleep(settling_seconds)
        watch = IdleWatch([stage.client_processor, stage.server_processor])
        time.sleep(WATCHED_SHARE * stage.seconds)
        shares = watch.shares()
        text = running.wait(stage.deadline)
    stage.notes["client_idle"] = shares[stage.client_processor] or 0.0
    stage.notes["server_idle"] = shares[stage.server_processor] or 0.0
    return text


def _perf_text(stage: Stage, wire: wires.Veth, mode: str, options: list) -> str:
    return _client(stage, wire, client_command(stage, mode, ["--backend", "kernel", *options]), PERF_SETTLES)


def _open_loop(stage: Stage, rate_of: str | None) -> list:
    """The same rate for all servers: a share of the first round's result of `rate_of`."""
    if rate_of is None:
        return []
    if rate_of not in stage.rates:
        raise RunFailed(f"no rate to take: {rate_of} has no result")
    return ["--rate", int(OPEN_LOOP_SHARE * stage.rates[rate_of])]


def exchanges(server: str, connections: int = RR_CONNECTIONS, rate_of: str | None = None):
    def measure(stage: Stage) -> dict[str, float]:
        with wires.veth(server == KERNEL) as wire, _perf_server(stage, server, wire):
            options = ["--connections", connections, *_open_loop(stage, rate_of)]
            return readers.perf_exchanges(readers.perf(_perf_text(stage, wire, "rr", options)))
    return measure


def connects(server: str, rate_of: str | None = None):
    def measure(stage: Stage) -> dict[str, float]:
        addresses = wires.client_addresses(CRR_ADDRESSES)
        with wires.veth(server == KERNEL, CRR_ADDRESSES) as wire, _perf_server(stage, server, wire):
            options = ["--connections", RR_CONNECTIONS, "--data-ports", CRR_PORTS,
                       "--local-addresses", f"{addresses[0]}-{addresses[-1]}", *_open_loop(stage, rate_of)]
            document = readers.perf(_perf_text(stage, wire, "crr", options))
        if stage.notes.get("tcp_time_wait_recycled"):
            raise RunFailed("connections left TIME-WAIT early, for want of room")
        return readers.perf_exchanges(document)
    return measure


def stream(server: str):
    def measure(stage: Stage) -> dict[str, float]:
        with wires.veth(server == KERNEL) as wire, _perf_server(stage, server, wire):
            return readers.perf_stream(readers.perf(_perf_text(stage, wire, "stream", [])))
    return measure


def iperf3(has_offloads: bool = False):
    def measure(stage: Stage) -> dict[str, float]:
        with wires.veth(True, has_offloads=has_offloads) as wire, \
             KernelServer(stage, ["iperf3", "--server", "--one-off", "--port", IPERF3_PORT], wire.server) as running:
            running.wait_until_serving(IPERF3_PORT)
            command = ["iperf3", "--client", wires.SERVER_ADDRESS, "--port", IPERF3_PORT, "--json",
                       "--time", max(1, round(stage.seconds)), "--omit", IPERF3_OMITS]
            return readers.iperf3(_client(stage, wire, command, IPERF3_OMITS + OTHERS_SETTLE))
    return measure


def sockperf():
    def measure(stage: Stage) -> dict[str, float]:
        server = ["sockperf", "server", "--tcp", "-i", wires.SERVER_ADDRESS, "-p", SOCKPERF_PORT]
        with wires.veth(True) as wire, KernelServer(stage, server, wire.server) as running:
            running.wait_until_serving(SOCKPERF_PORT)
            command = ["sockperf", "ping-pong", "--tcp", "-i", wires.SERVER_ADDRESS, "-p", SOCKPERF_PORT,
                       "-m", 64, "-t", max(1, round(stage.seconds)), "--full-rtt"]
            return readers.sockperf(_client(stage, wire, command, OTHERS_SETTLE))
    return measure


NGINX_SETTINGS = """
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
worker_rlimit_nofile 65536;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  default_type application/octet-stream;
  sendfile on;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  open_file_cache max=16;
  open_file_cache_valid 1s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen {address}:80 backlog=4096; root {site}; }}
}}
"""


@contextlib.contextmanager
def _web_server(stage: Stage, server: str, wire: wires.Veth):
    site = stage.folder / "site"
    site.mkdir()
    (site / "body").write_bytes(BODY_BYTES * b"m")
    if server == "nginx":
        settings = stage.folder / "nginx.conf"
        settings.write_text(NGINX_SETTINGS.format(folder=stage.folder, address=wires.SERVER_ADDRESS, site=site))
        command = ["nginx", "-p", stage.folder, "-e", "stderr", "-c", settings]
        with KernelServer(stage, command, wire.server) as running:
            running.wait_until_serving(80)
            yield
        return
    options = [site, *HTTPD_OPTIONS, *wire.device(server)]
    with MillraceServer(stage, "httpd", options, namespace=wire.server) as running:
        running.wait_until_serving()
        yield


def web(server: str):
    """Under wrk."""
    def measure(stage: Stage) -> dict[str, float]:
        with wires.veth(server == "nginx") as wire, _web_server(stage, server, wire):
            command = ["wrk", "--threads", 1, "--connections", WEB_CONNECTIONS,
                       "--duration", f"{max(1, round(stage.seconds))}s", "--latency",
                       f"http://{wires.SERVER_ADDRESS}/body"]
            return readers.wrk(_client(stage, wire, command, OTHERS_SETTLE))
    return measure


def web_at_a_rate(server: str, rate_of: str):
    """By millrace-perf on the kernel's sockets: wrk knows no open loop."""
    def measure(stage: Stage) -> dict[str, float]:
        with wires.veth(server == "nginx") as wire, _web_server(stage, server, wire):
            options = ["--backend", "kernel", "--connections", WEB_CONNECTIONS, "--path", "/body",
                       "--length", BODY_BYTES, *_open_loop(stage, rate_of)]
            command = client_command(stage, "http", options, port=80)
            return readers.perf_exchanges(readers.perf(_client(stage, wire, command, PERF_SETTLES)))
    return measure
