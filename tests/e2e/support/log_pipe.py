# SPDX-License-Identifier: MIT
"""A pipe for log lines, of the smallest size there is, with a reader that can stop reading."""

import fcntl
import os
import select
import threading

from . import waiting

_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ


class LogPipe:
    """What comes is appended to the file <copy> while somebody reads.

    Without <path> it is a pipe whose write end is <writer>; else the FIFO of that name,
    made unless it is there. <ends> are descriptors to use instead, to read and to write.
    """

    def __init__(self, copy, path=None, ends=None):
        self.copy, self.writer = copy, None
        if ends is not None:
            self._reader, self.writer = ends
        elif path is None:
            self._reader, self.writer = os.pipe()
            fcntl.fcntl(self._reader, _SET_PIPE_SIZE, 4096)
        else:
            if not path.exists():
                os.mkfifo(path, 0o600)
            self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._wake, self._waker = os.pipe()
        self._thread = None
        self.read()

    def read(self):
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop_reading(self):
        os.write(self._waker, b"x")
        self._thread.join(waiting.PATIENCE_S)
        assert not self._thread.is_alive()
        os.read(self._wake, 1)
        self._thread = None

    def leave(self):
        """No reader any more, for good: writes fail from now on."""
        self.stop_reading()
        os.close(self._reader)
        self._reader = None

    def is_full(self):
        """True when not even a short line fits."""
        return not select.select([], [self.writer], [], 0)[1]

    def _run(self):
        with open(self.copy, "ab", buffering=0) as copy:
            while True:
                if self._wake in select.select([self._reader, self._wake], [], [])[0]:
                    return
                data = os.read(self._reader, 65536)
                copy.write(data)
                # Without a writer a FIFO is at its end at once, until there is one again.
                if not data and select.select([self._wake], [], [], 0.01)[0]:
                    return

    def close(self):
        if self._thread is not None:
            self.stop_reading()
        for fd in (self._reader, self.writer, self._wake, self._waker):
            if fd is not None:
                os.close(fd)
