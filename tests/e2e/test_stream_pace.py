# SPDX-License-Identifier: MIT
"""When the bytes of an answer leave: heartbeats in a silence, tokens that wait for each other;
and which format a model's answers have when the request does not say."""

import json
import threading
import time

import pytest
from support import waiting
from support.hostile_upstream import (DONE, FINISH, HEAD, HostileUpstream, chunk, chunked, text)

START = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
END = chunk(FINISH) + chunk(DONE) + b"0\r\n\r\n"
BEAT_MS = 60
BEATS = {"data": b'0:""\n', "ui": b":\n\n", "openai": b":\n\n"}


@pytest.fixture(scope="module")
def upstream():
    made = HostileUpstream()
    yield made
    made.close()


@pytest.fixture(scope="module")
def beating(shared_world, upstream):
    return shared_world.gateway(upstream.url(), stream={"heartbeat": f"{BEAT_MS}ms"})


class Held:
    """An answer whose pieces leave one by one, when the test says so."""

    def __init__(self, upstream, name, *pieces):
        self.steps = [threading.Event() for _ in pieces]
        upstream.behaviours[name] = self
        self.pieces = pieces
        self.sent = 0

    def __call__(self, connection):
        for piece, step in zip(self.pieces, self.steps):
            assert step.wait(waiting.PATIENCE_S)
            connection.send(piece)
            self.sent += 1
        if not self.pieces[-1].endswith(END):  # else it would lie in the pool, and answer nobody
            connection.wait_for_the_end()

    def let(self, step):
        self.steps[step].set()


def sound(body, form):
    """The body without its heartbeats: it must be what it is without any."""
    return body.replace(BEATS[form], b"") if form in BEATS else body


# --- heartbeats ---

@pytest.mark.parametrize("form", BEATS)
def test_a_quiet_answer_has_heartbeats_between_its_events(beating, upstream, form):
    upstream.behaviours["plain"] = chunked(text("Low"), text("High"), FINISH, DONE)
    plain = beating.ask("plain", query=f"&format={form}")
    held = Held(upstream, "quiet", START + chunk(text("Low")), chunk(text("High")), END)

    client = beating.connect()
    client.send(beating.request("quiet", query=f"&format={form}"))
    held.let(0)
    reply = client.read_head()
    first = client.read_chunk(reply)
    beats = [client.read_chunk(reply) for _ in range(3)]
    at = [moment for moment, _ in reply.chunks]
    held.let(1)
    held.let(2)
    client.read_body(reply)

    assert b"Low" in first and beats == [BEATS[form]] * 3
    assert at[-1] - at[0] >= 3 * BEAT_MS / 1000 * 0.9
    assert reply.ended == "complete" and sound(reply.body, form) == plain.body


def test_bare_text_has_no_heartbeat(beating, upstream):
    held = Held(upstream, "mute", START + chunk(text("Low")), END)
    client = beating.connect()
    client.send(beating.request("mute"))
    held.let(0)
    reply = client.read_head()
    client.read_chunk(reply)

    assert client.is_silent_for(5 * BEAT_MS / 1000)
    held.let(1)
    assert client.read_body(reply).body == b"Low"


def test_there_is_no_heartbeat_before_the_answer_begins(beating, upstream):
    """It would be the 200 that waits for the first text."""
    held = Held(upstream, "late", START, chunk(text("Low")) + END)
    client = beating.connect()
    client.send(beating.request("late", query="&format=data"))
    held.let(0)

    assert client.is_silent_for(5 * BEAT_MS / 1000)
    held.let(1)
    reply = client.read_reply()
    assert reply.status == 200 and reply.body.startswith(b'0:"Low"\n')


def test_heartbeats_can_be_off(world, upstream):
    gateway = world.gateway(upstream.url(), stream={"heartbeat": "off"})
    held = Held(upstream, "off", START + chunk(text("Low")), END)
    client = gateway.connect()
    client.send(gateway.request("off", query="&format=data"))
    held.let(0)
    reply = client.read_head()
    client.read_chunk(reply)

    assert client.is_silent_for(0.4)
    held.let(1)
    assert client.read_body(reply).ended == "complete"


