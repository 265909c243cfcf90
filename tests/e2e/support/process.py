# SPDX-License-Identifier: MIT
"""One started program: its output in a file, ended by its own pid."""

import ctypes
import os
import signal
import subprocess

from . import waiting

SANITIZER_WORDS = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "UndefinedBehavior")


class Process:
    def __init__(self, name, command, output_path, env=None, cwd=None, pass_fds=()):
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
                pass_fds=pass_fds,
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


class Successor(Process):
    """A program that another one started and left to us: see adopt_orphans()."""

    def __init__(self, name, pid, output_path):
        self.name = name
        self.output_path = output_path
        self.signalled = False
        self.popen = _Adopted(pid)
        self.pid = pid


class _Adopted:
    """As much of a Popen as Process uses. Ours to wait for only once its parent is gone."""

    def __init__(self, pid):
        self.pid = pid
        self.returncode = None

    def poll(self):
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                return None
            if pid == self.pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout=waiting.PATIENCE_S):
        try:
            waiting.until(lambda: self.poll() is not None, f"process {self.pid} to end", timeout)
        except waiting.TimedOut:
            raise subprocess.TimeoutExpired(str(self.pid), timeout) from None
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def adopt_orphans():
    """From now on whatever loses its parent becomes a child of this process."""
    set_child_subreaper = 36
    assert ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0) == 0


def open_descriptors(pid):
    """What the descriptors of a process are, sorted; sockets and pipes without their numbers."""
    names = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            names.append(os.readlink(f"/proc/{pid}/fd/{number}").split(":")[0])
        except FileNotFoundError:  # closed between the listing and the look
            pass
    return sorted(names)


def measurable():
    """
    The environment of a program whose memory is measured: the sanitizer keeps what was freed
    for a while, on the heap and on the stack, and that is not the program's memory.
    """
    options = os.environ.get("ASAN_OPTIONS", "")
    return {"ASAN_OPTIONS": f"{options}:quarantine_size_mb=0:thread_local_quarantine_size_kb=0"
                            ":detect_stack_use_after_return=0"}


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


def open_files(pid):
    """What the descriptors of a process are, as the kernel names them."""
    names = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            names.append(os.readlink(f"/proc/{pid}/fd/{number}"))
        except FileNotFoundError:
            pass
    return names


def inode(fd):
    """The number in the kernel's name of a socket."""
    return os.fstat(fd).st_ino


def inode_of_link(name):
    """socket:[123] -> 123"""
    return int(name.split("[")[1].rstrip("]"))


def polled_inodes(pid):
    """What the epoll sets of a process hold."""
    inodes = set()
    for number in os.listdir(f"/proc/{pid}/fd"):
        if os.readlink(f"/proc/{pid}/fd/{number}") == "anon_inode:[eventpoll]":
            with open(f"/proc/{pid}/fdinfo/{number}", encoding="ascii") as info:
                inodes |= {int(word[4:], 16) for word in info.read().split()
                           if word.startswith("ino:") and len(word) > 4}
    return inodes


def reap(pid):
    """True once an adopted process has ended."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return not os.path.exists(f"/proc/{pid}")


def reap_all():
    """Reap adopted tidegate processes; how many are left."""
    left = [pid for pid in children(os.getpid()) if name_of(pid).startswith("tidegate")]
    return sum(not reap(pid) for pid in left)
