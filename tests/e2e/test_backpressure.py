# SPDX-License-Identifier: MIT
"""Readers that stop reading: the provider's writes block, our memory stays, nobody notices.

The proof is taken from the outside: the simulator says whether it could write, /proc says
how much memory the worker has, and a neighbour's stream says when its tokens came.
"""

import time

from support import process, waiting
from support.simulator import sim as say

STALLED_READERS = 3
FLOOD_BYTES = 40_000_000

# What may be kept for one exchange: the buffer itself, one more read from the upstream
# that was under way when it filled, and the bookkeeping of sanitized memory around both.
STREAM_BUFFER = 64 * 1024
BOUND_PER_EXCHANGE = 8 * STREAM_BUFFER

PACE_MS = 40
TOKENS = 60
GAP_MAX_S = 0.5


def stalled_reader(gateway):
    """A client that has read the head of a huge answer and then reads no more."""
    client = gateway.connect(receive_buffer=4096)
    client.send(gateway.request(say(flood=FLOOD_BYTES, pace=0)))
    reply = client.read_head()
    assert reply.status == 200
    return client, reply


def test_slow_clients_make_the_upstream_block_and_cost_a_bounded_amount(world, sim):
    gateway = world.gateway(sim, env=process.measurable(),
                            stream={"buffer": "64k", "write_timeout": "60s"})
    gateway.ask(say(tokens=200, pace=0))  # first use of everything: not what is measured
    before = gateway.resident_bytes()

    readers = [stalled_reader(gateway) for _ in range(STALLED_READERS)]
    sim.wait_for("write_blocked_now", STALLED_READERS)
    sent_when_blocked = sim.stat("bytes_sent")
    neighbour = gateway.ask(say(tokens=TOKENS, pace=PACE_MS))
    grown = gateway.resident_bytes() - before

    assert grown < STALLED_READERS * BOUND_PER_EXCHANGE, f"{grown} bytes more"
    assert neighbour.ended == "complete"
    times = [at for at, _ in neighbour.chunks]
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert max(gaps) < GAP_MAX_S, f"a gap of {max(gaps):.3f} s"
    assert sim.stat("write_blocked_now") >= STALLED_READERS
    # Nothing but the neighbour's answer has been taken from the provider meanwhile.
    assert sim.stat("bytes_sent") - sent_when_blocked < 1_000_000
    for client, _ in readers:
        client.close()
    sim.wait_for_exactly("write_blocked_now", 0)


def test_a_reader_that_reads_again_gets_every_byte(world, sim):
    gateway = world.gateway(sim)
    size = 3_000_000
    client = gateway.connect(receive_buffer=4096)
    client.send(gateway.request(say(flood=size, pace=0, seed=8)))
    reply = client.read_head()
    sim.wait_for("write_blocked_now", 1)

    client.read_body(reply)

    assert reply.ended == "complete"
    assert len(reply.body) >= size
    end = gateway.wait_for_end("done")
    assert int(end["pauses"]) >= 1
    assert sim.stat("write_blocked_now") == 0


def test_a_client_that_takes_nothing_is_ended_by_the_write_timeout(world, sim):
    gateway = world.gateway(sim, stream={"write_timeout": "1s"})

    client, reply = stalled_reader(gateway)
    end = gateway.wait_for_end("client_stalled")
    sim.wait_for("aborted", 1)
    client.read_body(reply)

    assert end["status"] == "200"
    assert reply.ended == "cut"


def test_a_client_that_takes_a_little_now_and_then_is_not_stalled(world, sim):
    """The write timeout is about progress: slower than the provider is no offence."""
    gateway = world.gateway(sim, stream={"write_timeout": "1s", "buffer": "64k"})
    client = gateway.connect(receive_buffer=4096)
    client.send(gateway.request(say(flood=1_000_000, pace=0)))
    reply = client.read_head()

    began = time.monotonic()
    while not reply.ended and time.monotonic() - began < 4:
        client.read_text(reply, min(len(reply.body) + 20_000, 1_000_000))
        client.is_silent_for(0.1)
    client.read_body(reply)

    assert reply.ended == "complete" and len(reply.body) >= 1_000_000


def test_the_idle_clock_stands_still_while_the_client_is_the_slow_one(world, sim):
    gateway = world.gateway(sim, upstream={"idle_timeout": "500ms"},
                            stream={"write_timeout": "30s"})
    client, reply = stalled_reader(gateway)
    sim.wait_for("write_blocked_now", 1)

    deadline = time.monotonic() + 1.5
    waiting.until(lambda: time.monotonic() > deadline, "three idle timeouts to pass")

    assert gateway.ends() == []
    client.read_text(reply, 2_000_000)