def test_a_heartbeat_does_not_keep_a_dead_upstream_alive(world, upstream):
    gateway = world.gateway(upstream.url(), stream={"heartbeat": "50ms"},
                            upstream={"idle_timeout": "400ms"})
    Held(upstream, "dead", START + chunk(text("Low"))).let(0)

    reply = gateway.ask("dead", query="&format=data")

    assert reply.body.count(BEATS["data"]) >= 2
    assert reply.body.endswith(b'3:"The answer is not whole (upstream_timeout_idle)."\n')


# More than all buffers between upstream and client hold.
FLOOD = b"".join(chunk(text("tide" * 4000)) for _ in range(300))


def test_heartbeats_do_not_pile_up_before_a_reader_who_is_away(world, upstream):
    gateway = world.gateway(upstream.url(), stream={"heartbeat": "20ms", "buffer": "8k"})
    upstream.behaviours["flood"] = START + FLOOD + END
    client = gateway.connect(receive_buffer=4096)
    client.send(gateway.request("flood", query="&format=data"))
    waiting.until(lambda: gateway.metric("tidegate_exchanges_by_state", state="paused"), "a pause")
    time.sleep(0.5)  # 25 heartbeats, if they were sent

    reply = client.read_reply()

    assert reply.ended == "complete" and reply.body.count(b'0:"tide') == 300
    # A loaded machine may make a pause in the middle look like silence; not 25 times.
    assert reply.body.count(BEATS["data"]) < 10


def test_heartbeats_do_not_pile_up_behind_what_waits_for_a_slow_reader(world, upstream):
    """The upstream is quiet and not paused, but the client has not taken what there is."""
    gateway = world.gateway(upstream.url(), stream={"heartbeat": "20ms", "buffer": "16m"})
    held = Held(upstream, "slow", START + FLOOD, END)
    client = gateway.connect(receive_buffer=4096)
    client.send(gateway.request("slow", query="&format=data"))
    held.let(0)
    reply = client.read_head()
    waiting.until(lambda: held.sent == 1, "all to be on its way")
    waiting.until(lambda: gateway.metric("tidegate_buffered_bytes"), "bytes that wait")
    time.sleep(0.5)
    held.let(1)

    client.read_body(reply)

    assert reply.ended == "complete" and reply.body.count(b'0:"tide') == 300
    assert reply.body.count(BEATS["data"]) < 10


def test_heartbeats_do_not_hide_a_client_that_takes_nothing(world, upstream):
    gateway = world.gateway(upstream.url(), stream={
        "heartbeat": "20ms", "buffer": "8k", "write_timeout": "400ms"})
    upstream.behaviours["flood"] = START + FLOOD + END
    client = gateway.connect(receive_buffer=4096)

    client.send(gateway.request("flood", query="&format=ui"))

    gateway.wait_for_end("client_stalled")


# --- tokens that wait for each other ---

def ask_piecewise(gateway, upstream, name, *pieces):
    held = Held(upstream, name, *pieces)
    client = gateway.connect()
    client.send(gateway.request(name))
    held.let(0)
    reply = client.read_head()
    assert client.read_chunk(reply)
    return held, client, reply


def test_a_token_never_waits_by_itself(world, upstream):
    gateway = world.gateway(upstream.url())
    held, client, reply = ask_piecewise(gateway, upstream, "apart", START + chunk(text("a")),
                                        chunk(text("b")), chunk(text("c")), END)

    for step, letter in ((1, b"b"), (2, b"c")):
        held.let(step)
        assert client.read_chunk(reply) == letter  # the next has not been sent yet
    held.let(3)
    assert client.read_body(reply).ended == "complete"


def test_coalesced_tokens_leave_together_but_for_the_first_and_the_last(world, upstream):
    gateway = world.gateway(upstream.url(), stream={"coalesce": "1s"})
    begun = time.monotonic()
    held, client, reply = ask_piecewise(gateway, upstream, "together", START + chunk(text("a")),
                                        *[chunk(text(letter)) for letter in "bcd"],
                                        chunk(text("e")), END)
    first_s = time.monotonic() - begun

    for step in (1, 2, 3):
        held.let(step)
        assert client.is_silent_for(0.05)
    client.receive()
    together = client.pending
    held.let(4)
    held.let(5)
    asked = time.monotonic()
    client.read_body(reply)
    last_s = time.monotonic() - asked

    assert together == b"1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n"
    assert reply.body == b"abcde" and reply.ended == "complete"
    assert first_s < 0.9 and last_s < 0.9, "neither may wait for the timer"


