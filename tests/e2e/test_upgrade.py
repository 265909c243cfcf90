# SPDX-License-Identifier: MIT
"""SIGUSR2: another program takes over, its sockets in hand; or does not, and nothing changes."""

import os
import shutil
import signal
import socket

import pytest
from support import process, waiting
from support.load import Knocks, Streams
from support.simulator import sim as say
from support.world import TIDEGATE

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
def program(tmp_path):
    """A copy of the program that a test may replace."""
    copy = tmp_path / "release" / "tidegate"
    copy.parent.mkdir()
    shutil.copy(TIDEGATE, copy)
    return copy


def replace(program, text):
    """Put another file in place of <program>, as a package manager does: by a rename."""
    new = program.with_name("new")
    new.write_text(text)
    new.chmod(0o755)
    new.rename(program)


def all_workers(gateway, count):
    return waiting.until(lambda: gateway.workers() if len(gateway.workers()) == count else None,
                         f"{count} workers")


def settled_descriptors(gateway):
    """The supervisor's, once it has all its children and no others."""
    gateway.wait_for_log("ready", pid=gateway.process.pid)
    expected = gateway.settings["workers"] + 1
    waiting.until(lambda: len(process.children(gateway.process.pid)) == expected,
                  f"{expected} children")
    return process.open_descriptors(gateway.process.pid)


# --- it takes over ------------------------------------------------------------------


def test_streams_and_newcomers_do_not_notice_an_upgrade(world):
    sim = world.simulator("--pace=150")
    gateway = world.gateway(sim, supervised=True, workers=2, drain_timeout="60s",
                            log={"level": "info"})
    descriptors = settled_descriptors(gateway)
    streams = Streams(gateway, STREAMS, say(tokens=60))
    knocks = [Knocks(gateway, SHORT) for _ in range(2)]
    streams.wait_until_all_run()

    former = gateway.upgrade()
    for knock in knocks:
        knock.wait_for_more()
    at_the_upgrade = streams.running()

    assert [knock.finish() for knock in knocks] == [[], []]
    assert at_the_upgrade > STREAMS * 0.9, "the streams were to run across the upgrade"
    assert streams.finish() == ["complete"] * STREAMS
    assert former.wait() == 0
    assert gateway.ask(SHORT).status == 200
    assert settled_descriptors(gateway) == descriptors


def test_one_upgrade_after_the_other(world, sim):
    gateway = world.gateway(sim, supervised=True, workers=2)
    descriptors = settled_descriptors(gateway)
    knocks = Knocks(gateway, SHORT)

    for _ in range(4):
        assert gateway.upgrade().wait() == 0

    assert knocks.finish() == []
    assert gateway.metric("tidegate_workers_ready") == 2
    assert settled_descriptors(gateway) == descriptors


def test_the_file_that_stands_at_the_path_now_is_started(world, sim, program):
    gateway = world.gateway(sim, supervised=True, launch={"program": program})
    mark = world.folder / "mark"
    replace(program, f'#!/bin/sh\n: > "{mark}"\nexec "{TIDEGATE}" "$@"\n')

    former = gateway.upgrade()

    assert mark.exists()
    assert former.wait() == 0
    assert gateway.ask(SHORT).status == 200


def test_a_symbolic_link_is_followed_anew(world, sim, program):
    """Releases in folders of their own and a link to the one in force."""
    link = world.folder / "current"
    link.symlink_to(program)
    gateway = world.gateway(sim, supervised=True, launch={"program": link})
    mark = world.folder / "mark"
    other = world.folder / "other"
    other.write_text(f'#!/bin/sh\n: > "{mark}"\nexec "{TIDEGATE}" "$@"\n')
    other.chmod(0o755)
    link.unlink()
    link.symlink_to(other)

    assert gateway.upgrade().wait() == 0

    assert mark.exists()


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (3, 2)])
def test_the_number_of_workers_changes_with_an_upgrade(world, sim, before, after):
    """Fewer workers serve all the sockets there are: closing one would reset who waits in it."""
    gateway = world.gateway(sim, supervised=True, workers=before)
    all_workers(gateway, before)
    knocks = [Knocks(gateway, SHORT) for _ in range(2)]

    gateway.write_conf(workers=after)
    assert gateway.upgrade().wait() == 0
    all_workers(gateway, after)
    for knock in knocks:
        knock.wait_for_more()

    assert [knock.finish() for knock in knocks] == [[], []]
    statuses = {gateway.ask(SHORT).status for _ in range(12)}
    assert statuses == {200}


def test_an_address_is_added_and_another_one_given_up(world, sim):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        other = "127.0.0.1:%d" % probe.getsockname()[1]
    gateway = world.gateway(sim, supervised=True)
    first = gateway.address

    gateway.write_conf(listen=[other])
    assert gateway.upgrade().wait() == 0

    gateway.wait_for_log("inherited_socket_unused", address=first)
    gateway.address = other
    assert gateway.ask(SHORT).status == 200
    with socket.socket() as probe:
        host, port = first.split(":")
        assert probe.connect_ex((host, int(port))) != 0


