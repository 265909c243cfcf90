#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fail when a program lacks what the hardening flags of a release are to give it.

usage: check_hardening.py PROGRAM [OBJECT]

The marks of the processor's own guards (CET, BTI) are looked for in OBJECT: a program
has them only if every object of the C library has, which is not for us to say.
"""

import re
import subprocess
import sys


def readelf(option, path):
    """What readelf says, each entry on one line."""
    seen = subprocess.run(["readelf", "--wide", option, path], check=True, capture_output=True,
                          text=True)
    return seen.stdout


def program_problems(path):
    header, segments = readelf("--file-header", path), readelf("--program-headers", path)
    dynamic, symbols = readelf("--dynamic", path), readelf("--symbols", path)
    rules = (
        ("not position independent (-fPIE -pie)",
         re.search(r"Type:\s+DYN", header) and re.search(r"FLAGS_1\).*\bPIE\b", dynamic)),
        ("no RELRO segment (-z relro)", "GNU_RELRO" in segments),
        ("relocations are not done at the start (-z now)",
         re.search(r"\(FLAGS(_1)?\).*\b(BIND_NOW|NOW)\b", dynamic)),
        ("the stack is executable (-z noexecstack)",
         re.search(r"GNU_STACK(\s+0x[0-9a-f]+)+\s+RW\s", segments)),
        ("a segment is writable and executable",
         not re.search(r"LOAD(\s+0x[0-9a-f]+)+\s+RWE", segments)),
        ("text relocations", "TEXTREL" not in dynamic),
        ("a search path for libraries", not re.search(r"\((RPATH|RUNPATH)\)", dynamic)),
        ("no stack protector (-fstack-protector-strong)", "__stack_chk_fail" in symbols),
        ("no checked calls (-D_FORTIFY_SOURCE)", re.search(r"\b__\w+_chk\b", symbols)),
    )
    return [problem for problem, holds in rules if not holds]


def object_problems(path):
    notes, machine = readelf("--notes", path), readelf("--file-header", path)
    wanted = ()
    if "X86-64" in machine:
        wanted = ("IBT", "SHSTK")
    elif "AArch64" in machine:
        wanted = ("BTI", "PAC")
    return [f"no mark for {mark}" for mark in wanted if not re.search(rf"\b{mark}\b", notes)]


def check(program, *objects):
    problems = [f"{program}: {problem}" for problem in program_problems(program)]
    for path in objects:
        problems += [f"{path}: {problem}" for problem in object_problems(path)]
    return problems


if __name__ == "__main__":
    found = check(*sys.argv[1:])
    print("\n".join(found) if found else "hardening: ok")
    sys.exit(1 if found else 0)
