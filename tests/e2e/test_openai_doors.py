# SPDX-License-Identifier: MIT
"""The OpenAI-compatible doors: what is listed, what is answered, what is refused and how."""

import json

import pytest
from support import openai, wire


@pytest.fixture(scope="module")
def gateway(shared_world):
    models = {"allow": ["test/*", "acme/exact", "acme/pinned:groq", "old/one"],
              "retired": ["old/*"],
              "alias": [{"from": "meta/llama", "to": "test/llama"},
                        {"from": "gone/alias", "to": "old/one"}]}
    return shared_world.gateway(models=models, limits={"max_body": "64k", "max_messages": 3})


# --- models -----------------------------------------------------------------


def test_the_list_has_what_can_be_asked_for_by_name(gateway):
    reply = openai.get(gateway, "/v1/models")

    assert (reply.status, reply.field("Content-Type")) == (200, "application/json")
    assert reply.json() == {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": 0, "owned_by": name.split("/")[0]}
                 for name in ("acme/exact", "acme/pinned:groq", "meta/llama")],
        "patterns": ["test/*"],
    }
    gateway.wait_for_end("done", id=reply.field("X-Request-Id"), method="GET", status=200)


@pytest.mark.parametrize("name", ["acme/exact", "acme%2Fexact", "test/anything", "meta/llama",
                                  "test/x:groq"])
def test_a_model_that_can_be_asked_for_is_shown(gateway, name):
    reply = openai.get(gateway, f"/v1/models/{name}")

    assert reply.status == 200
    assert reply.json()["id"] == name.replace("%2F", "/")


@pytest.mark.parametrize("name, status, code", [
    ("other/model", 404, "model_not_found"),
    ("acme/pinned", 404, "model_not_found"),
    ("test", 404, "model_not_found"),
    ("test/a/b", 404, "model_not_found"),
    ("test%2Fa%2Fb", 404, "model_not_found"),
    ("test/mod%2565l", 404, "model_not_found"),
    ("old/one", 410, "model_retired"),
    ("gone/alias", 410, "model_retired"),
])
def test_a_model_that_cannot_be_asked_for_is_not_shown(gateway, name, status, code):
    reply = openai.get(gateway, f"/v1/models/{name}")

    error = openai.error_of(reply)
    assert (reply.status, error["code"], error["param"]) == (status, code, "model")


def test_models_can_be_asked_for_again_on_the_same_connection(gateway):
    client = gateway.connect()

    first = openai.get(gateway, "/v1/models", client=client)
    head = gateway.request(path="/v1/models", method="HEAD", body=b"")
    client.send(head)
    second = client.read_head()
    third = openai.get(gateway, "/v1/models/test/model", client=client)

    assert (first.status, second.status, third.status) == (200, 200, 200)
    assert second.field("Content-Length") == str(len(first.body))


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/test/model"])
def test_the_models_want_a_token_and_a_lawful_method(gateway, path):
    reply = openai.get(gateway, path, token="a.b.c")
    error = openai.error_of(reply)
    assert (reply.status, error["type"], error["code"]) == (401, "invalid_request_error",
                                                            "invalid_api_key")
    assert 'error="invalid_token"' in reply.field("WWW-Authenticate")

    reply = gateway.ask(path=path)
    assert (reply.status, reply.field("Allow")) == (405, "GET, HEAD, OPTIONS")
    assert openai.error_of(reply)["code"] == "method_not_allowed"

    _, reply = gateway.raw(wire.request_bytes("OPTIONS", path))
    assert (reply.status, reply.field("Allow"), reply.body) == (204, "GET, HEAD, OPTIONS", b"")


# --- a streamed answer --------------------------------------------------------


def test_an_answer_is_streamed_as_the_provider_said_it(gateway):
    reply = openai.ask(gateway, "@sim tokens=5 seed=3")

    assert (reply.status, reply.ended) == (200, "complete")
    assert reply.field("Content-Type") == "text/event-stream; charset=utf-8"
    found = openai.events(reply)
    assert found[-1] == "[DONE]"
    assert found[0]["object"] == "chat.completion.chunk"
    assert len(openai.text_of(reply)) > 5
    line = gateway.wait_for_end("done", id=reply.field("X-Request-Id"))
    assert [line[key] for key in ("route", "model", "format", "method")] == [
        "v1_chat_completions", "test/model", "openai", "POST"]