def test_a_large_piece_is_not_held_back(world, upstream):
    gateway = world.gateway(upstream.url(), stream={"coalesce": "1s"})
    held, client, reply = ask_piecewise(gateway, upstream, "large", START + chunk(text("a")),
                                        chunk(text("b" * 5000)), END)
    asked = time.monotonic()
    held.let(1)

    assert client.read_chunk(reply) == b"b" * 5000
    assert time.monotonic() - asked < 0.9
    held.let(2)
    assert client.read_body(reply).ended == "complete"


def test_a_failure_does_not_wait_either_and_loses_nothing(world, upstream):
    gateway = world.gateway(upstream.url(), stream={"coalesce": "1s", "format": "data"})
    held, client, reply = ask_piecewise(gateway, upstream, "fail", START + chunk(text("a")),
                                        chunk(text("b")) + chunk(b'data: {"error":"no"}\n\n'))
    asked = time.monotonic()
    held.let(1)
    client.read_body(reply)

    assert time.monotonic() - asked < 0.9
    assert reply.body.startswith(b'0:"a"\n0:"b"\n3:')


def test_a_slow_reader_gets_everything_with_coalesce(world, upstream):
    gateway = world.gateway(upstream.url(), stream={"coalesce": "5ms", "buffer": "8k"})
    upstream.behaviours["flood"] = START + FLOOD + END
    client = gateway.connect(receive_buffer=4096)
    client.send(gateway.request("flood"))
    waiting.until(lambda: gateway.metric("tidegate_exchanges_by_state", state="paused"), "a pause")

    reply = client.read_reply()

    assert reply.ended == "complete" and reply.body == b"tide" * 4000 * 300


# --- which format ---

def form_of(reply):
    if reply.field("X-Vercel-AI-UI-Message-Stream"):
        return "ui"
    if reply.field("X-Vercel-AI-Data-Stream"):
        return "data"
    return "openai" if reply.body.startswith(b"data: {") else "text"


def test_a_model_has_its_format_and_a_request_may_name_another(world, upstream):
    gateway = world.gateway(upstream.url(), stream={"format": "data"}, models={"formats": [
        {"model": "test/ui*", "format": "ui"}, {"model": "test/u*", "format": "text"},
        {"model": "meta-llama/*", "format": "openai"}]})

    def form(model, query=""):
        return form_of(gateway.ask(model=model, query=query))

    assert form("test/ui-1") == "ui"  # the first that matches
    assert form("test/ui-1:groq") == "ui"  # whoever serves it
    assert form("test/u") == "text"
    assert form("test/other") == "data"  # none does: stream.format
    assert form("meta/llama") == "openai"  # an alias has the format of what it stands for
    assert form("test/ui-1", "&format=openai") == "openai"
    assert gateway.ask(model="test/ui-1", query="&format=xml").status == 400


def test_a_reload_changes_the_format_but_not_of_an_answer_under_way(world, upstream):
    gateway = world.gateway(upstream.url(), supervised=True, stream={"format": "data"})
    held = Held(upstream, "under_way", START + chunk(text("Low")), chunk(text("High")) + END)
    client = gateway.connect()
    client.send(gateway.request("under_way"))
    held.let(0)
    reply = client.read_head()
    client.read_chunk(reply)

    gateway.write_conf(stream={"format": "text", "reasoning": "keep", "heartbeat": "1s"},
                       models={"formats": [{"model": "test/*", "format": "ui"}]})
    gateway.reload_and_wait()
    # The worker that is replaced may still take a connection that came before.
    waiting.until(lambda: form_of(gateway.ask()) == "ui", "an answer by the new conf")
    held.let(1)
    client.read_body(reply)

    assert form_of(reply) == "data" and reply.ended == "complete"
    assert json.loads(reply.text.split("\n")[1][2:]) == "High"
