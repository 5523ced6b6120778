"""Style as a test: one check a call, each a meson test of the suite tidy. Prints what is wrong, a line each, and
exits with 1; 77 tells meson that the check's tool is missing. The rules are data: layers.toml, limits.toml."""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

from functions import functions_of, without_comments

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SKIPPED = 77
SOURCE_FOLDERS = ("lib", "apps", "bench", "tests")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


class Skip(Exception):
    """A check cannot run here, for this reason."""


def rules(name: str) -> dict:
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))


def sources(*folders: str, suffixes: tuple[str, ...] = (".cpp", ".hpp")) -> list[pathlib.Path]:
    found = []
    for folder in folders or SOURCE_FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    return sorted(found)


def text_of(path: pathlib.Path) -> str:
    return path.read_text(encoding="utf-8")


def line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def name_of(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).as_posix()


# The checks. Each gives its complaints.


def check_layers() -> list[str]:
    """Every #include follows an edge of layers.toml, and every edge leads to a lower shelf."""
    layers = rules("layers.toml")
    complaints = _uphill_edges(layers)
    folders = sorted((folder for folder in layers["edges"] if folder != "public"), key=len, reverse=True)
    for path in sources("lib"):
        home = _layer_of(path, folders)
        if home is None:
            complaints.append(f"{name_of(path)}: its folder is not in layers.toml")
            continue
        for bracket, target, line in _includes(path):
            complaint = _complaint_about(home, bracket, target, folders, layers)
            if complaint:
                complaints.append(f"{name_of(path)}:{line}: {complaint}")
    insiders = tuple(folder + "/" for folder in layers["users"]["insiders"])
    for path in sources(*layers["users"]["folders"]):
        if not name_of(path).startswith(insiders):
            complaints += _complaints_about_user(path)
    return complaints


def _uphill_edges(layers: dict) -> list[str]:
    shelves, complaints = layers["shelves"], []
    for folder, targets in layers["edges"].items():
        if folder in shelves:
            complaints += [
                f"layers.toml: {folder} -> {target} does not lead to a lower shelf"
                for target in targets
                if shelves[target] >= shelves[folder]
            ]
    return complaints


def _layer_of(path: pathlib.Path, folders: list[str]) -> str | None:
    inside = path.relative_to(ROOT / "lib").as_posix()
    if inside.startswith("include/millrace/"):
        return "public"
    return next((folder for folder in folders if inside.startswith(folder + "/")), None)


def _includes(path: pathlib.Path) -> list[tuple[str, str, int]]:
    text = text_of(path)
    return [(match[1], match[2], line_of(text, match.start())) for match in INCLUDE.finditer(text)]


def _complaint_about(home: str, bracket: str, target: str, folders: list[str], layers: dict) -> str | None:
    if target.startswith("rte_"):
        return None if home in layers["dpdk"]["folders"] else f"{home} must not name DPDK's {target}"
    if target.startswith("millrace/"):
        wanted = "public"
        if bracket != "<":
            return f"public headers are included as <{target}>"
    elif bracket == "<":
        return None
    else:
        wanted = next((folder for folder in folders if target.startswith(folder + "/")), None)
        if wanted is None:
            return f'"{target}" is not a path from lib/'
    if wanted in (home, *layers["edges"][home]):
        return None
    return f"{home} must not include {wanted} ({target})"


def _complaints_about_user(path: pathlib.Path) -> list[str]:
    complaints = []
    for bracket, target, line in _includes(path):
        own = (path.parent / target).exists() or (ROOT / "apps" / target).exists()
        if target.startswith("rte_") or (bracket == '"' and not own):
            complaints.append(f"{name_of(path)}:{line}: programs see public headers only, not {target}")
    return complaints


def check_lengths() -> list[str]:
    """Functions and files stay within limits.toml."""
    limits = rules("limits.toml")["lengths"]
    complaints = []
    for path in sources():
        text = text_of(path)
        lines = text.count("\n")
        limit = limits["test_file_lines" if name_of(path).startswith("tests/") else "file_lines"]
        if lines > limit:
            complaints.append(f"{name_of(path)}: {lines} lines, the limit is {limit}")
        for name, first, last in functions_of(text):
            if last - first + 1 > limits["function_lines"]:
                complaints.append(
                    f"{name_of(path)}:{first}: {name} has {last - first + 1} lines, "
                    f"the limit is {limits['function_lines']}"
                )
    return complaints


