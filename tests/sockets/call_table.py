"""Tables of calls and states as text: a line `state | call | result | events` per cell. What two of them differ in, and
which of the differences a page explains."""

import fnmatch
import pathlib
import re
import typing

TEST_HEADING = "## Tests that fail on Millrace"
HEADING = "## Differences from the kernel, cell by cell"
# What may be left out of a comparison, as patterns for states and calls; main.cpp of the table knows the same words.
GROUPS = {"datagrams": ("UDP *", "*"), "names": ("", ""), "options": ("*", "[gs]etsockopt *")}
TEST_GROUPS = {
    "datagrams": [
        "SocketUdp.*", "SocketAccept.WantsAListener", "SocketEpoll.DoesNotConfuseANumberThatIsGivenAgain",
        "SocketLife.GivesDescriptorsThatAreNotNegativeAndDiffer", "SocketLife.RefusesAKindThatIsNone",
        "SocketLife.RefusesAProtocolThatDoesNotFitTheKind", "SocketLife.TakesTheProtocolOfTheKind",
        "SocketLife.SaysWhatItIs", "SocketLife.KeepsPortsOfTcpAndUdpApart", "SocketPoll.ADatagramSocketIsWritable",
    ],
    "names": ["SocketNames.*"],
    "options": [
        "SocketOptions.*", "SocketAccept.MayWaitForTheFirstBytes", "SocketConnect.TimesOutAfterTheSynsThatItMaySend",
        "SocketEpoll.TellsTheEdgeOfWritingOnceThereIsRoomAgain", "SocketFlags.More*",
        "SocketMoving.SendfileWaitsForNobodyWhereItMayNot", "SocketPoll.AFullQueueIsNotWritableUntilThereIsRoom",
        "SocketReset.ASilentPeerIsFoundByKeepalives",
    ],
}
TEST_ROW = re.compile(r"^\| `(\w+\.\w+)` \| (.+?) \|$", re.MULTILINE)
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
        return _all_match(difference, self[:4])

    def may_cover(self, state: str, call: str, kernel: str) -> bool:
        """Whatever Millrace's result may be."""
        return _all_match((state, call, kernel), self[:3])


def _all_match(texts, patterns) -> bool:
    return all(fnmatch.fnmatchcase(text, _literal_brackets(pattern)) for text, pattern in zip(texts, patterns))


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


def is_left_out(state: str, call: str, groups) -> bool:
    return any(
        fnmatch.fnmatchcase(state, GROUPS[group][0]) and fnmatch.fnmatchcase(call, GROUPS[group][1]) for group in groups
    )


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
    table = section_of(page, HEADING).replace("\\|", "\0")
    rows = [[cell.strip().strip("`").replace("\0", "|") for cell in row] for row in ROW.findall(table)]
    return [Explanation(*row) for row in rows if row[0] != "state" and set(row[0]) != {"-"}]


def complaints(kernel: str, other: str, page: str, left_out=()) -> list[str]:
    """A line for each difference that no row explains, and for each row that explains nothing, also not in the groups
    that are left out."""
    explained = explanations_of(page)
    found = [item for item in differences(kernel, other) if not is_left_out(item.state, item.call, left_out)]
    absent = [(*cell, result) for cell, result in cells_of(kernel).items() if is_left_out(*cell, left_out)]
    unexplained = [item for item in found if not any(row.covers(item) for row in explained)]
    idle = [
        row
        for row in explained
        if not any(row.covers(item) for item in found) and not any(row.may_cover(*cell) for cell in absent)
    ]
    return [
        *(f"{item.state} | {item.call}: the kernel {item.kernel}, here {item.other}" for item in unexplained),
        *(f"nothing is as this row says: {row.state} | {row.call} | {row.kernel} | {row.other}" for row in idle),
    ]


def section_of(page: str, heading: str) -> str:
    parts = page.split(f"{heading}\n", 1)
    if len(parts) == 1:
        raise ValueError(f"the page has no heading '{heading}'")
    return parts[1].split("\n## ", 1)[0]


def test_complaints(ran: set[str], failed: set[str], page: str, left_out=()) -> list[str]:
    """A line for each failure that the page does not explain, and for each test of the page that does not fail."""
    explained = {name for name, _ in TEST_ROW.findall(section_of(page, TEST_HEADING))}
    left_out_tests = [pattern for group in left_out for pattern in TEST_GROUPS[group]]
    awaited = {name for name in explained if not any(fnmatch.fnmatchcase(name, pattern) for pattern in left_out_tests)}
    return [
        *(f"{name} fails, and the page does not say why" for name in sorted(failed - explained)),
        *(f"{name} passes, and the page says it does not" for name in sorted(awaited & (ran - failed))),
        *(f"{name} is on the page, and there is no such test" for name in sorted(awaited - ran)),
    ]


def kernel_of_snapshot(text: str) -> str:
    """The release, major and minor, that a snapshot's first line names."""
    return re.match(r"# Linux (\d+\.\d+)", text)[1]


def read(path: str) -> str:
    return pathlib.Path(path).read_text(encoding="utf-8")
