# SPDX-License-Identifier: MIT
"""Real clients of the documented endpoint: bare text, and the AI SDK's data stream.

What each must report is what its users see: the words of an exception, an error part, a
callback. Recorded from the clients themselves, at the versions of tests/clients/package.json.
"""

import json

import pytest
from support import clients
from support.clients import TEXT
from support.simulator import sim as say

USE_CHAT = ["vue-v0", "vue-v1", "ui-utils-v0", "ui-utils-v1"]
UI_CHATS = ["chat-v5-first", "chat-v5", "chat-v6-first", "chat-v6", "chat-v7"]
# {driver: {format: clients}}
DRIVERS = {
    "plain.mjs": {"text": ["fetch", "node-http"]},
    "data_stream.mjs": {"text": USE_CHAT, "data": [*USE_CHAT, "ai-v4"]},
    "ui_messages.mjs": {"text": [*UI_CHATS, "reader-v5", "reader-v6", "reader-v7"]},
    "python_clients.py": {"text": ["httpx", "curl"], "data": ["command-line"]},
}
CASES = clients.cases(DRIVERS)
ALL = pytest.mark.parametrize("client, form", CASES)
# It reads nothing before the end of the answer, so it can stop nothing in the middle.
STOPPABLE = pytest.mark.parametrize("client, form", [c for c in CASES if c[0] != "command-line"])

REFUSALS = {
    "unauthorized": (401, "Unauthorized"),
    "unknown_model": (400, "Invalid model name or publisher"),
    "overloaded": (429, "Too Many Requests"),
}
BROKEN = {"broken": "upstream_truncated", "failed": "upstream_error_event"}


@pytest.fixture(scope="module")
def stage(shared_world):
    made = clients.Stage(shared_world)
    yield made
    made.close()


@pytest.fixture(scope="module")
def told(stage):
    """{(client, format, scenario): what the client told} of all clients and scenarios."""
    return stage.tell(DRIVERS, without=[("command-line", "stopped")])


@ALL
@pytest.mark.parametrize("scenario", ["whole", "torn"])
def test_an_answer_of_many_scripts_arrives_whole(told, client, form, scenario):
    row = told[client, form, scenario]

    assert row["error"] is None
    if client == "command-line":
        return  # its own test is below
    assert row["text"] == TEXT
    assert row.get("exit", 0) == 0


@ALL
def test_a_long_answer_arrives_whole(stage, told, client, form):
    row = told[client, form, "long"]

    assert row["error"] is None
    if client == "command-line":
        assert len(row["lines"]) == 3000 + 1
        return
    assert row["text"] == stage.long_text() and len(row["text"]) > 10_000


@ALL
@pytest.mark.parametrize("scenario", REFUSALS)
def test_a_refusal_reaches_the_user_as_the_api_gives_it(told, client, form, scenario):
    row = told[client, form, scenario]
    status, message = REFUSALS[scenario]
    body = {"statusCode": status, "statusMessage": message}

    assert row["text"] == ""
    if client in ("fetch", "node-http", "httpx", "curl"):
        assert row["status"] == status and row["refusal"] == body
    elif client == "command-line":
        assert row["status"] == status and json.loads("\n".join(row["lines"])) == body
    elif client == "ai-v4":
        assert json.loads(row["error"]["message"].removeprefix(f"{status} ")) == body
    else:
        # useChat of every version shows the body of the refusal as the error's message.
        assert json.loads(row["error"]["message"]) == body
        assert row["how"] == ("onError" if client.startswith(("vue", "chat")) else "thrown")
        if client.startswith("chat"):
            assert row["status"] == "error"


@pytest.mark.parametrize("client", ["fetch", "httpx"])
def test_the_provider_s_retry_after_reaches_the_client(told, client):
    assert told[client, "text", "overloaded"]["retryAfter"] == "7"


def how_a_cut_shows(client, row):
    """What a client of bare text makes of a chunked body that has no end."""
    error = row["error"]
    if client == "curl":
        return row["exit"] == 18  # "transfer closed with outstanding read data remaining"
    if client == "httpx":
        return error["class"] == "RemoteProtocolError" and "incomplete chunked" in error["message"]
    if client == "node-http":
        return error["code"] == "ECONNRESET"
    return (error["class"], error["message"]) == ("TypeError", "terminated")


