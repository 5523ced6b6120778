"""The pages of docs/tutorial: which commands and programs they show, and how what they show is held against what is.
A ```console block is a transcript: lines that begin with '$ ' are commands, '> ' continues one, the rest is output."""

import dataclasses
import pathlib
import re

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LISTING = re.compile(r"^<!-- shown: (\S+) -->\n```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclasses.dataclass
class Command:
    """One command of a transcript and what the page says it prints."""

    text: str
    output: str


def pages_of(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(folder.glob("*.md"))


def commands_of(page: str) -> list[Command]:
    """All commands of a page, in order."""
    return [command for block in _BLOCK.finditer(page) for command in _commands_in(block[1])]


def _commands_in(block: str) -> list[Command]:
    commands: list[Command] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            commands.append(Command(line[2:], ""))
        elif line.startswith("> ") and commands and not commands[-1].output:
            commands[-1].text += "\n" + line[2:]
        elif commands:
            commands[-1].output += line + "\n"
        else:
            raise ValueError(f"a transcript begins with output: {line}")
    for command in commands:
        command.output = command.output.rstrip("\n")
    return commands


def with_commands(page: str, commands: list[Command]) -> str:
    """The page with the outputs given, which belong to its commands in order."""
    left = iter(commands)

    def filled(block: re.Match) -> str:
        lines = []
        for _ in _commands_in(block[1]):
            command = next(left)
            lines += ["$ " + command.text.replace("\n", "\n> "), *([command.output] if command.output else [])]
        return "```console\n" + "\n".join(lines) + "\n```"

    return _BLOCK.sub(filled, page)


def with_listings(page: str, root: pathlib.Path) -> str:
    """The page with every listing as its file is now."""
    return _LISTING.sub(
        lambda block: f"<!-- shown: {block[1]} -->\n```{block[2]}\n{(root / block[1]).read_text()}```", page)


def listings_of(page: str) -> dict[str, str]:
    """What the page shows of which files."""
    return {block[1]: block[3] for block in _LISTING.finditer(page)}


def drawings_of(page: str) -> list[str]:
    return re.findall(r"!\[[^\]]*\]\(([^)]+\.svg)\)", page)


# What differs from run to run and says nothing: the clock, ports that are drawn at random, MAC addresses; from machine
# to machine: the kernel's windows and options; and by which name tshark calls a retransmission, which hangs on a few
# milliseconds.
_VARIES = (
    (re.compile(r"^ +\d+ +\d+\.\d+ +", re.MULTILINE), "N T "),
    (re.compile(r"#\d+ \d+\.\d+ s"), "#N T"),
    (re.compile(r"unseen \d+\.\d+ s"), "unseen T"),
    (re.compile(r"\b\d+(\.\d+)?(e-\d+)? (s|ms)\b"), "T"),
    (re.compile(r"\b\d+(\.\d+)?ms\b"), "T"),
    (re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b"), "MAC"),
    (re.compile(r"(?<=198\.18\.[12]\.[12]:)\d{4,5}\b"), "PORT"),
    (re.compile(r"\b\d{4,5}(?= → )|(?<= → )\d{4,5}\b"), "PORT"),
    (re.compile(r"\[TCP Dup ACK \d+#(\d+)\]"), r"[TCP Dup ACK N#\1]"),
    (re.compile(r"\[TCP (Fast Retransmission|Spurious Retransmission|Retransmission|Out-Of-Order)\]"), "[again]"),
    (re.compile(r"( 198\.18\.\d\.1 → .*) Win=\d+ (Len=\d+).*"), r"\1 \2"),
    (re.compile(r"\bTS(val|ecr)=(?!0\b)\d+"), r"TS\1=T"),  # Zero stays: it says that nothing is echoed.
    (re.compile(r"\bWin=(?!65535\b)\d{5,}"), "Win=W"),  # What was read when the ACK was made; small ones stay.
    (re.compile(r"\bSRE=\d+"), "SRE=N"),  # How much had arrived when the turn's ACKs were made.
    (re.compile(r"Date: .*GMT"), "Date: D"),
    (re.compile(r"DPDK [\d.]+"), "DPDK V"),
    (re.compile(r" +"), " "),
)


def skeleton(text: str) -> str:
    """The text without what may vary. Two runs of the same scene have the same skeleton."""
    text = "\n".join(_without_midway(text.splitlines()))
    for pattern, replacement in _VARIES:
        text = pattern.sub(replacement, text)
    return text


_TSHARK = re.compile(r"^ +\d+ +\S+ +(\S+) → (\S+) +TCP \d+ (.*?)(\d+) → (\d+) \[([A-Z, ]+)\] Seq=(\d+)(?: Ack=(\d+))?"
                     r" Win=(\d+) Len=(\d+)")


def _without_midway(lines: list[str]) -> list[str]:
    """Plain ACKs of a part of what is under way are left out: how many there are hangs on when the receiver wakes."""
    kept = []
    sent: dict[tuple[str, str], int] = {}
    for line in lines:
        found = _TSHARK.match(line)
        if not found:
            kept.append(line)
            continue
        source, destination, remark, source_port, destination_port, flags = found.groups()[:6]
        seq, ack, window, length = (int(number or 0) for number in found.groups()[6:])
        sender, receiver = (source, source_port), (destination, destination_port)
        if "SYN" in flags:
            sent[sender] = 0
        is_midway = flags == "ACK" and not remark and not length and window and ack < sent.get(receiver, 0)
        sent[sender] = max(sent.get(sender, 0), seq + length + ("SYN" in flags) + ("FIN" in flags))
        if not is_midway:
            kept.append(line)
    return kept


def skeleton_of_drawing(svg: str) -> list[str]:
    """What a drawing says, from top to bottom, without where it says it."""
    said = []
    for kind, row in re.findall(r'<g class="(\w+)">(.*?)</g>', svg, re.DOTALL):
        if kind == "step":
            words = re.findall(r'<text[^>]*>([^<]*)</text>|class="(arrow[^"]*|cross)"', row)
            begin = re.search(r'x1="(\d+)"', row)[1]
            said.append(skeleton(" | ".join(["from " + begin, *(text or drawn for text, drawn in words)])))
    return said
