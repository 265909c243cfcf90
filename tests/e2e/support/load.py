# SPDX-License-Identifier: MIT
"""Clients by the hundred, driven beside the test: streams that run, and knocks at the door."""

import selectors
import socket
import threading
import time

from . import waiting

_LAST_CHUNK = b"\r\n0\r\n\r\n"


def _address(gateway):
    host, port = gateway.address.rsplit(":", 1)
    return host, int(port)


class Streams(threading.Thread):
    """<count> chats, opened at once and read to their ends by one thread."""

    def __init__(self, gateway, count, text):
        super().__init__(daemon=True)
        self.request = gateway.request(text)
        self.received, self.ends = {}, {}
        for _ in range(count):
            sock = socket.create_connection(_address(gateway), waiting.PATIENCE_S)
            sock.sendall(self.request)
            sock.setblocking(False)
            self.received[sock] = b""
        self.start()

    def run(self):
        selector = selectors.DefaultSelector()
        for sock in self.received:
            selector.register(sock, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(timeout=waiting.PATIENCE_S)
            if not ready:
                break  # those that are left have no end, and finish() says so
            for key, _ in ready:
                end = self._read(key.fileobj)
                if end:
                    self.ends[key.fileobj] = end
                    selector.unregister(key.fileobj)
                    key.fileobj.close()

    def _read(self, sock):
        """How it ended, or None."""
        try:
            data = sock.recv(65536)
        except OSError as problem:
            return f"failed: {problem}"
        self.received[sock] += data
        if self.received[sock].endswith(_LAST_CHUNK):
            return "complete"
        return None if data else "cut"

    def wait_until_all_run(self):
        """Each has a 200 and some text."""
        waiting.until(lambda: all(len(data.split(b"\r\n\r\n", 1)[-1]) > 4 and b" 200 " in data[:16]
                                  for data in list(self.received.values())),
                      f"{len(self.received)} streams to run")

    def running(self):
        return len(self.received) - len(self.ends)

    def finish(self, patience_s=60):
        """All ends, sorted."""
        self.join(patience_s)
        return sorted(self.ends.get(sock, "no end") for sock in self.received)


class Knocks(threading.Thread):
    """One client after the other: connect, ask, read the whole answer. Failures are kept."""

    def __init__(self, gateway, text):
        super().__init__(daemon=True)
        self.address = _address(gateway)
        self.request = gateway.request(text, fields=[("Connection", "close")])
        self.served, self.failures = 0, []
        self.is_over = False
        self.start()

    def run(self):
        while not self.is_over:
            began = time.monotonic()
            try:
                self._knock()
                self.served += 1
            except (OSError, AssertionError) as problem:
                self.failures.append(f"after {time.monotonic() - began:.3f} s: {problem!r}")

    def _knock(self):
        data = b""
        with socket.create_connection(self.address, waiting.PATIENCE_S) as sock:
            sock.sendall(self.request)
            while True:
                more = sock.recv(65536)
                if not more:
                    break
                data += more
        assert data.startswith(b"HTTP/1.1 200 ") and data.endswith(_LAST_CHUNK), data[-200:]

    def wait_for_more(self, count=20):
        """Until <count> more were served."""
        target = self.served + count
        waiting.until(lambda: self.served >= target or self.failures, f"{count} more knocks served")

    def finish(self):
        """What went wrong."""
        self.is_over = True
        self.join(waiting.PATIENCE_S * 2)
        assert not self.is_alive(), "a knock hangs"
        return self.failures
