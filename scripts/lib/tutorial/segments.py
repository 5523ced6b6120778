"""TCP segments out of captures: one capture from each end of a connection, put together into one list in which every
segment has the time at which it was seen at either end, or was not. tshark does the reading."""

import dataclasses
import pathlib
import subprocess

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
_NAMES = ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (PSH, "PSH"), (ACK, "ACK"))
_CLOCKS_DIFFER = 0.05  # Each program measures its own clock.

_FIELDS = ("frame.number", "frame.time_relative", "frame.time_epoch", "ip.src", "tcp.srcport", "ip.dst", "tcp.dstport",
           "tcp.seq", "tcp.ack", "tcp.seq_raw", "tcp.ack_raw", "tcp.flags", "tcp.len", "tcp.window_size")


@dataclasses.dataclass
class Segment:
    """One segment. `seq` and `ack` count from the initial sequence numbers; `window` is scaled to bytes."""

    source: str
    destination: str
    seq: int
    ack: int
    flags: int
    length: int
    window: int
    identity: tuple
    epoch: float  # When it was seen, on the machine's clock.
    frame: int | None = None  # Its number in the server's capture; none where only the client saw it.
    seconds: float | None = None  # Since the first frame of the server's capture.
    client_epoch: float | None = None  # When the client saw it; none if it did not, or its capture is missing.
    is_lost: bool = False  # Sent by one end, never seen by the other.
    is_repeated: bool = False  # The sender has sent this part of its sequence space before.

    tells_window: bool = False  # Its window closes, or opens again.
    is_midway: bool = False  # A plain ACK of a part of what is under way: the next one says more.

    @property
    def space(self) -> int:
        """How much sequence space it takes: SYN and FIN count as a byte each."""
        return self.length + bool(self.flags & SYN) + bool(self.flags & FIN)

    @property
    def flag_names(self) -> str:
        return ",".join(name for bit, name in _NAMES if self.flags & bit)


def read(capture: pathlib.Path) -> list[Segment]:
    """All TCP segments of a capture, in its order."""
    command = ["tshark", "-r", str(capture), "-Y", "tcp", "-T", "fields", "-E", "separator=/t"]
    for field in _FIELDS:
        command += ["-e", field]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [_segment(dict(zip(_FIELDS, line.split("\t")))) for line in output.splitlines()]


def _segment(field: dict[str, str]) -> Segment:
    source = f"{field['ip.src']}:{field['tcp.srcport']}"
    flags = int(field["tcp.flags"], 16)
    return Segment(
        source=source,
        destination=f"{field['ip.dst']}:{field['tcp.dstport']}",
        seq=int(field["tcp.seq"]),
        ack=int(field["tcp.ack"]) if flags & ACK else 0,
        flags=flags,
        length=int(field["tcp.len"]),
        window=int(field["tcp.window_size"]),
        identity=(source, field["tcp.seq_raw"], field["tcp.ack_raw"], flags, field["tcp.len"], field["tcp.window_size"]),
        epoch=float(field["frame.time_epoch"]),
        frame=int(field["frame.number"]),
        seconds=float(field["frame.time_relative"]),
    )


def put_together(server: list[Segment], client: list[Segment] | None, server_address: str) -> list[Segment]:
    """The server's view, in its order. With the client's capture beside it, what one end has sent and the other has
    not seen is marked as lost; what only the client saw stands where it was sent."""
    whole = [dataclasses.replace(segment) for segment in server]
    if client is not None:
        _mark_lost(whole, client, server_address)
    _mark_repeated(whole)
    _mark_windows(whole)
    _mark_midway(whole)
    return whole


def _mark_lost(whole: list[Segment], client: list[Segment], server_address: str) -> None:
    start = whole[0].epoch - whole[0].seconds if whole else 0.0
    by_server = [segment for segment in whole if segment.source.startswith(server_address + ":")]
    to_server = [segment for segment in whole if segment not in by_server]
    from_client = [segment for segment in client if segment.destination.startswith(server_address + ":")]
    to_client = [segment for segment in client if segment not in from_client]
    arrived = {id(sent): got for sent, got in _pairs(by_server, to_client)}
    for segment in by_server:
        segment.is_lost = id(segment) not in arrived
        segment.client_epoch = None if segment.is_lost else arrived[id(segment)].epoch
    left = list(from_client)
    for sent, got in _pairs(from_client, to_server):
        got.client_epoch = sent.epoch
        left = [segment for segment in left if segment is not sent]
    for segment in left:
        place = next((i for i, other in enumerate(whole) if other.epoch > segment.epoch), len(whole))
        lost = dataclasses.replace(
            segment, frame=None, seconds=segment.epoch - start, client_epoch=segment.epoch, is_lost=True)
        whole.insert(place, lost)


def _pairs(sent: list[Segment], received: list[Segment]) -> list[tuple[Segment, Segment]]:
    """Each segment received, with the latest like it that had been sent by then: a repetition looks as the first."""
    left, found = list(sent), []
    for got in received:
        before = [one for one in left if one.identity == got.identity and one.epoch <= got.epoch + _CLOCKS_DIFFER]
        if before:
            found.append((before[-1], got))
            left = [one for one in left if one is not before[-1]]
    return found


def _mark_repeated(whole: list[Segment]) -> None:
    seen: set[tuple] = set()
    for segment in whole:
        if segment.space:
            part = (segment.source, segment.destination, segment.identity[1], segment.space)
            segment.is_repeated = part in seen
            seen.add(part)


def _mark_midway(whole: list[Segment]) -> None:
    """How many of these there are hangs on when the receiver wakes, so two runs may differ in them. An ACK that says
    the same as the one before is not one of them: it reports a hole."""
    sent: dict[str, int] = {}  # The end of what each end has sent.
    said: dict[str, tuple[int, int]] = {}  # The last ACK of each, with its window.
    for segment in whole:
        if segment.flags & SYN:
            sent[segment.source] = 0
        is_plain = segment.flags == ACK and not segment.space
        news = said.get(segment.source) != (segment.ack, segment.window)
        said[segment.source] = (segment.ack, segment.window)
        is_behind = segment.ack < sent.get(segment.destination, 0)
        segment.is_midway = is_plain and is_behind and news and not segment.tells_window
        sent[segment.source] = max(sent.get(segment.source, 0), segment.seq + segment.space)


def _mark_windows(whole: list[Segment]) -> None:
    closed: dict[str, bool] = {}
    for segment in whole:
        if not segment.flags & (SYN | RST):
            segment.tells_window = segment.window == 0 or closed.get(segment.source, False)
            closed[segment.source] = segment.window == 0
        else:
            closed[segment.source] = False
