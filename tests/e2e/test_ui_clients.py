# SPDX-License-Identifier: MIT
"""Real clients of the SSE formats: the AI SDK's chats of version 5 and later, and bare parsers.

The first releases of the majors 5 and 6 are among them: they refuse every part, and every
key of a part, that they do not know.
"""

import json

import pytest
from support import clients
from support.clients import TEXT
from support.simulator import sim as say

CHATS = ["chat-v5-first", "chat-v5", "chat-v6-first", "chat-v6", "chat-v7"]
READERS = ["reader-v5-first", "reader-v5", "reader-v6-first", "reader-v6", "reader-v7"]
PARSERS = ["eventsource-parser-v3", "eventsource-parser-v4"]
DRIVERS = {
    "ui_messages.mjs": {"ui": [*CHATS, *READERS]},
    "plain.mjs": {"ui": PARSERS, "openai": PARSERS},
}
ALL = pytest.mark.parametrize("client, form", clients.cases(DRIVERS))
REFUSALS = {
    "unauthorized": (401, "Unauthorized"),
    "unknown_model": (400, "Invalid model name or publisher"),
    "overloaded": (429, "Too Many Requests"),
}


@pytest.fixture(scope="module")
def stage(shared_world):
    made = clients.Stage(shared_world)
    yield made
    made.close()


@pytest.fixture(scope="module")
def told(stage):
    return stage.tell(DRIVERS)


@ALL
@pytest.mark.parametrize("scenario", ["whole", "torn", "long"])
def test_an_answer_arrives_whole(stage, told, client, form, scenario):
    row = told[client, form, scenario]

    assert row["error"] is None
    assert row["text"] == (stage.long_text() if scenario == "long" else TEXT)
    if client in PARSERS:
        assert row["events"][-1] == "[DONE]" and row["events"].count("[DONE]") == 1
    if client in CHATS:
        assert row["status"] == "ready"
        assert row["partTypes"] == ["step-start", "text"] and row["partStates"][-1] == "done"


@ALL
@pytest.mark.parametrize("scenario", REFUSALS)
def test_a_refusal_reaches_the_user_as_the_api_gives_it(told, client, form, scenario):
    row = told[client, form, scenario]
    status, message = REFUSALS[scenario]
    body = {"statusCode": status, "statusMessage": message}

    if client in PARSERS:
        assert row["status"] == status and row["refusal"] == body
        return
    assert json.loads(row["error"]["message"]) == body
    assert row["how"] == ("onError" if client in CHATS else "thrown")
    if client == "chat-v7":  # this one tells a page whether to try again
        assert row["error"]["statusCode"] == status
        assert row["error"]["isRetryable"] == (status == 429)


@ALL
@pytest.mark.parametrize("scenario, reason", [("broken", "upstream_truncated"),
                                              ("failed", "upstream_error_event")])
def test_a_broken_answer_is_never_taken_for_a_whole_one(told, client, form, scenario, reason):
    row = told[client, form, scenario]

    assert row["text"].startswith("Hello! 🌊 I am")
    if client in PARSERS:
        last = row["events"][-1] if form == "openai" else row["events"][-2]
        assert "error" in last if form == "openai" else last["type"] == "error"
        assert ("[DONE]" in row["events"]) == (form == "ui")
        return
    assert reason in row["error"]["message"]
    assert row["how"] == ("onError" if client in CHATS else "thrown")
    if client in CHATS:
        assert row["status"] == "error" and row["shownError"] == row["error"]
        assert row["partStates"][-1] == "streaming", "the part was never finished"


@ALL
def test_a_client_that_stops_cancels_the_upstream(stage, told, client, form):
    row = told[client, form, "stopped"]

    assert row["text"] != "" and len(row["text"]) < 1000
    assert stage.sees_a_stop(client, form)["status"] == "200"
    if client in CHATS:
        assert row["error"] is None and row["status"] == "ready"
    else:
        assert row["error"]["name"] == "AbortError"


def test_no_upstream_answer_of_a_stopped_client_runs_on(stage, told):
    stage.stopping.simulator.wait_for_exactly("aborted", len(clients.cases(DRIVERS)))

    assert stage.stopping.simulator.stat("completed") == 0


@pytest.mark.parametrize("field", ["reasoning_content", "think"])
def test_thinking_is_a_part_of_its_own(stage, field):
    words = say(reasoning=6, field=field, tokens=8, seed=1)
    names = [*CHATS, *READERS]
    seen = clients.drive("ui_messages.mjs", [stage.run(client, "ui", "thinking", content=words)
                                             for client in names])

    for client in names:
        row = seen[client, "ui", "thinking"]
        assert row["error"] is None, client
        assert row["text"].startswith("Hello! 🌊 I am") and "<think>" not in row["text"]
        assert row["reasoning"] and row["reasoning"] not in row["text"]
        if client in CHATS:
            assert row["partTypes"] == ["step-start", "reasoning", "text"]
