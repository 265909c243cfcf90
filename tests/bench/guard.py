# SPDX-License-Identifier: MIT
"""The regression guard: instructions for a request and a token, against a kept baseline.

Times differ from machine to machine and from minute to minute; instructions do not, as long as
compiler and libraries are the same. With others the numbers cannot be compared, and the guard
says so and lets pass.
"""

import json
import platform
import subprocess
from pathlib import Path

BASELINE = Path(__file__).resolve().parent / "guard-baseline.json"
TOLERANCE = 2.0  # percent; two runs differ by less than 0.2
PACKAGES = {"libevent": "libevent-core-2.1-7", "OpenSSL": "libssl3", "C library": "libc6",
            "valgrind": "valgrind"}
HOW_TO_RENEW = "./tide bench --guard --renew"


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def toolchain():
    """What the numbers depend on, besides the code."""
    found = {name: output_of("dpkg-query", "-W", "-f=${Version}", package)
             for name, package in PACKAGES.items()}
    found["compiler"] = output_of("gcc", "--version").split("\n", maxsplit=1)[0]
    vectors = "avx2" if " avx2 " in Path("/proc/cpuinfo").read_text() else "no avx2"
    found["processor"] = f"{platform.machine()}, {vectors}"
    return found


def differences(here, there):
    """Lines on what is another in <here> than in <there>."""
    return [f"{name}: {here.get(name)}, the baseline was made with {value}"
            for name, value in there.items() if here.get(name) != value]


def judge(measured, baseline, tolerance=TOLERANCE):
    """(lines to print, whether it is good): no number may be above its baseline by more."""
    lines, is_good = [], True
    for name, before in baseline.items():
        now = measured[name]
        percent = 100 * (now - before) / before
        word = "ok"
        if percent > tolerance:
            word, is_good = "TOO MANY", False
        elif percent < -tolerance:
            word = f"better; keep it with {HOW_TO_RENEW}"
        lines.append(f"{name:20} {now:12,.0f} {before:12,.0f} {percent:+7.2f} %  {word}")
    return lines, is_good


def write_baseline(measured, made_with):
    rounded = {name: round(value) for name, value in measured.items()}
    BASELINE.write_text(json.dumps({"made_with": made_with, "instructions": rounded},
                                   indent=2) + "\n")
    print(f"baseline renewed: {BASELINE.name}; commit it, and say why in the commit")


def check(measured, is_renewing):
    """Exit status. <measured>: {name: instructions}."""
    here = toolchain()
    if is_renewing or not BASELINE.exists():
        write_baseline(measured, here)
        return 0
    kept = json.loads(BASELINE.read_text())
    lines, is_good = judge(measured, kept["instructions"])
    print(f"{'instructions for':20} {'now':>12} {'baseline':>12}  change")
    print("\n".join(lines))
    others = differences(here, kept["made_with"])
    if others:
        print("bench guard: SKIPPED, these numbers cannot be compared with the baseline:\n  "
              + "\n  ".join(others))
        return 0
    if not is_good:
        print(f"""bench guard: a request or a token costs over {TOLERANCE:g} % above the baseline.
  See where: valgrind --tool=callgrind as tests/bench/instructions.py does, then
  callgrind_annotate. If it is the price of something that is worth it:
  {HOW_TO_RENEW}
  and commit {BASELINE.name} with the reason.""")
        return 1
    print("bench guard: ok")
    return 0
