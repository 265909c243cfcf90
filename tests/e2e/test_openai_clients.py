# SPDX-License-Identifier: MIT
"""Real clients of the OpenAI-compatible doors: a base URL and a token, and nothing else.

The openai package in four majors, @ai-sdk/openai-compatible under three majors of the AI SDK,
Hugging Face's own package in two. "format" is here the door and the way through it: see the
heads of openai.mjs and providers.mjs.
"""

import pytest
from support import clients
from support.clients import TEXT
from support.simulator import sim as say

OPENAI = ["openai-v4", "openai-v5", "openai-v6", "openai-v7"]
COMPATIBLE = ["compatible-v1", "compatible-v2", "compatible-v3"]
HUGGING_FACE = ["huggingface-v3", "huggingface-v4"]
DRIVERS = {
    "openai.mjs": {"v1": OPENAI, "alias": ["openai-v4", "openai-v7"],
                   "runner": ["openai-v4", "openai-v7"], "v1-json": OPENAI},
    "providers.mjs": {"v1": [*COMPATIBLE, *HUGGING_FACE],
                      "v1-json": [*COMPATIBLE, *HUGGING_FACE]},
}
CASES = clients.cases(DRIVERS)
ALL = pytest.mark.parametrize("client, form", CASES)
STREAMS = pytest.mark.parametrize("client, form", [c for c in CASES if c[1] != "v1-json"])
WHOLES = pytest.mark.parametrize("client, form", [c for c in CASES if c[1] == "v1-json"])

# scenario: status, OpenAI's code, the class by which the openai package tells it
REFUSALS = {
    "unauthorized": (401, "invalid_api_key", "AuthenticationError"),
    "unknown_model": (404, "model_not_found", "NotFoundError"),
    "overloaded": (429, "rate_limit_exceeded", "RateLimitError"),
}
PROVIDER_SAID = "Request failed during generation: Server error: CANCELLED"


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
    if form == "runner":
        assert row["final"] == row["text"]
    else:
        assert row["finish"] == "stop"


@pytest.mark.parametrize("client", OPENAI)
@pytest.mark.parametrize("form", ["v1", "v1-json"])
def test_the_provider_s_usage_reaches_the_client(told, client, form):
    usage = told[client, form, "long"]["usage"]

    assert usage["completion_tokens"] == 3000
    assert usage["total_tokens"] == usage["prompt_tokens"] + 3000


@pytest.mark.parametrize("client", COMPATIBLE)
@pytest.mark.parametrize("form", ["v1", "v1-json"])
def test_the_provider_s_usage_reaches_the_ai_sdk(told, client, form):
    assert told[client, form, "long"]["usage"]["outputTokens"] == 3000


@pytest.mark.parametrize("client", OPENAI)
def test_the_openai_package_knows_the_id_of_the_request(told, client):
    """What a user can tell the operator: client._request_id, out of x-request-id."""
    assert len(told[client, "v1-json", "whole"]["requestId"]) >= 8


@ALL
@pytest.mark.parametrize("scenario", REFUSALS)
def test_a_refusal_is_told_in_the_client_s_own_terms(told, client, form, scenario):
    row = told[client, form, scenario]
    error = row["error"]
    status, code, name = REFUSALS[scenario]

    assert row["text"] == ""
    if client in OPENAI:
        assert (error["class"], error["status"], error["code"]) == (name, status, code)
        assert error["message"].startswith(f"{status} ") and len(error["message"]) > 20
    elif client in COMPATIBLE:
        assert (error["class"], error["statusCode"]) == ("APICallError", status)
        assert error["isRetryable"] == (status == 429)
        assert row["how"] == ("onError" if form == "v1" else "thrown")
        if form == "v1":
            assert row["parts"] == ["start", "error"]
    elif client == "huggingface-v4":
        assert error["class"] == "InferenceClientProviderApiError" and error["status"] == status
        assert error["body"]["error"]["code"] == code
    else:
        assert error["class"] == "Error"


