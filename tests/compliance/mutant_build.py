"""A copy of the project in which any number of mutants are compiled in at once, each behind a switch that the
environment sets: one build, and then a run a mutant. The project itself is never touched; the copy stays in the build
folder, so that the next time only what differs is compiled."""

import collections
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import xml.etree.ElementTree

from cpp_mutations import Mutation
from rfc_table import ROOT

SKIPPED_FOLDERS = {"build", ".git", ".cache", "__pycache__"}
SWITCHES_MAX = 4096
# Every file of the copy begins with it. Where the compiler computes, nothing is ever on: see cpp_mutations._constants.
SWITCH_HEADER = """#ifdef __cplusplus
#pragma once
#include <cstdio>
#include <cstdlib>
namespace millrace::mutation {
struct Switches {
  int on = std::getenv("MILLRACE_MUTANT") ? std::atoi(std::getenv("MILLRACE_MUTANT")) : 0;
  unsigned char reached[%d];
  ~Switches() {
    const char* const path = std::getenv("MILLRACE_REACHED");
    std::FILE* const file = path ? std::fopen(path, "a") : nullptr;
    if (file == nullptr) { return; }
    for (int i = 0; i < %d; ++i) { if (reached[i]) { std::fprintf(file, "%%d\\n", i); } }
    std::fclose(file);
  }
};
inline Switches switches;
inline bool is_at_run_time(int number) noexcept {
  switches.reached[number] = 1;
  return switches.on == number;
}
constexpr bool is(int number) noexcept {
  return !__builtin_is_constant_evaluated() && is_at_run_time(number);
}
}
#endif
""" % (SWITCHES_MAX, SWITCHES_MAX)
SETUP = ["-Doptimization=1", "-Ddebug=false", "-Db_ndebug=false", "-Dwerror=false"]
BUILD_ROUNDS_MAX = 20


@dataclasses.dataclass(frozen=True)
class Mutant:
    """Its number is what the environment says to switch it on. One may have several places."""

    number: int
    file: str
    places: tuple[Mutation, ...]


