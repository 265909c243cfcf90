# SPDX-License-Identifier: MIT
"""One started program: its output in a file, ended by its own pid."""

import os
import signal
import subprocess

from . import waiting

SANITIZER_WORDS = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "UndefinedBehavior")


class Process:
    def __init__(self, name, command, output_path, env=None, cwd=None):
        self.name = name
        self.output_path = output_path
        self.signalled = False
        with open(output_path, "wb") as output:
            self.popen = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
            )
        self.pid = self.popen.pid

    def output(self):
        return self.output_path.read_text(errors="replace")

    def lines(self):
        """Whole lines only: the last may still be in the making."""
        return self.output().split("\n")[:-1]

    def wait_for_line(self, pattern, what=None):
        """The first match of the compiled <pattern> in a whole line of the output."""

        def look():
            for line in self.lines():
                found = pattern.search(line)
                if found:
                    return found
            if self.popen.poll() is not None:
                raise AssertionError(
                    f"{self.name} ended with {self.popen.returncode} while waiting for "
                    f"{what or pattern.pattern}\n{self.output()}"
                )
            return None

        return waiting.until(look, f"{self.name} to print {what or pattern.pattern}")

    def is_running(self):
        return self.popen.poll() is None

    def signal(self, number):
        if number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
            self.signalled = True
        self.popen.send_signal(number)

    def wait(self, patience_s=waiting.PATIENCE_S):
        """Exit status; the program is expected to end on its own."""
        try:
            return self.popen.wait(patience_s)
        except subprocess.TimeoutExpired:
            raise waiting.TimedOut(f"{self.name} did not end in {patience_s:g} s") from None

    def stop(self):
        """SIGTERM, wait, and if need be SIGKILL; returns the exit status or None if killed."""
        if self.is_running() and not self.signalled:
            self.signal(signal.SIGTERM)  # a second one would mean "at once"
        try:
            return self.wait()
        except waiting.TimedOut:
            self.popen.kill()
            self.popen.wait()
            return None

    def sanitizer_report(self):
        """The output from the first sanitizer word on, or None."""
        output = self.output()
        places = [output.find(word) for word in SANITIZER_WORDS if word in output]
        return output[min(places):] if places else None


def resident_bytes(pid):
    """VmRSS of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise AssertionError(f"no VmRSS for {pid}")


def children(pid):
    """Pids of the direct children of a process."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as listing:
        return [int(word) for word in listing.read().split()]


def name_of(pid):
    """The name that the kernel keeps for a process."""
    with open(f"/proc/{pid}/comm", encoding="ascii") as name:
        return name.read().strip()
