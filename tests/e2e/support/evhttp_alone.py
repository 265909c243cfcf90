# SPDX-License-Identifier: MIT
"""evhttp and nothing else: what it makes of bytes that the gateway must refuse."""

import re
import socket

from . import waiting
from .process import Process

_LISTENING = re.compile(r"^evhttp listening on (127\.0\.0\.1:\d+)")
_STATUS = re.compile(rb"^HTTP/\S+ (\d{3}) ", re.MULTILINE)
# Its answers come in a millisecond; a row that it waits behind is one of a few.
_SILENCE_S = 0.5
_SEEN = re.compile(rb"^(\S+) (\S+) body=(\d+)$", re.MULTILINE)


class EvhttpAlone:
    def __init__(self, world, build):
        program = build / "tests" / "evhttp_alone"
        self.process = Process("evhttp_alone", [program], world.folder / "evhttp_alone.log")
        found = self.process.wait_for_line(_LISTENING, "evhttp listening")
        host, port = found.group(1).rsplit(":", 1)
        self.address = (host, int(port))

    def ask(self, data):
        """(the statuses that it answers, the target and body length of each request it saw)."""
        with socket.create_connection(self.address, waiting.PATIENCE_S) as client:
            answer = b""
            try:
                client.sendall(data)
                client.settimeout(_SILENCE_S)
                while piece := client.recv(65536):
                    answer += piece
            except socket.timeout:
                pass  # it waits for more, or keeps the connection
            except ConnectionError:
                pass  # it closed with bytes unread, which resets; what was answered counts
        statuses = tuple(int(status) for status in _STATUS.findall(answer))
        seen = [(target.decode("latin-1"), int(size)) for _, target, size in _SEEN.findall(answer)]
        return statuses, seen

    def stop(self):
        return self.process.stop()
