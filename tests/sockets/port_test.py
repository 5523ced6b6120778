"""scripts/port-to-millrace, and that docs/from_bsd_sockets.md shows what it does to the example line-count.

    port_test.py             the tests
    port_test.py --write     writes the difference into the page anew"""

import importlib.util
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PROJECT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = PROJECT / "scripts/port-to-millrace"
MODULE = PROJECT / "scripts/lib/port_to_millrace.py"
SOURCE = PROJECT / "apps/examples/line_count/line_count.c"
PAGE = PROJECT / "docs/from_bsd_sockets.md"
BLOCK = re.compile(r"(?<=^```diff\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)


def load_script():
    specification = importlib.util.spec_from_file_location("port_to_millrace", MODULE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def real_difference() -> str:
    return subprocess.run([SCRIPT, "--diff", SOURCE], check=True, capture_output=True, text=True).stdout


class PortTest(unittest.TestCase):
    script = load_script()

    def port(self, source: str) -> str:
        return self.script.ported(source, {"read", "close"}).replace(f"{self.script.INCLUDE}\n", "")

    def test_calls_get_the_prefix(self):
        self.assertEqual(self.port("x = read (fd, close(fd));"), "x = millrace_read (fd, millrace_close(fd));")

    def test_other_names_are_left_alone(self):
        for text in ("fread(f);", "reads(f);", "do_read(f);", "read = 1;", "socket(1);"):
            self.assertEqual(self.port(text), text)

    def test_members_are_left_alone(self):
        for text in ("file.read(1);", "file->read(1);", "file -> read(1);"):
            self.assertEqual(self.port(text), text)

    def test_comments_strings_and_directives_are_left_alone(self):
        for text in ("/* read(1)\n read(2) */", "// read(1)\n", 'p("\\"read(1)");', "'\"';", "#define R read(1)\n"):
            self.assertEqual(self.port(text), text)

    def test_raw_strings_are_left_alone(self):
        for text in (
            'R"(read(1)\nread(2))";', 'R"(a "read(1)" b)";', 'u8R"x(")" read(1) )x";', 'LR"--(\\)--";', 'R"()";'
        ):
            self.assertEqual(self.port(text), text)
            self.assertEqual(self.port(f"{text} read(1);"), f"{text} millrace_read(1);")
        self.assertEqual(self.port('BAR"(read(1)"; read(1);'), 'BAR"(read(1)"; millrace_read(1);', "an end of a name")

    def test_code_behind_a_string_is_ported(self):
        self.assertEqual(self.port("p('\"', \"/*\"); read(1);"), "p('\"', \"/*\"); millrace_read(1);")

    def test_the_header_comes_behind_the_others(self):
        text = "#include <a>\n#include <b>\nint x;\n"
        self.assertEqual(
            self.script.ported(text, set()), f"#include <a>\n#include <b>\n{self.script.INCLUDE}\nint x;\n"
        )

    def test_code_behind_digit_separators_is_ported(self):
        self.assertEqual(self.port("x = 1'000; read(1); y = 0xff'ff;"), "x = 1'000; millrace_read(1); y = 0xff'ff;")
        self.assertEqual(self.port("n = 65'536; // it's read(1)"), "n = 65'536; // it's read(1)")
        self.assertEqual(self.port("c = u8'\"'; read(1);"), "c = u8'\"'; millrace_read(1);")

    def test_a_directive_goes_on_behind_a_backslash(self):
        for text in ("#define R(f) \\\n  read(f)\n", "#define R(f) /* two\n lines */ read(f)\n"):
            self.assertEqual(self.port(text), text)
            self.assertEqual(self.port(f"{text}read(1);"), f"{text}millrace_read(1);")

    def test_the_header_is_under_no_condition(self):
        include = f"{self.script.INCLUDE}\n"
        for before, behind in (
            ("#include <a>\n", "#ifdef __linux__\n#include <b>\n#endif\nint x;\n"),
            ("#if A\n#if B\n#endif\n#endif\n#include <a>\n", "#if C\n# include <b>\n#else\n#include <c>\n#endif\n"),
            ("#define _GNU_SOURCE\n", "#ifndef A_H\n#define A_H\n#include <a>\n#include <b>\nint x;\n#endif\n"),
            ("#include <a>\n", "/*\n#include <b>\n*/\n"),
            ("", "int x;\n"),
        ):
            self.assertEqual(self.script.ported(before + behind, set()), before + include + behind)
        self.assertEqual(self.script.ported("#include <a>", set()), f"#include <a>\n{include}")

    def test_the_calls_are_those_of_the_header(self):
        calls = self.script.calls_in("int millrace_start(void); /* millrace_no( */ int millrace_read(int fd);")
        self.assertEqual(calls, {"read"})

    def test_calls_without_counterpart_are_named_with_their_line(self):
        source = "// dup(1)\nint x = dup(1);\nfile.dup(1); dup; p(\"fork()\");\n\nselect(1); fork();\n"
        found = self.script.warnings(source, {"select"})
        self.assertEqual([warning.split(" ")[:2] for warning in found], [["2:", "dup"], ["5:", "fork"]])

    def test_none_of_them_has_a_counterpart(self):
        header = (PROJECT / "lib/include/millrace/socket.h").read_text(encoding="utf-8")
        self.assertEqual(self.script.calls_in(header) & set(self.script.WITHOUT_COUNTERPART), set())

    def test_warnings_go_to_standard_error_and_the_source_is_ported(self):
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / "a.c"
            source.write_text("int f(void) { return dup(socket(1, 2, 3)); }\n", encoding="utf-8")
            result = subprocess.run([SCRIPT, source], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0)
        self.assertIn("return dup(millrace_socket(1, 2, 3))", result.stdout)
        self.assertRegex(result.stderr, rf"^{re.escape(str(source))}:1: dup [^\n]+\n$")

    def test_a_source_that_is_not_there_is_said(self):
        result = subprocess.run([SCRIPT, "/nowhere.c"], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr.count("\n"), 1)

    def test_the_page_shows_the_difference(self):
        shown = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
        self.assertEqual(len(shown), 1)
        self.assertEqual(shown[0], real_difference(), "write it anew: tests/sockets/port_test.py --write")


def write_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    new, count = BLOCK.subn(lambda _: real_difference(), page)
    if count != 1:
        sys.exit(f"{PAGE} has {count} blocks of ```diff")
    PAGE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write_page()
    else:
        unittest.main()
