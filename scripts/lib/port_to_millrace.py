#!/usr/bin/env python3
"""Ports a C or C++ source from BSD sockets to Millrace: puts `millrace_` before each call that <millrace/socket.h>
declares, and includes that header behind the others. Comments and strings stay as they are.

    port-to-millrace [--header FILE] SOURCE             prints the ported source
    port-to-millrace [--header FILE] --diff SOURCE      prints what it would change, without context

Without --header the list of calls is that of the header in this project, or of the installed one. Names that a program
has given to functions or members of its own (`file.read(...)`, `static int read(...)`) are not told from calls, but for
those behind `.` or `->`: look through the difference.

Calls that Millrace has no counterpart for stay the kernel's, and most do something to one of its descriptors that is not
meant: each is named on standard error, with its line. The exit status is 0 then, too; it is 1 where nothing could be
ported."""

import argparse
import difflib
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
HEADERS = [HERE.parents[1] / "lib/include/millrace/socket.h", HERE.parent / "include/millrace/socket.h",
           pathlib.Path("/usr/local/include/millrace/socket.h"),
           pathlib.Path("/usr/include/millrace/socket.h")]
PREFIX = "millrace_"
_COPIES = "would make a copy that Millrace does not know; a socket of its has one number"
_FILES = "would read and write the number as a file, past Millrace; use read and write"
_RESOLVES = "asks the system's resolver, over the kernel's sockets; use getaddrinfo"
_WAITS = "takes Millrace's descriptors for always writable and never readable; use"
_REFUSED = "is refused by Millrace's descriptors; call"
_CHILD = "leaves the child without Millrace's descriptors: EPERM; start Millrace behind it"
# Why a call that stays the kernel's is none for Millrace's descriptors.
WITHOUT_COUNTERPART = {
    "dup": _COPIES, "dup2": _COPIES, "dup3": _COPIES,
    "fdopen": _FILES, "dprintf": _FILES, "vdprintf": _FILES,
    "gethostbyname": _RESOLVES, "gethostbyname2": _RESOLVES, "gethostbyname_r": _RESOLVES,
    "gethostbyaddr": _RESOLVES, "getnameinfo": "asks the system's resolver, unless NI_NUMERICHOST is set",
    "pselect": f"{_WAITS} select", "ppoll": f"{_WAITS} poll", "epoll_pwait": f"{_REFUSED} epoll_wait",
    "epoll_pwait2": f"{_REFUSED} epoll_wait", "recvmmsg": f"{_REFUSED} recvmsg for each",
    "sendmmsg": f"{_REFUSED} sendmsg for each", "fork": _CHILD, "daemon": _CHILD,
}
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


def warnings(source: str, calls: set[str]) -> list[str]:
    """A line for each call without counterpart: "12: dup ..."."""
    found = []
    for token in TOKEN.finditer(source):
        reason = WITHOUT_COUNTERPART.get(token["name"] or "")
        if reason and token["name"] not in calls and token["open"] is not None and token["member"] is None:
            line = source.count("\n", 0, token.start("name")) + 1
            found.append(f"{line}: {token['name']} {reason}")
    return found


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
        calls = calls_in(header.read_text(encoding="utf-8"))
    except OSError as problem:
        print(f"port-to-millrace: {problem}", file=sys.stderr)
        return 1
    for warning in warnings(source, calls):
        print(f"{wish.source}:{warning}", file=sys.stderr)
    result = ported(source, calls)
    sys.stdout.write(difference(source, result) if wish.diff else result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