@ALL
@pytest.mark.parametrize("scenario", BROKEN)
def test_a_broken_answer_is_never_taken_for_a_whole_one(told, client, form, scenario):
    row = told[client, form, scenario]

    if client.startswith("vue"):  # it may not show the very last change
        assert row["text"] and "Hello! 🌊 I am".startswith(row["text"])
    else:
        assert row["text"].startswith("Hello! 🌊 I am")
    if form == "text":
        assert how_a_cut_shows(client, row)
    elif client == "command-line":
        assert BROKEN[scenario] in row["parts"][-1]  # it shows part 3 as text
    else:
        assert BROKEN[scenario] in row["error"]["message"]
        assert row["how"] == {"vue": "onError", "ai-": "part"}.get(client[:3], "thrown")
    if client.startswith(("vue", "chat")):
        assert row["how"] == "onError" and row["shownError"] == row["error"]
        assert row.get("status", "error") == "error"
    if client.startswith("chat"):
        assert row["partStates"][-1] == "streaming", "the part was never finished"


@STOPPABLE
def test_a_client_that_stops_cancels_the_upstream(stage, told, client, form):
    row = told[client, form, "stopped"]

    assert row["text"] != "" and len(row["text"]) < 1000
    assert stage.sees_a_stop(client, form)["status"] == "200"
    if client in ("httpx", "curl") or client.startswith(("vue", "chat")):
        assert row["error"] is None
    elif client == "node-http":
        assert row["error"]["code"] == "ECONNRESET"
    else:
        assert row["error"]["name"] == "AbortError"


def test_no_upstream_answer_of_a_stopped_client_runs_on(stage, told):
    stopped = sum(scenario == "stopped" for _, _, scenario in told)

    stage.stopping.simulator.wait_for_exactly("aborted", stopped)

    assert stage.stopping.simulator.stat("completed") == 0
    assert stage.stopping.simulator.stat("streams_open") == 0


def test_the_link_tore_characters_apart(told):
    """What the scenario "torn" is for: without this the link might have torn nothing."""
    assert told["fetch", "text", "torn"]["torn"] >= 10


@pytest.mark.parametrize("client", [*USE_CHAT, "ai-v4"])
def test_a_data_stream_ends_with_its_finish_and_usage(told, client):
    finish = told[client, "data", "long"]["finish"]

    assert finish["reason"] == "stop" and finish["completionTokens"] == 3000


# --- the rule of the first command-line client ------------------------------------


@pytest.mark.parametrize("scenario", ["whole", "torn"])
def test_the_command_line_client_splits_lines_where_the_format_does(told, scenario):
    """It splits at every line end that Unicode knows, and takes what follows the first colon."""
    row = told["command-line", "data", scenario]

    assert all(line.startswith(("0:", "d:")) for line in row["lines"])
    parts = [json.loads(line[2:]) for line in row["lines"][:-1]]
    assert "".join(parts) == TEXT
    assert row["lines"][-1].startswith('d:{"finishReason":"stop"')
    assert row["text"].startswith("Grüße aus Köln, 東京 and 🌊👩\u200d🚀 – ")


def test_the_command_line_client_has_the_text_of_a_long_answer(stage, told):
    """Less what stands behind a second colon: that is its own fault, and stays one."""
    row = told["command-line", "data", "long"]

    wanted = stage.long_text()
    assert "".join(json.loads(line[2:]) for line in row["lines"][:-1]) == wanted
    assert row["text"].startswith("Hello! 🌊 I am **hfsim**, the Hugging Face simulator")


# --- what docs/clients.md warns of ------------------------------------------------

THINKING = say(reasoning=6, tokens=8, seed=1)


def test_a_thinking_model_needs_a_word_with_version_3(shared_world, stage):
    """Version 4 shows the thinking; version 3 dies on a part that it does not know."""
    quiet = shared_world.gateway(stream={"reasoning": "drop"})
    runs = [stage.run(client, "data", "thinking", content=THINKING)
            for client in ("vue-v0", "vue-v1")]
    runs += [{**stage.run(client, "data", "dropped", content=THINKING),
              "base": f"http://{quiet.address}"} for client in ("vue-v0", "vue-v1")]

    seen = clients.drive("data_stream.mjs", runs)

    assert "Invalid code g" in seen["vue-v0", "data", "thinking"]["error"]["message"]
    assert seen["vue-v1", "data", "thinking"]["reasoning"]
    texts = {row["text"] for key, row in seen.items() if key != ("vue-v0", "data", "thinking")}
    assert texts == {"Hello! 🌊 I am **hfsim**"}
    assert not seen["vue-v1", "data", "dropped"].get("reasoning")
    assert seen["vue-v0", "data", "dropped"]["error"] is None


def test_a_client_that_is_given_another_s_format_may_say_nothing(stage):
    wrong = clients.drive("data_stream.mjs", [stage.run("vue-v1", "ui", "whole")])
    silent = clients.drive("ui_messages.mjs", [stage.run("chat-v7", "data", "whole")])

    assert "Invalid code data" in wrong["vue-v1", "ui", "whole"]["error"]["message"]
    row = silent["chat-v7", "data", "whole"]
    assert (row["text"], row["error"], row["status"]) == ("", None, "ready")
