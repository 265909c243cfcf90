# SPDX-License-Identifier: MIT
"""What is not a load with rounds: memory, system calls, instructions, a second worker.

Each function gives (title, headings, rows of texts, raw values); numbers are counted, not timed,
so one measurement is enough, except for the workers.
"""

import re
import shutil
import subprocess
import time
from pathlib import Path

import instructions
from peers import BOTH_CORES, PLAIN, Tidegate
from report import middle, number, spread
from runner import Invalid, Target, run_shape
from shapes import SHORT, Shape

IDLE = (2000, 8000)


def memory_of(pids):
    """Bytes of these processes: their share of what is shared (PSS), and all of it (RSS)."""
    pss = rss = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        pss += int(re.search(r"^Pss: +(\d+)", text, re.M).group(1)) * 1024
        rss += int(re.search(r"^Rss: +(\d+)", text, re.M).group(1)) * 1024
    return pss, rss


def memory(world, peers, variant, notes, say):
    """Memory for each idle open stream; every number of streams with a fresh gateway."""
    head = ["", "at rest (MiB)"] + [f"per stream, {n:,} open (bytes)" for n in IDLE]
    rows, raw = [], {}
    for peer in peers:
        if peer.name == "direct" or peer.missing(variant):
            continue
        say(f"memory: {peer.name}")
        figures, at_rest = [], 0
        for streams in IDLE:
            target = Target(world, peer, variant)
            try:
                target.measure(["--requests", "20"])
                at_rest, _ = memory_of(target.program.pids())
                held, _ = target.hold(streams, lambda t=target: memory_of(t.program.pids()))
                figures.append((held - at_rest) / streams)
            except Invalid as problem:
                notes.append(f"memory: {peer.name} with {streams} streams: {problem}")
                figures.append(None)
            finally:
                target.stop()
        raw[peer.name] = {"at_rest": at_rest, **dict(zip(map(str, IDLE), figures))}
        rows.append([peer.name, f"{at_rest / 2**20:.1f}"]
                    + ["-" if f is None else f"{f:,.0f}" for f in figures])
    return f"memory of open and idle streams, {variant.name} (PSS)", head, rows, raw


class CallCount:
    """System calls of some processes between its begin and its end."""

    def __init__(self, pids):
        self.pids = ",".join(str(pid) for pid in pids)

    def __enter__(self):
        self.perf = subprocess.Popen(
            ["perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-p", self.pids],
            stderr=subprocess.PIPE, text=True)
        time.sleep(0.3)  # until it has attached; nothing is asked of the gateway yet
        return self

    def __exit__(self, *_):
        self.perf.send_signal(2)
        self.count = int(self.perf.communicate()[1].split(",")[0])

    @staticmethod
    def missing():
        if not shutil.which("perf"):
            return "perf is not installed"
        done = subprocess.run(["perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "true"],
                              capture_output=True, text=True, check=False)
        return None if done.stderr.split(",")[0].isdigit() else "perf cannot count them here"


def calls_for(target, arguments):
    with CallCount(target.program.pids()) as counted:
        result = target.measure(arguments)
    return counted.count, result["requests"], result["tokens"]


def system_calls(world, peers, notes, say):
    """System calls for a short request, and for a paced token beyond the first."""
    head, rows, raw = ["", "per short request", "per paced token"], [], {}
    why = CallCount.missing()
    if why:
        notes.append(f"system calls are left out: {why}")
        return None
    for peer in peers:
        if peer.name == "direct" or peer.missing(PLAIN):
            continue
        say(f"system calls: {peer.name}")
        target = Target(world, peer, PLAIN)
        try:
            target.measure(["--streams", "64", "--requests", "640"])
            calls, requests, _ = calls_for(target, ["--streams", "64", "--requests", "12800"])
            each = calls / requests
            calls, requests, tokens = calls_for(
                target, ["--streams", "100", "--requests", "200", "--tokens", "150",
                         "--gap", "20000", "--ramp", "500"])
            token = (calls - requests * each) / (tokens - requests)
        finally:
            target.stop()
        raw[peer.name] = {"request": each, "token": token}
        rows.append([peer.name, f"{each:.2f}", f"{token:.3f}"])
    return "system calls (64 connections; 100 streams of 50 tokens/s)", head, rows, raw


def user_instructions(world, peers, notes, say):
    """Instructions in user space for a request and a further token, by callgrind."""
    head, rows, raw = ["", "per request", "per further token"], [], {}
    if not shutil.which("valgrind"):
        notes.append("instructions are left out: valgrind is not installed")
        return None
    for peer in peers:
        if peer.name == "direct" or peer.missing(PLAIN):
            continue
        if peer.name == "portkey":
            notes.append("instructions: portkey is left out: valgrind does not run node")
            continue
        say(f"instructions: {peer.name}")
        counted = instructions.count(world, peer)
        raw[peer.name] = counted
        rows.append([peer.name, f"{counted['request']:,.0f}", f"{counted['token']:,.0f}"])
    return "instructions in user space, one thing at a time", head, rows, raw


def workers(world, rounds, scale, say, notes):
    """One worker and two, on both cores, which client and upstream use as well.

    The machine has no third core, so requests per second say little. What does: the CPU time of
    a request, which must not grow with a second worker. 2 x the quotient is what two workers do
    of one worker's work in the same time.
    """
    shape = Shape("workers", "", SHORT, BOTH_CORES, streams=128, tokens=1, ramp=50, skip=300,
                  time=2000)
    targets = [Target(world, Tidegate("text", f"{n} worker{'s' * (n > 1)}", n), BOTH_CORES)
               for n in (1, 2)]
    try:
        results = run_shape(targets, shape, rounds, scale, say, notes)
    finally:
        for target in targets:
            target.stop()
    if len(results) != 2:
        return None
    one, two = results.values()
    scaling = 2 * middle(one, "cpu_request") / middle(two, "cpu_request")
    rows = [[name, number(middle(found, "cpu_request")), f"±{spread(found, 'cpu_request'):.0f} %",
             number(middle(found, "requests_s"))] for name, found in results.items()]
    rows[1].append(f"{scaling:.2f}")
    rows[0].append("1.00")
    return ("one worker and two on two cores, short requests",
            ["", "CPU/request (us)", "spread", "requests (1/s)", "capacity"], rows, results)
