# SPDX-License-Identifier: MIT
"""Floods: whoever opens connections to no purpose keeps nobody else from being served."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from support import waiting
from support.crowd import Crowd
from support.simulator import sim as say

STORM = Path(__file__).parent / "clients" / "connect_storm.py"
# Generous: a sanitizer build on two cores that others use as well. What these tests are
# about takes tens of seconds, or for ever, when it is broken.
SERVED_WITHIN_S = 6
GAP_MAX_S = 3
BYTES_FOR_A_CONNECTION = 24 * 1024  # with a sanitizer's red zones; 3 KiB without


# A sanitizer keeps freed memory for a while, which would look like a leak.
NO_QUARANTINE = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        words = stat.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def expect_served_in_time(gateway, **options):
    began = time.monotonic()
    with gateway.connect() as client:
        reply = gateway.ask(say(tokens=2), client=client, **options)
    assert reply.ended == "complete"
    took = time.monotonic() - began
    assert took < SERVED_WITHIN_S, f"a normal client waited for {took:.1f} s"
    return took


def expect_served_with_patience(gateway):
    """The same for a client that asks again when he is refused, as Retry-After tells him to.

    Whoever has just connected is given half a second for his head, so a crowd that came faster
    than that keeps its places for so long.
    """

    def served():
        try:
            with gateway.connect() as client:
                reply = gateway.ask(say(tokens=2), client=client)
                return reply.status == 200 and reply.ended == "complete"
        except (AssertionError, OSError):
            return None  # refused without a word: more than the polite refusals

    began = time.monotonic()
    waiting.until(served, "a normal client to be served", SERVED_WITHIN_S)
    return time.monotonic() - began


def room_for_sockets():
    """How many this process may open, less what the test itself needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(hard - 500, 20000)


# --- silence -------------------------------------------------------------------------


def test_twenty_thousand_silent_connections_keep_nobody_out(world):
    """As many as the descriptors allow: more than the cap, and none of them says a word."""
    gateway = world.gateway(log={"level": "info"}, limits={"head_timeout": "60s"})
    expect_served_in_time(gateway)
    before = gateway.resident_bytes()
    room = room_for_sockets()
    began = time.monotonic()

    with Crowd(gateway.address) as crowd:
        while len(crowd.sockets) < room:
            crowd.join(min(2000, room - len(crowd.sockets)))
            expect_served_with_patience(gateway)
            if time.monotonic() - began > 40 and len(crowd.sockets) > 12000:
                break  # a busy machine; it is above the cap as well
        time.sleep(0.6)  # the last of them are old enough by now to make room
        expect_served_in_time(gateway)
        connections = gateway.metric("tidegate_connections")
        grown = gateway.resident_bytes() - before

        assert connections <= 10000 + 64
        evicted = gateway.metric("tidegate_connections_evicted_total")
        assert len(crowd.sockets) < 11000 or evicted > 0
        assert grown < connections * BYTES_FOR_A_CONNECTION, f"{grown / connections:.0f} bytes each"
        took = time.monotonic() - began
        assert len(gateway.log_lines("connection_evicted")) < 20 + 6 * took
    gateway.wait_for_metric("tidegate_connections", 0)
    assert gateway.metric("tidegate_accept_failures_total") == 0


def test_dripping_heads_make_room(world):
    gateway = world.gateway(limits={"connections": 300, "head_timeout": "60s"},
                            log={"level": "info"})

    with Crowd(gateway.address).join(400, b"POST / HTTP/1.1\r\nHost: a\r\n") as crowd:
        for _ in range(5):
            crowd.send(b"X")
            time.sleep(0.6)  # those that came just now are given that long
            expect_served_in_time(gateway)
        assert gateway.metric("tidegate_connections") <= 300 + 64
    gateway.wait_for_metric("tidegate_connections", 0)


def test_dripping_heads_end_by_their_clock(world):
    gateway = world.gateway(limits={"head_timeout": "1s"}, log={"level": "info"})

    with Crowd(gateway.address).join(200, b"POST / HTTP/1.1\r\nHost: a\r\nX: ") as crowd:
        began = time.monotonic()
        while gateway.metric("tidegate_exchanges_ended_total", reason="request_timeout") < 200:
            crowd.send(b"x")
            time.sleep(0.1)
            assert time.monotonic() - began < 20
        gateway.wait_for_metric("tidegate_connections", 0)


def test_dripping_bodies_take_no_more_than_their_subjects_share(world):
    """A body that drips has a token, so it counts as an exchange of its subject's."""
    gateway = world.gateway(limits={"exchanges": 60, "exchanges_per_subject": 20,
                                    "body_timeout": "2s"}, log={"level": "info"})
    evil = world.token("evil")
    head = gateway.request(token=evil, body=b"", fields=[("Content-Length", "5000")])

    with Crowd(gateway.address).join(100, head + b"{") as crowd:
        waiting.until(lambda: gateway.metric("tidegate_exchanges_ended_total",
                                             reason="rate_limited") == 80,
                      "those above the subject's share to be refused")
        for _ in range(3):
            crowd.send(b" ")
            expect_served_in_time(gateway)
        waiting.until(lambda: gateway.metric("tidegate_exchanges_ended_total",
                                             reason="body_timeout") == 20,
                      "the others to end by their clock")
    gateway.wait_for_metric("tidegate_connections", 0)


# --- coming and going --------------------------------------------------------------------


def longest_gap(client, reply, seconds):
    """Read the stream for a while; the longest time between two pieces."""
    last = began = time.monotonic()
    longest = 0.0
    while last - began < seconds:
        assert client.read_chunk(reply), f"the stream ended: {reply.ended}"
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    return longest


