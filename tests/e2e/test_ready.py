# SPDX-License-Identifier: MIT
"""/readyz: whether a new request would be served, and in a word why not."""

import os
import signal

import pytest
from support import waiting
from support.simulator import sim as say

LONG = say(tokens=100000, pace=50)


def readiness(gateway):
    reply = gateway.admin_get("/readyz")
    assert reply.status == (200 if reply.text == "ready\n" else 503)
    return reply.text.strip()


def wait_for(gateway, words):
    waiting.until(lambda: readiness(gateway) == words, f"/readyz to say: {words}")


def stream(gateway, text=LONG):
    client, reply = gateway.open(text)
    assert reply.status == 200
    client.read_text(reply, 1)
    return client


@pytest.mark.parametrize("supervised", [False, True], ids=["foreground", "supervised"])
def test_it_is_full_while_every_exchange_is_taken(world, sim, supervised):
    gateway = world.gateway(sim, supervised=supervised, limits={"exchanges": 2})
    wait_for(gateway, "ready")
    first = stream(gateway)
    assert readiness(gateway) == "ready"

    second = stream(gateway)

    assert readiness(gateway) == "not ready: full"
    refused = gateway.ask()
    assert (refused.status, refused.reason) == (503, "gateway_full")
    assert readiness(gateway) == "not ready: full"  # the refused one has not upset the count
    second.close()
    wait_for(gateway, "ready")
    third = stream(gateway)
    assert readiness(gateway) == "not ready: full"
    first.close()
    third.close()
    wait_for(gateway, "ready")


def test_it_is_full_while_as_many_wait_as_may(world, sim):
    gateway = world.gateway(sim, limits={"waiting": 1})
    waiter = gateway.connect()
    waiter.send(gateway.request(say(first=60000)))
    gateway.wait_for_metric("tidegate_exchanges_waiting", 1)

    assert readiness(gateway) == "not ready: full"
    waiter.close()
    wait_for(gateway, "ready")


def test_connections_that_are_served_fill_it_and_quiet_ones_do_not(world, sim):
    gateway = world.gateway(sim, limits={"connections": 3})
    quiet = [gateway.connect() for _ in range(3)]
    gateway.wait_for_metric("tidegate_connections", 3)
    assert readiness(gateway) == "ready"  # a newcomer would take a quiet one's place

    for client in quiet:
        _, reply = gateway.open(LONG, client)
        client.read_text(reply, 1)

    assert readiness(gateway) == "not ready: full"
    quiet[0].close()
    wait_for(gateway, "ready")


def test_one_worker_with_room_is_enough(world, sim):
    gateway = world.gateway(sim, supervised=True, workers=2, limits={"exchanges": 1})
    gateway.wait_for_log("ready")
    taken = []

    def fill():
        client, reply = gateway.open(LONG)
        if reply.status == 200:
            client.read_text(reply, 1)
            taken.append(client)
        return len(taken) == 2

    # The kernel picks the worker, so it may take some tries to reach the second one.
    said = []
    waiting.until(lambda: said.append(readiness(gateway)) or fill(), "both workers to be taken")

    assert said[0] == said[-1] == "ready"
    assert readiness(gateway) == "not ready: full"
    taken[0].close()
    wait_for(gateway, "ready")


def test_a_worker_that_died_full_leaves_no_fullness_behind(world, sim):
    gateway = world.gateway(sim, supervised=True, limits={"exchanges": 1})
    gateway.wait_for_log("ready")
    stream(gateway)
    assert readiness(gateway) == "not ready: full"

    os.kill(gateway.workers()[0], signal.SIGKILL)

    wait_for(gateway, "ready")
    assert gateway.ask().ended == "complete"


def test_a_reload_that_raises_the_cap_makes_it_ready(world, sim):
    gateway = world.gateway(sim, supervised=True, limits={"exchanges": 1})
    gateway.wait_for_log("ready")
    stream(gateway)
    assert readiness(gateway) == "not ready: full"

    gateway.write_conf(limits={"exchanges": 2})
    gateway.reload_and_wait()

    assert readiness(gateway) == "ready"


def test_it_says_that_it_drains(world, sim):
    gateway = world.gateway(sim, supervised=True)
    wait_for(gateway, "ready")
    client = stream(gateway, say(tokens=200, pace=50))

    gateway.terminate()

    wait_for(gateway, "not ready: draining")
    client.close()


def test_it_says_that_no_upstream_may_be_asked(world, sim):
    gateway = world.gateway(sim, upstream={"failures": 1, "open_time": "60s"})

    gateway.ask(say(status=500))

    wait_for(gateway, "not ready: no upstream")


def test_it_says_that_no_worker_is_there(world, sim):
    """A worker that dies young again and again is started later and later."""
    gateway = world.gateway(sim, supervised=True)
    gateway.wait_for_log("ready")
    said = set()

    def kill_all():
        for pid in gateway.workers():
            os.kill(pid, signal.SIGKILL)
        said.add(readiness(gateway))
        return "not ready: no worker" in said

    waiting.until(kill_all, "/readyz to say that there is no worker")
    wait_for(gateway, "ready")
