# SPDX-License-Identifier: MIT
"""Start, drain, reload and the loss of a worker, with streams running meanwhile."""

import os
import signal
import socket

import pytest
from support import waiting
from support.certificates import Certificate
from support.simulator import sim as say

LONG = say(tokens=40, pace=40)


@pytest.fixture(params=[False, True], ids=["foreground", "supervised"])
def either(request, world, sim):
    return world.gateway(sim, supervised=request.param)


def files_of(pid):
    """The paths of what a process holds open; one that closes meanwhile is not there."""
    paths = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            paths.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:
            continue
    return paths


def refuses_connections(gateway):
    host, port = gateway.address.rsplit(":", 1)
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) != 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_running_stream_finishes_when_the_gateway_is_told_to_end(either, number):
    client, reply = either.open(LONG)
    client.read_text(reply, 1)

    either.process.signal(number)
    waiting.until(lambda: refuses_connections(either), "the gateway to stop listening")
    client.read_body(reply)

    assert reply.ended == "complete"
    assert either.process.wait() == 0
    assert either.ends() == ["done"]


def test_a_quiet_connection_does_not_hold_up_the_end(either):
    client = either.connect()
    either.ask(say(tokens=2), client=client)

    either.terminate()

    client.expect_closed()
    assert either.process.wait() == 0


def test_the_answer_given_while_draining_announces_the_close(either):
    """The head goes out after the signal: the connection must not be offered for reuse."""
    client = either.connect()
    client.send(either.request(say(tokens=3, after_head=600)))
    either.simulator.wait_for("requests", 1)

    either.terminate()
    reply = client.read_reply()

    assert reply.ended == "complete" and reply.field("Connection") == "close"
    client.expect_closed()


def test_a_drain_that_takes_too_long_ends_in_a_visible_cut(world, sim):
    gateway = world.gateway(sim, drain_timeout="500ms")
    client, reply = gateway.open(say(tokens=100000, pace=10))
    client.read_text(reply, 1)

    gateway.terminate()
    client.read_body(reply)

    assert reply.ended == "cut"
    assert gateway.process.wait() == 0
    gateway.wait_for_end("draining")
    sim.wait_for("aborted", 1)


def test_a_second_signal_ends_at_once(world, sim):
    gateway = world.gateway(sim, drain_timeout="60s")
    client, reply = gateway.open(say(tokens=100000, pace=10))
    client.read_text(reply, 1)

    gateway.terminate()
    waiting.until(lambda: refuses_connections(gateway), "the gateway to stop listening")
    gateway.terminate()
    client.read_body(reply)

    assert reply.ended == "cut"
    gateway.process.wait()


def test_a_stopped_supervisor_leaves_no_process_behind(world, sim):
    gateway = world.gateway(sim, supervised=True, workers=2)
    pids = waiting.until(lambda: gateway.workers() if len(gateway.workers()) == 2 else None,
                         "two workers")

    gateway.terminate()

    assert gateway.process.wait() == 0
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


# --- reload -----------------------------------------------------------------------


def test_a_reload_does_not_cut_a_stream_and_holds_for_new_requests(world, sim):
    gateway = world.gateway(sim, supervised=True)
    client, reply = gateway.open(say(tokens=60, pace=30))
    client.read_text(reply, 1)
    assert gateway.ask(model="new/model").reason == "model_unknown"

    gateway.write_conf(models={"allow": ["new/*"]})
    gateway.reload()
    waiting.until(lambda: gateway.ask(say(tokens=1), model="new/model").status == 200,
                  "the new conf to be in force")

    assert gateway.ask().reason == "model_unknown", "what was allowed is not any more"
    client.read_body(reply)
    assert reply.ended == "complete"


def test_the_old_worker_is_gone_once_its_streams_are_done(world, sim):
    gateway = world.gateway(sim, supervised=True)
    old = waiting.until(gateway.workers, "a worker")
    client, reply = gateway.open(say(tokens=20, pace=30))
    client.read_text(reply, 1)

    gateway.reload()
    client.read_body(reply)

    assert reply.ended == "complete"
    waiting.until(lambda: len(gateway.workers()) == 1 and gateway.workers() != old,
                  "the old worker to be replaced")


