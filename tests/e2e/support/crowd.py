# SPDX-License-Identifier: MIT
"""Very many connections at once, each no more than a descriptor."""

import socket
import struct


class Crowd:
    """Sockets that connect, maybe say a few bytes, and then only exist."""

    def __init__(self, address, source=None):
        host, port = address.rsplit(":", 1)
        self.target = (host, int(port))
        self.source = source
        self.sockets = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def join(self, count=1, first_bytes=b""):
        """Connect <count> more; one that is turned away at once is counted all the same."""
        for _ in range(count):
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            sock.settimeout(20)
            if self.source:
                sock.bind((self.source, 0))
            try:
                sock.connect(self.target)
                if first_bytes:
                    sock.sendall(first_bytes)
            except OSError:
                pass  # reset between two steps
            self.sockets.append(sock)
        return self

    def send(self, data):
        """The same bytes from everybody who is still there."""
        for sock in self.sockets:
            try:
                sock.sendall(data)
            except OSError:
                pass

    def close(self, with_reset=False):
        for sock in self.sockets:
            if with_reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        self.sockets = []