def test_a_storm_of_connects_holds_up_neither_streams_nor_newcomers(world, sim):
    gateway = world.gateway(sim, log={"level": "info"})
    client, reply = gateway.open(say(tokens=100000, pace=20))
    storms = [subprocess.Popen([sys.executable, str(STORM), gateway.address],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        accepted = gateway.metric("tidegate_connections_accepted_total")
        gaps = []
        for _ in range(4):
            gaps.append(longest_gap(client, reply, 1))
            expect_served_in_time(gateway)
        came = gateway.metric("tidegate_connections_accepted_total") - accepted
    finally:
        tried = sum(int(storm.communicate(b"\n", 30)[0]) for storm in storms)

    assert tried > 1000 and came > 500, f"no storm: {tried} connects, {came} accepted"
    assert max(gaps) < GAP_MAX_S, f"{tried} connects held the stream up for {max(gaps):.2f} s"
    client.close()
    gateway.wait_for_metric("tidegate_connections", 0)


def test_connections_that_reset_leave_nothing_behind(world):
    gateway = world.gateway(log={"level": "info"}, env=NO_QUARANTINE)
    beginnings = [b"", b"POST / HTTP/1.1\r\nHo", gateway.request()[:-3],
                  b"\x16\x03\x01\x00\x05nonsense", gateway.request(token="a.b.c")]

    def flood():
        for beginning in beginnings:
            crowd = Crowd(gateway.address).join(400, beginning)
            crowd.close(with_reset=True)
        gateway.wait_for_metric("tidegate_connections", 0)
        gateway.wait_for_metric("tidegate_exchanges", 0)

    flood()
    before = gateway.resident_bytes()
    opened = descriptors(gateway.process.pid)
    for _ in range(2):
        flood()

    waiting.until(lambda: descriptors(gateway.process.pid) <= opened, "no descriptor to be left")
    assert gateway.resident_bytes() - before < 8 * 1024 * 1024, "4000 connections left memory"
    expect_served_in_time(gateway)


def test_refused_clients_that_stay_are_let_go(world):
    """They are read for two seconds, so that no reset destroys their answer, and no longer."""
    gateway = world.gateway(log={"level": "info"}, env=NO_QUARANTINE)
    before = gateway.resident_bytes()

    with Crowd(gateway.address).join(1000, b"GET / HTTP/9.9\r\n\r\n") as crowd:
        waiting.until(lambda: len(gateway.ends()) >= 1000, "a thousand refusals")
        crowd.send(bytes(50_000))
        expect_served_in_time(gateway)
        assert gateway.resident_bytes() - before < 1000 * BYTES_FOR_A_CONNECTION
        gateway.wait_for_metric("tidegate_connections", 0)


def test_at_the_cap_the_refused_that_stay_make_room_first(world):
    gateway = world.gateway(limits={"connections": 50}, log={"level": "info"})

    with Crowd(gateway.address).join(50, b"GET / HTTP/9.9\r\n\r\n"):
        waiting.until(lambda: len(gateway.ends()) >= 50, "fifty refusals")
        time.sleep(0.2)
        expect_served_in_time(gateway)
        assert gateway.metric("tidegate_connections_evicted_total") == 0


# The descriptors from 20 to $0 are open before the gateway is, and stay so.
TAKE_DESCRIPTORS = 'for n in $(seq 20 "$0"); do eval "exec $n</dev/null"; done; exec "$@"'

# --- no descriptors -----------------------------------------------------------------------


def test_without_descriptors_accepting_pauses_and_recovers(world, sim):
    """Something else has taken the descriptors that the cap had counted on."""
    gateway = world.gateway(sim, log={"level": "info"}, files=400, limits={"exchanges": 1},
                            wrapper=("bash", "-c", TAKE_DESCRIPTORS, "320"))
    pid = gateway.process.pid
    stream, reply = gateway.open(say(tokens=100000, pace=50))

    with Crowd(gateway.address).join(140):
        gateway.wait_for_log("accept_failed")
        cpu = cpu_seconds(pid)
        gap = longest_gap(stream, reply, 2)
        spent = cpu_seconds(pid) - cpu
        assert spent < 0.6, f"{spent:.2f} s of processor time in 2 s: it spins"
        assert gap < GAP_MAX_S
        assert len(gateway.log_lines("accept_failed")) == 1
        assert len(gateway.log_lines()) < 40
        assert not gateway.log_lines("accept_recovered")
    stream.close()
    gateway.wait_for_end("client_gone")
    expect_served_in_time(gateway)

    def has_recovered():  # said by the first that comes in after a second without failures
        with gateway.connect():
            return gateway.log_lines("accept_recovered")

    (row,) = waiting.until(has_recovered, "the recovery to be told")
    assert 1 <= int(row["failures"]) <= 100
    assert gateway.metric("tidegate_accept_failures_total") == int(row["failures"])
    gateway.wait_for_metric("tidegate_connections", 0)


def test_the_soft_limit_on_descriptors_is_raised_to_the_hard_one(world):
    """A shell's 1024 is no cap for a gateway."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    gateway = world.gateway(wrapper=("prlimit", f"--nofile=256:{hard}"))
    gateway.wait_for_log("ready")  # before that a SIGTERM is nobody's

    with open(f"/proc/{gateway.process.pid}/limits", encoding="ascii") as limits:
        row = next(line for line in limits if line.startswith("Max open files")).split()

    assert row[3:5] == [str(hard), str(hard)]
    assert not gateway.log_lines("few_descriptors") or hard < 15256