def check_unlisted() -> list[str]:
    """Every source is named in a meson.build, and every header of lib and apps is included by something."""
    listed = set()
    for build_file in ROOT.glob("**/meson.build"):
        if (ROOT / "build") not in build_file.parents:
            listed |= _sources_listed_in(build_file)
    complaints = [
        f"{name_of(path)}: is in no meson.build" for path in sources(suffixes=(".cpp",)) if path not in listed
    ]
    included = {target for path in sources() for _, target, _ in _includes(path)}
    for path in sources("lib", "apps", suffixes=(".hpp",)):
        inside = name_of(path).removeprefix("lib/").removeprefix("include/").removeprefix("apps/")
        if not included & {inside, name_of(path), path.name}:
            complaints.append(f"{name_of(path)}: nothing includes it")
    return complaints


def _sources_listed_in(build_file: pathlib.Path) -> set[pathlib.Path]:
    text = text_of(build_file)
    words = re.findall(r"'([^'\n]*)'", text)
    listed = {build_file.parent / word for word in words if word.endswith(".cpp")}
    for suffix in re.findall(r"\+\s*'([a-z_]*\.cpp)'", text):  # NAME + '_test.cpp' in a loop over names.
        listed |= {build_file.parent / (word + suffix) for word in words}
        listed |= {path for path in build_file.parent.glob("*/*" + suffix)
                   if path.name.removesuffix(suffix) in words and not (path.parent / "meson.build").exists()}
    return listed


def check_readme() -> list[str]:
    """The echo in README.md is apps/echo/main.cpp, and fits its promise of 40 lines."""
    echo = text_of(ROOT / "apps/echo/main.cpp")
    blocks = re.findall(r"```cpp\n(.*?)```", text_of(ROOT / "README.md"), re.DOTALL)
    complaints = []
    if echo not in blocks:
        complaints.append("README.md: no code block is apps/echo/main.cpp, letter by letter")
    if echo.count("\n") > 40:
        complaints.append(f"apps/echo/main.cpp: {echo.count(chr(10))} lines, the limit is 40")
    return complaints


def check_words() -> list[str]:
    """No words that mark unfinished work; none of the language's parts that style.md leaves out."""
    limits = rules("limits.toml")
    everywhere, in_sources = limits["banned"]["everywhere"], limits["banned"]["sources"]
    allowed = {(entry["pattern"], entry["path"]) for entry in limits["allowed"]}
    complaints = []
    for path in sources() + sorted((ROOT / "docs").rglob("*.md")) + sorted((ROOT / "scripts").rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            complaints += _matches(path, text_of(path), everywhere, allowed)
    for path in sources("lib", "apps"):
        code = without_comments(text_of(path))
        complaints += _matches(path, code, in_sources, allowed)
        if not any(name_of(path).startswith(folder + "/") for folder in limits["casts"]["folders"]):
            complaints += _matches(path, code, [r"\breinterpret_cast\b"], allowed)
        its_header_says = path.suffix == ".cpp" and path.with_suffix(".hpp").exists()
        if not text_of(path).startswith("// ") and not its_header_says:
            complaints.append(f"{name_of(path)}: does not open with what it is responsible for")
        if path.suffix == ".hpp" and "#pragma once" not in code:
            complaints.append(f"{name_of(path)}: lacks #pragma once")
    return complaints


def _matches(path: pathlib.Path, text: str, patterns: list[str], allowed: set) -> list[str]:
    complaints = []
    for pattern in patterns:
        if (pattern, name_of(path)) in allowed:
            continue
        for match in re.finditer(pattern, text, re.IGNORECASE | re.MULTILINE):
            complaints.append(f"{name_of(path)}:{line_of(text, match.start())}: '{match[0].strip()}' is not used here")
    return complaints


def check_drop_reasons() -> list[str]:
    """Each DropReason is named in some test."""
    header = text_of(ROOT / "lib/include/millrace/stats.hpp")
    body = re.search(r"enum class DropReason[^{]*\{(.*?)\};", header, re.DOTALL)[1]
    names = re.findall(r"^\s*([A-Z]\w*)\s*,", body, re.MULTILINE)
    tests = "\n".join(text_of(path) for path in sources("tests"))
    return [
        f"lib/include/millrace/stats.hpp: no test names DropReason::{name}"
        for name in names
        if name != "Count_" and not re.search(rf"DropReason::{name}\b", tests)
    ]


def check_troubleshooting() -> list[str]:
    """docs/troubleshooting.md has a row for each DropReason and each Error, none for others, and quotes only lines
    that some source says."""
    page = text_of(ROOT / "docs/troubleshooting.md")
    reasons = set(re.findall(r'Name\{DropReason::\w+, "(\w+)"\}', text_of(ROOT / "lib/api/stats.cpp")))
    errors = set(re.findall(r'Name\{Error::\w+, "([^"]+)"\}', text_of(ROOT / "lib/api/error.cpp")))
    first_cells = {heading: _first_cells(page, heading) for heading in re.findall(r"^## (.*)$", page, re.MULTILINE)}
    counters = {cell.strip("`") for cell in first_cells["What is dropped, and why"]}
    words = {word for cell in first_cells["What a connection ended with"] for word in cell.split(", ")}
    said = "".join(re.sub(r'"\s*"', "", text_of(path)) for path in sources("lib", "apps", suffixes=(".cpp",)))
    quoted = [
        part for heading in ("It does not start", "Lines while it runs") for cell in first_cells[heading]
        for part in re.findall(r"`([^`]+)`", cell)
    ]
    return [
        *(f"docs/troubleshooting.md: no row explains {name}" for name in sorted((reasons - counters) | (errors - words))),
        *(f"docs/troubleshooting.md: nothing is called {name}" for name in sorted((counters - reasons) | (words - errors))),
        *(f"docs/troubleshooting.md: no source says '{part}'" for part in quoted if part not in said),
    ]


def _first_cells(page: str, heading: str) -> list[str]:
    """Of the table below that heading, without its head."""
    section = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)[1]
    return [cell.strip() for cell in re.findall(r"^\| (.*?) \|", section, re.MULTILINE)][1:]


