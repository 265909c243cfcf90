# SPDX-License-Identifier: MIT
"""Instructions of a gateway for one request and for one token, counted by callgrind.

The gateway runs under valgrind, bench_lockstep gives it one thing to do at a time, and two runs
that differ in nothing but their number of requests, or tokens, are subtracted: start and end
cancel out. The kernel's share is not in it. The same bytes give the same number, whatever else
the machine does.
"""

import re
import subprocess
import sys

from peers import PLAIN

REQUESTS = (20, 220)
TOKENS = (1, 51)  # of each of the smaller number of requests


class Lockstep:
    """In the place of World's upstream, for one gateway."""

    def __init__(self, world, peer, requests, tokens):
        command = [world.build / "bench/bench_lockstep", "--path", peer.path(),
                   "--token", world.token, "--format", peer.format,
                   "--requests", requests, "--tokens", tokens]
        self.popen = subprocess.Popen([str(word) for word in command], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)
        self.address = self.popen.stdout.readline().split()[-1]

    def play(self, gateway_address):
        """Ends when all requests are done; what went wrong, or None."""
        out, problem = self.popen.communicate(gateway_address + "\n", timeout=180)
        return None if out.strip() == "done" else problem.strip() or "no end"

    def stop(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.communicate()


def total(world, peer, requests, tokens):
    """Instructions of a whole life of the gateway with so much to do."""
    result = world.folder / "callgrind.out"
    result.touch()
    result.chmod(0o666)  # the gateway is nobody by the time it ends
    lockstep = Lockstep(world, peer, requests, tokens)
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={result}"]
    try:
        program = peer.start_alone(world, PLAIN, lockstep.address, valgrind)
        try:
            problem = lockstep.play(program.address)
        finally:
            program.stop()
    finally:
        lockstep.stop()
    found = re.search(r"^(?:summary|totals): (\d+)", result.read_text(), re.M)
    if problem or not found:
        sys.exit(f"bench: counting instructions of {peer.name}: {problem or 'no result'}\n"
                 + program.log.read_text()[-1500:])
    return int(found.group(1))


def count(world, peer):
    """{"request": instructions for a request of one token, "token": for a further token}."""
    fewer, more = REQUESTS
    base = total(world, peer, fewer, TOKENS[0])
    requests = total(world, peer, more, TOKENS[0])
    tokens = total(world, peer, fewer, TOKENS[1])
    return {"request": (requests - base) / (more - fewer),
            "token": (tokens - base) / (fewer * (TOKENS[1] - TOKENS[0]))}
