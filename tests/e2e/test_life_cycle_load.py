# SPDX-License-Identifier: MIT
"""Reload, drain and the loss of processes while 200 streams run and newcomers knock."""

import os
import signal
import socket
import time

import pytest
from support import process, waiting
from support.load import Knocks, Streams
from support.simulator import sim as say

STREAMS = 200
SHORT = say(tokens=1)


@pytest.fixture(autouse=True)
def nobody_is_left_behind():
    """Set up before the world and looked at after its end: what it orphaned would be ours."""
    process.adopt_orphans()
    before = set(process.children(os.getpid()))
    yield
    left = set(process.children(os.getpid())) - before
    assert not left, [(pid, process.name_of(pid)) for pid in left]


@pytest.fixture
def loaded(world):
    """A gateway of two workers, and its streams; each lasts some seconds."""
    sim = world.simulator("--pace=150")
    gateway = world.gateway(sim, supervised=True, workers=2, drain_timeout="60s",
                            log={"level": "info"})
    gateway.wait_for_log("ready")
    streams = Streams(gateway, STREAMS, say(tokens=80))
    streams.wait_until_all_run()
    return gateway, streams


def all_workers(gateway, count):
    return waiting.until(lambda: gateway.workers() if len(gateway.workers()) == count else None,
                         f"{count} workers")


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


def freeze(pid):
    os.kill(pid, signal.SIGSTOP)
    waiting.until(lambda: state_of(pid) == "T", f"{pid} to stand still")


def queue_up(gateway, count):
    """Clients that have connected and asked, while nobody accepts."""
    clients = []
    for _ in range(count):
        clients.append(gateway.connect())
        clients[-1].send(gateway.request(SHORT, fields=[("Connection", "close")]))
    return clients


# --- reload -------------------------------------------------------------------------


def test_reloads_cut_no_stream_and_refuse_nobody(loaded):
    gateway, streams = loaded
    knocks = [Knocks(gateway, SHORT) for _ in range(2)]

    for _ in range(3):
        gateway.reload_and_wait()
        across = streams.running()
        for knock in knocks:
            knock.wait_for_more(5)
    good = gateway.conf_path.read_text()
    gateway.conf_path.write_text("listen = [;\n")
    gateway.reload()
    gateway.wait_for_log("reload_refused")
    gateway.conf_path.write_text(good)
    for knock in knocks:
        knock.wait_for_more(5)

    assert [knock.finish() for knock in knocks] == [[], []]
    assert across > STREAMS / 2, "the streams were to run across the reloads"
    assert streams.finish() == ["complete"] * STREAMS
    all_workers(gateway, 2)


def test_twenty_reloads_leave_nothing_behind(world, sim):
    gateway = world.gateway(sim, supervised=True, workers=2, env=process.measurable())
    gateway.wait_for_log("ready")
    knocks = Knocks(gateway, SHORT)

    def settled():
        waiting.until(lambda: len(process.children(gateway.process.pid)) == 3, "old workers to go")
        return (process.open_descriptors(gateway.process.pid),
                sorted(process.open_descriptors(pid) for pid in gateway.workers()))

    gateway.reload_and_wait()
    knocks.wait_for_more(5)
    supervisor_before, _ = settled()
    resident = process.resident_bytes(gateway.process.pid)
    for _ in range(20):
        gateway.reload_and_wait()
    knocks.wait_for_more(5)

    assert knocks.finish() == []
    waiting.until(lambda: settled()[0] == supervisor_before, "the supervisor's descriptors")
    first, second = settled()[1]
    assert len(first) < 40 and len(second) < 40
    assert process.resident_bytes(gateway.process.pid) - resident < 2 * 1024 * 1024
    assert not any(state_of(pid) == "Z" for pid in process.children(gateway.process.pid))


def test_a_worker_that_drains_is_not_woken_by_its_successor_s_clients(world, sim):
    """What happened: the old worker's epoll set kept the listening socket.

    Why: libevent's changelist takes it out at the next turn, and it was closed before;
    its description lives on in the supervisor, so the kernel kept it there.
    Now: the set of a draining worker holds no listening socket.
    """
    gateway = world.gateway(sim, supervised=True)
    old = all_workers(gateway, 1)[0]
    listening = {process.inode_of_link(name) for name in process.open_files(gateway.process.pid)
                 if name.startswith("socket:")}
    client, reply = gateway.open(say(tokens=60, pace=50))
    client.read_text(reply, 1)
    assert process.polled_inodes(old) & listening, "or this test sees nothing"

    gateway.reload_and_wait()
    gateway.wait_for_log("draining", pid=old)

    waiting.until(lambda: not process.polled_inodes(old) & listening, "the socket to be let go")
    client.read_body(reply)
    assert reply.ended == "complete"


def test_more_reloads_than_old_workers_may_drain_are_made_up_for(world, sim):
    """Each reload leaves a worker behind that drains; at eight the next one waits its turn."""
    gateway = world.gateway(sim, supervised=True, drain_timeout="60s")
    clients = []
    for _ in range(7):
        client, reply = gateway.open(say(tokens=100, pace=30))
        client.read_text(reply, 1)
        clients.append((client, reply))
        gateway.reload_and_wait()

    gateway.write_conf(models={"allow": ["new/*"]})
    gateway.reload()
    gateway.wait_for_log("reload_waits")
    for client, reply in clients:
        client.read_body(reply)

    assert [reply.ended for _, reply in clients] == ["complete"] * 7
    waiting.until(lambda: gateway.ask(SHORT, model="new/model").status == 200, "the last conf")


