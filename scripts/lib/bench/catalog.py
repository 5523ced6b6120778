"""All that can be measured: runs, each on one wire, and cases, which say what is compared with what. A comparison is of
runs on one wire, and of values of the same round. A wire is what carries the frames; how it is set (the MTU, TSO) is what
some comparisons are about: they tell what a setting brings, and nothing is asked of them."""

import dataclasses
import enum
import typing

import counted_runs as counted
import shared_memory_runs as memory
import veth_runs as veth
from stage import Stage


class Kind(enum.Enum):
    RATIO = "ratio"
    DIFFERENCE = "difference"


@dataclasses.dataclass(frozen=True)
class Run:
    name: str
    wire: str
    title: str
    measure: typing.Callable[[Stage], dict[str, float]]
    main: str = "rate"  # The figure that plots show and that speaks for the run.
    is_quick: bool = True  # Also part of --quick.
    is_once: bool = False  # It counts, so that every round would say the same.
    settings: tuple = ()  # Of the wire, where they are not the usual ones.


@dataclasses.dataclass(frozen=True)
class Comparison:
    """`run` against `with_run`. `least` or `most` is what is asked for; None: nothing."""

    name: str
    run: str
    with_run: str
    figure: str
    title: str
    kind: Kind = Kind.RATIO
    least: float | None = None
    most: float | None = None
    least_at_client_limit: float | None = None  # Instead, where the client's processor was the limit of both.

    def at_client_limit(self) -> "Comparison":
        return self if self.least_at_client_limit is None else dataclasses.replace(self, least=self.least_at_client_limit)

    def has_bar(self) -> bool:
        return any(limit is not None for limit in (self.least, self.most, self.least_at_client_limit))

    def is_met(self, value: float) -> bool | None:
        return is_within(value, self.least, self.most)


def is_within(value: float, least: float | None, most: float | None) -> bool | None:
    """None: nothing is asked for."""
    if least is None and most is None:
        return None
    return (least is None or value >= least) and (most is None or value <= most)


@dataclasses.dataclass(frozen=True)
class Bar:
    """What a figure itself has to reach."""

    run: str
    figure: str
    least: float | None = None
    most: float | None = None

    def is_met(self, value: float) -> bool | None:
        return is_within(value, self.least, self.most)


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    title: str
    runs: tuple[str, ...]
    comparisons: tuple[Comparison, ...] = ()
    bars: tuple[Bar, ...] = ()


@dataclasses.dataclass(frozen=True)
class Figure:
    title: str
    unit: str
    is_more_better: bool
    is_compared: bool = True  # With a baseline.


FIGURES = {
    "rate": Figure("rate", "/s", True),
    "bits_per_second": Figure("bits", "b/s", True),
    "median_ns": Figure("median", "ns", False),
    "p99_ns": Figure("99 %", "ns", False),
    "p99_9_ns": Figure("99.9 %", "ns", False, is_compared=False),
    "tail_ns": Figure("99.9 % less median", "ns", False, is_compared=False),
    "packets_each": Figure("packets a connection", "", False),
    "instructions": Figure("instructions", "", False),
}

SUSTAINED_SECONDS = 120
# A client's processor that was idle for less than this was the limit.
CLIENT_LIMIT_IDLE = 0.05


def _vhost_stream(name: str, title: str, is_quick: bool = True, **settings) -> Run:
    return Run(name, "vhost-user", title, memory.stream("vhost", **settings), "bits_per_second", is_quick,
               settings=tuple(sorted(settings.items())))


