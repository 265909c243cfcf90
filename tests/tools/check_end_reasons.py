#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail when a row of the table of end reasons has no test that produces it.

The table is gateway/end_reason.h. A row counts as tested when a loop test names its id
(END_CLIENT_GONE), or when an end-to-end test has its token ("client_gone") as a string
of its own inside a test function or its parametrisation. Unit tests do not count: they
look at the table, they do not make anything end.
"""

import ast
import re
import sys
from pathlib import Path

from c_source import code_lines, report

_ROW = re.compile(r'\bX\(\s*(END_\w+)\s*,\s*"(\w+)"')


def table(root):
    """{id: token} of the table."""
    text = (Path(root) / "gateway" / "end_reason.h").read_text()
    return dict(_ROW.findall(text))


def ids_in_loop_tests(root):
    found = set()
    for path in (Path(root) / "tests" / "loop").glob("test_*.c"):
        found.update(re.findall(r"\bEND_\w+\b", "\n".join(code_lines(path.read_text()))))
    return found


def tokens_in_e2e_tests(root):
    found = set()
    for path in (Path(root) / "tests" / "e2e").glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found |= {n.value for n in ast.walk(node) if _is_text(n)}
        found |= _tables_for_parametrisation(path)
    return found


def _tables_for_parametrisation(path):
    """Strings of module-level tables in capitals: the rows that parametrised tests walk."""
    found = set()
    for node in ast.parse(path.read_text(), str(path)).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if node.targets[0].id.isupper():
                found |= {n.value for n in ast.walk(node.value) if _is_text(n)}
    return found


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def check(root):
    rows = table(root)
    if not rows:
        return ["gateway/end_reason.h: no rows found"]
    ids, tokens = ids_in_loop_tests(root), tokens_in_e2e_tests(root)
    return [
        f"gateway/end_reason.h: {name} ({token}): no loop or end-to-end test produces it"
        for name, token in rows.items()
        if name not in ids and token not in tokens
    ]


if __name__ == "__main__":
    sys.exit(report(check(sys.argv[1] if len(sys.argv) > 1 else "."), "end reasons"))
