# SPDX-License-Identifier: MIT
"""Connect and leave, as fast as one process can, until told to stop by a closed stdin.

usage: connect_storm.py HOST:PORT; prints how many connects there were.
"""

import os
import select
import socket
import struct
import sys

RESET_AT_CLOSE = struct.pack("ii", 1, 0)


def storm(host, port):
    count = 0
    batch = []
    while not select.select([sys.stdin], [], [], 0)[0]:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        # Half of them leave by a reset: no port of ours is left waiting for its time.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        sock.connect_ex((host, port))
        batch.append(sock)
        count += 1
        if len(batch) == 256:
            for old in batch[:128]:
                old.close()
            batch = batch[128:]
    for sock in batch:
        sock.close()
    return count


if __name__ == "__main__":
    host, port = sys.argv[1].rsplit(":", 1)
    print(storm(host, int(port)), flush=True)
    os._exit(0)
