"""Tables of calls and states as text: a line `state | call | result | events` per cell. What two of them differ in, and
which of the differences a page explains."""

import fnmatch
import pathlib
import re
import typing

HEADING = "## Differences from the kernel, cell by cell"
ROW = re.compile(r"^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


class Difference(typing.NamedTuple):
    state: str
    call: str
    kernel: str
    other: str


class Explanation(typing.NamedTuple):
    """Patterns for a cell and for its two results, with * and ? as in names of files; and the reason."""

    state: str
    call: str
    kernel: str
    other: str
    reason: str

    def covers(self, difference: Difference) -> bool:
        return all(fnmatch.fnmatchcase(text, _literal_brackets(pattern)) for text, pattern in zip(difference, self[:4]))


def _literal_brackets(pattern: str) -> str:
    return pattern.replace("[", "[[]")


def cells_of(text: str) -> dict[tuple[str, str], str]:
    """By state and call: result and events. Lines that begin with # are remarks."""
    cells = {}
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        parts = line.split(" | ")
        if len(parts) != 4:
            raise ValueError(f"no cell: {line}")
        if (parts[0], parts[1]) in cells:
            raise ValueError(f"a cell twice: {line}")
        cells[parts[0], parts[1]] = f"{parts[2]}; {parts[3]}"
    return cells


def differences(kernel: str, other: str) -> list[Difference]:
    """Cells that only one of them has are differences, too."""
    left, right = cells_of(kernel), cells_of(other)
    return [
        Difference(*cell, left.get(cell, "no such cell"), right.get(cell, "no such cell"))
        for cell in sorted(left.keys() | right.keys())
        if left.get(cell) != right.get(cell)
    ]


def explanations_of(page: str) -> list[Explanation]:
    """The rows of the table below HEADING. `|` within a cell of the page is written `\\|`."""
    section = page.split(f"{HEADING}\n", 1)
    if len(section) == 1:
        raise ValueError(f"the page has no heading '{HEADING}'")
    table = section[1].split("\n## ", 1)[0].replace("\\|", "\0")
    rows = [[cell.strip().strip("`").replace("\0", "|") for cell in row] for row in ROW.findall(table)]
    return [Explanation(*row) for row in rows if row[0] != "state" and set(row[0]) != {"-"}]


def complaints(kernel: str, other: str, page: str) -> list[str]:
    """A line for each difference that no row explains, and for each row that explains nothing."""
    found, explained = differences(kernel, other), explanations_of(page)
    unexplained = [item for item in found if not any(row.covers(item) for row in explained)]
    idle = [row for row in explained if not any(row.covers(item) for item in found)]
    return [
        *(f"{item.state} | {item.call}: the kernel {item.kernel}, here {item.other}" for item in unexplained),
        *(f"nothing is as this row says: {row.state} | {row.call} | {row.kernel} | {row.other}" for row in idle),
    ]


def kernel_of_snapshot(text: str) -> str:
    """The release, major and minor, that a snapshot's first line names."""
    return re.match(r"# Linux (\d+\.\d+)", text)[1]


def read(path: str) -> str:
    return pathlib.Path(path).read_text(encoding="utf-8")
