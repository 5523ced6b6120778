"""Reads a Containerfile and the ignore file beside it: no more of either language than Millrace's own use."""

import dataclasses
import fnmatch
import re


@dataclasses.dataclass(frozen=True)
class Instruction:
    line: int
    name: str  # In capitals.
    text: str  # All behind the name, continued lines joined.


def parse(text: str) -> list[Instruction]:
    """The instructions in order. Comments stand on lines of their own; a backslash at the end continues."""
    found, begun, first = [], "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or (not line.strip() and not begun):
            continue
        first = first if begun else number
        begun += line.strip()
        if begun.endswith("\\"):
            begun = begun[:-1]
            continue
        name, _, rest = begun.partition(" ")
        found.append(Instruction(first, name.upper(), rest.strip()))
        begun = ""
    if begun:
        raise ValueError(f"line {first}: the last line is continued, but nothing follows")
    return found


def substitute(text: str, environment: dict[str, str]) -> str:
    """$NAME and ${NAME} replaced by what ENV has set; unset names by nothing."""
    return re.sub(r"\$(?:(\w+)|\{(\w+)\})", lambda match: environment.get(match[1] or match[2], ""), text)


def is_ignored(path: str, patterns: list[str]) -> bool:
    """Whether a path of the context, or a folder above it, matches a pattern of the ignore file."""
    parts = path.split("/")
    above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    for pattern in (line.strip() for line in patterns):
        if not pattern or pattern.startswith("#"):
            continue
        for candidate in above:
            name = candidate.rsplit("/", 1)[-1]
            if pattern.startswith("**/") and fnmatch.fnmatchcase(name, pattern.removeprefix("**/")):
                return True
            if candidate.count("/") == pattern.count("/") and fnmatch.fnmatchcase(candidate, pattern):
                return True
    return False