def test_a_reload_loses_no_connection(world, sim):
    """The supervisor keeps the listening sockets, so what waits in a queue is served."""
    gateway = world.gateway(sim, supervised=True, workers=2)
    statuses = set()

    for _ in range(5):
        gateway.reload()
        statuses |= {gateway.ask(say(tokens=1)).status for _ in range(10)}

    assert statuses == {200}


@pytest.mark.parametrize("spoil", ["syntax", "value"])
def test_a_bad_conf_changes_nothing_and_says_why(world, sim, spoil):
    gateway = world.gateway(sim, supervised=True)
    if spoil == "syntax":
        gateway.conf_path.write_text("listen = [;\n")
    else:
        gateway.write_conf(models={"allow": ["new/*"]}, stream={"buffer": "1 parsec"})
    before = waiting.until(gateway.workers, "a worker")

    gateway.reload()
    waiting.until(lambda: f"{gateway.conf_path.name}:" in gateway.process.output(),
                  "the problem, with file and line")

    assert gateway.ask(say(tokens=1)).status == 200
    assert gateway.workers() == before


# --- workers ----------------------------------------------------------------------


def test_a_killed_worker_is_restarted_and_serves(world, sim):
    gateway = world.gateway(sim, supervised=True)
    old = waiting.until(gateway.workers, "a worker")
    assert gateway.ask(say(tokens=1)).status == 200

    os.kill(old[0], signal.SIGKILL)

    waiting.until(lambda: gateway.workers() not in ([], old), "another worker")
    assert gateway.ask(say(tokens=1)).status == 200
    assert gateway.process.is_running()


def test_the_loss_of_one_worker_does_not_touch_the_streams_of_another(world, sim):
    gateway = world.gateway(sim, supervised=True, workers=2)
    workers = waiting.until(
        lambda: gateway.workers() if len(gateway.workers()) == 2 else None, "two workers")
    streams = [gateway.open(say(tokens=80, pace=30)) for _ in range(12)]
    for client, reply in streams:
        client.read_text(reply, 1)

    os.kill(workers[0], signal.SIGKILL)
    for client, reply in streams:
        client.read_body(reply)

    ends = sorted(reply.ended for _, reply in streams)
    assert "complete" in ends, "the kernel spreads connections over both workers"
    gateway.wait_for_metric("tidegate_exchanges", 0)


def test_counters_survive_the_worker(world, sim):
    gateway = world.gateway(sim, supervised=True)
    gateway.ask(say(tokens=1))
    gateway.wait_for_end("done")
    before = gateway.metric("tidegate_exchanges_ended_total", reason="done")
    old = waiting.until(gateway.workers, "a worker")

    os.kill(old[0], signal.SIGKILL)
    waiting.until(lambda: gateway.workers() not in ([], old), "another worker")
    gateway.ask(say(tokens=1))

    ended = "tidegate_exchanges_ended_total"
    waiting.until(lambda: gateway.metric(ended, reason="done") == before + 1,
                  "the count to go on where it was")


@pytest.mark.parametrize("supervised", [False, True], ids=["foreground", "supervised"])
def test_the_access_log_is_reopened_on_sigusr1(world, sim, supervised):
    log = world.folder / "tidegate-requests.access"
    # Without a supervisor the worker itself has to be able to make a file there.
    user = "" if supervised else "root"
    gateway = world.gateway(sim, supervised=supervised, user=user, log={"access": str(log)})
    gateway.ask(say(tokens=1))
    waiting.until(lambda: "ev=exchange" in log.read_text(), "the access line")

    log.rename(world.folder / "tidegate-old.access")
    gateway.process.signal(signal.SIGUSR1)

    def reopened():
        gateway.ask(say(tokens=1))
        return log.exists() and "ev=exchange" in log.read_text()

    waiting.until(reopened, "an access line in the new file")