@pytest.mark.parametrize("options, shown", [
    (None, False), ({}, False), ({"include_usage": False}, False), ({"include_usage": None}, False),
    ({"include_usage": True}, True),
])
def test_usage_is_shown_when_it_is_asked_for_and_always_counted(gateway, options, shown):
    reply = openai.ask(gateway, "@sim tokens=4", stream_options=options)

    alone = [event for event in openai.events(reply)
             if event != "[DONE]" and not event["choices"]]
    assert [bool(event.get("usage")) for event in alone] == ([True] if shown else [])
    line = gateway.wait_for_end("done", id=reply.field("X-Request-Id"))
    assert line["completion_tokens"] == "4"
    assert json.loads(openai.last_body(gateway.simulator))["stream_options"] == {
        "include_usage": True}


def test_the_provider_is_asked_with_what_was_checked_and_nothing_else(gateway):
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"a": [1, {"b": None}]}}}]
    messages = [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "look"},
                                     {"type": "image_url", "image_url": {"url": "data:,x"}}]},
        {"role": "assistant", "content": None,
         "tool_calls": [{"id": "1", "type": "function",
                         "function": {"name": "f", "arguments": "{}"}}]},
    ]
    spelled = {"temperature": 0.5, "seed": 9007199254740993, "stop": "\u20ac\n", "tools": tools,
               "tool_choice": "auto", "response_format": {"type": "json_object"}, "x_new": [1e5]}

    reply = openai.ask(gateway, model="meta/llama:groq", messages=messages, max_tokens=7, n=1,
                       user=None, **spelled)

    assert reply.status == 200
    raw = openai.last_body(gateway.simulator)
    sent = json.loads(raw)
    assert raw.startswith(b'{"model":"test/llama:groq","messages":[')
    assert b'"stop":"\\u20ac\\n"' in raw and b'"seed":9007199254740993' in raw
    assert sent == {"model": "test/llama:groq", "messages": messages, "stream": True,
                    "stream_options": {"include_usage": True}, "max_tokens": 7, "n": 1, **spelled}


def test_the_model_of_the_path_is_asked_whatever_the_body_names(gateway):
    path = "/api/ai/huggingface/test/of-path:groq/chat/completions"

    for query, members in (("", {"model": "gpt-4"}), ("?chat_id=c1", {"model": None})):
        reply = openai.ask(gateway, path=path + query, **members)

        assert (reply.status, openai.events(reply)[-1]) == (200, "[DONE]")
        assert json.loads(openai.last_body(gateway.simulator))["model"] == "test/of-path:groq"
        line = gateway.wait_for_end("done", id=reply.field("X-Request-Id"))
        assert (line["model"], line.get("chat_id")) == ("test/of-path:groq",
                                                        "c1" if query else None)


def test_tool_calls_reach_the_client(gateway):
    reply = openai.ask(gateway, "@sim tool=1 finish=tool_calls")

    deltas = [choice["delta"] for event in openai.events(reply) if event != "[DONE]"
              for choice in event["choices"]]
    arguments = "".join(call["function"].get("arguments") or ""
                        for delta in deltas for call in delta.get("tool_calls") or [])
    assert json.loads(arguments)


def test_a_megabyte_of_tools_arrives_whole(world):
    gateway = world.gateway()
    described = {"type": "string", "description": "\u00e9" * 40}
    schema = {"type": "object", "properties": {f"p{n}": described for n in range(80)}}
    tools = [{"type": "function", "function": {"name": f"f{n}", "parameters": schema}}
             for n in range(100)]
    whole = openai.body(tools=tools)
    raw = json.dumps(whole, ensure_ascii=False).encode()
    assert 900_000 < len(raw) < 1_048_576

    reply = openai.ask(gateway, raw=raw)

    assert (reply.status, reply.ended) == (200, "complete")
    assert json.loads(openai.last_body(gateway.simulator))["tools"] == tools


