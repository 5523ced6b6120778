"""A sequence diagram as SVG: two ends, a row for each segment, states beside the ends. Time runs downwards but not to
scale, so that a millisecond and a second both fit. Colors follow the reader's preference for light or dark."""

import html

from segments import FIN, RST, SYN
from states import Step

WIDTH = 900
CLIENT_X, SERVER_X = 250, 650
TOP = 74
ROW = 40
SLOPE = 14
STATE_WIDTH = 108

_STYLE = """
  svg { --paper: #ffffff; --ink: #1b1f24; --faint: #6b7480; --line: #aab2bc; --data: #0b62c4; --sync: #1b7f3b;
        --reset: #c2222c; --box: #eef1f5; }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #14181d; --ink: #e8ecf0; --faint: #98a2ae; --line: #56606c; --data: #6cb0ff; --sync: #63cf86;
          --reset: #ff7a7f; --box: #262d35; }
  }
  text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink); }
  .name { font-weight: bold; }
  .faint { fill: var(--faint); font-size: 12px; }
  .life { stroke: var(--line); stroke-width: 2; }
  .box { fill: var(--box); stroke: var(--line); }
  .state { font-size: 11.5px; }
  .arrow { stroke-width: 1.8; fill: none; stroke: var(--faint); }
  .head { fill: var(--faint); }
  .data { stroke: var(--data); } .head.data { fill: var(--data); stroke: none; }
  .sync { stroke: var(--sync); } .head.sync { fill: var(--sync); stroke: none; }
  .reset { stroke: var(--reset); } .head.reset { fill: var(--reset); stroke: none; }
  .lost { stroke-dasharray: 5 4; }
  .cross { stroke: var(--reset); stroke-width: 2.4; fill: none; }
"""


def draw(steps: list[Step], first: tuple[str, str], names: tuple[str, str], server_address: str) -> str:
    """`first` are the states before the first segment, `names` stand above the two ends: client, then server."""
    height = TOP + ROW * len(steps) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{html.escape(_told(steps, names, server_address))}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="var(--paper)"/>',
    ]
    for x, name in zip((CLIENT_X, SERVER_X), names):
        parts.append(f'<text class="name" x="{x}" y="24" text-anchor="middle">{html.escape(name)}</text>')
        parts.append(f'<line class="life" x1="{x}" y1="34" x2="{x}" y2="{height - 10}"/>')
    parts += _state(CLIENT_X, 52, first[0]) + _state(SERVER_X, 52, first[1])
    for row, step in enumerate(steps):
        parts += _row(TOP + ROW * row + 18, step, step.segment.source.startswith(server_address + ":"))
    return "\n".join([*parts, "</svg>", ""])


def _told(steps: list[Step], names: tuple[str, str], server_address: str) -> str:
    """The diagram in words, for those who cannot see it."""
    told = []
    for step in steps:
        from_server = step.segment.source.startswith(server_address + ":")
        told.append(f"{names[1] if from_server else names[0]} sends {label(step)}"
                    + (", which is lost" if step.segment.is_lost else ""))
    return "; ".join(told)


def label(step: Step) -> str:
    segment = step.segment
    text = f"{segment.flag_names} seq {segment.seq}"
    if segment.ack or "ACK" in segment.flag_names:
        text += f" ack {segment.ack}"
    text += f" len {segment.length}" if segment.length else ""
    text += " again" if segment.is_repeated else ""
    text += f" win {segment.window}" if segment.tells_window else ""
    return text


def _row(y: float, step: Step, from_server: bool) -> list[str]:
    segment = step.segment
    begin, end = (SERVER_X, CLIENT_X) if from_server else (CLIENT_X, SERVER_X)
    kind = "reset" if segment.flags & RST else "sync" if segment.flags & (SYN | FIN) else "data" if segment.length else ""
    stop = begin + (end - begin) * 0.62 if segment.is_lost else end
    stop_y = y + SLOPE * abs(stop - begin) / (SERVER_X - CLIENT_X)
    lost = " lost" if segment.is_lost else ""
    parts = [
        f'<g class="{"midway" if segment.is_midway else "step"}">',
        f'<text class="faint" x="14" y="{y + 4:g}">{_when(step)}</text>',
        f'<text x="{(CLIENT_X + SERVER_X) / 2:g}" y="{y - 3:g}" text-anchor="middle">{html.escape(label(step))}</text>',
        f'<line class="arrow {kind}{lost}" x1="{begin}" y1="{y:g}" x2="{stop:g}" y2="{stop_y:g}"/>',
    ]
    if segment.is_lost:
        parts.append(f'<path class="cross" d="M{stop - 6:g} {stop_y - 6:g} l12 12 m0 -12 l-12 12"/>')
    else:
        back = -9 if end > begin else 9
        parts.append(f'<path class="head {kind}" d="M{end} {stop_y:g} l{back} -4.4 v8.8 z"/>')
    for x, state, changes_here in ((CLIENT_X, step.client, from_server), (SERVER_X, step.server, not from_server)):
        if state:
            parts += _state(x, stop_y if changes_here else y, state)
    return [*parts, "</g>"]


def _when(step: Step) -> str:
    number = f"#{step.segment.frame}" if step.segment.frame is not None else "unseen"
    return f"{number} {step.segment.seconds:.3f} s"


def _state(x: float, y: float, state: str) -> list[str]:
    left = x - STATE_WIDTH - 8 if x == CLIENT_X else x + 8
    return [
        f'<rect class="box" x="{left:g}" y="{y - 9:g}" width="{STATE_WIDTH}" height="18" rx="4"/>',
        f'<text class="state" x="{left + STATE_WIDTH / 2:g}" y="{y + 4:g}" text-anchor="middle">{state}</text>',
    ]
