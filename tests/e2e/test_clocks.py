# SPDX-License-Identifier: MIT
"""Every clock of the conf file, made to fire, and not to fire too early."""

import time

import pytest
from support.simulator import sim as say


class Stopwatch:
    def __init__(self):
        self.began = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.began


def test_head_timeout_is_absolute_however_busily_the_bytes_drip(world):
    gateway = world.gateway(limits={"head_timeout": "800ms"})
    client = gateway.connect()
    watch = Stopwatch()

    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    answered = False
    while not answered and watch.seconds() < 10:
        client.send(b"x")
        answered = not client.is_silent_for(0.1)
    reply = client.read_reply()

    assert (reply.status, reply.reason) == (408, "request_timeout")
    assert 0.7 < watch.seconds() < 5
    client.expect_closed()


def test_a_connection_that_never_says_anything_is_closed(world):
    gateway = world.gateway(limits={"head_timeout": "300ms"})
    client = gateway.connect()

    client.receive()  # an answer or nothing, then the end

    while client.receive():
        pass
    assert client.at_end


def test_body_timeout_is_absolute(world):
    gateway = world.gateway(limits={"body_timeout": "800ms"})
    client = gateway.connect()
    watch = Stopwatch()
    client.send(gateway.request(body=b"", fields=[("Content-Length", "1000")]))

    answered = False
    while not answered and watch.seconds() < 10:
        client.send(b" ")
        answered = not client.is_silent_for(0.1)
    reply = client.read_reply()

    assert (reply.status, reply.reason) == (408, "body_timeout")
    assert 0.7 < watch.seconds() < 5
    client.expect_closed()
    gateway.wait_for_end("body_timeout", at="AWAIT_BODY")


def test_keepalive_timeout_closes_a_quiet_connection_and_no_earlier(world):
    gateway = world.gateway(limits={"keepalive_timeout": "700ms", "head_timeout": "200ms"})
    client = gateway.connect()
    gateway.ask(say(tokens=2), client=client)
    watch = Stopwatch()

    client.expect_closed()

    assert 0.5 < watch.seconds() < 5


@pytest.mark.parametrize("words", [say(stall="head"), say(after_head=60000),
                                   say(reasoning=0, stall_after=0)],
                         ids=["no_head", "head_and_silence", "nothing_said"])
def test_first_token_timeout_is_a_status(world, sim, words):
    gateway = world.gateway(sim, upstream={"first_token_timeout": "500ms"},
                            upstream_errors="gateway")
    watch = Stopwatch()

    reply = gateway.ask(words)

    assert (reply.status, reply.reason) == (504, "upstream_timeout_first")
    assert 0.4 < watch.seconds() < 5
    sim.wait_for("aborted", 1)


def test_idle_timeout_cuts_the_answer(world, sim):
    gateway = world.gateway(sim, upstream={"idle_timeout": "500ms"})

    reply = gateway.ask(say(tokens=10, stall_after=3))

    assert reply.status == 200 and reply.ended == "cut"
    gateway.wait_for_end("upstream_timeout_idle")
    sim.wait_for("aborted", 1)


def test_idle_timeout_does_not_fire_while_tokens_or_comments_come(world, sim):
    gateway = world.gateway(sim, upstream={"idle_timeout": "500ms"})

    by_tokens = gateway.ask(say(tokens=8, pace=250))
    by_comments = gateway.ask(say(tokens=2, pace=1200, comment=100))

    assert (by_tokens.ended, by_comments.ended) == ("complete", "complete")


def test_connect_timeout_covers_a_tls_handshake_that_hangs(world):
    """A listener that accepts and then says nothing is no TLS server."""
    import socket

    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(8)
        url = f"https://127.0.0.1:{mute.getsockname()[1]}/v1/chat/completions"
        gateway = world.gateway(url, upstream={"connect_timeout": "500ms", "retries": 0},
                                upstream_errors="gateway")
        watch = Stopwatch()

        reply = gateway.ask()

    assert (reply.status, reply.reason) == (502, "upstream_connect")
    gateway.wait_for_end("upstream_connect", upstream_failure="connect_timeout")
    assert 0.4 < watch.seconds() < 5


def test_total_timeout_ends_even_a_lively_answer(world, sim):
    gateway = world.gateway(sim, stream={"total_timeout": "800ms"})
    watch = Stopwatch()

    reply = gateway.ask(say(tokens=100000, pace=20))

    assert reply.status == 200 and reply.ended == "cut"
    assert 0.7 < watch.seconds() < 5
    gateway.wait_for_end("total_timeout")
    sim.wait_for("aborted", 1)


def test_total_timeout_before_the_first_byte_is_a_status(world, sim):
    gateway = world.gateway(sim, stream={"total_timeout": "500ms"}, upstream_errors="gateway")

    reply = gateway.ask(say(stall="head"))

    assert (reply.status, reply.reason) == (504, "total_timeout")


def test_an_answer_may_be_silent_for_longer_than_the_keepalive_timeout(world, sim):
    """evhttp's own timeout would end a quiet stream; reasoning models are quiet for long."""
    gateway = world.gateway(sim, limits={"keepalive_timeout": "200ms", "head_timeout": "200ms",
                                         "body_timeout": "200ms"})

    reply = gateway.ask(say(tokens=3, after_head=900, pace=300))

    assert reply.status == 200 and reply.ended == "complete"
