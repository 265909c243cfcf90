# SPDX-License-Identifier: MIT
"""An upstream moved by hand: the test accepts each call, and says what goes out when."""

import json
import socket
import struct
import time

from . import waiting

STREAM_HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n")
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def delta(text):
    """One event with a piece of text, as a chunk."""
    event = {"choices": [{"delta": {"content": text}}]}
    return chunk(b"data: " + json.dumps(event).encode() + b"\n\n")


def finish():
    """The finish reason, [DONE] and the end of the body."""
    event = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    return (chunk(b"data: " + json.dumps(event).encode() + b"\n\n") +
            chunk(b"data: [DONE]\n\n") + LAST_CHUNK)


def error_event():
    return chunk(b'data: {"error":{"message":"out of luck","type":"x","code":500}}\n\n')


class Call:
    """A connection that the gateway has made."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(waiting.PATIENCE_S)
        self.received = b""
        self.pending = b""  # what the socket would not take yet

    def read_request(self):
        """Until head and body of a request are there."""
        while b"\r\n\r\n" not in self.received:
            self._receive()
        head, body = self.received.split(b"\r\n\r\n", 1)
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            self._receive()
            body = self.received.split(b"\r\n\r\n", 1)[1]

    def wait_for_bytes(self):
        if not self.received:
            self._receive()

    def _receive(self):
        data = self.sock.recv(65536)
        assert data, "the gateway closed its call"
        self.received += data

    def send(self, data):
        """All of it, behind what still waits."""
        self.sock.sendall(self.pending + data)
        self.pending = b""

    def push(self, data=b""):
        """As much as the socket takes now; the rest waits. False when it takes nothing."""
        self.pending += data
        self.sock.setblocking(False)
        try:
            sent = self.sock.send(self.pending) if self.pending else 0
        except BlockingIOError:
            return False
        finally:
            self.sock.settimeout(waiting.PATIENCE_S)
        self.pending = self.pending[sent:]
        return sent > 0

    def drip(self, data, pace_s):
        """Byte by byte, until the gateway is gone."""
        try:
            for byte in data:
                self.sock.sendall(bytes([byte]))
                time.sleep(pace_s)
        except OSError:
            pass

    def wait_for_end(self):
        """Until the gateway has let go of the call."""
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionError:
            pass

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class HandUpstream:
    def __init__(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.listener.settimeout(waiting.PATIENCE_S)
        self.calls = []
        self.fillers = []

    def url(self, scheme="http"):
        port = self.listener.getsockname()[1]
        return f"{scheme}://127.0.0.1:{port}/v1/chat/completions"

    def jam(self):
        """From now on connects hang: the queue of those not accepted is full."""
        self.listener.listen(0)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.listener.getsockname())
            self.fillers.append(filler)

    def unjam(self):
        """The first call that was not ours; it comes when its SYN is sent again."""
        ours = [filler.getsockname() for filler in self.fillers]
        self.listener.listen(64)
        while True:
            sock, address = self.listener.accept()
            if address not in ours:
                self.calls.append(Call(sock))
                return self.calls[-1]
            sock.close()

    def accept(self):
        call = Call(self.listener.accept()[0])
        self.calls.append(call)
        return call

    def close_calls(self):
        for call in self.calls:
            call.close()
        self.calls = []

    def close(self):
        self.close_calls()
        for filler in self.fillers:
            filler.close()
        self.listener.close()
