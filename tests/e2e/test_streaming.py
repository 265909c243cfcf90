# SPDX-License-Identifier: MIT
"""A good answer on its way: piece by piece, in both formats, in both dialects."""

import json

import pytest
from support.simulator import sim as say

PACE_MS = 60
TOKENS = 12


def spread_ms(reply):
    """Time from the first to the last piece of text."""
    return 1000 * (reply.chunks[-1][0] - reply.chunks[0][0])


def test_tokens_arrive_one_by_one_at_the_providers_pace(gateway):
    reply = gateway.ask(say(tokens=TOKENS, pace=PACE_MS))

    assert reply.status == 200 and reply.ended == "complete"
    assert len(reply.chunks) >= TOKENS - 1, [data for _, data in reply.chunks]
    assert spread_ms(reply) >= PACE_MS * (TOKENS - 3)


def test_the_text_is_what_the_provider_said(gateway):
    """With a fixed seed the simulator says the same again, so two ways can be compared."""
    whole = gateway.ask(say(tokens=200, seed=7, pace=0))
    cut_anywhere = gateway.ask(say(tokens=200, seed=7, pace=0, split="random"))
    tiny_chunks = gateway.ask(say(tokens=200, seed=7, pace=0, chunk=1))
    with_length = gateway.ask(say(tokens=200, seed=7, pace=0, framing="length"))
    until_close = gateway.ask(say(tokens=200, seed=7, pace=0, framing="close", close=1))

    assert len(whole.text) > 400
    for other in (cut_anywhere, tiny_chunks, with_length, until_close):
        assert other.text == whole.text and other.ended == "complete"


@pytest.mark.parametrize(
    "oddity",
    [
        {"eol": "crlf"}, {"eol": "cr"}, {"space": 0}, {"bom": 1}, {"named": 1}, {"multi": 1},
        {"last_blank": 0}, {"done": 0}, {"role": "every"}, {"role": "none"}, {"usage": 1},
        {"usage": 0}, {"pack": 9}, {"finish": "length"}, {"finish": "eos_token"},
        {"comment": 5, "pace": 12}, {"close": 1}, {"early": 100},
    ],
    ids=lambda oddity: "_".join(f"{k}_{v}" for k, v in oddity.items()),
)
def test_an_oddity_of_the_provider_does_not_change_the_text(gateway, oddity):
    plain = gateway.ask(say(tokens=40, seed=3))

    odd = gateway.ask(say(**{"tokens": 40, "seed": 3, **oddity}))

    assert odd.status == 200 and odd.ended == "complete"
    assert odd.text == plain.text


def test_the_200_is_held_back_until_the_first_text(gateway):
    client = gateway.connect()
    client.send(gateway.request(say(tokens=5, after_head=700)))
    gateway.simulator.wait_for("requests", 1)

    assert client.is_silent_for(0.4)
    reply = client.read_reply()

    assert reply.status == 200 and reply.ended == "complete"


def data_parts(text):
    """The lines of an AI SDK data stream as (code, value)."""
    assert text.endswith("\n")
    return [(line.split(":", 1)[0], json.loads(line.split(":", 1)[1]))
            for line in text[:-1].split("\n")]


def test_format_data_carries_the_same_text_and_how_it_finished(gateway):
    plain = gateway.ask(say(tokens=60, seed=11))

    reply = gateway.ask(say(tokens=60, seed=11), query="&format=data")

    parts = data_parts(reply.text)
    assert reply.ended == "complete"
    assert "".join(value for code, value in parts if code == "0") == plain.text
    assert {code for code, _ in parts} <= {"0", "d", "e"}
    last_code, last = parts[-1]
    assert last_code == "d" and last["finishReason"] == "stop"
    assert set(last["usage"]) == {"promptTokens", "completionTokens"}


def test_format_data_by_the_conf_file(world, sim):
    gateway = world.gateway(sim, stream={"format": "data"})

    by_conf = gateway.ask(say(tokens=10, seed=2))
    by_query = gateway.ask(say(tokens=10, seed=2), query="&format=text")

    assert "".join(v for c, v in data_parts(by_conf.text) if c == "0") == by_query.text


def test_every_line_of_format_data_has_a_colon_and_no_odd_line_ends(gateway):
    """Clients split at every line end Unicode knows, and take what stands behind a colon."""
    reply = gateway.ask(say(tokens=300, seed=5, pace=0), query="&format=data")

    lines = reply.text.splitlines()
    assert lines == reply.text[:-1].split("\n")
    assert all(":" in line for line in lines)


def test_an_unknown_format_is_a_bad_request(gateway):
    reply = gateway.ask(query="&format=xml")

    assert (reply.status, reply.reason) == (400, "bad_request")


def test_reasoning_is_no_part_of_the_text(gateway):
    plain = gateway.ask(say(tokens=20, seed=4))

    reply = gateway.ask(say(tokens=20, seed=4, reasoning=15, field="reasoning_content"))

    assert reply.text == plain.text


def test_text_is_utf8_whatever_the_cuts(gateway):
    reply = gateway.ask(say(tokens=3000, seed=9, pace=0, chunk=3))

    assert reply.ended == "complete"
    reply.body.decode()  # raises on a broken sequence
    assert max(reply.body) >= 0x80, "the simulator's text is expected to leave ASCII"


def test_the_tgi_dialect_streams_too(world, sim):
    gateway = world.gateway(
        sim, upstream={"url": sim.url("/generate_stream"), "dialect": "tgi"})

    reply = gateway.ask(say(tokens=30, pace=PACE_MS // 2))

    assert reply.status == 200 and reply.ended == "complete"
    assert len(reply.chunks) >= 28 and reply.text
    assert spread_ms(reply) >= PACE_MS // 2 * 26


def test_the_tgi_dialect_emits_the_last_token_when_the_length_ends_it(world, sim):
    chat = world.gateway(sim)
    tgi = world.gateway(sim, upstream={"url": sim.url("/generate_stream"), "dialect": "tgi"})

    by_chat = chat.ask(say(tokens=25, seed=6, finish="length"))
    by_tgi = tgi.ask(say(tokens=25, seed=6, finish="length"))

    assert by_tgi.text.strip() == by_chat.text.strip()