def test_every_worker_is_handed_the_reopened_log_and_keeps_no_old_one(world, sim):
    log = world.folder / "tidegate-requests.access"
    gateway = world.gateway(sim, supervised=True, workers=2, log={"access": str(log)})
    workers = waiting.until(
        lambda: gateway.workers() if len(gateway.workers()) == 2 else None, "two workers")

    waiting.until(lambda: all(str(log) in files_of(pid) for pid in workers), "the open logs")

    for turn in range(3):
        log.rename(world.folder / f"tidegate-old-{turn}.access")
        gateway.process.signal(signal.SIGUSR1)
        waiting.until(lambda: all(str(log) in files_of(pid) for pid in workers), "the new log")

    assert not any(".access" in name and name != str(log)
                   for pid in workers for name in files_of(pid))
    gateway.ask(say(tokens=1))
    waiting.until(lambda: "ev=exchange" in log.read_text(), "the access line in the new file")


def test_a_log_reopened_in_the_midst_of_a_reload_is_that_of_each_conf(world, sim):
    """The new worker is not ready yet, and not even in its loop: it waits for trust roots that
    come out of a FIFO. It must find the new file when it gets there, and the old worker its own.
    """
    now, then = (world.folder / f"tidegate-{name}.access" for name in ("now", "then"))
    roots = world.folder / "roots.fifo"
    os.mkfifo(roots)
    writer = os.open(roots, os.O_RDWR)  # with both ends there, nobody waits to open it
    gateway = world.gateway(sim, supervised=True, log={"access": str(now)})
    old = waiting.until(gateway.workers, "a worker")[0]
    gateway.write_conf(log={"access": str(then)}, upstreams=[
        world.upstream(sim),
        {"name": "never-asked", "url": "https://localhost:1/", "ca_file": str(roots)}])

    gateway.reload()
    new = waiting.until(lambda: set(gateway.workers()) - {old}, "the new worker").pop()
    waiting.until(lambda: {str(roots), str(then)} <= set(files_of(new)), "it to wait for its roots")
    was_now, was_then = (path.rename(world.folder / f"tidegate-was-{path.name}")
                         for path in (now, then))
    gateway.process.signal(signal.SIGUSR1)
    waiting.until(lambda: str(now) in files_of(old), "the old worker to have the new file")
    assert str(was_then) in files_of(new) and not gateway.log_lines("reloaded")
    gateway.ask(say(tokens=1))
    waiting.until(lambda: "ev=exchange" in now.read_text(), "an access line of the old worker")

    os.write(writer, Certificate(world.folder, "root").path.read_bytes())
    os.close(writer)
    waiting.until(lambda: gateway.log_lines("reloaded"), "the reload")
    waiting.until(lambda: str(then) in files_of(new), "the new worker to have the new file")
    assert str(was_then) not in files_of(new)
    waiting.until(lambda: gateway.workers() == [new], "the old worker to be gone")
    gateway.ask(say(tokens=1))
    waiting.until(lambda: "ev=exchange" in then.read_text(), "an access line of the new worker")
    assert was_then.read_text() == was_now.read_text() == ""


def test_a_log_that_cannot_be_reopened_is_said_and_the_old_one_stays(world, sim):
    folder = world.folder / "logs"
    folder.mkdir()
    log = folder / "requests.access"
    gateway = world.gateway(sim, supervised=True, log={"access": str(log)})
    gateway.ask(say(tokens=1))
    waiting.until(lambda: "ev=exchange" in log.read_text(), "the access line")

    moved = world.folder / "tidegate-moved.access"
    log.rename(moved)
    folder.rmdir()
    gateway.process.signal(signal.SIGUSR1)
    gateway.wait_for_log("access_log_failed", path=log)
    before = moved.read_text().count("ev=exchange")

    gateway.ask(say(tokens=1))
    waiting.until(lambda: moved.read_text().count("ev=exchange") > before, "a line in the old one")
