# SPDX-License-Identifier: MIT
"""Whoever reads the log stops reading: nobody is served later for it, and nothing is hidden."""

import json
import os
import signal
import socket
import time

import pytest
from support import waiting
from support.load import Streams
from support.log_pipe import LogPipe
from support.process import open_files
from support.simulator import sim as say

DROPPED = "tidegate_log_lines_dropped_total"
# Far more than an answer of five tokens takes, far less than a reader who is away.
SOON_S = 5
# Descriptor 2 of the gateway alone: what the shell says goes elsewhere.
TO_PIPE = ("bash", "-c", 'exec 2>&"$0" "$@"')
# The same without being able to open it again, as it is another user's and nothing overrides
# that: what `sudo -u tidegate tidegate 2>&1 | logger` makes.
TO_SOMEBODY_ELSES = ("bash", "-c", 'chown 1 "/proc/self/fd/$0" && exec 2>&"$0" '
                     'setpriv --bounding-set=-dac_override,-dac_read_search -- "$@"')

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def pipes():
    """Make pipes, closed at the end."""
    made = []

    def make(copy, path=None, ends=None):
        made.append(LogPipe(copy, path, ends))
        return made[-1]

    yield make
    for pipe in made:
        pipe.close()


def start(world, pipes, *, supervised, launcher=TO_PIPE):
    """A pipe, and a gateway whose standard error it is. Both read so far."""
    pipe = pipes(world.folder / "tidegate-0.log")
    gateway = world.gateway(supervised=supervised, workers=2 if supervised else 1,
                            wrapper=(*launcher, str(pipe.writer)),
                            launch={"pass_fds": (pipe.writer,)})
    gateway.admin_address()
    waiting.until(lambda: gateway.log_lines("ready"), "the gateway to be ready")
    return pipe, gateway


def lose_lines(gateway, pipe):
    """Nobody reads; ask until lines are lost."""
    pipe.stop_reading()
    before = gateway.metric(DROPPED)

    def look():
        served_soon(gateway, 1)
        return gateway.metric(DROPPED) > before

    waiting.until(look, "lines to be lost")


def served_soon(gateway, times=10):
    for _ in range(times):
        began = time.monotonic()
        assert gateway.ask(say(tokens=5)).status == 200
        assert time.monotonic() - began < SOON_S


def told(gateway):
    return sum(int(row["count"]) for row in gateway.log_lines("log_lines_dropped"))


@pytest.mark.parametrize("supervised, launcher", [
    pytest.param(False, TO_PIPE, id="foreground"),
    pytest.param(True, TO_PIPE, id="supervised"),
    pytest.param(True, TO_SOMEBODY_ELSES, id="somebody_elses", marks=as_root),
])
def test_with_a_log_that_nobody_reads_everybody_is_served_in_time(world, pipes, supervised,
                                                                 launcher):
    pipe, gateway = start(world, pipes, supervised=supervised, launcher=launcher)
    name = os.readlink(f"/proc/self/fd/{pipe.writer}")
    copies = open_files(gateway.process.pid).count(name)
    # The test's own is inherited, for the shell to open, and 2 is another.
    assert (copies > 2) == (launcher == TO_PIPE), "opened again where that can be done"
    lose_lines(gateway, pipe)
    assert pipe.is_full()

    streams = Streams(gateway, 100, say(tokens=10, pace=20))
    served_soon(gateway)
    assert streams.finish(patience_s=30) == ["complete"] * 100
    assert gateway.admin_get("/readyz").status == 200

    lost = gateway.metric(DROPPED)
    assert lost >= 100, "at debug level each of them has several lines"
    pipe.read()
    waiting.until(lambda: told(gateway) >= lost, "the log to say how many lines are missing")
    waiting.until(lambda: told(gateway) == gateway.metric(DROPPED), "both counts to agree")
    served_soon(gateway, 1)
    gateway.wait_for_end("done")


def test_a_supervisor_that_cannot_log_still_reloads_and_replaces(world, pipes):
    pipe, gateway = start(world, pipes, supervised=True)
    lose_lines(gateway, pipe)

    gateway.write_conf(models={"allow": ["new/*"]})
    gateway.reload()
    waiting.until(lambda: gateway.ask(say(tokens=1), model="new/model").status == 200,
                  "the new conf to be in force")
    waiting.until(lambda: len(gateway.workers()) == 2, "the old workers to be gone")
    before = gateway.workers()
    os.kill(before[0], signal.SIGKILL)
    waiting.until(lambda: len(set(gateway.workers()) - set(before)) == 1, "another worker")
    gateway.process.signal(signal.SIGUSR1)
    assert gateway.ask(say(tokens=1), model="new/model").status == 200
    lost = gateway.metric(DROPPED)

    pipe.read()
    gateway.terminate()
    assert gateway.process.wait() == 0
    supervisor = [row for row in gateway.log_lines("log_lines_dropped")
                  if row["pid"] == str(gateway.process.pid)]
    assert supervisor, "the supervisor has lost lines, too"
    assert lost > 0


