# SPDX-License-Identifier: MIT
"""The Hugging Face simulator as a process, and the words that tell it what to do."""

import json
import re

from . import waiting, wire
from .process import Process

_LISTENING = re.compile(r"^hfsim listening on (127\.0\.0\.1:\d+)")

# Quick unless a test says otherwise: most tests do not look at the pace. A small send
# buffer, so that a write blocks when the gateway stops reading and not megabytes later.
_QUICK = ("--first=0", "--pace=2", "--send-buffer=65536")


def sim(**words):
    """The directive for one answer: sim(tokens=5, cut_after=2) -> "@sim tokens=5 cut_after=2"."""
    return " ".join(["@sim"] + [f"{word}={value}" for word, value in words.items()])


class Simulator:
    def __init__(self, world, name, binary, options):
        command = [binary, "--listen=127.0.0.1:0", *_QUICK, *options]
        self.process = Process(name, command, world.folder / f"{name}.log")
        self.address = self.process.wait_for_line(_LISTENING, "hfsim listening").group(1)
        self.tls_address = None
        if "--listen-tls=127.0.0.1:0" in options:
            self.tls_address = waiting.until(self._second_address, "hfsim's TLS listener")

    def _second_address(self):
        """The TLS listener is named after the plain one, which stays for looking."""
        found = [_LISTENING.match(line) for line in self.process.lines()]
        addresses = [match.group(1) for match in found if match]
        return addresses[1] if len(addresses) > 1 else None

    def url(self, path="/v1/chat/completions", host=None):
        port = (self.tls_address or self.address).rsplit(":", 1)[1]
        scheme = "https" if self.tls_address else "http"
        return f"{scheme}://{host or '127.0.0.1'}:{port}{path}"

    def get(self, path):
        with wire.Client(self.address) as client:
            client.send(wire.request_bytes("GET", path, [("Connection", "close")]))
            return client.read_reply()

    def stats(self):
        return json.loads(self.get("/sim/stats").body)

    def stat(self, name):
        stats = self.stats()
        assert name in stats, f"hfsim has no stat {name}: {sorted(stats)}"
        return stats[name]

    def last_request(self):
        """The last request as text: its line, its fields (no token) and its body."""
        last = self.stats()["last"]
        fields = "".join(f"{name}: {value}\r\n" for name, value in last["headers"])
        body = self.get("/sim/last").body.decode()
        return f"{last['method']} {last['target']} HTTP/1.1\r\n{fields}\r\n{body}"

    def wait_for(self, name, least):
        """Until the counter <name> has reached <least>."""
        waiting.until(lambda: self.stat(name) >= least, f"hfsim's {name} to reach {least}")

    def wait_for_exactly(self, name, value):
        waiting.until(lambda: self.stat(name) == value, f"hfsim's {name} to be {value}")
