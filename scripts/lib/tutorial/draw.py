"""draw NAME: makes NAME.svg of server.pcapng, which millrace-httpd has written, and client.pcapng, which the client
has, if there is one that was written after it. Prints the states that the drawing shows."""

import pathlib
import sys

import diagram
import segments
import states
from lab import SERVER_ADDRESS


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print("draw: give the drawing's name, such as 'draw connect'", file=sys.stderr)
        return 2
    server, client = pathlib.Path("server.pcapng"), pathlib.Path("client.pcapng")
    if not server.exists():
        print("draw: there is no server.pcapng here; 'serve' and 'finish' make it", file=sys.stderr)
        return 1
    seen_by_server = segments.read(server)
    has_client = client.exists() and client.stat().st_mtime >= _first_moment(seen_by_server)
    seen_by_client = segments.read(client) if has_client else None
    whole = segments.put_together(seen_by_server, seen_by_client, SERVER_ADDRESS)
    steps = states.follow(whole, SERVER_ADDRESS)
    names = ("client", "millrace-httpd")
    pathlib.Path(sys.argv[1] + ".svg").write_text(
        diagram.draw(steps, states.first_states(whole), names, SERVER_ADDRESS), encoding="utf-8")
    for name, trail in zip(names, states.trail(steps, whole)):
        print(f"{name}: {', '.join(trail)}")
    return 0


def _first_moment(seen: list[segments.Segment]) -> float:
    return seen[0].epoch if seen else 0.0


if __name__ == "__main__":
    sys.exit(main())
