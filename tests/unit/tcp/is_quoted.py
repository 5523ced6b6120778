#!/usr/bin/python3
"""Whether a page quotes a file as it is: `is_quoted.py PAGE FILE`. What stands before its namespace may be left out."""

import pathlib
import sys

page, file = (pathlib.Path(name).read_text(encoding="utf-8") for name in sys.argv[1:3])
body = file[file.index("namespace ") :].strip()
blocks = [block.partition("\n")[2].strip() for block in page.split("```")[1::2]]
if body not in blocks:
    sys.exit(f"{sys.argv[1]} does not quote {sys.argv[2]} as it is; its code is to be that file's from 'namespace' on")
