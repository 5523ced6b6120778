"""Reads docs/rfc_compliance.md: one requirement a row, with its status, the functions that carry it and the tests that
hold it. What the rows claim is checked elsewhere (check_rfc_table.py)."""

import dataclasses
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/tidy"))

PAGE = ROOT / "docs/rfc_compliance.md"
STATUSES = ("done", "partial", "deviates", "declined", "no")
# RFC 9293's own labels, all of them.
LABELS = tuple(
    f"{kind}-{number}"
    for kind, last in (("MUST", 69), ("SHLD", 31), ("MAY", 18), ("REC", 1))
    for number in range(1, last + 1)
)
LABEL = re.compile(r"(?:MUST|SHLD|MAY|REC)-\d+|RFC \d+ §[\dA-Z.]+(?: step \d)?")
COLUMNS = 5


@dataclasses.dataclass(frozen=True)
class Row:
    """`functions` are pairs of a file below lib/ and a name; `tests` pairs of a program of the suites and a test."""

    label: str
    requirement: str
    status: str
    functions: tuple[tuple[str, str], ...]
    tests: tuple[tuple[str, str], ...]
    line: int

    @property
    def is_labelled(self) -> bool:
        return self.label in LABELS


def read(text: str) -> list[Row]:
    """Every row whose first cell is a label; heads of tables and other tables are passed over."""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if len(cells) == COLUMNS and LABEL.fullmatch(cells[0]):
            rows.append(Row(cells[0], cells[1], cells[2], _pairs(cells[3]), _pairs(cells[4]), number))
    return rows


def _pairs(cell: str) -> tuple[tuple[str, str], ...]:
    """`a: x, y; b: z` is (a, x), (a, y), (b, z)."""
    pairs = []
    for group in filter(None, (part.strip() for part in cell.replace("`", "").split(";"))):
        place, _, names = group.partition(": ")
        pairs += [(place.strip(), name.strip()) for name in names.split(",")]
    return tuple(pairs)


def plain_test_name(name: str) -> str:
    """`Every/Suite.Test/case` is `Suite.Test`."""
    suite, _, test = name.partition(".")
    return f"{suite.split('/')[1] if suite.count('/') == 1 else suite}.{test.partition('/')[0]}"
