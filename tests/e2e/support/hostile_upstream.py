# SPDX-License-Identifier: MIT
"""An upstream of ill will: a plain socket that sends exactly the bytes that a test wrote.

A request whose question is a name gets the behaviour of that name; any other gets a good
answer. A behaviour is bytes, or a function of the connection that sends what it likes.
"""

import json
import socket
import struct
import threading
import time

from . import waiting

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
GOOD_TEXT = "High water at six."


def event(value):
    """An event of an answer; <value> is bytes, or what becomes JSON."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return b"data: " + data + b"\n\n"


def text(words):
    return event({"choices": [{"index": 0, "delta": {"content": words}}]})


FINISH = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
DONE = event(b"[DONE]")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def chunked(*events, last=b"0\r\n\r\n"):
    """A whole response in chunked coding."""
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(map(chunk, events)) + last


GOOD = chunked(text(GOOD_TEXT), FINISH, DONE)


class Connection:
    """One accepted connection, in a thread of its own."""

    def __init__(self, upstream, sock):
        self.upstream = upstream
        self.sock = sock
        self.pending = b""

    def send(self, data):
        self.sock.sendall(data)
        return self

    def drip(self, data, pause_s):
        """Byte by byte, until the gateway has had enough of it."""
        for at in range(len(data)):
            self.send(data[at:at + 1])
            time.sleep(pause_s)

    def repeat(self, data, pause_s=0.0):
        """For as long as anybody listens, within reason."""
        end = time.monotonic() + waiting.PATIENCE_S
        while time.monotonic() < end and not self.upstream.is_closing:
            self.send(data)
            time.sleep(pause_s)

    def wait_for_the_end(self):
        """Until the gateway closes."""
        while self.sock.recv(65536):
            pass

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _more(self):
        data = self.sock.recv(65536)
        self.pending += data
        return bool(data)

    def _question(self):
        """The last user message of the next whole request, or None at the end."""
        while b"\r\n\r\n" not in self.pending:
            if not self._more():
                return None
        head, self.pending = self.pending.split(b"\r\n\r\n", 1)
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields[b"content-length"])
        while len(self.pending) < length:
            if not self._more():
                return None
        body, self.pending = self.pending[:length], self.pending[length:]
        said = json.loads(body)
        if "messages" in said:
            return said["messages"][-1]["content"].split(" ")[-1]
        words = [word for word in said["inputs"].split() if word in self.upstream.behaviours]
        return words[-1] if words else ""  # a prompt of the dialect tgi

    def serve(self):
        try:
            while True:
                question = self._question()
                if question is None:
                    break
                self.upstream.questions.append(question)
                behaviour = self.upstream.behaviours.get(question, GOOD)
                if callable(behaviour):
                    behaviour(self)
                    break
                self.send(behaviour)
        except OSError:
            pass  # the gateway has closed or reset, as it should
        finally:
            self.sock.close()


class HostileUpstream:
    def __init__(self, behaviours=None, before_any_byte=None):
        """<before_any_byte>: what a connection does instead of waiting for a request."""
        self.behaviours = behaviours or {}
        self.before_any_byte = before_any_byte
        self.questions = []
        self.accepted = 0
        self.is_closing = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def url(self, scheme="http", host="127.0.0.1"):
        return f"{scheme}://{host}:{self.port}/v1/chat/completions"

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if self.is_closing:
                sock.close()
                return
            sock.settimeout(waiting.PATIENCE_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            connection = Connection(self, sock)
            work = connection.serve if self.before_any_byte is None else self._act
            thread = threading.Thread(target=work, daemon=True,
                                      args=() if self.before_any_byte is None else (connection,))
            self.threads.append(thread)
            thread.start()

    def _act(self, connection):
        try:
            self.before_any_byte(connection)
        except OSError:
            pass  # the gateway has closed or reset
        finally:
            connection.sock.close()

    def close(self):
        self.is_closing = True
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()  # wakes accept()
        except OSError:
            pass
        self.listener.close()
        self.threads[0].join(waiting.PATIENCE_S)
