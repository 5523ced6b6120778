"""What scripts/bench does once all is built: choose, measure in turns, write, compare. Exit status 0; 1: a run has
failed, or a figure is worse than the baseline's; 2: asked for what makes no sense."""

import argparse
import contextlib
import json
import os
import pathlib
import sys
import tempfile

import baseline
import catalog
import machine
import processes
from session import FORMAT, Session, Settings, scaled
import tables
import wires

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/performance.md"
PICTURES = ROOT / "docs/performance"
QUICK = {"rounds": 3, "seconds": 1.0}
USUAL = {"rounds": 5, "seconds": 5.0}
HUGEPAGE_MEBIBYTES = 1536
BUILT = {
    "perf": "apps/perf/millrace-perf", "httpd": "apps/httpd/millrace-httpd",
    "perf-shared": "bench/millrace-perf-shared", "httpd-shared": "bench/millrace-httpd-shared",
    "perf-static": "bench/millrace-perf-static", "httpd-static": "bench/millrace-httpd-static",
    "ping-pong": "bench/millrace-ping-pong",
    "instructions": "bench/millrace-instructions",
}


class Usage(Exception):
    """A sentence about the command line."""


def arguments_of(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", usage="see scripts/bench --help", add_help=False)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--processors", default="1,0")
    parser.add_argument("--hugepages", type=int, default=HUGEPAGE_MEBIBYTES)
    parser.add_argument("--baseline", type=pathlib.Path)
    parser.add_argument("--save-baseline", action="store_true")
    parser.add_argument("--publish", action="store_true")
    parser.add_argument("--page-from", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--list", action="store_true")
    return parser.parse_args(words)


def check(options: argparse.Namespace) -> None:
    unknown = [name for name in options.cases if name not in catalog.CASES]
    if unknown:
        raise Usage(f"no case '{unknown[0]}'; --list shows them all")
    for name, least, most in (("rounds", 1, 1000), ("seconds", 0.2, 3600), ("hugepages", 0, 1 << 20)):
        value = getattr(options, name)
        if value is not None and not least <= value <= most:
            raise Usage(f"--{name} {value:g}: {least:g} to {most:g} is needed")
    if options.publish and (options.quick or options.cases):
        raise Usage("--publish writes docs/performance.md, which has all cases, measured at length")
    if options.save_baseline and options.baseline is None:
        raise Usage("--save-baseline needs --baseline FILE, which it writes")
    if options.page_from:
        check_page(options.page_from, page_document(options.page_from))


def page_document(path: pathlib.Path) -> dict:
    """The figures.json of a session."""
    try:
        made = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Usage(f"--page-from {path}: {error.strerror}") from error
    except ValueError as error:
        raise Usage(f"--page-from {path}: no session: {error}") from error
    if not isinstance(made, dict) or made.get("format") != FORMAT or "comparisons" not in made:
        raise Usage(f"--page-from {path}: no session of this version")
    return made


def check_page(path: pathlib.Path, document: dict) -> None:
    """The page has what --publish would write and nothing less."""
    missing = [name for name in catalog.CASES if name not in document["settings"]["cases"]]
    if document["interrupted"] or document["settings"]["quick"] or missing:
        what = "interrupted" if document["interrupted"] else f"without {missing[0]}" if missing else "a quick one"
        raise Usage(f"--page-from {path}: that session is {what}; the page has all cases, measured at length")


def processors_of(text: str) -> tuple[int, int]:
    """The server's and the client's."""
    allowed = sorted(os.sched_getaffinity(0))
    words = text.split(",")
    if len(words) != 2 or not all(word.isdigit() for word in words) or words[0] == words[1]:
        raise Usage(f"--processors {text}: two different numbers are needed, the server's and the client's")
    made = int(words[0]), int(words[1])
    if not set(made) <= set(allowed):
        raise Usage(f"--processors {text}: this process may use {', '.join(map(str, allowed))}")
    return made


def show_list() -> None:
    for case in catalog.CASES.values():
        print(f"{case.name:<22}{case.title}")
        for run in case.runs:
            print(f"{'':24}{run}{'' if catalog.RUNS[run].is_quick else '  (not with --quick)'}")


def programs_in(build: pathlib.Path) -> dict[str, pathlib.Path]:
    made = {name: build / path for name, path in BUILT.items() if (build / path).exists()}
    for folder in ("/usr/bin", "/usr/local/bin"):
        made.setdefault("testpmd", pathlib.Path(folder) / "dpdk-testpmd")
        if not made["testpmd"].exists():
            del made["testpmd"]
    return made


def measure(options: argparse.Namespace) -> dict:
    """The document of a session. It is whole, as far as it goes, after a signal, too."""
    cases = [case for name, case in catalog.CASES.items() if not options.cases or name in options.cases]
    runs = catalog.runs_of(cases, options.quick)
    if not runs:
        raise Usage("these cases have nothing for --quick")
    server, client = processors_of(options.processors)
    usual = QUICK if options.quick else USUAL
    programs = programs_in(options.build)
    if os.geteuid() != 0:
        raise processes.RunFailed("must run as root: it makes network namespaces and reserves hugepages")
    wires.remove_leftovers()
    prefix = wires.remove_old_folders()
    with machine.hugepages(options.hugepages) if options.hugepages else contextlib.nullcontext(False) as has_hugepages, \
         tempfile.TemporaryDirectory(prefix=prefix) as scratch:
        settings = Settings(
            programs=programs, server_processor=server, client_processor=client,
            rounds=options.rounds or usual["rounds"], seconds=options.seconds or usual["seconds"],
            is_quick=options.quick, has_hugepages=has_hugepages,
        )
        described = machine.describe(
            {name: str(path) for name, path in programs.items() if name in ("perf", "httpd")}, has_hugepages,
            [server, client])
        if options.baseline and not options.save_baseline:
            baseline.check_same(baseline.load(options.baseline), machine.kind_of(described), settings.seconds)
        _tell_start(described, settings, runs)
        session = Session(settings, cases, runs, pathlib.Path(scratch))
        interrupted = None
        try:
            session.measure()
        except processes.Interrupted as signal:
            interrupted = signal
            print(f"\ninterrupted by signal {signal.number}", file=sys.stderr)
    document = session.document(described, interrupted is not None)
    if interrupted:
        _write(options, document)
        raise interrupted
    return document


def _tell_start(described: dict, settings: Settings, runs: list) -> None:
    print("\n".join(line for line in tables.machine_lines(
        {"machine": described, "runs": {}, "settings": {
            "rounds": settings.rounds, "seconds": settings.seconds, "quick": settings.is_quick}})[:1]))
    print(f"{tables.in_rounds(settings.rounds)} of {len(runs)} runs, {settings.seconds:g} s each", flush=True)
    if not settings.has_hugepages:
        print("warning: no hugepages: every packet costs more misses of the address cache", file=sys.stderr)


def _write(options: argparse.Namespace, document: dict) -> None:
    folder = options.output or options.build / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "figures.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (folder / "figures.md").write_text(tables.figures_text(document, _draw(document, folder, "")), encoding="utf-8")
    print(f"written: {folder}/figures.json, figures.md and a picture for each case")


def _draw(document: dict, folder: pathlib.Path, prefix: str) -> dict[str, str]:
    try:
        import plots  # Takes a second, which --list does not need.
    except ImportError as problem:
        if prefix:
            raise processes.RunFailed(f"no pictures: {problem}; scripts/setup plots installs what is missing") from problem
        print(f"no pictures: {problem}", file=sys.stderr)
        return {}
    return {name: prefix + path.name for name, path in plots.draw(document, folder).items()}


def publish(document: dict) -> None:
    """docs/performance.md, its pictures, and the figures that both are made from."""
    PICTURES.mkdir(exist_ok=True)
    pictures = _draw(document, PICTURES, "performance/")
    (PICTURES / "figures.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    tables.publish(document, PAGE, pictures)
    print(f"written: {PAGE.relative_to(ROOT)} and {PICTURES.relative_to(ROOT)}")


def show(document: dict) -> None:
    print()
    for name, one in document["comparisons"].items():
        kind, summary = one["kind"], one["summary"]
        text = scaled(summary["median"], "ns") if kind == "difference" else f"{summary['median']:.3f}"
        met = {True: "  (the bar is met)", False: "  (THE BAR IS NOT MET)", None: ""}[one["is_met"]]
        print(f"{name}: {text}, spread {100 * summary['relative_spread']:.1f} %{met}")


def hold_against(path: pathlib.Path, document: dict) -> int:
    """How many figures are worse than those of the baseline."""
    stored = baseline.load(path)
    worse = 0
    for change in baseline.compare(stored, document):
        described = catalog.FIGURES[change.figure]
        word = "SLOWER" if change.is_worse else "better" if change.is_better else None
        worse += change.is_worse
        if word:
            print(f"{word}: {change.run}, {described.title}: {scaled(change.before, described.unit)} before, "
                  f"{scaled(change.after, described.unit)} now ({100 * change.loss:+.1f} % worse, "
                  f"{100 * change.tolerance:.1f} % may be chance)")
    for name in baseline.missing(stored, document):
        print(f"SLOWER: {name} has no result any more")
        worse += 1
    print(f"against {path}: {worse} figures are worse")
    return worse


def run(options: argparse.Namespace) -> int:
    check(options)
    if options.list:
        show_list()
        return 0
    if options.page_from:
        publish(page_document(options.page_from))
        return 0
    processors_of(options.processors)
    if options.baseline and not options.save_baseline:
        baseline.load(options.baseline)  # What cannot be read shall be known before an hour has passed.
    if options.check:
        return 0
    document = measure(options)
    _write(options, document)
    show(document)
    failures = [f"{name}: {failure}" for name, made in document["runs"].items() for failure in made["failures"]]
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    if options.publish and not failures:
        publish(document)
    worse = 0
    if options.save_baseline and failures:
        print(f"bench: {options.baseline} is not written, for runs have failed", file=sys.stderr)
    elif options.save_baseline:
        options.baseline.parent.mkdir(parents=True, exist_ok=True)
        options.baseline.write_text(json.dumps(baseline.make(document), indent=1) + "\n", encoding="utf-8")
        print(f"written: {options.baseline}")
    elif options.baseline:
        worse = hold_against(options.baseline, document)
    return 1 if failures or worse else 0


def main() -> int:
    processes.heed_signals()
    try:
        return run(arguments_of(sys.argv[1:]))
    except (Usage, baseline.NotComparable) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 2
    except processes.RunFailed as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    except processes.Interrupted as signal:
        return 128 + signal.number


if __name__ == "__main__":
    sys.exit(main())
