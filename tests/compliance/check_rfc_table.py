"""Holds docs/rfc_compliance.md against the sources and the tests: `check_rfc_table.py BUILD_FOLDER`. Prints what is
wrong, a line each, and exits with 1. The cited tests are run here, so that a table never rests on an old result.

`--recorded` prints instead what the last column could say: by label, the tests whose sources say that they hold it;
`--fill` writes it where that column is empty."""

import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import rfc_table
from functions import functions_of  # tests/tidy

NEEDS_FUNCTION = ("done", "partial", "deviates")
NEEDS_TEST = ("done", "deviates")
NEEDS_REASON = ("partial", "deviates", "declined")
REASON = "Why:"
PROGRAM_TIME_LIMIT_S = 240
CITED_MAX = 6


class Problems(list):
    def about(self, row: rfc_table.Row, text: str) -> None:
        self.append(f"docs/rfc_compliance.md:{row.line}: {row.label}: {text}")


def check_rows(rows: list[rfc_table.Row], problems: Problems) -> None:
    """Each label once, each status with what it takes."""
    counts = collections.Counter(row.label for row in rows)
    problems += [f"docs/rfc_compliance.md: no row for {label}" for label in rfc_table.LABELS if label not in counts]
    problems += [f"docs/rfc_compliance.md: {count} rows for {label}" for label, count in counts.items() if count > 1]
    for row in rows:
        if row.status not in rfc_table.STATUSES:
            problems.about(row, f"'{row.status}' is no status; there are {', '.join(rfc_table.STATUSES)}")
        if not row.is_labelled and row.label.startswith(("MUST", "SHLD", "MAY", "REC")):
            problems.about(row, "RFC 9293 has no such label")
        if not row.requirement:
            problems.about(row, "says nothing")
        if row.status in NEEDS_FUNCTION and not row.functions:
            problems.about(row, f"is {row.status}, but names no function")
        if row.status in NEEDS_TEST and not row.tests:
            problems.about(row, f"is {row.status}, but names no test")
        if row.status in NEEDS_REASON and REASON not in row.requirement:
            problems.about(row, f"is {row.status}, but gives no reason ('{REASON} ...')")


def check_functions(rows: list[rfc_table.Row], root: pathlib.Path, problems: Problems) -> None:
    names: dict[str, set[str]] = {}
    for row in rows:
        for file, function in row.functions:
            path = root / "lib" / file
            if not path.is_file():
                problems.about(row, f"there is no lib/{file}")
                continue
            if file not in names:
                names[file] = {name.split("::")[-1] for name, _, _ in functions_of(path.read_text(encoding="utf-8"))}
            if function not in names[file]:
                problems.about(row, f"lib/{file} has no function {function}")


def check_tests(rows: list[rfc_table.Row], root: pathlib.Path, build: pathlib.Path, problems: Problems) -> None:
    """Every cited test exists, runs, passes, and records the row's label."""
    programs = _programs(build)
    cited: dict[str, set[str]] = collections.defaultdict(set)
    for row in rows:
        for program, test in row.tests:
            if program.endswith(".py"):
                _check_python_test(row, root / "tests/integration" / program, test, problems)
            elif program not in programs:
                problems.about(row, f"no test program is called {program}")
            else:
                cited[program].add(test)
    results = {program: run_tests(programs[program], tests) for program, tests in sorted(cited.items())}
    problems += [f"test program {program} {fault}" for program, fault in results.items() if isinstance(fault, str)]
    for row in rows:
        for program, test in row.tests:
            if isinstance(results.get(program), dict):
                _check_result(row, program, test, results[program], problems)


def _check_python_test(row: rfc_table.Row, path: pathlib.Path, test: str, problems: Problems) -> None:
    """These take the kernel and minutes; they are run by their own suite and must only exist."""
    if not path.is_file() or not re.search(rf"^\s*def {re.escape(test)}\(", path.read_text(encoding="utf-8"), re.MULTILINE):
        problems.about(row, f"{path.name} has no test {test}")
    if row.status in NEEDS_TEST and all(program.endswith(".py") for program, _ in row.tests):
        problems.about(row, "is held by no test that records its label")


def _check_result(row: rfc_table.Row, program: str, test: str, results: dict, problems: Problems) -> None:
    cases = results.get(test)
    if not cases:
        problems.about(row, f"{program} has no test {test}")
        return
    for fault, is_there in (
        ("did not run", not all(case["ran"] for case in cases)),
        ("fails", any(case["failed"] for case in cases)),
        (f"does not record {row.label}", any(case["ran"] and row.label not in case["covers"] for case in cases)),
    ):
        if is_there:
            problems.about(row, f"{program}: {test} {fault}")


def _programs(build: pathlib.Path) -> dict[str, dict]:
    """meson's tests by name, those of GoogleTest."""
    listed = json.loads((build / "meson-info/intro-tests.json").read_text(encoding="utf-8"))
    return {test["name"]: test for test in listed if test["protocol"] == "gtest"}


