# SPDX-License-Identifier: MIT
"""An upstream made of raw sockets, whose manners a test changes while it runs.

The simulator says what a request asks it to say. This one says what the test wants now,
whoever asks, and remembers when it was asked: for tests about being asked at all.
"""

import contextlib
import json
import socket
import threading
import time

from . import waiting

_HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
         b"Transfer-Encoding: chunked\r\nConnection: close\r\n")


def _event(data):
    line = b"data: " + data + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(line), line)


def _delta(text):
    return _event(json.dumps({"choices": [{"delta": {"content": text}}]}).encode())


_END = (_event(b'{"choices":[{"delta":{},"finish_reason":"stop"}]}') + _event(b"[DONE]")
        + b"0\r\n\r\n")


# --- manners: what is done with a connection after its request has been read ---

def answers(text="Hello", fields=()):
    """A whole answer in one go."""
    extra = b"".join(b"%s: %s\r\n" % (name.encode(), value.encode()) for name, value in fields)
    return lambda sock: sock.sendall(_HEAD + extra + b"\r\n" + _delta(text) + _END)


def status(code, fields=(), body=b'{"error":"it does not work"}'):
    lines = [f"HTTP/1.1 {code} Any", "Content-Type: application/json", "Connection: close",
             f"Content-Length: {len(body)}"] + [f"{name}: {value}" for name, value in fields]
    return lambda sock: sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def cuts_after(text="Hello"):
    """Some text, and then the connection ends."""
    return lambda sock: sock.sendall(_HEAD + b"\r\n" + _delta(text))


def slams(sock):
    """No answer at all: the connection is closed."""


def silent(sock):
    """Nothing, until the other side has had enough."""
    with contextlib.suppress(OSError):
        sock.settimeout(waiting.PATIENCE_S)
        sock.recv(1)


class Held:
    """Says nothing until the test says go(), then has the manner <then>."""

    def __init__(self, then):
        self.then = then
        self._go = threading.Event()

    def go(self):
        self._go.set()

    def __call__(self, sock):
        self._go.wait(waiting.PATIENCE_S)
        self.then(sock)


class Stream:
    """An answer whose pieces leave when the test says so."""

    def __init__(self):
        self._pieces = []
        self._changed = threading.Condition()

    def say(self, *pieces):
        with self._changed:
            self._pieces += pieces
            self._changed.notify_all()

    def end(self):
        self.say(None)

    def __call__(self, sock):
        sock.sendall(_HEAD + b"\r\n")
        while True:
            with self._changed:
                assert self._changed.wait_for(lambda: self._pieces, waiting.PATIENCE_S)
                piece = self._pieces.pop(0)
            if piece is None:
                sock.sendall(_END)
                return
            sock.sendall(_delta(piece))


class RawUpstream:
    def __init__(self, manner, host="127.0.0.1", port=0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.manner = manner
        self.asked_at = []  # seconds on the monotonic clock, one for each whole request
        self.heads = []  # of these, as they came
        self.connections = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server((host, port), family=family, backlog=512)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, host="127.0.0.1"):
        return f"http://{host}:{self.port}/v1/chat/completions"

    @property
    def requests(self):
        return len(self.asked_at)

    def wait_for_requests(self, count):
        waiting.until(lambda: self.requests >= count, f"{count} requests")

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                with self._lock:
                    self.connections += 1
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with sock, contextlib.suppress(OSError):
            sock.settimeout(waiting.PATIENCE_S)
            head = self._read_request(sock)
            if not head:
                return
            with self._lock:
                self.heads.append(head)
                self.asked_at.append(time.monotonic())
                manner = self.manner
            manner(sock)

    @staticmethod
    def _read_request(sock):
        """The head of a request that has come whole, its empty line included; else nothing."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = sock.recv(65536)
            if not piece:
                return b""
            data += piece
        head, body = data.split(b"\r\n\r\n", 1)
        lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n")
                   if line.lower().startswith(b"content-length:")]
        while len(body) < lengths[0]:
            piece = sock.recv(65536)
            if not piece:
                return b""
            body += piece
        return head + b"\r\n\r\n"

    def close(self):
        # shutdown() wakes the thread that accepts; close() alone would not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class BlackHole:
    """An address that takes no connection and refuses none: its queue is full for good."""

    def __init__(self, host="127.0.0.1", port=0):
        self._listener = socket.create_server((host, port), backlog=0)
        self.port = self._listener.getsockname()[1]
        self._fillers = []
        while self._fill():
            assert len(self._fillers) < 64, "the queue of a listener does not fill"

    def _fill(self):
        """One more connection in the queue; False when there was no room for it."""
        sock = socket.socket()
        sock.settimeout(0.5)
        self._fillers.append(sock)
        try:
            sock.connect(self._listener.getsockname()[:2])
        except TimeoutError:
            return False
        return True

    def url(self, host="127.0.0.1"):
        return f"http://{host}:{self.port}/v1/chat/completions"

    def close(self):
        for sock in [*self._fillers, self._listener]:
            sock.close()
