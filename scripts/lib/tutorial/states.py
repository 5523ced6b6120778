"""The states of both ends of a TCP connection, derived from the segments between them by the diagram of RFC 9293
§3.3.2. Knows nothing of captures or drawings."""

import dataclasses

from segments import ACK, FIN, RST, SYN, Segment


@dataclasses.dataclass
class Step:
    """A segment, and what each end is after it; empty where nothing changed."""

    segment: Segment
    client: str = ""
    server: str = ""


class End:
    """One end. Sequence numbers are relative: the SYN has number 0."""

    def __init__(self, state: str) -> None:
        self.state = state
        self._begin()

    def _begin(self) -> None:
        self._end_of_stream: int | None = None  # What acknowledges our FIN.
        self._next = 0  # The number that is expected of the peer.
        self._early: list[tuple[int, int, bool]] = []  # Begin, end and whether a FIN ends it: came ahead of a hole.

    def live_through(self, segment: Segment, is_sender: bool) -> str:
        """The state that the segment led to; empty if it changed nothing."""
        was = self.state
        if is_sender:
            self._on_sent(segment)
        else:
            self._on_received(segment)
        return self.state if self.state != was else ""

    def _on_sent(self, segment: Segment) -> None:
        if segment.flags & RST:
            self._reset()
        elif segment.flags & SYN:
            self.state = "SYN-RECEIVED" if segment.flags & ACK else "SYN-SENT"
            if not segment.flags & ACK:
                self._begin()
        elif segment.flags & FIN:
            self._end_of_stream = segment.seq + segment.space
            self._move({"ESTABLISHED": "FIN-WAIT-1", "CLOSE-WAIT": "LAST-ACK"})

    def _on_received(self, segment: Segment) -> None:
        if segment.flags & RST:
            self._reset()
            return
        if segment.flags & SYN:
            if not segment.flags & ACK:
                self._begin()
            self._next = 1
            self._move({"SYN-SENT": "ESTABLISHED"} if segment.flags & ACK else {})
            return
        if segment.flags & ACK:
            self._move({"SYN-RECEIVED": "ESTABLISHED"})
            if self._end_of_stream is not None and segment.ack >= self._end_of_stream:
                self._move({"FIN-WAIT-1": "FIN-WAIT-2", "CLOSING": "TIME-WAIT", "LAST-ACK": "CLOSED"})
        if self._takes_fin(segment):
            self._move({"ESTABLISHED": "CLOSE-WAIT", "FIN-WAIT-1": "CLOSING", "FIN-WAIT-2": "TIME-WAIT"})

    def _takes_fin(self, segment: Segment) -> bool:
        """Whether the peer's FIN is reached now: it counts only after everything before it."""
        self._early.append((segment.seq, segment.seq + segment.space, bool(segment.flags & FIN)))
        reached = False
        for begin, end, is_last in sorted(self._early):
            if begin <= self._next:
                self._next = max(self._next, end)
                reached = reached or (is_last and end <= self._next)
        self._early = [early for early in self._early if early[0] > self._next]
        return reached

    def _reset(self) -> None:
        if self.state != "LISTEN":
            self.state = "CLOSED"

    def _move(self, moves: dict[str, str]) -> None:
        self.state = moves.get(self.state, self.state)


def first_states(segments: list[Segment]) -> tuple[str, str]:
    """What client and server were before the first segment: a port that answers a SYN with a reset is closed."""
    answer = next((segment for segment in segments if segment.flags & (SYN | ACK) != SYN), None)
    refuses = answer is not None and bool(answer.flags & RST)
    return "CLOSED", "CLOSED" if refuses else "LISTEN"


def follow(segments: list[Segment], server_address: str) -> list[Step]:
    """One step a segment, in order. Each end lives through the segments in the order in which it saw them, which
    differs where two are under way at once."""
    before = first_states(segments)
    client, server = End(before[0]), End(before[1])
    steps = [Step(segment) for segment in segments]
    for step in steps:
        from_server = step.segment.source.startswith(server_address + ":")
        if from_server or not step.segment.is_lost:
            if step.segment.flags & (SYN | ACK) == SYN and not step.segment.is_repeated:
                server.state = before[1]  # A new connection, perhaps from the same port as the one before.
            step.server = server.live_through(step.segment, is_sender=from_server)
    for step in _as_client_saw(steps):
        from_server = step.segment.source.startswith(server_address + ":")
        if not from_server or not step.segment.is_lost:
            step.client = client.live_through(step.segment, is_sender=not from_server)
    return steps


def _as_client_saw(steps: list[Step]) -> list[Step]:
    return sorted(steps, key=lambda step: step.segment.client_epoch or step.segment.epoch)


def trail(steps: list[Step], segments: list[Segment]) -> tuple[list[str], list[str]]:
    """All states of the client and of the server, in order."""
    client, server = first_states(segments)
    return ([client] + [step.client for step in _as_client_saw(steps) if step.client],
            [server] + [step.server for step in steps if step.server])
