#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail when docs/threat-model.md names a test or a file that is not there, or a bare promise.

A test is named as `e2e/test_x::test_y`, `unit/test_x::y`, `loop/test_x::y`,
`tools/test_x::y`, or, where a whole program is the test, `fuzz/x` or `tools/check_x`.
"""

import re
import sys
from pathlib import Path

from c_source import PRODUCT_FOLDERS, report

PAGE = "docs/threat-model.md"
_TEST = re.compile(r"`(e2e|unit|loop|tools|fuzz)/(\w+)(?:::(\w+))?`")
_FILE = re.compile(r"`((?:\w+/)*\w[\w-]*\.(?:c|h|py|md|cmake))`")
_PROMISES = "| promise | mechanism | proved by |"


def file_of(kind, name):
    if kind == "fuzz":
        return f"tests/fuzz/fuzz_{name}.c"
    return f"tests/{kind}/{name}.{'py' if kind in ('e2e', 'tools') else 'c'}"


def problem_of(root, kind, name, function):
    """What is wrong with one reference, or None."""
    path = Path(root) / file_of(kind, name)
    if not path.exists():
        return f"{kind}/{name}: there is no {file_of(kind, name)}"
    if function is None:
        is_whole = kind == "fuzz" or name.startswith("check_")
        return None if is_whole else f"{kind}/{name}: names no test of that file"
    if path.suffix == ".py":
        pattern = rf"^def {function}\("
    else:
        pattern = rf"^(?:static )?void {function}\(void \*\*state\)"
    if not re.search(pattern, path.read_text(), re.MULTILINE):
        return f"{kind}/{name}: has no {function}"
    return None


def file_exists(root, name):
    """<name> from the root, or, without a folder, in one of the product's."""
    places = [Path(root) / name, *(Path(root) / folder / name for folder in PRODUCT_FOLDERS)]
    return any(place.exists() for place in places)


def check(root):
    page = Path(root) / PAGE
    if not page.exists():
        return [f"{PAGE}: missing"]
    problems, in_table, promises = [], False, 0
    for number, line in enumerate(page.read_text().splitlines(), 1):
        tests = _TEST.findall(line)
        for kind, name, function in tests:
            problem = problem_of(root, kind, name, function or None)
            if problem:
                problems.append(f"{PAGE}:{number}: {problem}")
        problems += [f"{PAGE}:{number}: there is no {name}" for name in _FILE.findall(line)
                     if not file_exists(root, name)]
        if not line.startswith("|"):
            in_table = False
        elif line == _PROMISES:
            in_table = True
        elif in_table and not line.startswith("|---"):
            promises += 1
            if not tests:
                problems.append(f"{PAGE}:{number}: a promise without a test")
    if promises == 0:
        problems.append(f"{PAGE}: no promise at all")
    return problems


if __name__ == "__main__":
    sys.exit(report(check(sys.argv[1] if len(sys.argv) > 1 else "."), "threat model"))
