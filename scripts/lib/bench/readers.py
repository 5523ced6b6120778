"""Texts that measuring programs print, to numbers. A text that is not as expected is an error that says what was
missing: a figure that cannot be read must not become a zero."""

import json
import re


class Unreadable(Exception):
    """The output lacks what was looked for."""


def _find(pattern: str, text: str, what: str) -> re.Match:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise Unreadable(f"no {what} in: {text.strip()[-300:]!r}")
    return found


def _document(text: str, what: str) -> dict:
    try:
        made = json.loads(text)
    except ValueError as error:
        raise Unreadable(f"{what} has printed no JSON: {error}: {text.strip()[:300]!r}") from error
    if not isinstance(made, dict):
        raise Unreadable(f"{what} has printed no JSON object")
    return made


def _at(document: dict, path: str, what: str):
    value = document
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            raise Unreadable(f"{what} has told no {path}")
        value = value[name]
    return value


def testpmd_link_is_up(text: str) -> bool:
    """From the answer to `show port summary 0`."""
    lines = re.findall(r"^0\s+[0-9A-Fa-f:]{17}\s.*$", text, re.MULTILINE)
    return bool(lines) and re.search(r"\bup\b", lines[-1]) is not None


def testpmd_rates(text: str) -> list[dict[str, int]]:
    """From answers to `show port stats 0`, one after the other: what was counted until then, and the rates since the
    answer before."""
    names = ["RX-packets", "RX-missed", "RX-errors", "RX-nombuf", "TX-packets", "TX-errors", "Rx-pps", "Tx-pps"]
    made = []
    for block in re.findall(r"NIC statistics for port 0(.*?)^\s*#{20,}", text, re.DOTALL | re.MULTILINE):
        made.append({name: int(_find(rf"{name}:\s*(\d+)", block, name)[1]) for name in names})
    return made


def testpmd_dropped(text: str) -> int:
    """Frames that the forwarding could not hand on, from the answer to `stop`."""
    return sum(int(number) for number in re.findall(r"(?:TX-dropped|RX-dropped):\s*(\d+)", text))


def perf(text: str) -> dict:
    """The document of `millrace-perf --json`. A test that has failed has no figures."""
    made = _document(text, "millrace-perf")
    if not _at(made, "passed", "millrace-perf"):
        raise Unreadable("millrace-perf: " + "; ".join(map(str, made.get("failures", [])))[:500])
    for path in ("client.seconds", "client.exchanges_per_second", "latency_ns.p50"):
        _at(made, path, "millrace-perf")
    return made


def perf_exchanges(document: dict) -> dict[str, float]:
    """Rate and latency of `rr`, `crr` and `http`."""
    latency = document["latency_ns"]
    return {
        "rate": document["client"]["exchanges_per_second"],
        "median_ns": latency["p50"],
        "p99_ns": latency["p99"],
        "p99_9_ns": latency["p99_9"],
        "tail_ns": latency["p99_9"] - latency["p50"],
    }


def perf_stream(document: dict) -> dict[str, float]:
    """Payload that arrived at the server and was verified there."""
    return {"bits_per_second": _at(document, "server.bits_in_per_second", "millrace-perf")}


def ping_pong(text: str) -> dict[str, float]:
    made = _document(text, "millrace-ping-pong")
    latency = {name: _at(made, f"latency_ns.{name}", "millrace-ping-pong") for name in ("p50", "p99", "p99_9")}
    if _at(made, "round_trips", "millrace-ping-pong") <= 0:
        raise Unreadable("millrace-ping-pong has made no round trip")
    return {
        "rate": made["round_trips"] / made["seconds"],
        "median_ns": latency["p50"],
        "p99_ns": latency["p99"],
        "p99_9_ns": latency["p99_9"],
        "tail_ns": latency["p99_9"] - latency["p50"],
    }


def iperf3(text: str) -> dict[str, float]:
    """From `iperf3 --json`: what the receiver has received."""
    made = _document(text, "iperf3")
    if "error" in made:
        raise Unreadable(f"iperf3: {made['error']}")
    return {"bits_per_second": float(_at(made, "end.sum_received.bits_per_second", "iperf3"))}


_UNITS = {"us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9}


def wrk(text: str) -> dict[str, float]:
    """From `wrk --latency`. Errors and replies of another status spoil the run."""
    errors = re.search(r"^\s*(Socket errors|Non-2xx).*$", text, re.MULTILINE)
    if errors:
        raise Unreadable(f"wrk: {errors[0].strip()}")

    def nanoseconds(share: str) -> float:
        found = _find(rf"^\s*{share}%\s+([0-9.]+)(us|ms|s|m)\s*$", text, f"latency at {share} %")
        return float(found[1]) * _UNITS[found[2]]

    return {
        "rate": float(_find(r"^Requests/sec:\s*([0-9.]+)", text, "Requests/sec")[1]),
        "median_ns": nanoseconds("50"),
        "p99_ns": nanoseconds("99"),
    }


def sockperf(text: str) -> dict[str, float]:
    """From `sockperf ping-pong --full-rtt`. Its percentiles are in microseconds."""

    def nanoseconds(share: str) -> float:
        found = _find(rf"percentile {share}\s*=\s*([0-9.]+)", text, f"percentile {share}")
        return round(1e3 * float(found[1]), 3)

    lost = _find(r"# dropped messages = (\d+)", text, "dropped messages")
    if int(lost[1]) != 0:
        raise Unreadable(f"sockperf: {lost[0]}")
    return {
        "median_ns": nanoseconds("50.000"),
        "p99_ns": nanoseconds("99.000"),
        "p99_9_ns": nanoseconds("99.900"),
        "tail_ns": nanoseconds("99.900") - nanoseconds("50.000"),
    }


def counters(log: str) -> list[dict]:
    """The lines that a Millrace program prints at SIGUSR1, oldest first."""
    lines = [line for line in log.splitlines() if line.startswith('{"core":') and line.endswith("}")]
    return [json.loads(line) for line in lines]


def processor_ticks(stat: str, processor: int) -> tuple[int, int]:
    """Idle ticks and all ticks of a processor, from /proc/stat."""
    found = _find(rf"^cpu{processor} (.*)$", stat, f"processor {processor}")
    # user nice system idle iowait irq softirq steal; guest time is in user already.
    ticks = [int(word) for word in found[1].split()[:8]]
    return ticks[3] + ticks[4], sum(ticks)