_MEMORY = [
    Run("memif-testpmd-64", "memif", "two testpmd, 64 bytes, 256 frames on their way", memory.testpmd("memif", 64)),
    Run("memif-testpmd-1500", "memif", "two testpmd, 1500 bytes, 256 frames on their way",
        memory.testpmd("memif", 1500)),
    Run("memif-ping-pong", "memif", "raw ping-pong, one frame of 130 bytes", memory.ping_pong("memif"), "median_ns"),
    Run("memif-rr", "memif", "rr, 256 connections", memory.exchanges("memif", 256)),
    Run("memif-rr-shared", "memif", "rr, 256 connections, shared library", memory.exchanges("memif", 256, "-shared"),
        is_quick=False),
    Run("memif-rr-static", "memif", "rr, 256 connections, all static", memory.exchanges("memif", 256, "-static"),
        is_quick=False),
    Run("memif-rr-1", "memif", "rr, one connection", memory.exchanges("memif", 1), "median_ns"),
    Run("memif-crr", "memif", "crr, 256 connections at a time", memory.connects("memif")),
    Run("memif-crr-shared", "memif", "crr, shared library", memory.connects("memif", "-shared"), is_quick=False),
    Run("memif-crr-static", "memif", "crr, all static", memory.connects("memif", "-static"), is_quick=False),
    Run("memif-crr-sustained", "memif", f"crr for {SUSTAINED_SECONDS} s",
        memory.connects("memif", seconds_least=SUSTAINED_SECONDS), is_quick=False),
    Run("memif-stream", "memif", "stream, one connection", memory.stream("memif"), "bits_per_second"),
    Run("memif-stream-shared", "memif", "stream, shared library", memory.stream("memif", "-shared"),
        "bits_per_second", is_quick=False),
    Run("memif-stream-static", "memif", "stream, all static", memory.stream("memif", "-static"), "bits_per_second",
        is_quick=False),
    Run("memif-http", "memif", "millrace-httpd, 128 bytes, 1,000 connections", memory.web("memif")),
    Run("memif-http-shared", "memif", "millrace-httpd, shared library", memory.web("memif", "-shared"),
        is_quick=False),
    Run("memif-http-static", "memif", "millrace-httpd, all static", memory.web("memif", "-static"), is_quick=False),
    Run("vhost-testpmd-64", "vhost-user", "two testpmd, 64 bytes, 256 frames on their way",
        memory.testpmd("vhost", 64)),
    Run("vhost-rr", "vhost-user", "rr, 256 connections", memory.exchanges("vhost", 256)),
    _vhost_stream("vhost-stream", "stream, MTU 1500"),
    _vhost_stream("vhost-stream-tso", "stream, MTU 1500, TSO and large receive", joins_segments=True),
    _vhost_stream("vhost-stream-9000", "stream, MTU 9000", mtu=9000),
    _vhost_stream("vhost-stream-9000-tso", "stream, MTU 9000, TSO and large receive", is_quick=False, mtu=9000,
                  joins_segments=True),
]

_VETH = [
    *[Run(f"veth-rr-{server}", "veth", f"rr, 256 connections, {server}", veth.exchanges(server),
          is_quick=server != "af_packet") for server in ("kernel", "af_packet", "af_xdp")],
    *[Run(f"veth-rr-paced-{server}", "veth", f"rr, half the kernel's rate, {server}",
          veth.exchanges(server, rate_of="veth-rr-kernel"), "median_ns", is_quick=False)
      for server in ("kernel", "af_xdp")],
    *[Run(f"veth-crr-{server}", "veth", f"crr, 256 at a time, {server}", veth.connects(server),
          is_quick=server != "af_packet") for server in ("kernel", "af_packet", "af_xdp")],
    *[Run(f"veth-crr-paced-{server}", "veth", f"crr, half the kernel's rate, {server}",
          veth.connects(server, rate_of="veth-crr-kernel"), "median_ns", is_quick=False)
      for server in ("kernel", "af_xdp")],
    Run("veth-sockperf", "veth", "sockperf ping-pong, kernel", veth.sockperf(), "median_ns"),
    *[Run(f"veth-rr-1-{server}", "veth", f"rr, one connection, {server}", veth.exchanges(server, connections=1),
          "median_ns", is_quick=server != "af_packet") for server in ("kernel", "af_packet", "af_xdp")],
    Run("veth-iperf3", "veth", "iperf3, kernel", veth.iperf3(), "bits_per_second"),
    Run("veth-iperf3-offloads", "veth with offloads", "iperf3, kernel, veth with its offloads", veth.iperf3(True),
        "bits_per_second", is_quick=False),
    *[Run(f"veth-stream-{server}", "veth", f"stream, {server}", veth.stream(server), "bits_per_second",
          is_quick=server != "af_packet") for server in ("kernel", "af_packet", "af_xdp")],
    Run("veth-http-nginx", "veth", "nginx under wrk", veth.web("nginx")),
    *[Run(f"veth-http-{server}", "veth", f"millrace-httpd on {server} under wrk", veth.web(server),
          is_quick=server != "af_packet") for server in ("af_packet", "af_xdp")],
    *[Run(f"veth-http-paced-{server}", "veth", f"replies at half nginx's rate, {server}",
          veth.web_at_a_rate(server, "veth-http-nginx"), "median_ns", is_quick=False)
      for server in ("nginx", "af_xdp")],
]

