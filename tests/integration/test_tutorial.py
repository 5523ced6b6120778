"""docs/tutorial and docs/troubleshooting.md are true: every command they show runs and prints what they say, every
program is shown as it is built, every drawing is of the capture that the commands make."""

import os
import pathlib
import signal
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "lib" / "tutorial"))

import main as tutorial  # noqa: E402
import pages  # noqa: E402
import states  # noqa: E402
from segments import ACK, FIN, RST, SYN, Segment  # noqa: E402

APPS = pathlib.Path(os.environ["MILLRACE_HTTPD"]).parents[1]
PAGES = tutorial.PAGES


@pytest.fixture(autouse=True, scope="module")
def ends_in_order():
    """Also when time is up: what a page has made is removed on the way out."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_true(page, tmp_path):
    assert tutorial.differences_after_tries(page, APPS, tmp_path) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_programs_are_shown_letter_by_letter(page):
    for name, shown in pages.listings_of(page.read_text(encoding="utf-8")).items():
        assert shown == (ROOT / name).read_text(encoding="utf-8"), name


def test_every_program_of_the_tutorial_is_shown():
    shown = {name for page in PAGES for name in pages.listings_of(page.read_text(encoding="utf-8"))}
    built = {str(path.relative_to(ROOT)) for path in (ROOT / "apps" / "examples" / "tutorial").glob("*.cpp")}
    assert built - shown == set()


def test_no_drawing_is_left_over():
    drawn = {name for page in PAGES for name in pages.drawings_of(page.read_text(encoding="utf-8"))}
    assert {path.name for path in (ROOT / "docs" / "tutorial").glob("*.svg")} == drawn


LINE = "    7 0.151207   198.18.2.2 → 198.18.1.2   TCP 54 40112 → 80 [ACK] Seq=1 Ack=1 Win=262144 Len=0"
CHANGES = {
    "a flag": LINE.replace("[ACK]", "[FIN, ACK]"),
    "the sequence number": LINE.replace("Seq=1", "Seq=2"),
    "the length": LINE.replace("Len=0", "Len=9"),
    "the window": LINE.replace("262144", "0"),
    "the direction": LINE.replace("198.18.2.2 → 198.18.1.2", "198.18.1.2 → 198.18.2.2"),
    "the order": "    6 0.150000   198.18.1.2 → 198.18.2.2   TCP 54 80 → 40112 [FIN, ACK]\n" + LINE,
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES.keys())
def test_a_comparison_sees(changed):
    assert pages.skeleton(changed) != pages.skeleton(LINE)


def test_a_comparison_overlooks_the_clock_and_random_ports():
    later = LINE.replace("    7 0.151207", "   12 10.98").replace("40112", "61000")
    assert pages.skeleton(later) == pages.skeleton(LINE)


SERVER = "198.18.1.2"


def segment(source: str, flags: int, seq: int, ack: int, length: int = 0, at: float = 0.0, seen_at: float = 0.0) -> Segment:
    """From the client or the server, seen there and at the client at these times."""
    ends = {"client": "198.18.2.2:1024", "server": SERVER + ":80"}
    destination = ends["server" if source == "client" else "client"]
    return Segment(ends[source], destination, seq, ack, flags, length, 1000, (), epoch=at, client_epoch=seen_at)


HANDSHAKE = [
    segment("client", SYN, 0, 0, at=1, seen_at=1),
    segment("server", SYN | ACK, 0, 1, at=2, seen_at=2),
    segment("client", ACK, 1, 1, at=3, seen_at=3),
]
OPENED = (["CLOSED", "SYN-SENT", "ESTABLISHED"], ["LISTEN", "SYN-RECEIVED", "ESTABLISHED"])
CONVERSATIONS = {
    "a FIN counts when the hole before it is filled": (
        [
            segment("server", FIN | ACK, 11, 1, length=10, at=4, seen_at=4),
            segment("client", ACK, 1, 1, at=5, seen_at=5),
            segment("server", ACK, 1, 1, length=10, at=6, seen_at=6),
        ],
        ["CLOSE-WAIT"], ["FIN-WAIT-1"],
    ),
    "both close at once": (
        [
            segment("server", FIN | ACK, 1, 1, at=4, seen_at=6),
            segment("client", FIN | ACK, 1, 1, at=6, seen_at=4),
            segment("server", ACK, 2, 2, at=7, seen_at=8),
            segment("client", ACK, 2, 2, at=8, seen_at=7),
        ],
        ["FIN-WAIT-1", "CLOSING", "TIME-WAIT"], ["FIN-WAIT-1", "CLOSING", "TIME-WAIT"],
    ),
    "a reset ends both": ([segment("client", RST | ACK, 1, 1, at=4, seen_at=4)], ["CLOSED"], ["CLOSED"]),
    "an ACK of data is no ACK of a FIN": (
        [
            segment("client", FIN | ACK, 1, 1, length=5, at=4, seen_at=4),
            segment("server", ACK, 1, 6, at=5, seen_at=5),
        ],
        ["FIN-WAIT-1"], ["CLOSE-WAIT"],
    ),
}


@pytest.mark.parametrize("segments, client, server", CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
def test_states_follow_from_segments(segments, client, server):
    whole = [*HANDSHAKE, *segments]
    assert states.trail(states.follow(whole, SERVER), whole) == (OPENED[0] + client, OPENED[1] + server)
