"""The examples in the public headers' docstrings compile, and every public class has one.

    api_examples.py COMPILER...

An example is what a docstring indents by four columns more than its text. It stands at namespace scope, as if behind
`#include <millrace/program.hpp>` and the standard library's common headers."""

import pathlib
import re
import subprocess
import sys

HEADERS = pathlib.Path(__file__).resolve().parents[2] / "lib/include/millrace"
EXAMPLE_LINE = re.compile(r"^\s*///     (.*)$")
INCLUDES = "#include <algorithm>\n#include <array>\n#include <chrono>\n#include <string>\n#include <unordered_map>\n#include <millrace/program.hpp>\n"


def docstrings_of(header: pathlib.Path) -> list[tuple[int, list[str], str]]:
    """Number of the first line, lines, and what is declared behind them."""
    found, begun, first = [], [], 0
    for number, line in enumerate(header.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip().startswith("///") and not line.strip().startswith("///<"):
            first = first if begun else number
            begun.append(line)
        elif begun:
            found.append((first, begun, line))
            begun = []
    return found


def examples_in(header: pathlib.Path) -> tuple[list[tuple[int, str]], list[str]]:
    """(line, code) of each example; complaints about classes without one."""
    examples, complaints = [], []
    for first, lines, declaration in docstrings_of(header):
        code = [(match[1] if (match := EXAMPLE_LINE.match(line)) else "") for line in lines]
        if any(code):
            start = next(index for index, line in enumerate(code) if line)
            examples.append((first + start, "\n".join(code[start:])))
        elif re.match(r"class \w+ (final )?\{", declaration):
            complaints.append(f"{header.name}:{first}: {declaration.split()[1]} has no example")
    return examples, complaints


def compiler_complaints(compiler: list[str], examples: list[tuple[str, int, str]]) -> str:
    """What the compiler says, with the headers' own names and lines; empty if nothing."""
    unit = INCLUDES + "".join(
        f'namespace example_{number} {{\n#line {line} "{name}"\n{code}\n}}\n'
        for number, (name, line, code) in enumerate(examples)
    )
    command = [*compiler, "--std=c++23", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused-function",
               "-Wno-unused-variable", "-fsyntax-only", "-I", str(HEADERS.parent), "-x", "c++", "-"]
    result = subprocess.run(command, input=unit, capture_output=True, text=True, check=False)
    return result.stderr if result.returncode != 0 else ""


def main() -> int:
    examples, complaints = [], []
    for header in sorted(HEADERS.glob("*.hpp")):
        found, missing = examples_in(header)
        examples += [(header.name, line, code) for line, code in found]
        complaints += missing
    said = compiler_complaints(sys.argv[1:], examples)
    complaints += [said] if said else []
    print("\n".join(complaints) if complaints else f"{len(examples)} examples compile")
    return 1 if complaints or not examples else 0


if __name__ == "__main__":
    sys.exit(main())
