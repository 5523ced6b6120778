"""check_rfc_table.py finds what is wrong with a table: each test breaks a sound one in a single place. The test
programs are small scripts that behave as GoogleTest's do."""

import json
import pathlib
import tempfile
import textwrap
import unittest

import check_rfc_table
import rfc_table

PROGRAM = '''\
#!/usr/bin/env python3
import sys
report = next(word for word in sys.argv if word.startswith("--gtest_output=xml:")).partition("xml:")[2]
cases = [
    ("Reset", "IsExact", "MUST-1, RFC 5961 §3.2", "run", ""),
    ("Every/Reset", "InAnyState/CLOSED", "MUST-1", "run", ""),
    ("Reset", "IsSkipped", "MUST-1", "notrun", ""),
    ("Reset", "Fails", "MUST-1", "run", "<failure message='no'/>"),
]
with open(report, "w", encoding="utf-8") as file:
    file.write("<testsuites><testsuite>")
    for suite, name, labels, status, failure in cases:
        file.write(f"<testcase classname='{suite}' name='{name}' status='{status}' result='completed'>"
                   f"<properties><property name='covers' value='{labels}'/></properties>{failure}</testcase>")
    file.write("</testsuite></testsuites>")
'''


def row(label: str, status: str = "no", functions: str = "", tests: str = "", text: str = "Does it.") -> str:
    return f"| {label} | {text} | {status} | {functions} | {tests} |"