class MutantBuild:
    def __init__(self, folder: pathlib.Path, say=print) -> None:
        self.tree = folder / "tree"
        self.out = folder / "out"
        self.mutants: dict[int, Mutant] = {}
        self.not_compiling: dict[int, str] = {}
        self._say = say

    def prepare(self, mutants: list[Mutant], is_wanted) -> list[str]:
        """Builds the GoogleTest programs whose names `is_wanted` likes, with all mutants that compile. Their names."""
        self.mutants = {mutant.number: mutant for mutant in mutants}
        assert max(self.mutants, default=0) < SWITCHES_MAX
        self.tree.mkdir(parents=True, exist_ok=True)
        _write(self.tree / "mutation_switch.hpp", SWITCH_HEADER)
        self._copy()
        if not (self.out / "build.ninja").exists():
            _must(["meson", "setup", *SETUP, f"-Dcpp_args=-include {self.tree / 'mutation_switch.hpp'}",
                   str(self.out), str(self.tree)])
        elif self._is_configuration_old():
            _must(["meson", "setup", "--reconfigure", str(self.out), str(self.tree)])
        self._programs = {name: test for name, test in self._listed().items() if is_wanted(name)}
        for _ in range(BUILD_ROUNDS_MAX):
            errors = self._compile()
            if not errors:
                return sorted(self._programs)
            for number, message in errors.items():
                self.not_compiling[number] = message
                del self.mutants[number]
            self._copy()
        raise SystemExit(f"still not compiling after {BUILD_ROUNDS_MAX} rounds")

    def _is_configuration_old(self) -> bool:
        configured = (self.out / "build.ninja").stat().st_mtime
        return any(path.stat().st_mtime > configured for path in _files_of(self.tree) if path.name == "meson.build")

    def _listed(self) -> dict[str, dict]:
        file = self.out / "meson-info/intro-tests.json"
        return {test["name"]: test for test in json.loads(file.read_text(encoding="utf-8"))
                if test["protocol"] == "gtest"}

    def _copy(self) -> None:
        """What is in the project, with the mutants in their places; a file is written only if it differs."""
        by_file = collections.defaultdict(list)
        for mutant in self.mutants.values():
            by_file[mutant.file] += [(place, mutant.number) for place in mutant.places]
        wanted = set()
        for path in _files_of(ROOT):
            name = path.relative_to(ROOT).as_posix()
            wanted.add(name)
            if name in by_file:
                _write(self.tree / name, apply(path.read_text(encoding="utf-8"), by_file[name]))
            elif not (self.tree / name).exists() or (self.tree / name).read_bytes() != path.read_bytes():
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, self.tree / name)  # Modes, but not times: ninja must notice.
        for path in _files_of(self.tree):
            if path.relative_to(self.tree).as_posix() not in wanted | {"mutation_switch.hpp"}:
                path.unlink()

    def _compile(self) -> dict[int, str]:
        """The mutants that the compiler refuses, with what it says."""
        targets = sorted({os.path.relpath(test["cmd"][0], self.out) for test in self._programs.values()})
        result = subprocess.run(["ninja", "-C", str(self.out), "-k", "0", *targets],
                                capture_output=True, text=True, check=False)
        if result.returncode == 0:
            return {}
        refused = {}
        # One mutant's error may be followed by a crowd of others: the first of each compilation counts.
        for compilation in re.sub(r"\x1b\[[\d;]*[mK]", "", result.stdout).split("FAILED: ")[1:]:
            found = re.search(r"^\.\./tree/(\S+?):(\d+):\d+: (?:fatal )?error: (.*)$", compilation, re.MULTILINE)
            culprit = self._mutant_at(found[1], int(found[2])) if found else None
            # An error may be told of a file without mutants: then what it was required from, or what a note says is no
            # constant any more, is to blame.
            for file, line in re.findall(r"^\.\./tree/(\S+?):(\d+):\d+: (?:  required from|note: .* constant expression$)",
                                         compilation, re.MULTILINE):
                culprit = culprit or self._mutant_at(file, int(line))
            if culprit is not None:
                refused[culprit] = found[3] if found else "refused by what it calls"
        if not refused:
            raise SystemExit("the copy does not build, and no mutant is to blame:\n" + result.stdout[-4000:])
        return refused

    def _mutant_at(self, file: str, line: int) -> int | None:
        nearest = None
        for mutant in self.mutants.values():
            if mutant.file == file:
                for place in mutant.places:
                    last = place.line + place.before.count("\n")
                    if place.line <= line <= last:
                        return mutant.number
                    if 0 < line - last <= 3:
                        nearest = mutant.number
        return nearest

    def run(self, program: str, number: int, tests: set[str] | None = None, time_limit_s: float = 60,
            reached: pathlib.Path | None = None) -> str:
        """With that mutant switched on, 0 for none: "passed", or how it failed. Stops at the first failure."""
        test = self._programs[program]
        with tempfile.TemporaryDirectory() as folder:
            report = pathlib.Path(folder) / "report.xml"
            command = [*test["cmd"], "--gtest_fail_fast", f"--gtest_output=xml:{report}"]
            if tests:
                patterns = [p for name in sorted(tests) for p in (name, f"*/{name}", f"*/{name}/*", f"{name}/*")]
                command.append(f"--gtest_filter={':'.join(patterns)}")
            environment = {**os.environ, **test.get("env", {}), "MILLRACE_MUTANT": str(number)}
            if reached is not None:
                environment["MILLRACE_REACHED"] = str(reached)
            return _run(command, environment, folder, report, time_limit_s)

    def time(self, program: str, reached: pathlib.Path | None = None, tests: set[str] | None = None) -> float:
        """Seconds without any mutant; the tests must pass."""
        start = time.monotonic()
        fate = self.run(program, 0, tests=tests, time_limit_s=600, reached=reached)
        if fate != "passed":
            raise SystemExit(f"{program} fails without any mutant: {fate}")
        return time.monotonic() - start


def apply(text: str, places: list[tuple[Mutation, int]]) -> str:
    """Lines stay where they are."""
    for place, number in sorted(places, key=lambda each: each[0].start, reverse=True):
        text = text[:place.start] + place.text(number) + text[place.end:]
    return text


def without_overlaps(mutants: list[Mutant]) -> list[Mutant]:
    """The first of each crowd, for they are all compiled into one source."""
    kept, taken = [], collections.defaultdict(list)
    for mutant in mutants:
        spans = [(place.start, place.end) for place in mutant.places]
        if not any(start < other_end and other_start < end or (start, end) == (other_start, other_end)
                   for start, end in spans for other_start, other_end in taken[mutant.file]):
            kept.append(mutant)
            taken[mutant.file] += spans
    return kept


def _run(command: list[str], environment: dict, folder: str, report: pathlib.Path, time_limit_s: float) -> str:
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        code = process.wait(timeout=time_limit_s)
    except subprocess.TimeoutExpired:
        return "takes too long"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if code == 0:
        return "passed"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    if not report.exists():
        return f"exit status {code}"
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is not None:
            return f"{case.get('classname')}.{case.get('name')}"
    return f"exit status {code}"


def _files_of(root: pathlib.Path):
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        yield from (pathlib.Path(folder) / name for name in files)


def _write(path: pathlib.Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _must(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{result.stdout[-4000:]}{result.stderr[-4000:]}")
