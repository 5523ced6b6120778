"""What scripts/instructions and the test `instructions` do: run each trace of bench/instructions under callgrind and
say where its instructions go, write the totals down, or hold them against those. Exit status 1: a total is off by more
than the tolerance; 77 tells meson that nothing can be compared here, and why."""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORDED = ROOT / "bench/instructions/recorded.json"
TOLERANCE = 0.02
TURNS = 96  # Of 32 packets each. Every turn of a trace costs the same, but for the odd timer.
SKIPPED = 77

# What --cache lets valgrind simulate: a first level as small as any, a last level in which all of a trace has room.
CACHES = ["--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=33554432,16,64"]
FIRST_LEVEL = ("I1mr", "D1mr", "D1mw")
LAST_LEVEL = ("ILmr", "DLmr", "DLmw")

# The C library chooses its copies by processor: none that another machine's lacks, and none that depend on the size of
# its caches. Symbols are bound before the first turn.
ENVIRONMENT = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM",
    "LD_BIND_NOW": "1",
}

# The stage of a source file, by the first pattern that fits its path.
STAGES = [
    (r"/bench/", "application, fake device"),
    (r"/lib/runtime/|stack/stack\.|stack/device_map|packet/burst", "turn: bursts, classifying"),
    (r"/lib/packet/|/dpdk/|packet_queue", "packets: pools, queues, budget"),
    (r"/lib/net/|wire/(ipv4|ethernet|vlan|arp)|address|endpoint", "Ethernet and IP"),
    (r"stack/(frame_builder|plain_frames|tcp_output)|wire/tcp_frame", "output: frames"),
    (r"stack/(demux|tuple_hash)|wire/tuple_key|base/(keyed|universal)_hash|isn_generator|siphash|libsodium",
     "keyed hashes, demux"),
    (r"wire/(tcp|checksum|word_sum|raw|usual_frame)|base/big_endian|stack/(tcp_input|tcp_burst|segment_reader)",
     "TCP header, options, arrival"),
    (r"tcp/(acknowledgment|repair|retransmission|sent_segment|delivery|congestion|cubic|hystart|reno|prr|rack|rtt|loss"
     r"|scoreboard|spurious|undo|tail_probe|reorder|duplicate_acks|steering|pacer|bbr|dctcp|windowed|ack_sample)",
     "ACKs, loss, congestion, round trip"),
    (r"tcp/(input|predicted_input|receive|reassembly|quick_acks|offered_window|ecn|urgent|timestamps|options|sack"
     r"|sequence_space)",
     "arrival in the connection"),
    (r"tcp/(output|plain_run|send|burst_push|more_hold|window_use|path_mtu|segment)", "output: which is next"),
    (r"base/timer_wheel|tcp/timeout|stack/app_timers", "timers"),
    (r"/lib/socket/|tcp/connection\.|slot_table|include/millrace/(tcp|buffer)|pthread_self", "socket calls, connection"),
    (r"/lib/stack/|tcp/|intrusive_list|base/contract", "core: settling, events, counters"),
    (r"/lib/udp/", "UDP"),
    (r"string/|mem(cpy|set|cmp|move)", "memcpy, memset, memcmp"),
]
# What is inlined everywhere belongs to whoever called it.
GENERIC = re.compile(r"/c\+\+/|base/contract|base/fixed_vector|base/deadline|base/coarse_time|wire/seq_num"
                     r"|include/millrace/(time|error|address|endpoint|stats)|\?\?\?|/gcc/")


class Profile:
    """Instructions of one run: of each pair of a source file and the function that its code ended up in. With caches,
    also what each missed in the first and in the last of them."""

    def __init__(self, path: pathlib.Path) -> None:
        self.pairs: collections.Counter = collections.Counter()
        self.first_level: collections.Counter = collections.Counter()
        self.last_level: collections.Counter = collections.Counter()
        events: list[str] = []
        self.home: dict[str, str] = {}
        function = source = obj = ""
        is_call = False
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                key, equals, value = line.rstrip("\n").partition("=")
                if line[0].isdigit():
                    if not is_call:  # What a call costs is the called function's.
                        # Zeros at the end of a line are left out.
                        costs = dict(zip(events, map(int, line.split()[1:])))
                        self.pairs[source, function] += costs["Ir"]
                        self.first_level[source, function] += sum(costs.get(name, 0) for name in FIRST_LEVEL)
                        self.last_level[source, function] += sum(costs.get(name, 0) for name in LAST_LEVEL)
                    is_call = False
                elif line.startswith("events:"):
                    events = line.split()[1:]
                elif equals and key == "fn":
                    function = value
                    self.home.setdefault(function, obj if source == "???" else source)
                elif equals and key in ("fl", "fi", "fe"):
                    source = value
                elif equals and key == "ob":
                    obj = value
                elif equals and key == "calls":
                    is_call = True
        self.total = sum(self.pairs.values())

    def by_function(self) -> collections.Counter:
        functions: collections.Counter = collections.Counter()
        for (_, function), count in self.pairs.items():
            functions[function] += count
        return functions

    def by_stage(self, counts: collections.Counter | None = None) -> collections.Counter:
        stages: collections.Counter = collections.Counter()
        for (source, function), count in (self.pairs if counts is None else counts).items():
            is_generic = GENERIC.search(source) is not None
            stages[stage_of(self.home[function] + " " + function if is_generic else source)] += count
        return stages


