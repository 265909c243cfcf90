# SPDX-License-Identifier: MIT
"""Runs shapes against peers: interleaved, in rounds, every answer checked."""

import http.client
import json
import subprocess
import sys
from urllib.parse import urlsplit


CLIENT_PATIENCE_S = 150


class Invalid(Exception):
    """Answers that were lost or cut: the figures of this run are worth nothing."""


class Target:
    """A started peer in one variant."""

    def __init__(self, world, peer, variant):
        self.world = world
        self.peer = peer
        self.variant = variant
        self.program = peer.start(world, variant)
        self.address = (self.program.address if self.program
                        else world.upstream_address(variant))

    def client_command(self, arguments):
        pids = ",".join(str(pid) for pid in self.program.pids()) if self.program else ""
        speaks_tls = self.variant.tls_client if self.program else self.variant.tls_upstream
        command = [self.world.build / "bench/bench_client", "--to", self.address,
                   "--path", self.peer.path(), "--token", self.world.token,
                   "--format", self.peer.format, "--pids", pids]
        if self.peer.members:
            command += ["--members", self.peer.members]
        if self.peer.header:
            command += ["--header", self.peer.header]
        if speaks_tls:
            command += ["--ca", self.world.folder / "cert.pem"]
        pin = []
        if self.world.other_core:
            cores = "0-1" if self.variant.both_cores else self.world.other_core
            pin = ["taskset", "-c", cores]
        return pin + [str(word) for word in command + list(arguments)]

    def hold(self, streams, look):
        """What <look> says while so many streams are open and quiet."""
        command = self.client_command(["--streams", streams, "--tokens", 2, "--gap", 600 * 10**6,
                                       "--ramp", streams // 2, "--hold", 1])
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        try:
            line = client.stdout.readline()
            state = json.loads(line) if line else {"open": 0}
            if state["open"] != streams or state["holding"] != streams:
                client.kill()
                raise Invalid(f"{self.peer.name}: {state}: {client.communicate()[1].strip()}")
            return look()
        finally:
            client.kill()
            client.communicate()

    def measure(self, arguments):
        """What bench_client found out, as a dictionary."""
        done = subprocess.run(self.client_command(arguments), capture_output=True, text=True,
                              timeout=CLIENT_PATIENCE_S, check=False)
        if done.returncode != 0:
            raise Invalid(f"{self.peer.name}: {done.stderr.strip() or done.stdout.strip()}")
        return json.loads(done.stdout)

    def refuses_bad_tokens(self):
        """Whether a token with one letter changed is answered 401, and the good one is not."""
        good = self.world.token
        bad = good[:-5] + ("A" if good[-5] != "A" else "B") + good[-4:]
        return self.status_with(bad) == 401 and self.status_with(good) == 200

    def status_with(self, token):
        where = urlsplit(f"//{self.address}")
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=10)
        body = json.dumps({"messages": [{"role": "user", "content": "@bench tokens=1 "}]})
        connection.request("POST", self.peer.path(), body,
                           {"Authorization": f"Bearer {token}",
                            "Content-Type": "application/json"})
        status = connection.getresponse().status
        connection.close()
        return status

    def stop(self):
        if self.program:
            self.program.stop()


def start_targets(world, peers, variant, notes):
    """Those that can take part; why the others cannot is added to <notes>."""
    targets = []
    for peer in peers:
        why = peer.missing(variant)
        if why is None:
            target = Target(world, peer, variant)
            try:
                target.measure(["--requests", "1"])
            except Invalid as problem:
                why = "does not answer: " + str(problem).split("\n", maxsplit=1)[0].strip()
                target.stop()
            else:
                targets.append(target)
                checks_plainly = peer.checks_tokens and not variant.tls_client
                if checks_plainly and not target.refuses_bad_tokens():
                    sys.exit(f"bench: {peer.name} lets a bad token in; that is no comparison")
        if why is not None:
            notes.append(f"{variant.name}: {peer.name} is left out: {why}")
    return targets


def run_shape(targets, shape, rounds, scale, say, notes):
    """{peer name: [result of each round]}; each round has another one first.

    A peer that loses anything is out of this shape, and <notes> says so.
    """
    results = {target.peer.name: [] for target in targets}
    for number in range(rounds):
        say(f"{shape.name}: round {number + 1} of {rounds}")
        first = number % len(targets)
        for target in targets[first:] + targets[:first]:
            if target.peer.name not in results:
                continue
            arguments = list(shape.arguments(scale))
            if "slow" in shape.options and target.peer.format == "text":
                arguments += ["--slow-bytes", "256"]  # a token is so much smaller
            try:
                results[target.peer.name].append(target.measure(arguments))
            except Invalid as problem:
                del results[target.peer.name]
                first_line = str(problem).split("\n", maxsplit=1)[0].strip()
                notes.append(f"INVALID: {shape.name}: {first_line}")
    return results


def run_shapes(world, peers, shapes, options):
    """{shape name: results}, and the notes on who is missing. <options>: rounds, scale, say."""
    collected, notes = {}, []
    for variant in dict.fromkeys(shape.variant for shape in shapes):
        targets = start_targets(world, peers, variant, notes)
        try:
            for shape in shapes:
                if shape.variant is variant:
                    collected[shape.name] = run_shape(targets, shape, *options, notes)
        finally:
            for target in targets:
                target.stop()
    return collected, notes