@pytest.mark.parametrize("supervised", [False, True], ids=["foreground", "supervised"])
def test_a_shutdown_does_not_wait_for_a_reader(world, pipes, supervised):
    pipe, gateway = start(world, pipes, supervised=supervised)
    lose_lines(gateway, pipe)

    gateway.terminate()

    assert gateway.process.wait() == 0


def test_a_reader_that_is_gone_for_good_ends_nothing(world, pipes):
    """Every write fails with EPIPE, and SIGPIPE would end the process."""
    pipe, gateway = start(world, pipes, supervised=True)
    pipe.leave()

    served_soon(gateway)
    gateway.wait_for_metric("tidegate_exchanges", 0)
    assert gateway.metric(DROPPED) > 0
    gateway.terminate()
    assert gateway.process.wait() == 0


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_the_journal_gets_levels_and_no_times_and_is_not_waited_for(world, pipes, form):
    """What systemd does: standard error is a stream socket that JOURNAL_STREAM names."""
    ours, its = socket.socketpair()
    status = os.fstat(its.fileno())
    pipe = pipes(world.folder / "tidegate-0.log", ends=(ours.detach(), its.detach()))
    gateway = world.gateway(supervised=True, wrapper=(*TO_PIPE, str(pipe.writer)),
                            launch={"pass_fds": (pipe.writer,)},
                            env={"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
    gateway.write_conf(log={"format": form})
    gateway.reload()
    waiting.until(lambda: "reloaded" in gateway.process.output(), "the reload")
    served_soon(gateway, 3)
    gateway.conf_path.write_text("listen = [;\n")
    gateway.reload()
    waiting.until(lambda: "reload_refused" in gateway.process.output(), "the refusal")
    waiting.until(lambda: gateway.process.output().count("done") >= 3, "the access lines")

    lines = gateway.process.lines()
    begins = "<%d>lvl=%s ", '<%d>{"lvl":"%s",'
    levels = [(3, "error"), (4, "warn"), (6, "info"), (7, "debug")]
    kinds = [begin % level for begin in begins for level in levels]
    assert all(any(line.startswith(kind) for kind in kinds) for line in lines), lines
    refusals = [line for line in lines if "reload_refused" in line]
    assert refusals and all(line.startswith("<3>") for line in refusals)
    exchanges = [line for line in lines if "done" in line]
    assert all(line.startswith("<6>") for line in exchanges)
    if form == "json":
        assert json.loads(exchanges[-1][3:])["end"] == "done"

    pipe.stop_reading()

    def lost():
        served_soon(gateway, 20)
        return gateway.metric(DROPPED) > 0

    waiting.until(lost, "lines to be lost")
    pipe.read()
    waiting.until(lambda: "log_lines_dropped" in gateway.process.output(), "the loss to be told")


@pytest.mark.parametrize("has_reader", [False, True], ids=["no_reader_yet", "a_full_pipe"])
def test_a_fifo_as_access_log_holds_nobody_up(world, pipes, has_reader):
    path = world.folder / "requests.fifo"  # no .log or .access: the world reads those at its end
    copy = world.folder / "tidegate-copy.access"
    if has_reader:
        pipe = pipes(copy, path)
        pipe.stop_reading()
    else:
        os.mkfifo(path)
    gateway = world.gateway(supervised=True, workers=2, log={"access": str(path)})

    def lost():
        served_soon(gateway, 20)
        return gateway.metric(DROPPED) > 0

    if has_reader:
        waiting.until(lost, "lines to be lost")
    served_soon(gateway)
    gateway.process.signal(signal.SIGUSR1)  # opening it again must not wait either
    gateway.reload_and_wait()
    served_soon(gateway, 2)

    if has_reader:
        pipe.read()
    else:
        pipes(copy, path)
    waiting.until(lambda: served_soon(gateway, 1) or "ev=exchange" in copy.read_text(),
                  "access lines in the pipe")
    if has_reader:
        waiting.until(lambda: "ev=log_lines_dropped" in copy.read_text(), "the loss to be told")
