#!/usr/bin/env python3
"""Ports a C or C++ source from BSD sockets to Millrace: puts `millrace_` before each call that <millrace/socket.h>
declares, and includes that header behind the others. Comments and strings stay as they are.

    port-to-millrace [--header FILE] SOURCE             prints the ported source
    port-to-millrace [--header FILE] --diff SOURCE      prints what it would change, without context

Without --header the list of calls is that of the header in this project, or of the installed one. Names that a program
has given to functions or members of its own (`file.read(...)`, `static int read(...)`) are not told from calls, but for
those behind `.` or `->`: look through the difference."""

import argparse
import difflib
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
HEADERS = [HERE.parents[1] / "lib/include/millrace/socket.h", pathlib.Path("/usr/local/include/millrace/socket.h"),
           pathlib.Path("/usr/include/millrace/socket.h")]
PREFIX = "millrace_"
INCLUDE = "#include <millrace/socket.h>"
# What is not code, or a name with what stands before it. Numbers are there for the apostrophes between their digits, and
# a directive goes on behind a backslash, and within a comment.
TOKEN = re.compile(
    r"""(?P<directive>^[ \t]*\#(?:/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\\\r?\n|[^\n])*)"""
    r"""|(?P<raw>\b(?:u8|[uUL])?R"(?P<end>[^ ()\\\t\v\f\n]{0,16})\(.*?\)(?P=end)")"""
    r"""|(?P<other>/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[0-9](?:'?[\w.])*)"""
    r"""|(?P<member>(?:\.|->)\s*)?(?P<name>[A-Za-z_]\w*)(?P<open>\s*\()?""",
    re.DOTALL | re.MULTILINE,
)
DIRECTIVE = re.compile(r"\s*#\s*(\w+)")


def calls_in(header: str) -> set[str]:
    """The calls that have a namesake in the system; starting and ending Millrace are its own."""
    declared = set(re.findall(rf"\b{PREFIX}(\w+)\(", re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)))
    return declared - {"start", "stop"}


def ported(source: str, calls: set[str]) -> str:
    def replace(match: re.Match) -> str:
        is_call = match["name"] in calls and match["open"] is not None and match["member"] is None
        return f"{PREFIX}{match[0]}" if is_call else match[0]

    return with_include(TOKEN.sub(replace, source))


def with_include(source: str) -> str:
    if INCLUDE in source:
        return source
    place = place_of_include(source)
    before, behind = source[:place], source[place:]
    line_end = "" if before.endswith("\n") or not before else "\n"
    return f"{before}{line_end}{INCLUDE}\n{behind}"


def place_of_include(source: str) -> int:
    """Behind the last include that no condition holds back; where every one is conditional (an include guard, perhaps),
    before the condition of the first."""
    depth = 0
    condition = 0  # Where the outermost one starts.
    first_conditional = last_plain = None
    for token in TOKEN.finditer(source):
        directive = DIRECTIVE.match(token["directive"] or "")
        word = directive[1] if directive else ""
        if word in ("if", "ifdef", "ifndef"):
            condition = condition if depth > 0 else token.start()
            depth += 1
        elif word == "endif":
            depth = max(depth - 1, 0)
        elif word == "include" and depth == 0:
            last_plain = source.find("\n", token.end()) + 1 or len(source)
        elif word == "include" and first_conditional is None:
            first_conditional = condition
    return next((place for place in (last_plain, first_conditional) if place is not None), 0)


def difference(source: str, result: str) -> str:
    """As `diff -U0` has it, without file names."""
    lines = difflib.unified_diff(source.splitlines(), result.splitlines(), n=0, lineterm="")
    return "".join(f"{line}\n" for line in list(lines)[2:])


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--header", type=pathlib.Path)
    words.add_argument("--diff", action="store_true")
    words.add_argument("source", type=pathlib.Path)
    wish = words.parse_args()
    header = wish.header or next((path for path in HEADERS if path.exists()), None)
    try:
        if header is None:
            raise OSError("no millrace/socket.h found; say --header")
        source = wish.source.read_text(encoding="utf-8")
        result = ported(source, calls_in(header.read_text(encoding="utf-8")))
    except OSError as problem:
        print(f"port-to-millrace: {problem}", file=sys.stderr)
        return 1
    sys.stdout.write(difference(source, result) if wish.diff else result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
