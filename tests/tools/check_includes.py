#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail on an include that goes against the arrows.

Each folder has a .may_include file:

    base                          files of this folder may include anything of base/
    auth/auth.h                   ... and this one header
    auth/keys.h by worker config  ... and this one, but only these modules may
    together call request         these modules are one thing in two files
    layer worker admin            order inside the folder: a module may include its own
                                  row and the rows below, never a row above

A module is a .c and .h of one name; "format_*" in a row stands for all that match. In a
folder with layers every module must stand in exactly one row. Includes between the
modules of a folder must not form a cycle (those of one first word count as one).
System headers are free, but base/ may not include those of libevent.
"""

import fnmatch
import re
import sys
from pathlib import Path

from c_source import PRODUCT_FOLDERS, c_files, report, without_comments

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[">]', re.M)


class Rules:
    """The .may_include file of one folder."""

    def __init__(self, path):
        self.folders = set()
        self.headers = {}
        self.layers = []
        self.together = []
        for line in path.read_text().splitlines():
            words = line.split("#")[0].split()
            if not words:
                continue
            if words[0] == "layer":
                self.layers.append(words[1:])
            elif words[0] == "together":
                self.together.append(set(words[1:]))
            elif "/" not in words[0]:
                self.folders.add(words[0])
            else:
                self.headers[words[0]] = words[2:] if words[1:2] == ["by"] else None

    def layer_of(self, module):
        """Index of the module's row, 0 the highest; None when it stands nowhere."""
        for index, row in enumerate(self.layers):
            if any(fnmatch.fnmatch(module, pattern) for pattern in row):
                return index
        return None

    def allows(self, module, header):
        if header.split("/")[0] in self.folders:
            return True
        if header not in self.headers:
            return False
        modules = self.headers[header]
        return modules is None or any(fnmatch.fnmatch(module, m) for m in modules)


def includes_of(text):
    """(line number, kind, path) of each include in <text>; kind is < or a quote."""
    code = without_comments(text)
    for match in _INCLUDE.finditer(code):
        yield code.count("\n", 0, match.start()) + 1, match.group(1), match.group(2)


def are_one_family(module, other):
    """True for the parts of one thing: log and log_sink, head_lexer and head_fields.

    A folder's x_internal.h is part of whatever includes it.
    """
    if module.endswith("_internal") or other.endswith("_internal"):
        return True
    return module.split("_")[0] == other.split("_")[0]


def check_file(rules, folder, path, text, edges):
    problems = []
    module = path.stem
    layer = rules.layer_of(module)
    if rules.layers and layer is None:
        problems.append(f"{path}: module {module} stands in no layer of {folder}/.may_include")
    for line, kind, header in includes_of(text):
        where = f"{path}:{line}"
        if kind == "<":
            if folder == "base" and re.match(r"event2?/|event\.h|evhttp", header):
                problems.append(f"{where}: base/ may not include <{header}>")
            continue
        if not rules.allows(module, header):
            problems.append(f'{where}: {folder}/{module} may not include "{header}"')
            continue
        if not header.startswith(folder + "/"):
            continue
        other = Path(header).stem
        if not are_one_family(module, other) and not any(
                {module, other} <= group for group in rules.together):
            edges.setdefault(module, {})[other] = where
        other_layer = rules.layer_of(other)
        if None not in (layer, other_layer) and other_layer < layer:
            problems.append(f'{where}: {module} may not include "{header}", a layer above it')
    return problems


def find_cycle(edges):
    """The first cycle of modules, as a list that ends where it began, or None."""
    done = set()

    def visit(module, trail):
        if module in trail:
            return trail[trail.index(module):] + [module]
        if module in done:
            return None
        for other in sorted(edges.get(module, {})):
            cycle = visit(other, trail + [module])
            if cycle:
                return cycle
        done.add(module)
        return None

    for start in sorted(edges):
        cycle = visit(start, [])
        if cycle:
            return cycle
    return None


def check(root):
    problems = []
    for folder in PRODUCT_FOLDERS:
        rules_path = Path(root) / folder / ".may_include"
        if not rules_path.exists():
            problems.append(f"{folder}/.may_include: missing")
            continue
        rules = Rules(rules_path)
        edges = {}
        for path in c_files(root, folder):
            text = (Path(root) / path).read_text()
            problems += check_file(rules, folder, path, text, edges)
        cycle = find_cycle(edges)
        if cycle:
            problems.append(f"{folder}: modules include each other: {' -> '.join(cycle)}")
    return problems


if __name__ == "__main__":
    sys.exit(report(check(sys.argv[1] if len(sys.argv) > 1 else "."), "include arrows"))