class CheckRfcTable(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("lib/tcp/input.cpp", "int Connection::check_reset(int x) {\n  return x;\n}\n")
        self.write("tests/integration/test_tap.py", "def test_reset():\n    pass\n")
        self.write("program", PROGRAM).chmod(0o755)
        tests = [{"name": "protocol/reset", "protocol": "gtest", "cmd": [str(self.root / "program")], "env": {}},
                 {"name": "protocol/lost", "protocol": "gtest", "cmd": [str(self.root / "nowhere")], "env": {}}]
        self.write("build/meson-info/intro-tests.json", json.dumps(tests))

    def write(self, name: str, text: str) -> pathlib.Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def complaints(self, *changed: str) -> list[str]:
        """About a table in which these rows stand for those with the same labels, and are added if there are none."""
        rows = {label: row(label) for label in rfc_table.LABELS}
        rows["MUST-1"] = row("MUST-1", "done", "tcp/input.cpp: check_reset", "protocol/reset: Reset.IsExact")
        added = []
        for text in changed:
            label = text.split(" | ")[0].removeprefix("| ")
            if label in rows:
                rows[label] = text
            else:
                added.append(text)
        table = rfc_table.read("\n".join([*rows.values(), *added]))
        problems = check_rfc_table.Problems()
        check_rfc_table.check_rows(table, problems)
        check_rfc_table.check_functions(table, self.root, problems)
        check_rfc_table.check_tests(table, self.root, self.root / "build", problems)
        check_rfc_table.check_recorded(self.root, problems)
        return [problem.partition("compliance.md:")[2].partition(": ")[2] or problem for problem in problems]

    def must_1(self, functions: str = "tcp/input.cpp: check_reset", tests: str = "protocol/reset: Reset.IsExact",
               status: str = "done", text: str = "Does it.") -> list[str]:
        return self.complaints(row("MUST-1", status, functions, tests, text))

    def test_a_sound_table(self) -> None:
        self.assertEqual(self.complaints(), [])
        self.assertEqual(self.must_1(tests="`protocol/reset`: Reset.IsExact, Reset.InAnyState; test_tap.py: test_reset"), [])
        self.assertEqual(self.complaints(row("RFC 5961 §3.2", "done", "tcp/input.cpp: check_reset",
                                             "protocol/reset: Reset.IsExact")), [])

    def test_a_label_is_missing(self) -> None:
        table = rfc_table.read("\n".join(row(label) for label in rfc_table.LABELS if label != "SHLD-31"))
        problems = check_rfc_table.Problems()
        check_rfc_table.check_rows(table, problems)
        self.assertEqual(problems, ["docs/rfc_compliance.md: no row for SHLD-31"])

    def test_a_label_stands_twice(self) -> None:
        self.assertEqual(self.complaints(row("RFC 1 §1"), row("RFC 1 §1")), ["docs/rfc_compliance.md: 2 rows for RFC 1 §1"])

    def test_a_label_that_does_not_exist(self) -> None:
        self.assertEqual(self.complaints(row("MUST-70")), ["MUST-70: RFC 9293 has no such label"])

    def test_an_unknown_status(self) -> None:
        self.assertEqual(self.must_1(status="finished")[0].partition(";")[0], "MUST-1: 'finished' is no status")

    def test_done_without_function_or_test(self) -> None:
        self.assertEqual(self.must_1(functions=""), ["MUST-1: is done, but names no function"])
        self.assertEqual(self.must_1(tests=""), ["MUST-1: is done, but names no test"])

    def test_a_departure_without_reason(self) -> None:
        for status in ("partial", "deviates", "declined"):
            self.assertEqual(self.must_1(status=status), [f"MUST-1: is {status}, but gives no reason ('Why: ...')"])
            self.assertEqual(self.must_1(status=status, text="Does it. Why: because."), [])

    def test_a_file_or_function_that_does_not_exist(self) -> None:
        self.assertEqual(self.must_1(functions="tcp/inptu.cpp: check_reset"), ["MUST-1: there is no lib/tcp/inptu.cpp"])
        self.assertEqual(self.must_1(functions="tcp/input.cpp: check_resets"),
                         ["MUST-1: lib/tcp/input.cpp has no function check_resets"])

    def test_a_test_that_does_not_exist(self) -> None:
        self.assertEqual(self.must_1(tests="protocol/rest: Reset.IsExact"), ["MUST-1: no test program is called protocol/rest"])
        self.assertEqual(self.must_1(tests="protocol/reset: Reset.Exact"), ["MUST-1: protocol/reset has no test Reset.Exact"])
        self.assertEqual(self.must_1(tests="protocol/reset: Reset.IsExact; test_tap.py: test_rest"),
                         ["MUST-1: test_tap.py has no test test_rest"])

    def test_a_test_that_does_not_record_the_label(self) -> None:
        self.assertEqual(self.complaints(row("MUST-2", "done", "tcp/input.cpp: check_reset", "protocol/reset: Reset.IsExact")),
                         ["MUST-2: protocol/reset: Reset.IsExact does not record MUST-2"])
        self.assertEqual(self.must_1(tests="test_tap.py: test_reset"), ["MUST-1: is held by no test that records its label"])

    def test_a_test_that_did_not_run(self) -> None:
        self.assertEqual(self.must_1(tests="protocol/reset: Reset.IsSkipped"),
                         ["MUST-1: protocol/reset: Reset.IsSkipped did not run"])
        self.assertEqual(self.must_1(tests="protocol/lost: Reset.IsExact"), ["test program protocol/lost is not built"])

    def test_a_test_that_fails(self) -> None:
        self.assertEqual(self.must_1(tests="protocol/reset: Reset.Fails"), ["MUST-1: protocol/reset: Reset.Fails fails"])

    def test_empty_columns_are_filled(self) -> None:
        page = "\n".join(["# A page", row("MUST-1", "no"), row("MUST-2", "no", tests="a/b: C.D"), row("MAY-1", "declined"), ""])
        recorded = {label: {"tcp/reset": ["Reset.IsExact"], "wire_tcp": ["Tcp.Is", "Tcp.Was"]}
                    for label in ("MUST-1", "MUST-2", "MAY-1")}
        expected = page.replace("no |  |  |", "no |  | tcp/reset: Reset.IsExact; wire_tcp: Tcp.Is, Tcp.Was |", 1)
        self.assertEqual(check_rfc_table.filled(page, rfc_table.read(page), recorded), expected)

    def test_programs_are_named_as_meson_names_them(self) -> None:
        for path, program in (("tests/unit/tcp/reset_test.cpp", "tcp/reset"), ("tests/unit/wire/tcp_test.cpp", "wire_tcp"),
                              ("tests/protocol/rto_test.cpp", "protocol/rto"),
                              ("tests/simulation/open_test.cpp", "simulation_open")):
            self.assertEqual(check_rfc_table.program_of(pathlib.PurePosixPath(path)), program)

    def test_a_test_that_records_what_does_not_exist(self) -> None:
        self.write("tests/unit/a_test.cpp", textwrap.dedent('''\
            TEST(Reset, IsExact) {
              covers({"MUST-1", "MUST-99", "RFC 5961 §3.2"});
            }
            '''))
        self.assertEqual(self.complaints(), ["unit/a: Reset.IsExact: 'MUST-99' is neither a label of RFC 9293 nor "
                                             "'RFC NNNN §x.y'"])


if __name__ == "__main__":
    unittest.main()
