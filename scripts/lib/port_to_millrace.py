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
# What is not code, or a name with what stands before it.
TOKEN = re.compile(
    r"""(?P<other>/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|^[ \t]*\#[^\n]*)"""
    r"""|(?P<member>(?:\.|->)\s*)?(?P<name>[A-Za-z_]\w*)(?P<open>\s*\()?""",
    re.DOTALL | re.MULTILINE,
)


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
    lines = source.splitlines(keepends=True)
    places = [number for number, line in enumerate(lines) if re.match(r"\s*#\s*include\b", line)]
    if INCLUDE in source:
        return source
    lines.insert(places[-1] + 1 if places else 0, f"{INCLUDE}\n")
    return "".join(lines)


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