def test_a_reload_asked_for_meanwhile_reaches_the_successor(world, sim, program):
    """The operator's words go to the pid that is known; who serves by then must heed them."""
    gateway = world.gateway(sim, supervised=True, launch={"program": program})
    gate = world.folder / "gate"
    os.mkfifo(gate)
    replace(program, f'#!/bin/sh\nread -r line < "{gate}"\nexec "{TIDEGATE}" "$@"\n')
    former = gateway.process
    former.signal(signal.SIGUSR2)
    pid = int(gateway.wait_for_log("upgrading")["successor"])

    gateway.reload()
    gate.write_text("go\n")
    gateway.wait_for_log("upgraded")
    former.signalled = True
    gateway.process = process.Successor("tidegate", pid, former.output_path)

    gateway.wait_for_log("reloaded", pid=pid)
    assert former.wait() == 0


# --- it does not --------------------------------------------------------------------

FAILURES = {
    "bad conf": (None, "ended with status 2"),
    "ends at once": ("#!/bin/sh\nexit 3\n", "ended with status 3"),
    "dies": ("#!/bin/sh\nkill -SEGV $$\n", "died of a signal: Segmentation fault"),
    "not a program": ("\x7fELF rubbish", "ended with status 127"),
    "never ready": ("#!/bin/sh\nexec sleep 1000\n", "not ready in time"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_an_upgrade_that_fails_changes_nothing_and_says_why(world, sim, program, failure):
    text, reason = FAILURES[failure]
    gateway = world.gateway(sim, supervised=True, workers=2, launch={"program": program},
                            upgrade_timeout="500ms" if failure == "never ready" else "30s")
    gateway.wait_for_log("ready")
    workers = gateway.workers()
    descriptors = settled_descriptors(gateway)
    conf = gateway.conf_path.read_text()
    client, reply = gateway.open(say(tokens=40, pace=40))
    client.read_text(reply, 1)
    if text is None:
        gateway.conf_path.write_text("listen = [;\n")
    else:
        replace(program, text)

    gateway.process.signal(signal.SIGUSR2)
    problem = gateway.wait_for_log("upgrade_failed")["problem"]

    assert reason in problem
    client.read_body(reply)
    assert reply.ended == "complete"
    assert gateway.workers() == workers and gateway.ask(SHORT).status == 200
    assert settled_descriptors(gateway) == descriptors
    gateway.conf_path.write_text(conf)
    shutil.copy(TIDEGATE, program.with_name("good"))
    program.with_name("good").rename(program)
    assert gateway.upgrade().wait() == 0, "the next try works"


def test_the_problem_of_the_conf_is_named(world, sim):
    gateway = world.gateway(sim, supervised=True)
    conf = gateway.conf_path.read_text()
    gateway.write_conf(stream={"buffer": "1 parsec"})

    gateway.process.signal(signal.SIGUSR2)
    gateway.wait_for_log("upgrade_failed")

    assert f"{gateway.conf_path.name}:" in gateway.process.output()
    assert "stream.buffer" in gateway.process.output()
    gateway.conf_path.write_text(conf)


def test_a_second_upgrade_while_one_is_under_way_is_refused(world, sim, program):
    gateway = world.gateway(sim, supervised=True, launch={"program": program},
                            upgrade_timeout="2s")
    replace(program, "#!/bin/sh\nexec sleep 1000\n")

    gateway.process.signal(signal.SIGUSR2)
    gateway.wait_for_log("upgrading")
    gateway.process.signal(signal.SIGUSR2)

    assert gateway.wait_for_log("upgrade_refused")["problem"] == "one is under way"
    gateway.wait_for_log("upgrade_failed")
    assert len(gateway.log_lines("upgrading")) == 1


def test_a_stop_takes_an_unready_successor_with_it(world, sim, program):
    gateway = world.gateway(sim, supervised=True, launch={"program": program})
    client, reply = gateway.open(say(tokens=20, pace=30))
    client.read_text(reply, 1)
    replace(program, "#!/bin/sh\nexec sleep 1000\n")
    gateway.process.signal(signal.SIGUSR2)
    successor = int(gateway.wait_for_log("upgrading")["successor"])

    gateway.terminate()
    client.read_body(reply)

    assert reply.ended == "complete"
    assert gateway.process.wait() == 0
    assert not os.path.exists(f"/proc/{successor}")


def test_without_a_supervisor_the_signal_does_no_harm(gateway):
    gateway.process.signal(signal.SIGUSR2)

    assert gateway.ask(SHORT).status == 200
    assert gateway.process.is_running()


# --- the service manager ------------------------------------------------------------


def test_the_service_manager_is_told(world, sim):
    """What systemd expects of Type=notify-reload, and whom it takes for the main process."""
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(world.folder / "notify"))
    manager.settimeout(waiting.PATIENCE_S)

    def told():
        words = manager.recv(1024).decode().split("\n")
        return dict(word.split("=", 1) for word in words)

    gateway = world.gateway(sim, supervised=True,
                            env={"NOTIFY_SOCKET": str(world.folder / "notify")})
    assert told()["READY"] == "1"

    gateway.reload()
    reloading = told()
    assert reloading["RELOADING"] == "1" and int(reloading["MONOTONIC_USEC"]) > 0
    assert told()["READY"] == "1"

    former = gateway.upgrade()
    assert told()["MAINPID"] == str(gateway.process.pid)
    assert former.wait() == 0

    gateway.terminate()
    assert told()["STOPPING"] == "1", "the one that was replaced said nothing of the kind"
    assert gateway.process.wait() == 0
    manager.close()