_COUNTED = {
    "echo": "64 bytes received and sent back, from burst to burst",
    "receive": "one segment of 1460 bytes received in order",
    "send": "one segment of 1460 bytes sent",
    "crr": "a connection: SYN, request and response, FIN both ways",
}
_CALLGRIND = [Run(f"instructions-{trace}", "callgrind", title, counted.instructions(trace), "instructions",
                  is_quick=False, is_once=True) for trace, title in _COUNTED.items()]

RUNS = {run.name: run for run in [*_MEMORY, *_VETH, *_CALLGRIND]}


def _ratio(run: str, with_run: str, title: str, figure: str = "rate", **options) -> Comparison:
    return Comparison(f"{run} / {with_run}: {figure}", run, with_run, figure, title, **options)


def _by_linkage(case: str, figure: str) -> tuple[Comparison, ...]:
    return tuple(_ratio(f"memif-{case}-{linkage}", f"memif-{case}", f"{case}, {words}, to the programs as built", figure)
                 for linkage, words in (("shared", "shared library"), ("static", "all static")))


def _against_kernel(case: str, reference: str = "kernel", figure: str = "rate") -> tuple[Comparison, ...]:
    def bars(driver: str) -> dict[str, float]:
        is_asked = driver == "af_xdp" and figure == "rate"
        return {"least": 1.5, "least_at_client_limit": 1.0} if is_asked else {}
    return tuple(
        _ratio(f"veth-{case}-{driver}", f"veth-{case}-{reference}", f"{case} on {driver}, to {reference}", figure,
               **bars(driver)) for driver in ("af_packet", "af_xdp"))


def _paced(case: str, reference: str = "kernel") -> tuple[Comparison, ...]:
    return tuple(
        _ratio(f"veth-{case}-paced-af_xdp", f"veth-{case}-paced-{reference}",
               f"{case}, {FIGURES[figure].title} at the same rate, af_xdp to {reference}", figure, most=1.0)
        for figure in ("median_ns", "p99_ns"))