def stage_of(text: str) -> str:
    text = text.replace("../", "").replace("build/test/", "")
    return next((stage for pattern, stage in STAGES if re.search(pattern, text)), "other: " + text.split(" ")[0])


def run(program: pathlib.Path, trace: str, has_caches: bool = False) -> tuple[Profile, int, str]:
    """The profile of a trace, how many units were counted, and what a unit is."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "callgrind.out"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--toggle-collect=counted_turn",
                   "--compress-strings=no", "--compress-pos=no", *(CACHES if has_caches else []), str(program), trace, str(TURNS)]
        done = subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{trace}: the run failed:\n{done.stderr[-2000:]}")
        units, unit = done.stdout.split()
        return Profile(out), int(units), unit


def known_traces(program: pathlib.Path) -> list[str]:
    usage = subprocess.run([program], capture_output=True, text=True, check=False).stderr
    return usage.partition("traces:")[2].split()


def short(function: str) -> str:
    function = function.replace("(anonymous namespace)::", "").replace("millrace::", "")
    return re.sub(r"\(.*", "", re.sub(r"\s*\[.*", "", function))


def print_table(title: str, counts: collections.Counter, units: int, most: int) -> None:
    print(f"  {title}")
    total = sum(counts.values())
    for name, count in counts.most_common(most):
        print(f"    {count / units:9.1f}  {100 * count / total:5.1f} %  {short(name)}")


def print_misses(profile: Profile, units: int) -> None:
    first, last = profile.by_stage(profile.first_level), profile.by_stage(profile.last_level)
    print("  misses of the first cache, and of the last")
    for stage, count in first.most_common():
        if count / units >= 0.05:
            print(f"    {count / units:9.2f}  {last[stage] / units:7.2f}  {stage}")
    print(f"    {first.total() / units:9.2f}  {last.total() / units:7.2f}  together")


def show(program: pathlib.Path, traces: list[str], functions: int, has_caches: bool) -> dict[str, float]:
    costs = {}
    for trace in traces:
        profile, units, unit = run(program, trace, has_caches)
        costs[trace] = profile.total / units
        print(f"{trace}: {costs[trace]:.1f} instructions a {unit}")
        print_table("by stage", profile.by_stage(), units, 100)
        if has_caches:
            print_misses(profile, units)
        if functions > 0:
            print_table("by function, inlined calls included", profile.by_function(), units, functions)
        print()
    return costs


def why_not_recorded(traces: list[str], built_with: dict) -> str:
    """Numbers of two compilers would stand in one file. Empty: they would not."""
    if not traces or not RECORDED.exists():
        return ""
    before = json.loads(RECORDED.read_text(encoding="utf-8"))["built_with"]
    return "" if before == built_with else f"recorded with {before}, built with {built_with}: record all traces at once"


def record(costs: dict[str, float], built_with: dict, is_whole: bool) -> None:
    is_added = RECORDED.exists() and not is_whole
    before = json.loads(RECORDED.read_text(encoding="utf-8"))["traces"] if is_added else {}
    kept = before | {trace: round(cost, 1) for trace, cost in costs.items()}
    RECORDED.write_text(json.dumps({"built_with": built_with, "traces": kept}, indent=2) + "\n", encoding="utf-8")
    print(f"written: {RECORDED.relative_to(ROOT)}")


def check(program: pathlib.Path, built_with: dict) -> int:
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    for name, value in recorded["built_with"].items():
        if built_with.get(name) != value:
            print(f"skipped: recorded with {name} '{value}', built with '{built_with.get(name)}'")
            return SKIPPED
    traces = known_traces(program)
    status = 0
    for trace in sorted(set(traces) ^ set(recorded["traces"])):
        print(f"{trace}: is not both a trace and recorded; scripts/instructions --record writes all of them down")
        status = 1
    for trace in [each for each in traces if each in recorded["traces"]]:
        profile, units, unit = run(program, trace)
        cost, before = profile.total / units, recorded["traces"][trace]
        change = cost / before - 1
        is_off = abs(change) > TOLERANCE
        print(f"{trace}: {cost:.1f} instructions a {unit}, recorded {before} ({100 * change:+.2f} %)"
              f"{': TOO FAR OFF' if is_off else ''}")
        status = 1 if is_off else status
    if status != 0:
        print("If that is meant: scripts/instructions --record, and say why in the commit.")
    return status


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--built-with", type=pathlib.Path, required=True, help="JSON: compiler and libraries")
    parser.add_argument("--functions", type=int, default=0)
    parser.add_argument("--cache", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("traces", nargs="*")
    options = parser.parse_args()
    built_with = json.loads(options.built_with.read_text(encoding="utf-8"))
    if shutil.which("valgrind") is None:
        print("skipped: there is no valgrind (Debian's package valgrind)")
        return SKIPPED
    if options.check:
        return check(options.program, built_with)
    known = known_traces(options.program)
    unknown = [trace for trace in options.traces if trace not in known]
    if unknown:
        print(f"no trace '{unknown[0]}'; there are: {' '.join(known)}", file=sys.stderr)
        return 2
    refusal = why_not_recorded(options.traces, built_with) if options.record else ""
    if refusal:
        print(refusal, file=sys.stderr)
        return 2
    costs = show(options.program, options.traces or known, options.functions, options.cache)
    if options.record:
        record(costs, built_with, not options.traces)
    return 0


if __name__ == "__main__":
    sys.exit(main())