def run_tests(program: dict, tests: set[str]):
    """By plain name: how each of its cases went. Or what went wrong with the program."""
    if not pathlib.Path(program["cmd"][0]).exists():
        return "is not built"
    patterns = [pattern for name in sorted(tests) for pattern in (name, f"*/{name}", f"*/{name}/*", f"{name}/*")]
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.xml"
        command = [*program["cmd"], f"--gtest_filter={':'.join(patterns)}", f"--gtest_output=xml:{report}"]
        environment = {**os.environ, **program.get("env", {})}
        try:
            subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=False,
                           timeout=PROGRAM_TIME_LIMIT_S)
        except subprocess.TimeoutExpired:
            return f"takes more than {PROGRAM_TIME_LIMIT_S} s"
        if not report.exists():
            return "left no report"
        return read_report(report.read_text(encoding="utf-8"))


def read_report(text: str) -> dict[str, list[dict]]:
    """A GoogleTest report: by plain name, each case's fate and the labels that it recorded."""
    found = collections.defaultdict(list)
    for case in xml.etree.ElementTree.fromstring(text).iter("testcase"):
        # gtest 1.12 writes a test's own properties as a child; older ones as attributes.
        recorded = {prop.get("name"): prop.get("value") for prop in case.iter("property")} | dict(case.attrib)
        found[rfc_table.plain_test_name(f"{case.get('classname')}.{case.get('name')}")].append({
            "ran": case.get("status") == "run" and case.get("result") == "completed",
            "failed": case.find("failure") is not None,
            "covers": [label.strip() for label in recorded.get("covers", "").split(",")],
        })
    return found


TEST_HEAD = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", re.MULTILINE)
COVERS = re.compile(r"covers\(\s*\{(.*?)\}\s*\)", re.DOTALL)


# Folders whose programs meson's tests name with an underscore.
UNDERSCORED = ("api", "apps", "base", "control", "device", "simulation", "wire")


def program_of(path: pathlib.PurePath) -> str:
    """The test program of a source: `unit/tcp/reset_test.cpp` is built into `tcp/reset`."""
    folder, name = path.parent.name, path.name.removesuffix("_test.cpp")
    return f"{folder}{'_' if folder in UNDERSCORED else '/'}{name}"


def recorded_in(root: pathlib.Path) -> dict[str, dict[str, list[str]]]:
    """By label and test program: the tests whose source says that they hold it."""
    found: dict[str, dict[str, list[str]]] = collections.defaultdict(lambda: collections.defaultdict(list))
    for path in sorted((root / "tests").rglob("*_test.cpp")):
        text = path.read_text(encoding="utf-8")
        heads = list(TEST_HEAD.finditer(text))
        for head, following in zip(heads, [*heads[1:], None]):
            body = text[head.end():following.start() if following else len(text)]
            for call in COVERS.finditer(body):
                for label in re.findall(r'"([^"]+)"', call[1]):
                    found[label][program_of(path)].append(f"{head[1]}.{head[2]}")
    return found


def as_cell(tests: dict[str, list[str]]) -> str:
    return "; ".join(f"{program}: {', '.join(names)}" for program, names in sorted(tests.items()))


def filled(page: str, rows: list[rfc_table.Row], recorded: dict[str, dict[str, list[str]]]) -> str:
    """The page with tests in the rows that have none: those that hold little else, as they say the most."""
    weight = collections.Counter((program, name) for tests in recorded.values()
                                 for program, names in tests.items() for name in names)
    lines = page.split("\n")
    for row in rows:
        if not row.tests and row.label in recorded and row.status != "declined":
            tests = [(program, name) for program, names in recorded[row.label].items() for name in names]
            chosen = collections.defaultdict(list)
            for program, name in sorted(tests, key=weight.__getitem__)[:CITED_MAX]:
                chosen[program].append(name)
            lines[row.line - 1] = re.sub(r"\|\s*\|$", f"| {as_cell(chosen)} |", lines[row.line - 1])
    return "\n".join(lines)


def check_recorded(root: pathlib.Path, problems: Problems) -> None:
    """No test records a label that does not exist."""
    for label, tests in recorded_in(root).items():
        if not rfc_table.LABEL.fullmatch(label) or (label[0] != "R" and label not in rfc_table.LABELS):
            problems.append(f"{as_cell(tests)}: '{label}' is neither a label of RFC 9293 nor 'RFC NNNN §x.y'")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", nargs="?", type=pathlib.Path, help="a build folder with its tests built")
    parser.add_argument("--recorded", action="store_true", help="print, for the last column, which tests record which label")
    parser.add_argument("--fill", action="store_true", help="write it where that column is empty")
    given = parser.parse_args()
    page = rfc_table.PAGE.read_text(encoding="utf-8")
    rows = rfc_table.read(page)
    if given.fill:
        rfc_table.PAGE.write_text(filled(page, rows, recorded_in(rfc_table.ROOT)), encoding="utf-8")
        return 0
    if given.recorded or given.build is None:
        for label, tests in sorted(recorded_in(rfc_table.ROOT).items()):
            status = next((row.status for row in rows if row.label == label), "no row")
            print(f"{label} ({status}): {as_cell(tests)}")
        return 0
    problems = Problems()
    check_rows(rows, problems)
    check_functions(rows, rfc_table.ROOT, problems)
    check_recorded(rfc_table.ROOT, problems)
    check_tests(rows, rfc_table.ROOT, given.build, problems)
    counts = collections.Counter(row.status for row in rows)
    print("\n".join(problems) or "rows: " + ", ".join(f"{counts[status]} {status}" for status in rfc_table.STATUSES))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
