# SPDX-License-Identifier: MIT
"""Recorded answers of Hugging Face, replayed by the simulator through the whole gateway.

The recordings are not part of the tree; where they are absent these tests say so and skip.
"""

import hashlib
import json

import pytest
from support.simulator import sim as say

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
def tapes(request):
    import os
    from pathlib import Path

    root = Path(__file__).parents[2]
    folder = Path(os.environ.get("TIDEGATE_SHARED", root.parent / "shared")) / "tapes"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; set TIDEGATE_SHARED")
    return {path.name.removesuffix(".meta.json"): json.loads(path.read_text())
            for path in sorted(folder.glob("*.meta.json"))}, folder


@pytest.fixture(scope="module")
def chat(shared_world, tapes):
    simulator = shared_world.simulator("--tapes", str(tapes[1]))
    return shared_world.gateway(simulator, upstream={"retries": 0})


@pytest.fixture(scope="module")
def tgi(shared_world, tapes):
    simulator = shared_world.simulator("--tapes", str(tapes[1]))
    return shared_world.gateway(simulator, upstream={
        "retries": 0, "dialect": "tgi", "url": simulator.url("/generate_stream")})


def text_of(facts):
    return facts.get("content_concat") or facts.get("token_text_concat") or ""


def expect_text(reply, facts, body_path):
    assert reply.status == 200 and reply.ended == "complete"
    if facts.get("content_sha256"):
        assert hashlib.sha256(reply.body).hexdigest() == facts["content_sha256"]
    else:
        assert reply.text == tgi_text(body_path)


def tgi_text(path):
    """The text of a generate_stream recording: every token that is not special."""
    text = ""
    for line in path.read_text().splitlines():
        if line.startswith("data:"):
            token = json.loads(line[5:]).get("token") or {}
            text += "" if token.get("special") else token.get("text", "")
    return text


def test_every_recorded_answer_yields_its_text_at_any_cut(tapes, chat, tgi):
    metas, folder = tapes
    seen = 0
    for name, meta in metas.items():
        facts = meta.get("facts", {})
        if meta["status"] != 200 or facts.get("error_event"):
            continue
        gateway = tgi if "tgi-generate" in facts["dialect"] else chat
        for seed in SEEDS:
            reply = gateway.ask(say(tape=name, seed=seed, pace=0))
            expect_text(reply, facts, folder / f"{name}.body")
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
            if text_of(facts):
                assert reply.status == 200 and reply.ended == "cut", name
                assert reply.text == text_of(facts)
            else:
                assert reply.status == 500, name
