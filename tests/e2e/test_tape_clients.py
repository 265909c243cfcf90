# SPDX-License-Identifier: MIT
"""Recorded answers of Hugging Face, read by real clients of each format.

The recordings are not part of the tree; where they are absent these tests say so and skip.
"""

import pytest
from support import clients, tapes
from support.simulator import sim as say

DRIVERS = {
    "data_stream.mjs": {"data": ["vue-v1"]},
    "ui_messages.mjs": {"ui": ["chat-v5-first", "chat-v7"]},
    "openai.mjs": {"v1": ["openai-v4", "openai-v7"]},
    "providers.mjs": {"v1": ["compatible-v1", "compatible-v3", "huggingface-v4"]},
}
CASES = clients.cases(DRIVERS)
SEED = 7


@pytest.fixture(scope="module")
def recorded():
    return tapes.load()


@pytest.fixture(scope="module")
def told(shared_world, recorded):
    """{(client, format, name of the recording): what the client told}"""
    clients.require_clients()
    metas, folder = recorded
    simulator = shared_world.simulator("--tapes", str(folder))
    chat = shared_world.gateway(simulator, upstream={"retries": 0})
    tgi = shared_world.gateway(simulator, upstream={
        "retries": 0, "dialect": "tgi", "url": simulator.url("/generate_stream")})

    def run(client, form, name):
        gateway = tgi if tapes.is_tgi(metas[name]) or "tgi-generate" in name else chat
        return {"client": client, "format": form, "scenario": name, "abort": False,
                "base": f"http://{gateway.address}", "token": shared_world.token(),
                "model": clients.MODEL, "content": say(tape=name, seed=SEED, pace=0)}

    seen = {}
    for driver, forms in DRIVERS.items():
        seen.update(clients.drive(driver, [
            run(client, form, name)
            for form, names in forms.items() for client in names for name in metas]))
    return seen


def are_whole(metas):
    return [name for name, meta in metas.items()
            if meta["status"] == 200 and not meta["facts"].get("error_event")]


@pytest.mark.parametrize("client, form", CASES)
def test_every_recorded_answer_is_read_whole(recorded, told, client, form):
    metas, folder = recorded
    assert len(are_whole(metas)) >= 10

    for name in are_whole(metas):
        row = told[client, form, name]
        body = folder / f"{name}.body"
        whole = tapes.whole_text(metas[name]["facts"], body)
        thinking, answer = tapes.split_thinking(whole)
        assert row["error"] is None, name
        if form == "v1":
            assert row["text"] == whole, name  # the provider's chunks, tags of thinking and all
            continue
        assert row["text"] == answer, name
        assert (row.get("reasoning") or "") == tapes.thinking_of(body) + thinking, name


@pytest.mark.parametrize("client, form", CASES)
def test_every_recorded_failure_is_told(recorded, told, client, form):
    metas, _ = recorded
    failed = set(metas) - set(are_whole(metas))
    assert len(failed) >= 10

    for name in failed:
        row = told[client, form, name]
        assert row["error"]["message"], name
        assert row["how"] in ("thrown", "onError"), name
        text = tapes.text_of(metas[name].get("facts", {}))
        # useChat of Vue may not show the very last change.
        assert row["text"] == text or client == "vue-v1" and text.startswith(row["text"]), name
        if client in ("openai-v4", "openai-v7") and metas[name]["status"] != 200:
            assert row["error"]["status"] >= 400, name
            assert row["error"]["type"], name
