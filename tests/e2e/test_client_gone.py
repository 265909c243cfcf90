# SPDX-License-Identifier: MIT
"""A client that goes away cancels the upstream request at once, in every phase."""

import socket

import pytest
from support.simulator import sim as say

PHASES = [
    ("waiting_for_the_head", say(stall="head"), False),
    ("waiting_for_the_first_token", say(after_head=60000), False),
    ("streaming", say(tokens=100000, pace=5), True),
    ("streaming_slowly", say(tokens=3, stall_after=2), True),
]
LEAVINGS = ["close", "reset", "half_close"]


def leave(client, how):
    if how == "close":
        client.close()
    elif how == "reset":
        client.reset()
    else:
        client.sock.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("how", LEAVINGS)
@pytest.mark.parametrize("phase, words, streams", PHASES, ids=[row[0] for row in PHASES])
def test_client_gone_cancels_upstream(gateway, phase, words, streams, how):
    client = gateway.connect()
    client.send(gateway.request(words))
    gateway.simulator.wait_for("requests", 1)
    if streams:
        client.read_text(client.read_head(), 1)

    leave(client, how)

    gateway.simulator.wait_for("aborted", 1)
    end = gateway.wait_for_end("client_gone")
    assert end["status"] == ("200" if streams else "0"), end
    assert gateway.ask(say(tokens=2)).status == 200


def test_client_gone_while_connecting_ends_the_attempt(world):
    """A listener with a full queue never completes the connect."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        gateway = world.gateway(f"http://127.0.0.1:{port}/v1/chat/completions",
                                upstream={"connect_timeout": "60s"})
        client = gateway.connect()
        client.send(gateway.request())
        gateway.wait_for_metric("tidegate_exchanges", 1)

        client.close()

        gateway.wait_for_end("client_gone")
        for filler in fillers:
            filler.close()


def test_client_gone_while_paused_by_backpressure_is_cut_by_the_write_timeout_at_the_latest(
        world, sim):
    gateway = world.gateway(sim, stream={"write_timeout": "2s"})
    client = gateway.connect(receive_buffer=4096)
    client.send(gateway.request(say(flood=50_000_000, pace=0)))
    client.read_head()
    sim.wait_for("write_blocked_now", 1)

    client.close()

    sim.wait_for("aborted", 1)


def test_a_byte_pipelined_while_an_answer_streams_does_not_disturb(gateway):
    client, reply = gateway.open(say(tokens=60, pace=10))
    client.read_text(reply, 1)

    client.send(b"P")
    neighbour = gateway.ask(say(tokens=5))
    client.read_body(reply)

    assert reply.ended == "complete" and neighbour.ended == "complete"
    assert gateway.process.is_running()


def test_a_whole_request_pipelined_while_an_answer_streams_is_answered_or_the_end(gateway):
    """Either is lawful (RFC 9112 section 9.3.2); half an answer is not."""
    client, reply = gateway.open(say(tokens=40, pace=10))
    client.read_text(reply, 1)

    client.send(gateway.request(say(tokens=5)))
    client.read_body(reply)

    assert reply.ended == "complete"
    if reply.field("Connection") != "close" and client.receive():
        second = client.read_reply()
        assert second.status == 200 and second.ended == "complete"


def test_a_client_that_floods_while_it_is_answered_cannot_fill_the_memory(world, sim):
    """Once 200 MB went into evhttp's input buffer this way; the watermark must hold."""
    gateway = world.gateway(sim)
    client, reply = gateway.open(say(tokens=400, pace=10))
    client.read_text(reply, 1)
    before = gateway.resident_bytes()
    client.sock.setblocking(False)
    sent = 0
    try:
        while sent < 64 * 1024 * 1024:
            sent += client.sock.send(b"x" * 65536)
    except (BlockingIOError, ConnectionError):
        pass

    assert gateway.ask(say(tokens=5)).ended == "complete"
    assert gateway.resident_bytes() - before < 8 * 1024 * 1024
    assert gateway.process.is_running()


def test_a_kept_alive_connection_serves_request_after_request(gateway):
    client = gateway.connect()

    replies = [gateway.ask(say(tokens=4, seed=n), client=client) for n in range(5)]

    assert [(r.status, r.ended) for r in replies] == [(200, "complete")] * 5
    assert gateway.simulator.stat("connections") == 1, "the upstream connection is reused as well"


def test_a_large_body_arrives_after_a_pipelined_byte_was_held_back(gateway):
    """The watermark that holds pipelined bytes back must be off before the next request."""
    client = gateway.connect()
    first = gateway.ask(say(tokens=4), client=client)

    second = gateway.ask("x" * 200_000 + " " + say(tokens=4), client=client)

    assert (first.ended, second.ended) == ("complete", "complete")


def test_connection_close_is_honoured(gateway):
    client = gateway.connect()

    reply = gateway.ask(say(tokens=4), client=client, fields=[("Connection", "foo, close")])

    assert reply.ended == "complete"
    client.expect_closed()


def test_an_error_before_the_body_is_read_does_not_spoil_the_connection(gateway):
    """A kept connection must not read the rest of a refused body as a request."""
    client = gateway.connect()
    body = b'POST / HTTP/1.1\r\nHost: a\r\n\r\n' * 10

    refused = gateway.ask(client=client, body=body, without=["Authorization"])

    assert refused.status == 401
    if client.at_end or refused.field("Connection") == "close":
        client.expect_closed()
    else:
        assert gateway.ask(say(tokens=2), client=client).status == 200
