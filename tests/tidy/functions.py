"""Finds the functions of a C++ source by its braces: enough to measure them, far from a parser. Bodies count from the
line of their heading to that of their closing brace."""

import re

_CONTAINER = re.compile(r"^(?:template\s*<.*>\s*)?(?:requires\b.*?)?(?:export\s+)?(?:inline\s+)?"
                        r"(?:namespace|class|struct|union|enum|extern\s*\"[^\"]*\")\b", re.DOTALL)
_NAME = re.compile(r"([~\w:]+|operator\s*[^\s(]+|operator\s*\(\s*\))\s*\(")
_LITERAL_OR_COMMENT = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"\(.*?\)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)


def without_comments(text: str) -> str:
    """Comments and the insides of literals become blanks; every line stays where it was."""

    def blank(match: re.Match) -> str:
        kept = match[0]
        if kept.startswith(("//", "/*")):
            return re.sub(r"[^\n]", " ", kept)
        return kept[0] + re.sub(r"[^\n]", " ", kept[1:-1]) + kept[-1]

    return _LITERAL_OR_COMMENT.sub(blank, text)


def functions_of(text: str) -> list[tuple[str, int, int]]:
    """(name, first line, last line) of each function, methods included; lambdas belong to what surrounds them."""
    code = without_comments(text)
    code = re.sub(r"^[ \t]*#.*$", lambda match: " " * len(match[0]), code, flags=re.MULTILINE)
    found = []
    heading_start = 0
    depth_in_function = 0
    current = ("", 0)
    for match in re.finditer(r"[{};]", code):
        symbol = match[0]
        if depth_in_function:
            depth_in_function += {"{": 1, "}": -1}.get(symbol, 0)
            if depth_in_function == 0:
                found.append((*current, code.count("\n", 0, match.start()) + 1))
                heading_start = match.end()
            continue
        if symbol == "{":
            heading = code[heading_start:match.start()].strip()
            if not _is_container(heading):
                lead = len(code[heading_start:match.start()]) - len(code[heading_start:match.start()].lstrip())
                current = (_name_in(heading), code.count("\n", 0, heading_start + lead) + 1)
                depth_in_function = 1
        heading_start = match.end()
    return found


def _is_container(heading: str) -> bool:
    heading = re.sub(r"^(?:(?:public|private|protected)\s*:\s*)+", "", heading)
    return bool(_CONTAINER.match(heading))


def _name_in(heading: str) -> str:
    match = _NAME.search(heading)
    return match[1] if match else heading.split("=")[0].split()[-1] if heading.split("=")[0].split() else "?"
