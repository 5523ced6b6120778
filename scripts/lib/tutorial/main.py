"""Runs the tutorial's pages, and that on troubleshooting: every command they show, in surroundings made for each page. See scripts/tutorial."""

import argparse
import difflib
import pathlib
import shutil
import signal
import subprocess
import sys

import pages
from lab import HERE, Lab, Shell

ROOT = HERE.parents[2]
TRIES = 3
PAGES = [*pages.pages_of(ROOT / "docs" / "tutorial"), ROOT / "docs" / "troubleshooting.md"]


def run_page(page: pathlib.Path, apps: pathlib.Path, into: pathlib.Path) -> None:
    """Writes the page and its drawings into a folder, as they come out now."""
    text = page.read_text(encoding="utf-8")
    commands = pages.commands_of(text)
    with Lab(apps) as lab:
        shell = Shell(lab)
        for command in commands:
            command.output, status = shell.run(command.text)
            if status != 0 and f"status {status}" not in command.output:
                raise RuntimeError(f"{page.name}: '{command.text}' ended with {status}:\n{command.output}")
        for name in pages.drawings_of(text):
            shutil.copy(lab.folder / name, into / name)
    fresh = pages.with_listings(pages.with_commands(text, commands), ROOT)
    (into / page.name).write_text(fresh, encoding="utf-8")


def differences(page: pathlib.Path, fresh_folder: pathlib.Path) -> list[str]:
    """How a page and its drawings differ from those in the folder, times and the like left aside. Empty if they do
    not."""
    text = page.read_text(encoding="utf-8")
    found = _compare(page.name, pages.skeleton(text).splitlines(),
                     pages.skeleton((fresh_folder / page.name).read_text(encoding="utf-8")).splitlines())
    for name in pages.drawings_of(text):
        committed = page.parent / name
        said = pages.skeleton_of_drawing(committed.read_text(encoding="utf-8")) if committed.exists() else []
        found += _compare(name, said, pages.skeleton_of_drawing((fresh_folder / name).read_text(encoding="utf-8")))
    return found


def _compare(name: str, said: list[str], fresh: list[str]) -> list[str]:
    return list(difflib.unified_diff(
        said, fresh, f"{name} as committed", "as it comes out now", lineterm="", n=1))


def differences_after_tries(page: pathlib.Path, apps: pathlib.Path, fresh_folder: pathlib.Path) -> list[str]:
    """Runs a page, again if it differs, and returns how it differed the last time. When the machine stands still for
    a fifth of a second, an end rightly sends again what was answered too late; what has really changed stays so."""
    found: list[str] = []
    for _ in range(TRIES):
        run_page(page, apps, fresh_folder)
        found = differences(page, fresh_folder)
        if not found:
            break
    return found


def refresh(page: pathlib.Path, apps: pathlib.Path, fresh_folder: pathlib.Path, keeps: bool) -> bool:
    """Runs a page and keeps the outcome if it differs in more than what always does. Returns whether it did."""
    found = differences_after_tries(page, apps, fresh_folder)
    print("\n".join(found) if found else f"{page.name}: as it says")
    if found and keeps:
        for name in [page.name, *pages.drawings_of(page.read_text(encoding="utf-8"))]:
            shutil.copy(fresh_folder / name, page.parent / name)
    return bool(found)


def shell(apps: pathlib.Path) -> int:
    """A shell in a lab, for a reader."""
    with Lab(apps) as lab:
        print(f"You are in {lab.folder}, in the network namespace {lab.namespace}; 'exit' removes both.")
        script = f"source '{HERE / 'lab.sh'}'; PS1='$ '"
        with (lab.folder / ".bashrc").open("w") as file:
            file.write(script + "\n")
        command = lab.inside("bash", "--noprofile", "--rcfile", str(lab.folder / ".bashrc"), "-i")
        return subprocess.run(command, cwd=lab.folder, env=lab.environment(), check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["refresh", "check", "shell"])
    parser.add_argument("--apps", type=pathlib.Path, required=True, help="the folder apps of a build")
    parser.add_argument("--into", type=pathlib.Path, required=True, help="an empty folder for what comes out")
    parser.add_argument("names", nargs="*", help="pages; none: all")
    given = parser.parse_intermixed_args()
    # Being ended is a reason to clean up, as Ctrl-C is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if given.what == "shell":
        return shell(given.apps.resolve())
    chosen = [page for page in PAGES if not given.names or page.name in given.names]
    if len(chosen) < len(given.names):
        print(f"tutorial: there is no such page; there are: {' '.join(page.name for page in PAGES)}", file=sys.stderr)
        return 2
    differs = [refresh(page, given.apps.resolve(), given.into, given.what == "refresh") for page in chosen]
    return 1 if any(differs) and given.what == "check" else 0


if __name__ == "__main__":
    sys.exit(main())
