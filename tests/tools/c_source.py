# SPDX-License-Identifier: MIT
"""What the checks share: finding the project's C files and reading them without comments."""

import re
from pathlib import Path

PRODUCT_FOLDERS = ("base", "auth", "upstream", "gateway")
TEST_FOLDER = "tests"

# One token that is not code: a comment, or a string or character literal.
_NOT_CODE = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.S | re.X
)


def c_files(root, *folders):
    """All .c and .h files below <root>/<folder>, sorted, as paths relative to <root>."""
    found = []
    for folder in folders:
        for path in (Path(root) / folder).rglob("*.[ch]"):
            found.append(path.relative_to(root))
    return sorted(found)


def _blank(match):
    text = match.group(0)
    if text.startswith('"'):
        return '""' + "\n" * text.count("\n")
    if text.startswith("'"):
        return "' '"
    return " " + "\n" * text.count("\n")


def code_lines(text):
    """The lines of <text> with comments and literals blanked; numbering is kept."""
    return _NOT_CODE.sub(_blank, text).split("\n")


def without_comments(text):
    """<text> with comments blanked and literals kept; numbering is kept."""

    def keep_literals(match):
        found = match.group(0)
        return found if found[0] in "\"'" else _blank(match)

    return _NOT_CODE.sub(keep_literals, text)


def comments(text):
    """All comments of <text>, joined lines, decoration removed."""
    found = [m.group(0) for m in _NOT_CODE.finditer(text) if m.group(0).startswith("/")]
    return [re.sub(r"\s*\n\s*\*?\s*", " ", comment) for comment in found]


def report(problems, what):
    """Print <problems>, one a line, and give the exit status."""
    for problem in problems:
        print(problem)
    if problems:
        print(f"{what}: {len(problems)} problem(s)")
        return 1
    print(f"{what}: ok")
    return 0
