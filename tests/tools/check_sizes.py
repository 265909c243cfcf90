#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail on a C file above 600 lines or a function above 80; name what is on the way there.

The house style breaks before a function's brace, so a function is what stands between a
"{" and a "}" in the first column. A line that ends in "=" before it is a table.
"""

import sys
from pathlib import Path

from c_source import PRODUCT_FOLDERS, TEST_FOLDER, c_files, code_lines, report

FILE_LINES_USUAL, FILE_LINES_MAX = 400, 600
HEADER_LINES_USUAL = 120
FUNCTION_LINES_USUAL, FUNCTION_LINES_MAX = 40, 80


def functions_of(text):
    """(name, first line, length in lines) of each function in <text>."""
    lines = code_lines(text)
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            head = _head_before(lines, number)
            start = (head, number) if "(" in head else None
        elif line.startswith("}") and start:
            head, first = start
            yield head.split("(")[0].split()[-1].lstrip("*"), first, number - first + 1
            start = None


def _head_before(lines, number):
    """The lines before line <number> back to the blank or closing one, joined."""
    head = []
    index = number - 2
    while index >= 0 and lines[index].strip() and lines[index][0] not in "}#":
        head.insert(0, lines[index].strip())
        index -= 1
    return " ".join(head)


def check(root, remarks=None):
    problems = []
    remarks = [] if remarks is None else remarks
    for path in c_files(root, *PRODUCT_FOLDERS, TEST_FOLDER):
        text = (Path(root) / path).read_text()
        length = text.count("\n")
        usual = HEADER_LINES_USUAL if path.suffix == ".h" else FILE_LINES_USUAL
        if length > FILE_LINES_MAX:
            problems.append(f"{path}: {length} lines (at most {FILE_LINES_MAX})")
        elif length > usual:
            remarks.append(f"{path}: {length} lines (usually at most {usual})")
        for name, first, lines in functions_of(text):
            if lines > FUNCTION_LINES_MAX:
                problems.append(
                    f"{path}:{first}: {name}: {lines} lines (at most {FUNCTION_LINES_MAX})")
            elif lines > FUNCTION_LINES_USUAL:
                remarks.append(f"{path}:{first}: {name}: {lines} lines (usually at most "
                               f"{FUNCTION_LINES_USUAL})")
    return problems


if __name__ == "__main__":
    notes = []
    found = check(sys.argv[1] if len(sys.argv) > 1 else ".", notes)
    for note in notes:
        print(f"remark: {note}")
    sys.exit(report(found, "sizes"))
