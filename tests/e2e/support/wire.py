# SPDX-License-Identifier: MIT
"""A client made of a plain socket: sends any bytes, and sees how an answer really ends."""

import json
import select
import socket
import ssl
import struct
import time

from . import waiting

HOST = "gateway.test"


class Reply:
    """The head of an answer, and its body as far as it has been read."""

    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        version, status, *phrase = lines[0].split(" ", 2)
        self.version = version
        self.status = int(status)
        self.phrase = phrase[0] if phrase else ""
        self.head = head
        self.fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        self.body = b""
        self.chunks = []  # (seconds on the monotonic clock, bytes) for each HTTP chunk
        self.ended = None  # "complete", or "cut" when the framing says there was more

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def field(self, name):
        """The one value of a field; None when absent; a repeated field is a failure."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    @property
    def reason(self):
        return self.field("X-Tidegate-Reason")

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


class Client:
    """One connection to the gateway."""

    def __init__(self, address, receive_buffer=None, transcript=None, source=None, tls=None,
                 session=None):
        """<tls>: an ssl.SSLContext; <session>: one of an earlier connection, to be resumed."""
        host, port = address.rsplit(":", 1)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(waiting.PATIENCE_S)
        if source is not None:
            self.sock.bind((source, 0))  # any of 127.0.0.0/8 is a client of its own
        self.sock.connect((host, int(port)))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.name = "client:%d" % self.sock.getsockname()[1]
        self.pending = b""
        self.at_end = False
        self.has_close_notify = False  # with TLS: the end was said, and not just seen
        self.transcript = transcript
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost", session=session,
                                        suppress_ragged_eofs=False)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def _note(self, what, data=b""):
        if self.transcript is not None:
            self.transcript.append((time.monotonic(), self.name, what, data))

    def close(self):
        if self.sock.fileno() != -1:
            self._note("closes")
            self.sock.close()

    def reset(self):
        """Close so that the peer gets a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._note("resets")
        self.sock.close()

    def send(self, data):
        if isinstance(data, str):
            data = data.encode("latin-1")
        self._note("sends", data)
        self.sock.sendall(data)
        return self

    def receive(self, patience_s=None):
        """More bytes into the buffer; False at the end of the stream, orderly or not."""
        if self.at_end:
            return False
        self.sock.settimeout(patience_s or waiting.PATIENCE_S)
        try:
            data = self.sock.recv(65536)
        except socket.timeout:
            raise waiting.TimedOut(
                f"{self.name}: nothing more came; waiting in buffer: {self.pending[:200]!r}"
            ) from None
        except ConnectionResetError:
            data = b""
        except ssl.SSLError as error:
            if "EOF" not in str(error).upper():
                raise
            data = b""
        else:
            self.has_close_notify = not data and isinstance(self.sock, ssl.SSLSocket)
        self._note("gets" if data else "sees the end", data)
        self.pending += data
        self.at_end = not data
        return bool(data)

    def is_silent_for(self, seconds):
        """True when neither bytes nor an end come for so long (a claim about silence)."""
        if self.pending or self.at_end:
            return False
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            return False
        return not select.select([self.sock], [], [], seconds)[0]

    def read_until(self, mark, patience_s=None):
        """Bytes up to and with <mark>; None when the stream ends first."""
        while mark not in self.pending:
            if not self.receive(patience_s):
                return None
        found, self.pending = self.pending.split(mark, 1)
        return found + mark

    def read_head(self, patience_s=None):
        """The head of the next final answer (1xx is skipped)."""
        while True:
            head = self.read_until(b"\r\n\r\n", patience_s)
            assert head is not None, f"{self.name}: closed without an answer: {self.pending!r}"
            reply = Reply(head[:-4])
            if reply.status >= 200:
                return reply

    def read_exactly(self, size):
        while len(self.pending) < size:
            if not self.receive():
                return None
        data, self.pending = self.pending[:size], self.pending[size:]
        return data

    def read_chunk(self, reply, patience_s=None):
        """The next HTTP chunk of <reply>; b"" after the last, None when it was cut."""
        if reply.ended:
            return b"" if reply.ended == "complete" else None
        line = self.read_until(b"\r\n", patience_s)
        size = int(line, 16) if line is not None else None
        data = self.read_exactly(size + 2) if size is not None else None
        if data is None:
            reply.ended = "cut"
            return None
        assert data.endswith(b"\r\n"), f"{self.name}: chunk without its line end: {data[-20:]!r}"
        if size == 0:
            reply.ended = "complete"
            return b""
        reply.chunks.append((time.monotonic(), data[:-2]))
        reply.body += data[:-2]
        return data[:-2]

    def read_body(self, reply, patience_s=None):
        """The rest of the body, as the framing has it; sets reply.ended."""
        if reply.status == 304:  # RFC 9112 section 6.3: none, whatever its fields say
            reply.ended = "complete"
        elif reply.field("Transfer-Encoding") == "chunked":
            while self.read_chunk(reply, patience_s):
                pass
        elif reply.field("Content-Length") is not None:
            body = self.read_exactly(int(reply.field("Content-Length")))
            reply.body, reply.ended = body or b"", "complete" if body is not None else "cut"
        else:
            while self.receive(patience_s):
                pass
            reply.body, reply.ended, self.pending = self.pending, "complete", b""
        return reply

    def read_reply(self, patience_s=None):
        return self.read_body(self.read_head(patience_s), patience_s)

    def read_text(self, reply, size):
        """Read chunks until the body has at least <size> bytes."""
        while len(reply.body) < size:
            assert self.read_chunk(reply), f"ended after {len(reply.body)} bytes: {reply.ended}"
        return reply

    def expect_closed(self, patience_s=None):
        """The gateway closes the connection and sends nothing more before that."""
        assert not self.receive(patience_s), f"{self.name}: more bytes came: {self.pending!r}"

    def expect_open(self, seconds=0.2):
        """No byte and no end for a moment."""
        assert self.is_silent_for(seconds), f"{self.name}: {self.pending!r} end={self.at_end}"


def request_bytes(method, target, fields=(), body=b"", host=HOST):
    """A request; Host and Content-Length are added unless <fields> has them."""
    fields = list(fields)
    names = {name.lower() for name, _ in fields}
    if host is not None and "host" not in names:
        fields.insert(0, ("Host", host))
    if body and not names & {"content-length", "transfer-encoding"}:
        fields.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/1.1"] + [f"{name}: {value}" for name, value in fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunked(*pieces):
    """<pieces> in chunked coding, each its own chunk, with the last chunk."""
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
