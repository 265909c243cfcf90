#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""List the clauses of specifications that code cites and no test does.

Code and tests name a clause in the same words: "RFC 7515 section 5.2". Without an
argument this is a report and succeeds. With --strict it fails when a clause is untested.
"""

import re
import sys
from pathlib import Path

from c_source import PRODUCT_FOLDERS, report

_CLAUSE = re.compile(r"\bRFC (\d{4})(?:,)? section (\d+(?:\.\d+)*)")
_ALSO = re.compile(r"(?:,| and| or) section (\d+(?:\.\d+)*)")


def clauses_of(text):
    """Clauses named in <text>, line ends and comment stars between the words allowed."""
    flat = re.sub(r"\s*\n\s*(?:\*|#)?\s*", " ", text)
    for match in _CLAUSE.finditer(flat):
        yield f"RFC {match.group(1)} section {match.group(2)}"
        rest = _ALSO.match(flat, match.end())
        if rest:
            yield f"RFC {match.group(1)} section {rest.group(1)}"


def cited(root, folders, suffixes):
    """{clause: first file that cites it}."""
    found = {}
    for folder in folders:
        for path in sorted((Path(root) / folder).rglob("*")):
            if path.suffix not in suffixes:
                continue
            for clause in clauses_of(path.read_text(errors="replace")):
                found.setdefault(clause, path.relative_to(root))
    return found


def check(root):
    code = cited(root, PRODUCT_FOLDERS, {".c", ".h"})
    tests = cited(root, ("tests",), {".c", ".h", ".py", ".md"})
    return [f"{path}: {clause}: cited in code, by no test" for clause, path in sorted(code.items())
            if clause not in tests]


if __name__ == "__main__":
    arguments = [a for a in sys.argv[1:] if a != "--strict"]
    problems = check(arguments[0] if arguments else ".")
    status = report(problems, "spec references")
    sys.exit(status if "--strict" in sys.argv else 0)