# --- drain --------------------------------------------------------------------------


def test_a_drain_lets_all_streams_finish(loaded):
    gateway, streams = loaded
    workers = gateway.workers()

    gateway.terminate()

    assert streams.finish() == ["complete"] * STREAMS
    assert gateway.process.wait() == 0
    assert not any(os.path.exists(f"/proc/{pid}") for pid in workers)


def test_signals_to_every_process_at_once_do_not_cut(loaded):
    """A service manager's stop reaches workers as well; the supervisor's own word is then
    their second."""
    gateway, streams = loaded
    workers = gateway.workers()

    gateway.terminate()
    for pid in workers * 2:
        os.kill(pid, signal.SIGTERM)

    assert streams.finish() == ["complete"] * STREAMS
    assert gateway.process.wait() == 0


def test_who_waits_in_the_queue_when_a_drain_begins_is_served(world, sim):
    gateway = world.gateway(sim, supervised=True)
    gateway.wait_for_log("ready")
    worker = gateway.workers()[0]
    freeze(worker)
    clients = queue_up(gateway, 100)

    gateway.terminate()
    gateway.wait_for_log("stopping")
    os.kill(worker, signal.SIGCONT)

    assert {client.read_reply().status for client in clients} == {200}
    assert gateway.process.wait() == 0


def test_a_second_signal_cuts_and_says_so_in_the_status(loaded):
    gateway, streams = loaded
    gateway.expected_status = 1

    gateway.terminate()
    gateway.wait_for_log("draining")
    gateway.terminate()

    assert "cut" in streams.finish()
    assert gateway.process.wait() == 1
    assert gateway.log_lines("admin_ended")[0]["exit"] == "0"  # nothing of it needs a cut


# --- processes that are lost --------------------------------------------------------


def test_a_killed_worker_takes_only_its_own_streams_along(loaded):
    gateway, streams = loaded
    victim = gateway.workers()[0]
    own = process.open_descriptors(victim).count("socket")

    os.kill(victim, signal.SIGKILL)
    gateway.wait_for_log("worker_died", child=victim)
    for _ in range(40):  # none of these may be refused; the slot's queue waits for its next worker
        assert gateway.ask(SHORT).status == 200
    ends = streams.finish()

    lost = STREAMS - ends.count("complete")
    assert 0 < lost < STREAMS
    assert lost <= own
    assert gateway.process.is_running()


def test_who_waits_in_the_queue_of_a_killed_worker_is_served_by_the_next(world, sim):
    gateway = world.gateway(sim, supervised=True)
    gateway.wait_for_log("ready")
    worker = gateway.workers()[0]
    freeze(worker)
    clients = queue_up(gateway, 50)

    os.kill(worker, signal.SIGKILL)

    assert {client.read_reply().status for client in clients} == {200}


def test_a_worker_that_dies_again_and_again_is_started_later_and_later(world, sim):
    gateway = world.gateway(sim, supervised=True)
    gateway.wait_for_log("ready")

    for count in range(1, 5):
        os.kill(all_workers(gateway, 1)[0], signal.SIGKILL)
        waiting.until(lambda n=count: len(gateway.log_lines("restart_waits")) == n, "the death")

    delays = [int(row["delay_ms"]) for row in gateway.log_lines("restart_waits")]
    assert delays == [100, 200, 400, 800]
    assert gateway.ask(SHORT).status == 200


def test_a_worker_told_to_end_from_outside_is_replaced_at_once(world, sim):
    """What happened: its slot had nobody to accept until its last stream was over."""
    gateway = world.gateway(sim, supervised=True, drain_timeout="60s")
    gateway.wait_for_log("ready")
    client, reply = gateway.open(say(tokens=100, pace=50))
    client.read_text(reply, 1)
    began = time.monotonic()

    os.kill(gateway.workers()[0], signal.SIGTERM)
    gateway.wait_for_log("draining")

    assert gateway.ask(SHORT).status == 200
    assert time.monotonic() - began < 4, "the stream takes 5 s, and is not waited for"
    client.read_body(reply)
    assert reply.ended == "complete"


def test_the_workers_of_a_killed_supervisor_finish_and_go(loaded):
    gateway, streams = loaded
    gateway.expected_status = -signal.SIGKILL
    workers = gateway.workers()

    gateway.process.signal(signal.SIGKILL)
    gateway.process.wait()

    assert streams.finish() == ["complete"] * STREAMS
    for pid in workers:
        waiting.until(lambda p=pid: process.reap(p), f"worker {pid} to end")
    host, port = gateway.address.split(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0
    waiting.until(lambda: process.reap_all() == 0, "the admin process to end")


@pytest.mark.parametrize("whom", ["supervisor", "worker"])
def test_a_process_that_stood_still_goes_on(world, sim, whom):
    gateway = world.gateway(sim, supervised=True)
    gateway.wait_for_log("ready")
    client, reply = gateway.open(say(tokens=20, pace=30))
    client.read_text(reply, 1)
    pid = gateway.process.pid if whom == "supervisor" else gateway.workers()[0]

    freeze(pid)
    gateway.reload()
    os.kill(pid, signal.SIGCONT)
    client.read_body(reply)

    assert reply.ended == "complete"
    gateway.wait_for_log("reloaded")
    assert gateway.ask(SHORT).status == 200
