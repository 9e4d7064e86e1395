#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every row of docs/compatibility.md that says yes names a test, and every test named is there."""
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]


def problems():
    for number, line in enumerate((TOP / "docs/compatibility.md").read_text("utf-8").splitlines(), 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or len(cells) != 3 or cells[0].startswith("--"):
            continue
        state, test = cells[1], cells[2]
        if "::" not in test:
            if state == "yes":
                yield number, f"'{cells[0]}' is yes without a test"
            continue
        file, name = test.split("::", 1)
        path = TOP / file
        if not path.is_file():
            yield number, f"there is no file '{file}'"
        elif name not in path.read_text("utf-8"):
            yield number, f"'{file}' has no test '{name}'"


def main():
    found = list(problems())
    for number, problem in found:
        print(f"docs/compatibility.md:{number}: {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
