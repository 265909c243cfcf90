# SPDX-License-Identifier: MIT
"""A link to a gateway on which answers arrive torn, in the middle of characters above all."""

import fcntl
import socket
import sys
import termios
import threading
import time

_LOOK_S = 0.001
_LOOKS_MAX = 1000
_WAITS_MAX = 10
_PIECE_BYTES = 3


class TornLink:
    """Listens on a port of its own, passes requests on as they are and answers in pieces."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._ends = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        for end in [self._listener, *self._ends]:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = socket.create_connection(self._target)
            self._ends += [client, server]
            ways = ((client, server, server.sendall), (server, client, _Tearer(client).send))
            for source, sink, send in ways:
                threading.Thread(target=_pass_on, args=(source, sink, send), daemon=True).start()


def _pass_on(source, sink, send):
    try:
        while data := source.recv(65536):
            send(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class _Tearer:
    """Sends in pieces of a few bytes. For the first so many characters of several bytes it
    sends their first byte, and the others when the reader has taken what it has got."""

    def __init__(self, sink):
        self._sink = sink
        self._waits_left = _WAITS_MAX

    def send(self, data):
        at = 0
        while at < len(data):
            end = min(at + _PIECE_BYTES, len(data))
            lead = next((i for i in range(at, end) if data[i] >= 0xC0), None)
            if lead is not None and self._waits_left > 0:
                self._waits_left -= 1
                end = lead + 1
                self._sink.sendall(data[at:end])
                _wait_until_taken(self._sink)
            else:
                self._sink.sendall(data[at:end])
            at = end


def _wait_until_taken(sink):
    """Until all has arrived and been read, or it is clear that the peer does not read."""
    for _ in range(_LOOKS_MAX):
        if _unacknowledged(sink) == 0 and _unread(sink.getpeername()[1]) == 0:
            return
        time.sleep(_LOOK_S)


def _unacknowledged(sink):
    return int.from_bytes(fcntl.ioctl(sink, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def _unread(port):
    """What the socket of <port> on this machine has received and not given to its reader."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        for row in table:
            fields = row.split()
            if fields[1].endswith(f":{port:04X}") and fields[3] == "01":  # ESTABLISHED
                return int(fields[4].split(":")[1], 16)
    return 0