CASES = {case.name: case for case in [
    Case("memif-rr", "rr: 64-byte messages there and back, 256 connections, one on each",
         ("memif-testpmd-64", "memif-rr"),
         (_ratio("memif-rr", "memif-testpmd-64", "round trips, to frames that testpmd bounces", least=0.12),)),
    Case("memif-rr-1", "rr: one connection",
         ("memif-ping-pong", "memif-rr-1"),
         (Comparison("memif-rr-1 - memif-ping-pong: median_ns", "memif-rr-1", "memif-ping-pong", "median_ns",
                     "median round trip, beyond the raw ping-pong's", Kind.DIFFERENCE, most=500),
          _ratio("memif-rr-1", "memif-ping-pong", "99.9 % less median, to the raw ping-pong's", "tail_ns", most=1.5))),
    Case("memif-crr", "crr: connect, 64 bytes each way, close", ("memif-testpmd-64", "memif-crr"),
         (_ratio("memif-crr", "memif-testpmd-64", "connections, to frames that testpmd bounces"),),
         (Bar("memif-crr", "packets_each", most=7.0),)),
    Case("memif-crr-sustained", "crr: for longer than TIME-WAIT lasts", ("memif-crr-sustained",), (),
         (Bar("memif-crr-sustained", "rate", least=800_000), Bar("memif-crr-sustained", "packets_each", most=7.0))),
    Case("memif-stream", "stream: one connection, MTU 1500, 64 MiB of source",
         ("memif-testpmd-1500", "memif-stream"),
         (_ratio("memif-stream", "memif-testpmd-1500", "payload, to bytes of testpmd's frames", "bits_per_second"),),
         (Bar("memif-stream", "bits_per_second", least=60e9),)),
    Case("memif-http", "http: millrace-httpd, keep-alive", ("memif-testpmd-64", "memif-http"),
         (_ratio("memif-http", "memif-testpmd-64", "replies, to frames that testpmd bounces"),),
         (Bar("memif-http", "rate", least=3e6),)),
    Case("memif-linkage", "the same on the shared library, and with everything inside the program",
         tuple(f"memif-{case}{linkage}" for case in ("rr", "crr", "stream", "http")
               for linkage in ("", "-shared", "-static")),
         (*_by_linkage("rr", "rate"), *_by_linkage("crr", "rate"), *_by_linkage("stream", "bits_per_second"),
          *_by_linkage("http", "rate"))),
    Case("vhost", "vhost-user: rr, 256 connections", ("vhost-testpmd-64", "vhost-rr"),
         (_ratio("vhost-rr", "vhost-testpmd-64", "round trips, to frames that testpmd bounces"),)),
    Case("vhost-stream", "vhost-user: one stream, with and without TSO, large receive and long frames",
         ("vhost-stream", "vhost-stream-tso", "vhost-stream-9000", "vhost-stream-9000-tso"),
         tuple(_ratio(run, "vhost-stream", f"{title}, to MTU 1500 alone", "bits_per_second")
               for run, title in (("vhost-stream-tso", "TSO and large receive"), ("vhost-stream-9000", "MTU 9000"),
                                  ("vhost-stream-9000-tso", "MTU 9000 with both"))),
         (Bar("vhost-stream-tso", "bits_per_second", least=100e9),)),
    Case("veth-rr", "veth: rr, 256 connections, and at half the kernel's rate",
         ("veth-rr-kernel", "veth-rr-af_packet", "veth-rr-af_xdp", "veth-rr-paced-kernel", "veth-rr-paced-af_xdp"),
         (*_against_kernel("rr"), *_paced("rr"))),
    Case("veth-crr", "veth: crr, 256 at a time, and at half the kernel's rate",
         ("veth-crr-kernel", "veth-crr-af_packet", "veth-crr-af_xdp", "veth-crr-paced-kernel", "veth-crr-paced-af_xdp"),
         (*_against_kernel("crr"), *_paced("crr"))),
    Case("veth-rr-1", "veth: one connection, and sockperf beside it",
         ("veth-sockperf", "veth-rr-1-kernel", "veth-rr-1-af_packet", "veth-rr-1-af_xdp"),
         (_ratio("veth-rr-1-kernel", "veth-sockperf", "kernel, by millrace-perf, to sockperf's", "median_ns"),
          *_against_kernel("rr-1", figure="median_ns"))),
    Case("veth-stream", "veth: one stream, and iperf3 beside it",
         ("veth-iperf3", "veth-stream-kernel", "veth-stream-af_packet", "veth-stream-af_xdp", "veth-iperf3-offloads"),
         (_ratio("veth-stream-kernel", "veth-iperf3", "kernel, by millrace-perf, to iperf3's", "bits_per_second"),
          *_against_kernel("stream", figure="bits_per_second"))),
    Case("veth-http", "veth: a web server under wrk, 64 connections, and at half nginx's rate",
         ("veth-http-nginx", "veth-http-af_packet", "veth-http-af_xdp", "veth-http-paced-nginx",
          "veth-http-paced-af_xdp"),
         (*_against_kernel("http", "nginx"), *_paced("http", "nginx"))),
    Case("instructions", "instructions, counted by callgrind on a fake device with checksum offload",
         tuple(f"instructions-{trace}" for trace in _COUNTED), (),
         (Bar("instructions-echo", "instructions", most=700), Bar("instructions-receive", "instructions", most=250),
          Bar("instructions-send", "instructions", most=200))),
]}


def runs_of(cases: list[Case], is_quick: bool) -> list[Run]:
    """Each once, wire by wire, in the order of the table."""
    wanted = {name for case in cases for name in case.runs}
    return [run for run in RUNS.values() if run.name in wanted and (run.is_quick or not is_quick)]


def problems() -> list[str]:
    """What is wrong with the tables themselves: names that nothing has, comparisons across wires, or with a bar across
    settings of one."""
    made = []
    for case in CASES.values():
        made += [f"{case.name}: no run {name}" for name in case.runs if name not in RUNS]
        for one in case.comparisons:
            if not {one.run, one.with_run} <= set(case.runs):
                made.append(f"{case.name}: {one.name} is of runs that are not in it")
            elif RUNS[one.run].wire != RUNS[one.with_run].wire:
                made.append(f"{case.name}: {one.name} is across two wires")
            elif one.has_bar() and RUNS[one.run].settings != RUNS[one.with_run].settings:
                made.append(f"{case.name}: {one.name} has a bar, and the wire is not set alike")
            if one.figure not in FIGURES:
                made.append(f"{case.name}: no figure {one.figure}")
        made += [f"{case.name}: {bar.run} is not in it" for bar in case.bars if bar.run not in case.runs]
    made += [f"{run.name}: no figure {run.main}" for run in RUNS.values() if run.main not in FIGURES]
    return made