@STREAMS
@pytest.mark.parametrize("scenario, words", [("broken", "upstream_truncated"),
                                             ("failed", PROVIDER_SAID)])
def test_a_broken_stream_is_never_taken_for_a_whole_one(told, client, form, scenario, words):
    row = told[client, form, scenario]

    assert row["text"].startswith("Hello! 🌊 I am")
    assert words in row["error"]["message"]
    if client in OPENAI:
        assert row["error"]["class"] == "APIError" and row["how"] == "thrown"
    elif client in COMPATIBLE:
        assert row["how"] == "onError" and row["finish"] == "error"
        assert "error" in row["parts"]
    else:
        assert row["how"] == "thrown"
    if scenario == "broken" and client in OPENAI:
        assert row["error"]["code"] == "upstream_truncated"


@WHOLES
@pytest.mark.parametrize("scenario", ["broken", "failed"])
def test_half_an_answer_is_no_answer(told, client, form, scenario):
    """Nothing has been sent when it breaks, so it has a true status, and not a byte of text."""
    row = told[client, form, scenario]

    assert row["text"] == "" and row["how"] == "thrown"
    if client in OPENAI:
        assert row["error"]["class"] == "InternalServerError" and row["error"]["status"] >= 500
    elif client in COMPATIBLE:
        assert row["error"]["statusCode"] >= 500 and row["error"]["isRetryable"]


@ALL
def test_a_client_that_stops_cancels_the_upstream(stage, told, client, form):
    row = told[client, form, "stopped"]

    stage.sees_a_stop(client, form)
    if client in OPENAI:
        silent = form in ("v1", "alias")  # the iterator just ends
        assert row["error"] is None if silent else row["error"]["class"] == "APIUserAbortError"
    elif client in COMPATIBLE and form == "v1":
        assert row["error"] is None and row["parts"][-1] == "abort"
    else:
        assert row["error"]["name"] in ("AbortError", "ResponseAborted")


def test_no_upstream_answer_of_a_stopped_client_runs_on(stage, told):
    stage.stopping.simulator.wait_for_exactly("aborted", len(CASES))

    assert stage.stopping.simulator.stat("completed") == 0


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thinking_is_passed_as_the_provider_names_it(stage, field):
    words = say(reasoning=6, field=field, tokens=8, seed=1)
    seen = clients.drive("providers.mjs", [stage.run(client, "v1", "thinking", content=words)
                                           for client in COMPATIBLE])

    for client in COMPATIBLE:
        row = seen[client, "v1", "thinking"]
        assert row["error"] is None and row["text"].startswith("Hello! 🌊 I am"), client
        assert row["reasoning"], client


def test_clients_that_try_again_by_themselves_succeed(shared_world):
    """The openai package and the AI SDK try twice more after 429 and 5xx, and wait as told."""
    runs = []
    for client, driver in [("openai-v4", "openai.mjs"), ("openai-v7", "openai.mjs"),
                           ("compatible-v3", "providers.mjs")]:
        gateway = shared_world.gateway(upstream={"retries": 0})
        words = say(status=429, retry_after=1, fail_first=2, tokens=5, seed=1)
        runs.append((driver, gateway, {
            "client": client, "format": "retried", "scenario": "retried", "model": clients.MODEL,
            "base": f"http://{gateway.address}", "token": shared_world.token(), "content": words,
            "abort": False}))

    for driver in ("openai.mjs", "providers.mjs"):
        seen = clients.drive(driver, [run for name, _, run in runs if name == driver])
        assert [row["error"] for row in seen.values()] == [None] * len(seen)
        assert all(row["text"].startswith("Hello") for row in seen.values())
    for _, gateway, _ in runs:
        assert sorted(gateway.ends()) == ["done", "upstream_rate_limited", "upstream_rate_limited"]
