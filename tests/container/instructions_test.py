"""What instructions.py reads, and that it can read the Containerfile."""

import pathlib
import unittest

from instructions import Instruction, is_ignored, parse, substitute

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Instructions(unittest.TestCase):
    def test_reads_names_comments_and_continued_lines(self):
        text = "# a comment\nfrom debian:12 AS build\n\nRUN one && \\\n    two\nCMD [\"a\", \"b c\"]\n"
        self.assertEqual(
            parse(text),
            [
                Instruction(2, "FROM", "debian:12 AS build"),
                Instruction(4, "RUN", "one && two"),
                Instruction(6, "CMD", '["a", "b c"]'),
            ],
        )

    def test_line_continued_by_nothing_is_an_error(self):
        with self.assertRaises(ValueError):
            parse("RUN one \\\n")

    def test_substitutes_what_is_set(self):
        self.assertEqual(substitute("$A/${B}/$C", {"A": "x", "B": "y"}), "x/y/")

    def test_ignores_folders_with_all_that_is_in_them(self):
        patterns = ["# results", "build", "**/__pycache__", "*.pcapng"]
        ignored = ("build", "build/release/a.o", "tests/tidy/__pycache__/x.pyc", "echo.pcapng")
        kept = ("scripts/lib/build.sh", "lib/build", "docs/api/build.py", "tests/echo.pcapng", "builder")
        self.assertEqual([path for path in ignored + kept if is_ignored(path, patterns)], list(ignored))

    def test_containerfile_has_two_stages_and_a_command(self):
        names = [step.name for step in parse((ROOT / "Containerfile").read_text(encoding="utf-8"))]
        self.assertEqual(names.count("FROM"), 2)
        self.assertEqual(names[-1], "CMD")


if __name__ == "__main__":
    unittest.main()