def test_metrics_count_by_the_row_that_allowed_a_model(gateway):
    for stream in (True, False):
        assert openai.ask(gateway, model="test/never-seen-before", stream=stream).status == 200

    metrics = gateway.admin_get("/metrics").text
    assert gateway.metric("gen_ai_server_request_duration_seconds_count",
                          gen_ai_request_model="test/*") >= 2
    assert gateway.metric("gen_ai_server_time_to_first_token_seconds_count",
                          gen_ai_request_model="test/*") >= 2
    assert "never-seen-before" not in metrics


def test_a_client_that_leaves_stops_the_provider(gateway):
    aborted = gateway.simulator.stat("aborted")
    client, reply = gateway.open(path=openai.COMPLETIONS,
                                 body=openai.body("@sim tokens=1000000 pace=5"))
    client.read_chunk(reply)

    client.close()

    gateway.wait_for_end("client_gone", id=reply.field("X-Request-Id"))
    gateway.simulator.wait_for("aborted", aborted + 1)


# --- refusals -----------------------------------------------------------------

USER = {"role": "user", "content": "a"}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}

# name, members of the body, param
BAD_VALUES = [
    ("no_model", {"model": None}, "model"),
    ("model_number", {"model": 7}, "model"),
    ("no_messages", {"messages": None}, "messages"),
    ("messages_empty", {"messages": []}, "messages"),
    ("messages_object", {"messages": {}}, "messages"),
    ("messages_too_many", {"messages": [USER] * 4}, "messages"),
    ("message_text", {"messages": [USER, "a"]}, "messages[1]"),
    ("role_unknown", {"messages": [{"role": "robot", "content": "a"}]}, "messages[0].role"),
    ("role_absent", {"messages": [{"content": "a"}]}, "messages[0].role"),
    ("content_absent", {"messages": [{"role": "user"}]}, "messages[0].content"),
    ("content_number", {"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
    ("content_empty_array", {"messages": [{"role": "user", "content": []}]},
     "messages[0].content"),
    ("part_text", {"messages": [{"role": "user", "content": ["a"]}]},
     "messages[0].content[].type"),
    ("part_without_text", {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
     "messages[0].content[].text"),
    ("image_without_url",
     {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
     "messages[0].content[].image_url.url"),
    ("assistant_silent", {"messages": [{"role": "assistant"}]}, "messages[0].content"),
    ("assistant_calls_nothing", {"messages": [{"role": "assistant", "tool_calls": []}]},
     "messages[0].content"),
    ("tool_call_without_id",
     {"messages": [{"role": "assistant", "tool_calls": [{**CALL, "id": None}]}]},
     "messages[0].tool_calls[].id"),
    ("tool_without_call_id", {"messages": [{"role": "tool", "content": "a"}]},
     "messages[0].tool_call_id"),
    ("name_number", {"messages": [{**USER, "name": 1}]}, "messages[0].name"),
    ("stream_text", {"stream": "yes"}, "stream"),
    ("stream_options_text", {"stream_options": "yes"}, "stream_options"),
    ("include_usage_text", {"stream_options": {"include_usage": "yes"}}, "stream_options"),
    ("temperature_above", {"temperature": 2.0000001}, "temperature"),
    ("temperature_below", {"temperature": -0.1}, "temperature"),
    ("temperature_text", {"temperature": "1"}, "temperature"),
    ("top_p_above", {"top_p": 1.01}, "top_p"),
    ("n_2", {"n": 2}, "n"),
    ("n_0", {"n": 0}, "n"),
    ("max_tokens_0", {"max_tokens": 0}, "max_tokens"),
    ("max_tokens_fraction", {"max_tokens": 1.5}, "max_tokens"),
    ("max_completion_tokens_below", {"max_completion_tokens": -1}, "max_completion_tokens"),
    ("stop_5", {"stop": ["a"] * 5}, "stop"),
    ("stop_number", {"stop": ["a", 1]}, "stop"),
    ("presence_penalty_above", {"presence_penalty": 2.1}, "presence_penalty"),
    ("frequency_penalty_below", {"frequency_penalty": -2.1}, "frequency_penalty"),
    ("seed_fraction", {"seed": 1.5}, "seed"),
    ("logprobs_number", {"logprobs": 1}, "logprobs"),
    ("top_logprobs_21", {"top_logprobs": 21}, "top_logprobs"),
    ("logit_bias_above", {"logit_bias": {"1": 101}}, "logit_bias"),
    ("logit_bias_array", {"logit_bias": []}, "logit_bias"),
    ("response_format_text", {"response_format": "json"}, "response_format"),
    ("response_format_without_type", {"response_format": {}}, "response_format"),
    ("tools_object", {"tools": {}}, "tools"),
    ("tools_129", {"tools": [{"type": "function", "function": {"name": "f"}}] * 129}, "tools"),
    ("tool_without_name", {"tools": [{"type": "function", "function": {}}]}, "tools"),
    ("tool_choice_number", {"tool_choice": 1}, "tool_choice"),
    ("parallel_tool_calls_text", {"parallel_tool_calls": "no"}, "parallel_tool_calls"),
    ("user_number", {"user": 1}, "user"),
    ("user_long", {"user": "u" * 1025}, "user"),
    ("other_model_by_models", {"models": ["x/y"]}, "models"),
    ("other_model_by_case", {"Model": "x/y"}, "Model"),
    ("other_prompt", {"prompt": "x"}, "prompt"),
    ("name_not_ascii", {"me\u017f\u017fages": []}, "me??ages"),
]


@pytest.mark.parametrize("name, members, param", BAD_VALUES, ids=[row[0] for row in BAD_VALUES])
def test_a_value_that_is_not_allowed_is_named(gateway, name, members, param):
    reply = openai.ask(gateway, **members)

    error = openai.error_of(reply)
    assert (reply.status, reply.reason, error["type"]) == (400, "bad_body",
                                                           "invalid_request_error")
    shown = error["param"]
    assert (shown == param or name == "name_not_ascii" and shown.startswith("me")), error
    assert shown in error["message"] or "Model" in error["message"]
    gateway.wait_for_end("bad_body", id=reply.field("X-Request-Id"), status=400)


DEEP = b'{"model":"test/model","messages":[{"role":"user","content":"a"}],"x":'

# name, the body's bytes, code
BAD_BODIES = [
    ("empty", b"", "invalid_json"),
    ("not_json", b"messages=1", "invalid_json"),
    ("cut", b'{"model":"test/model"', "invalid_json"),
    ("array", b"[]", "invalid_body"),
    ("two_roots", b"{}{}", "invalid_json"),
    ("not_utf8", b'{"model":"test/model","messages":[{"role":"user","content":"\xff"}]}',
     "invalid_json"),
    ("lone_surrogate", b'{"model":"test/model","messages":[{"role":"user","content":"\\ud800"}]}',
     "invalid_json"),
    ("too_deep", DEEP + b"[" * 64 + b"]" * 64 + b"}", "invalid_json"),
    ("member_twice", b'{"model":"test/model","model":"x/y","messages":[]}', "duplicate_member"),
    ("member_twice_escaped", b'{"model":"test/model","mod\\u0065l":"x/y","messages":[]}',
     "duplicate_member"),
    ("member_twice_inside", DEEP + b'[{"a":{"b":1,"b":2}}]}', "duplicate_member"),
    ("many_members", b'{"model":"test/model","messages":[],'
     + b",".join(b'"m%d":1' % n for n in range(500)) + b"}", "invalid_body"),
    ("giant_number", b'{"model":"test/model","messages":[],"temperature":1e999999999}',
     "invalid_value"),
    ("long_number", b'{"model":"test/model","messages":[],"temperature":1.' + b"0" * 5000 + b"}",
     "invalid_value"),
    ("giant_seed", b'{"model":"test/model","messages":[],"seed":99999999999999999999}',
     "invalid_value"),
    ("name_escaped", DEEP + b'1,"y\\u0061":2}', "unknown_parameter"),
]


@pytest.mark.parametrize("name, raw, code", BAD_BODIES, ids=[row[0] for row in BAD_BODIES])
def test_a_body_that_is_no_request_is_refused(gateway, name, raw, code):
    reply = openai.ask(gateway, raw=raw)

    assert (reply.status, openai.error_of(reply)["code"]) == (400, code)


# name, options of Gateway.request(), status, code
REFUSED = [
    ("no_token", {"without": ["Authorization"]}, 401, "invalid_api_key"),
    ("bad_token", {"token": "a.b.c"}, 401, "invalid_api_key"),
    ("get", {"method": "GET", "body": b""}, 405, "method_not_allowed"),
    ("bad_chat_id", {"path": "/v1/chat/completions?chat_id=a%20b"}, 400, "bad_request"),
    ("chat_id_twice", {"path": "/v1/chat/completions?chat_id=a&chat_id=a"}, 400, "bad_request"),
    ("media_type", {"fields": [("Content-Type", "text/plain")]}, 415, "unsupported_media_type"),
    ("too_large", {"body": b" " * 65537}, 413, "body_too_large"),
    ("unknown_path", {"path": "/v1/embeddings"}, 404, "unknown_url"),
    ("path_with_slash_after", {"path": "/v1/chat/completions/"}, 404, "unknown_url"),
    ("two_tokens", {"fields": [("Authorization", "a"), ("Authorization", "b")]}, 400,
     "bad_request"),
]


@pytest.mark.parametrize("name, options, status, code", REFUSED, ids=[row[0] for row in REFUSED])
def test_refused_before_the_body_is_looked_at(gateway, name, options, status, code):
    options = {"path": "/v1/chat/completions", **options}

    reply = gateway.ask(**options)

    error = openai.error_of(reply)
    assert (reply.status, error["code"]) == (status, code)
    assert (reply.field("Allow") == "POST, OPTIONS") == (status == 405)
    assert reply.field("X-Request-Id")


@pytest.mark.parametrize("model, status, code", [
    ("other/model", 404, "model_not_found"), ("gpt-4", 404, "model_not_found"),
    ("", 404, "model_not_found"), ("test/a/b", 404, "model_not_found"),
    ("test/" + "m" * 3000, 404, "model_not_found"), ("test/m\u0000", 404, "model_not_found"),
    ("old/one", 410, "model_retired"),
])
def test_a_model_that_is_not_served(gateway, model, status, code):
    reply = openai.ask(gateway, model=model)

    error = openai.error_of(reply)
    assert (reply.status, error["code"], error["param"]) == (status, code, "model")
    if model == "other/model":
        assert "'other/model'" in error["message"]


@pytest.mark.parametrize("words, status, code, final", [
    ("status=401", 502, "upstream_status", True),
    ("status=402", 502, "upstream_status", True),
    ("status=413", 400, "upstream_status", True),
    ("status=422", 400, "upstream_status", True),
    ("status=404", 404, "model_not_found", False),
    ("status=410", 410, "model_retired", False),
    ("status=503 retry_after=60", 503, "upstream_busy", False),
    ("status=429 retry_after=60", 429, "rate_limit_exceeded", False),
    ("wrong_type=1", 502, "upstream_nonsense", False),
    ("cut_after=0", 502, "upstream_truncated", False),
    ("error_after=0", 502, "upstream_error_event", False),
])
def test_a_failure_before_the_first_byte_has_a_true_status(gateway, words, status, code, final):
    reply = openai.ask(gateway, f"@sim {words}")

    error = openai.error_of(reply)
    assert (reply.status, error["code"]) == (status, code)
    assert reply.field("X-Should-Retry") == ("false" if final else None)
    assert (reply.field("Retry-After") is not None) == (status in (429, 503))


def test_a_failure_in_the_middle_is_an_error_event_and_no_done(gateway):
    reply = openai.ask(gateway, "@sim tokens=9 cut_after=3")

    assert (reply.status, reply.ended) == (200, "complete")
    last = openai.events(reply)[-1]
    assert last["error"]["code"] == "upstream_truncated"
    assert "[DONE]" not in openai.events(reply)


def test_the_documented_endpoint_keeps_its_own_errors(gateway):
    reply = gateway.ask(body=b"{}")

    assert list(reply.json()) == ["statusCode", "statusMessage"]
    assert gateway.ask("@sim status=401").status == 500


def test_unknown_parameters_are_refused_where_the_conf_says_so(world):
    gateway = world.gateway(models={"unknown_parameters": "refuse"})

    assert openai.ask(gateway, temperature=1, user="me").status == 200
    for members, param in (({"x_new": 1}, "x_new"), ({"messages": [{**USER, "x": 1}]},
                                                     "messages[0]"),
                           ({"messages": [{"role": "user", "content": [{"type": "video"}]}]},
                            "messages[0]")):
        reply = openai.ask(gateway, **members)
        error = openai.error_of(reply)
        assert (reply.status, error["code"], error["param"]) == (400, "unknown_parameter", param)
