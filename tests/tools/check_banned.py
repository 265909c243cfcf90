#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail on calls that this project does not make, or makes in a few named files only."""

import re
import sys
from pathlib import Path

from c_source import PRODUCT_FOLDERS, TEST_FOLDER, c_files, code_lines, report

# (what, pattern of the call, where it is looked for, files that may, what to do instead)
RULES = (
    (
        "unbounded or unsafe call",
        r"strcpy|strcat|sprintf|vsprintf|strncpy|strncat|strtok|atoi|atol|gets|system|alloca|popen",
        PRODUCT_FOLDERS + (TEST_FOLDER,),
        (),
        "use the bounded form (snprintf, memcpy, strtol)",
    ),
    (
        "memcmp on what may be secret",
        r"memcmp",
        ("auth",),
        (),
        "use CRYPTO_memcmp, or span_equal for public bytes",
    ),
    (
        "evhttp outside the files that absorb its quirks",
        r"evhttp_\w+",
        PRODUCT_FOLDERS,
        (
            "gateway/client_leg.c",
            "gateway/connection.c",
            "gateway/connection_held.c",
            "gateway/edge.c",
            "gateway/worker.c",
            "gateway/admin.c",
            "upstream/request.c",
            "upstream/pool.c",
        ),
        "go through client_leg.h or upstream/upstream.h",
    ),
    (
        "reading a clock",
        r"time|clock_gettime|gettimeofday",
        PRODUCT_FOLDERS,
        ("base/clock.c",),
        "use base/clock.h",
    ),
)


def check(root):
    problems = []
    for what, names, folders, allowed, instead in RULES:
        call = re.compile(r"(?<![\w.>])(?:%s)\s*\(" % names)
        for path in c_files(root, *folders):
            if str(path) in allowed:
                continue
            text = (Path(root) / path).read_text()
            for number, line in enumerate(code_lines(text), 1):
                for match in call.finditer(line):
                    name = match.group(0).rstrip(" (")
                    problems.append(f"{path}:{number}: {name}: {what}; {instead}")
    return problems


if __name__ == "__main__":
    sys.exit(report(check(sys.argv[1] if len(sys.argv) > 1 else "."), "banned calls"))
