# SPDX-License-Identifier: MIT
"""Recorded answers of Hugging Face, replayed by the simulator through the whole gateway.

The recordings are not part of the tree; where they are absent these tests say so and skip.
"""

import json

import pytest
from support.simulator import sim as say
from support.tapes import load, recorded_events, split_thinking, text_of, thinking_of, whole_text

SEEDS = (1, 2, 3, 4, 5)
CONTRACT = {
    "model_unknown": (400, "Invalid model name or publisher"),
    "model_retired": (400, "Service not available anymore."),
    "rate_limited": (429, "Too Many Requests"),
    "failure": (500, "Internal Server Error"),
}
# What an error answer means, by its status; bodies that say more stand below.
BY_STATUS = {404: "model_unknown", 410: "model_retired", 429: "rate_limited"}
BY_NAME = {"59-err-400-model-not-supported-quoted": "model_unknown"}


@pytest.fixture(scope="module")
def tapes():
    return load()


@pytest.fixture(scope="module")
def chat(shared_world, tapes):
    simulator = shared_world.simulator("--tapes", str(tapes[1]))
    return shared_world.gateway(simulator, upstream={"retries": 0})


@pytest.fixture(scope="module")
def tgi(shared_world, tapes):
    simulator = shared_world.simulator("--tapes", str(tapes[1]))
    return shared_world.gateway(simulator, upstream={
        "retries": 0, "dialect": "tgi", "url": simulator.url("/generate_stream")})


def of_data(text):
    """(thinking, answer) of an AI SDK data stream; its last line says how it ended."""
    lines = [line.split(":", 1) for line in text.removesuffix("\n").split("\n")]
    said = {code: "".join(json.loads(value) for at, value in lines if at == code) for code in "g0"}
    return said["g"], said["0"], lines[-1][0]


def of_ui(text):
    """The same of a UI message stream."""
    blocks = text.removesuffix("\n\n").split("\n\n")
    assert blocks.pop() == "data: [DONE]"
    parts = [json.loads(block.removeprefix("data: ")) for block in blocks]
    said = {kind: "".join(part["delta"] for part in parts if part["type"] == f"{kind}-delta")
            for kind in ("reasoning", "text")}
    return said["reasoning"], said["text"], parts[-1]["type"]


def expect_in_every_format(gateway, words, facts, body_path, has_chunks):
    replies = {name: gateway.ask(words, query=f"&format={name}")
               for name in ("text", "data", "ui", "openai")}
    thinking, answer = split_thinking(whole_text(facts, body_path))
    thinking = thinking_of(body_path) + thinking

    assert {(reply.status, reply.ended) for reply in replies.values()} == {(200, "complete")}
    assert replies["text"].text == answer
    assert of_data(replies["data"].text) == (thinking, answer, "d")
    assert of_ui(replies["ui"].text) == (thinking, answer, "finish")
    events = replies["openai"].text.removesuffix("\n\n").split("\n\n")
    assert events.pop() == "data: [DONE]"
    if has_chunks:
        assert [event.removeprefix("data: ") for event in events] == recorded_events(body_path)
    else:
        chunks = [json.loads(event.removeprefix("data: ")) for event in events]
        assert "".join(choice["delta"].get("content", "") for chunk in chunks
                       for choice in chunk["choices"]) == whole_text(facts, body_path)


def test_every_recorded_answer_yields_its_text_at_any_cut(tapes, chat, tgi):
    metas, folder = tapes
    seen = 0
    for name, meta in metas.items():
        facts = meta.get("facts", {})
        if meta["status"] != 200 or facts.get("error_event"):
            continue
        gateway = tgi if "tgi-generate" in facts["dialect"] else chat
        for seed in SEEDS:
            expect_in_every_format(gateway, say(tape=name, seed=seed, pace=0), facts,
                                   folder / f"{name}.body", gateway is chat)
            seen += 1
    assert seen >= 10 * len(SEEDS)


def test_every_recorded_refusal_gets_the_status_of_the_contract(tapes, chat):
    for name, meta in tapes[0].items():
        if meta["status"] == 200:
            continue
        kind = BY_NAME.get(name) or BY_STATUS.get(meta["status"], "failure")
        status, message = CONTRACT[kind]
        reply = chat.ask(say(tape=name, seed=1, pace=0))
        assert (reply.status, reply.json()["statusMessage"]) == (status, message), name


def test_a_recorded_error_event_is_a_status_before_text_and_a_cut_after_it(tapes, chat, tgi):
    for name, meta in tapes[0].items():
        facts = meta.get("facts", {})
        if not facts.get("error_event"):
            continue
        gateway = tgi if "tgi-generate" in name else chat
        for seed in SEEDS:
            reply = gateway.ask(say(tape=name, seed=seed, pace=0))
            if not text_of(facts):
                assert reply.status == 500, name
                continue
            assert reply.status == 200 and reply.ended == "cut", name
            assert reply.text == text_of(facts)
            said = {form: gateway.ask(say(tape=name, seed=seed, pace=0),
                                      query=f"&format={form}").text
                    for form in ("data", "ui", "openai")}
            assert of_data(said["data"].rsplit("3:", 1)[0])[1] == text_of(facts)
            assert of_ui(said["ui"])[1:] == (text_of(facts), "error")
            last = said["openai"].removesuffix("\n\n").split("\n\n")[-1]
            assert json.loads(last.removeprefix("data: "))["error"]
