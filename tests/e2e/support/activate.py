# SPDX-License-Identifier: MIT
"""What a service manager does for socket activation: activate.py FD,FD,... [PID] -- COMMAND...

The descriptors become 3 and up of the command, which keeps our pid. PID is what LISTEN_PID
says instead of the truth.
"""

import fcntl
import os
import sys

FIRST = 3


def main():
    split = sys.argv.index("--")
    fds = [int(word) for word in sys.argv[1].split(",")]
    pid = sys.argv[2] if split > 2 else str(os.getpid())
    out_of_the_way = [fcntl.fcntl(fd, fcntl.F_DUPFD, FIRST + 2 * len(fds)) for fd in fds]
    for fd in fds:
        os.close(fd)
    for place, fd in enumerate(out_of_the_way, FIRST):
        os.dup2(fd, place)
        os.close(fd)
    command = sys.argv[split + 1:]
    os.execvpe(command[0], command,
               {**os.environ, "LISTEN_FDS": str(len(fds)), "LISTEN_PID": pid})


main()
