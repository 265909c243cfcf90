# SPDX-License-Identifier: MIT
"""A link to a gateway on which answers arrive torn: byte by byte, and never a whole character."""

import socket
import threading
import time

_LOOK_S = 0.0005
_LOOKS_MAX = 2000


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
            for source, sink, send in ((client, server, _as_it_is), (server, client, _in_pieces)):
                threading.Thread(target=_pass_on, args=(source, sink, send), daemon=True).start()


def _pass_on(source, sink, send):
    try:
        while data := source.recv(65536):
            send(sink, data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _as_it_is(sink, data):
    sink.sendall(data)


def _in_pieces(sink, data):
    """One byte at a time; after the first of a character's bytes the reader has to take what
    it has got before it is given the others."""
    for index, byte in enumerate(data):
        sink.sendall(data[index:index + 1])
        if byte >= 0xC0:
            _wait_until_taken(sink)


def _wait_until_taken(sink):
    """Until nothing waits in the peer's receive buffer, or it is clear that it does not read."""
    for _ in range(_LOOKS_MAX):
        if _waiting_bytes(sink.getpeername()[1]) == 0:
            return
        time.sleep(_LOOK_S)


def _waiting_bytes(port):
    """What the socket of <port> on this machine has received and not given to its reader."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        for row in table:
            fields = row.split()
            if fields[1].endswith(f":{port:04X}") and fields[3] == "01":  # ESTABLISHED
                return int(fields[4].split(":")[1], 16)
    return 0