def check_headers(compiler: list[str]) -> list[str]:
    """Each public header compiles alone, with the standard library and its siblings."""
    complaints = []
    for path in sources("lib/include", suffixes=(".hpp",)):
        command = [*compiler, "--std=c++23", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
                   "-I", str(ROOT / "lib/include"), "-x", "c++", "-"]
        unit = f"#include <millrace/{path.name}>\n"
        result = subprocess.run(command, input=unit, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            complaints.append(f"{name_of(path)}: does not compile alone:\n{result.stderr}")
    return complaints


def check_format() -> list[str]:
    """clang-format has nothing to change."""
    tool = _tool("clang-format")
    result = subprocess.run(
        [tool, "--dry-run", "--Werror", "--ferror-limit=1", *map(str, sources())],
        capture_output=True, text=True, check=False,
    )
    return [line for line in result.stderr.splitlines() if "error:" in line]


def check_scripts() -> list[str]:
    """shellcheck has nothing to say."""
    tool = _tool("shellcheck")
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file()] + [ROOT / ".ci/run"]
    result = subprocess.run(
        [tool, "--external-sources", "--format=gcc", *map(str, sorted(scripts))],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )
    return result.stdout.splitlines()


def check_clang_tidy(build: str) -> list[str]:
    """The checks of .clang-tidy, over every source of lib and apps."""
    tool = _tool("run-clang-tidy-19", "scripts/setup lint installs it")
    result = subprocess.run(
        [tool, "-quiet", "-p", build, r"/(lib|apps)/.*\.cpp$"], capture_output=True, text=True, check=False
    )
    return sorted({line for line in result.stdout.splitlines() if ": error:" in line})


def _tool(name: str, hint: str = "scripts/setup test installs it") -> str:
    path = shutil.which(name)
    if path is None:
        raise Skip(f"{name} is missing; {hint}")
    return path


def main() -> int:
    checks = {
        "layers": check_layers, "lengths": check_lengths, "unlisted": check_unlisted, "readme": check_readme,
        "words": check_words, "drop_reasons": check_drop_reasons,
        "troubleshooting": check_troubleshooting, "headers": check_headers,
        "format": check_format, "scripts": check_scripts, "clang_tidy": check_clang_tidy,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("check", choices=checks)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="headers: the compiler; clang_tidy: build folder")
    given = parser.parse_args()
    check = checks[given.check]
    try:
        if given.check == "headers":
            complaints = check(given.arguments)
        else:
            complaints = check(*given.arguments)
    except Skip as reason:
        print(f"skipped: {reason}")
        return SKIPPED
    print("\n".join(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
