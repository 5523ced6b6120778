#!/usr/bin/env python3
"""Writes the API reference of lib/include/millrace to OUTPUT/html by Doxygen. Fails when a public symbol lacks its
docstring: class, function, member, type, and, which Doxygen itself lets pass, enumerator.

    docs/api/build.py OUTPUT [VERSION]

Exit status: 1 with a line for each fault, 77 without Doxygen."""

import pathlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SKIPPED = 77


def run_doxygen(output: pathlib.Path, version: str) -> list[str]:
    """Doxygen's own complaints."""
    output.mkdir(parents=True, exist_ok=True)
    settings = (HERE / "Doxyfile.in").read_text(encoding="utf-8")
    for name, value in {"version": version, "output": str(output), "source": str(ROOT)}.items():
        settings = settings.replace(f"@{name}@", value)
    result = subprocess.run(["doxygen", "-"], input=settings, capture_output=True, text=True, check=False)
    complaints = result.stderr.replace(f"{ROOT}/", "").splitlines()
    return complaints or (["doxygen failed without a word"] if result.returncode != 0 else [])


def undocumented_enumerators(output: pathlib.Path) -> list[str]:
    complaints = []
    for page in sorted((output / "xml").glob("*.xml")):
        for enumeration in xml.etree.ElementTree.parse(page).iter("memberdef"):
            if enumeration.get("kind") != "enum":
                continue
            where = enumeration.find("location")
            complaints += [
                f"{where.get('file')}:{where.get('line')}: {enumeration.findtext('name')}::{value.findtext('name')} "
                "is not documented."
                for value in enumeration.iter("enumvalue")
                if not "".join(value.find("briefdescription").itertext()).strip()
                and not "".join(value.find("detaileddescription").itertext()).strip()
            ]
    return sorted(set(complaints))


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    if shutil.which("doxygen") is None:
        print("skipped: doxygen is missing; scripts/setup test installs it")
        return SKIPPED
    output = pathlib.Path(sys.argv[1]).resolve()
    shutil.rmtree(output / "xml", ignore_errors=True)
    complaints = run_doxygen(output, sys.argv[2] if len(sys.argv) == 3 else "")
    complaints += undocumented_enumerators(output)
    print("\n".join(complaints) if complaints else f"the reference is in {output / 'html' / 'index.html'}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
