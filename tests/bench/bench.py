#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench.py - Tidegate and what else one would pick, side by side; called by `./tide bench`.

How it is measured, and how to read it: README.md beside this file.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import extras
import guard
import instructions
import report
from peers import (NICE, PLAIN, Direct, Haproxy, Nginx, Portkey, Relay, Tidegate, World,
                   prefer)
from runner import run_shapes
from shapes import FULL, QUICK

HERE = Path(__file__).resolve().parent


def read_arguments():
    parser = argparse.ArgumentParser(prog="tide bench", description=__doc__.split("\n")[0])
    parser.add_argument("size", nargs="?", choices=("quick", "full"), default="full")
    parser.add_argument("--shapes", help="only these, by name, separated by commas")
    parser.add_argument("--peers", help="only these, by name, separated by commas")
    parser.add_argument("--rounds", type=int, help="how often each is measured")
    parser.add_argument("--scale", type=float, help="stretches the measured times")
    parser.add_argument("--portkey", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--guard", action="store_true",
                        help="compare instruction counts with the baseline, nothing else")
    parser.add_argument("--renew", action="store_true", help="with --guard: a new baseline")
    parser.add_argument("--build", default="build/release", help=argparse.SUPPRESS)
    parser.add_argument("--out", help="folder of the results; default: .dev/bench/results")
    return parser.parse_args()


def chosen(things, wanted, what):
    if not wanted:
        return things
    names = wanted.split(",")
    strange = [name for name in names if name not in [thing.name for thing in things]]
    if strange:
        sys.exit(f"bench: no {what} {strange[0]}; there are: "
                 + ", ".join(thing.name for thing in things))
    return [thing for thing in things if thing.name in names]


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True,
                          text=True, cwd=HERE, check=False)
    return done.stdout.strip()


def describe(peers, built_from):
    """What makes this run comparable with another, or not."""
    about = {
        "date": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime()),
        "commit": built_from,
        "processor": processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
    }
    about.update({peer.name: peer.version() for peer in peers if peer.version()})
    return about


def be_heard():
    try:
        os.nice(NICE)
    except OSError:
        pass  # no root: as it is
    prefer(os.getpid())
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def say(text):
    print(text, file=sys.stderr, flush=True)


def count_all(world, peers, rounds, scale, notes):
    """The tables of extras.py, those that can be made here."""
    tables = [extras.memory(world, peers, PLAIN, notes, say),
              extras.system_calls(world, peers, notes, say),
              extras.user_instructions(world, peers, notes, say),
              extras.workers(world, rounds, scale, say, notes)]
    return [table for table in tables if table is not None]


def write_results(folder, about, shapes, collected, tables, notes):
    folder.mkdir(parents=True, exist_ok=True)
    counted = {title: raw for title, _, _, raw in tables}
    (folder / "results.json").write_text(json.dumps(
        {"about": about, "notes": notes, "counted": counted, "results": collected}) + "\n")
    report.write_csv(folder / "results.csv", collected)
    report.plot(folder / "cpu.svg", shapes, collected)
    lines = [f"{key}: {value}" for key, value in about.items()] + ["", *notes]
    pages = [f"## {shape.title}\n\n"
             + report.markdown_table(*report.rows_of(shape, collected[shape.name]))
             for shape in shapes if shape.name in collected]
    pages += [f"## {title}\n\n" + report.markdown_table(head, rows)
              for title, head, rows, _ in tables]
    (folder / "tables.md").write_text(
        "\n\n".join(["# Results", "```\n" + "\n".join(lines).strip() + "\n```", *pages]) + "\n")


def run_guard(arguments):
    folder = Path(tempfile.mkdtemp(prefix="tidegate-bench-"))
    folder.chmod(0o755)
    world = World(arguments.build, folder)
    measured = {}
    try:
        for peer in (Tidegate("text"), Tidegate("openai")):
            counted = instructions.count(world, peer)
            measured[f"{peer.format_name} request"] = counted["request"]
            measured[f"{peer.format_name} token"] = counted["token"]
    finally:
        world.close()
        shutil.rmtree(folder)
    return guard.check(measured, arguments.renew)


def main():
    arguments = read_arguments()
    if arguments.guard:
        return run_guard(arguments)
    is_quick = arguments.size == "quick"
    shapes = chosen(QUICK if is_quick else FULL, arguments.shapes, "shape")
    everyone = [Direct(), Relay(), Haproxy(), Nginx(), Tidegate("text"), Tidegate("openai")]
    if arguments.portkey:
        portkey = Portkey()
        portkey.folder = arguments.portkey.resolve()
        everyone.append(portkey)
    peers = chosen(everyone, arguments.peers, "peer")
    rounds = arguments.rounds or (3 if is_quick else 5)
    scale = arguments.scale or (0.6 if is_quick else 1.0)
    built_from = commit()
    be_heard()
    folder = Path(tempfile.mkdtemp(prefix="tidegate-bench-"))
    folder.chmod(0o755)
    world = World(arguments.build, folder)
    try:
        collected, notes = run_shapes(world, peers, shapes, (rounds, scale, say))
        is_whole = not is_quick and not arguments.shapes
        tables = count_all(world, peers, rounds, scale, notes) if is_whole else []
    finally:
        world.close()
        shutil.rmtree(folder)
    about = describe(peers, built_from)
    for shape in shapes:
        print(f"\n{shape.title}\n"
              + report.text_table(*report.rows_of(shape, collected[shape.name])))
    for title, head, rows, _ in tables:
        print(f"\n{title}\n" + report.text_table(head, rows))
    print()
    for line in [f"{key}: {value}" for key, value in about.items()] + notes:
        print(line)
    out = Path(arguments.out or ".dev/bench/results")
    write_results(out, about, shapes, collected, tables, notes)
    print(f"\nraw results, tables and plots: {out}")
    return 1 if any(note.startswith("INVALID") for note in notes) else 0


if __name__ == "__main__":
    sys.exit(main())
