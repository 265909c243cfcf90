# SPDX-License-Identifier: MIT
"""The contract of the route, row by row: status, exact body, header fields, order of checks."""

import json

import pytest
from support import tokens, wire
from support.world import chat_body, chat_path

ALLOWED = "POST, OPTIONS"


@pytest.fixture(scope="module")
def gateway(shared_world):
    return shared_world.gateway(limits={"max_body": "64k", "max_head": "8k", "max_messages": 3})


def exact_body(status, message):
    return f'{{\n  "statusCode": {status},\n  "statusMessage": "{message}"\n}}'.encode()


def expect_error(reply, status, message, reason):
    """The error document to the byte, and the fields that every error carries."""
    assert reply.body.rstrip(b"\n") == exact_body(status, message)
    assert (reply.status, reply.phrase.rstrip(".")) != (None, "")
    assert reply.status == status
    assert list(reply.json()) == ["statusCode", "statusMessage"]
    assert reply.field("Content-Type").split(";")[0] == "application/json"
    assert reply.reason == reason
    assert reply.field("X-Request-Id")
    assert reply.field("Date")
    assert reply.ended == "complete"


# name, options of Gateway.request(), status, statusMessage, reason
ROWS = [
    ("no_token", {"without": ["Authorization"]}, 401, "Unauthorized", "unauthorized"),
    ("empty_token", {"fields": [("Authorization", "Bearer ")]}, 401, "Unauthorized",
     "unauthorized"),
    ("basic_credentials", {"fields": [("Authorization", "Basic dXNlcjpwYXNz")]}, 401,
     "Unauthorized", "unauthorized"),
    ("not_a_jwt", {"token": "hello"}, 401, "Unauthorized", "unauthorized"),
    ("get", {"method": "GET", "body": b""}, 405, "HTTP method is not allowed.",
     "method_not_allowed"),
    ("put", {"method": "PUT"}, 405, "HTTP method is not allowed.", "method_not_allowed"),
    ("delete", {"method": "DELETE", "body": b""}, 405, "HTTP method is not allowed.",
     "method_not_allowed"),
    ("patch", {"method": "PATCH"}, 405, "HTTP method is not allowed.", "method_not_allowed"),
    ("invented_method", {"method": "BREW", "body": b""}, 405, "HTTP method is not allowed.",
     "method_not_allowed"),
    ("chat_id_absent", {"path": "/api/ai/huggingface/test/model/chat"}, 400, "Bad Request.",
     "bad_request"),
    ("chat_id_empty", {"chat_id": ""}, 400, "Bad Request.", "bad_request"),
    ("chat_id_twice", {"query": "&chat_id=other"}, 400, "Bad Request.", "bad_request"),
    ("chat_id_129_bytes", {"chat_id": "x" * 129}, 400, "Bad Request.", "bad_request"),
    ("chat_id_with_slash", {"chat_id": "a/b"}, 400, "Bad Request.", "bad_request"),
    ("chat_id_with_escaped_space", {"chat_id": "a%20b"}, 400, "Bad Request.", "bad_request"),
    ("chat_id_with_escaped_line_end", {"chat_id": "a%0d%0ab"}, 400, "Bad Request.",
     "bad_request"),
    ("chat_id_with_bad_escape", {"chat_id": "a%zz"}, 400, "Bad Request.", "bad_request"),
    ("unknown_model", {"model": "other/model"}, 400, "Invalid model name or publisher",
     "model_unknown"),
    ("model_of_other_case", {"model": "Test/model"}, 400, "Invalid model name or publisher",
     "model_unknown"),
    ("model_name_with_bad_byte", {"model": "test/mo*del"}, 400,
     "Invalid model name or publisher", "model_unknown"),
    ("model_name_with_escaped_slash", {"model": "test/a%2fb"}, 400,
     "Invalid model name or publisher", "model_unknown"),
    ("model_name_escaped_twice", {"model": "test/mod%2565l"}, 400,
     "Invalid model name or publisher", "model_unknown"),
    ("model_name_of_97_bytes", {"model": "test/" + "m" * 97}, 400,
     "Invalid model name or publisher", "model_unknown"),
    ("retired_model", {"model": "old/model"}, 400, "Service not available anymore.",
     "model_retired"),
    ("body_absent", {"body": b""}, 400, "Bad Request. Invalid body(message | messages).",
     "bad_body"),
    ("body_not_json", {"body": b"messages=hello"}, 400,
     "Bad Request. Invalid body(message | messages).", "bad_body"),
    ("body_cut_json", {"body": b'{"messages":[{"role":"user","content":"a"}]'}, 400,
     "Bad Request. Invalid body(message | messages).", "bad_body"),
    ("body_two_roots", {"body": json.dumps(chat_body()).encode() + b"{}"}, 400,
     "Bad Request. Invalid body(message | messages).", "bad_body"),
    ("body_array", {"body": b"[]"}, 400, "Bad Request. Invalid body(message | messages).",
     "bad_body"),
    ("body_without_messages", {"body": b'{"message":"a"}'}, 400,
     "Bad Request. Invalid body(message | messages).", "bad_body"),
    ("messages_empty", {"body": b'{"messages":[]}'}, 400,
     "Bad Request. Invalid body(message | messages).", "bad_body"),
    ("messages_too_many", {"body": chat_body("a", "b", "c", "d")}, 400,
     "Bad Request. Invalid body(message | messages).", "bad_body"),
    ("role_system", {"body": b'{"messages":[{"role":"system","content":"a"}]}'}, 400,
     "Bad Request. Invalid body(message | messages).", "bad_body"),
    ("content_blank", {"body": b'{"messages":[{"role":"user","content":" \\n\\t "}]}'}, 400,
     "Bad Request. Invalid body(message | messages).", "bad_body"),
    ("content_number", {"body": b'{"messages":[{"role":"user","content":7}]}'}, 400,
     "Bad Request. Invalid body(message | messages).", "bad_body"),
    ("content_not_utf8", {"body": b'{"messages":[{"role":"user","content":"\xff"}]}'}, 400,
     "Bad Request. Invalid body(message | messages).", "bad_body"),
    ("content_lone_surrogate", {"body": b'{"messages":[{"role":"user","content":"\\ud800"}]}'},
     400, "Bad Request. Invalid body(message | messages).", "bad_body"),
    ("other_member_not_json", {"body": b'{"messages":[{"role":"user","content":"a"}],"x":01}'},
     400, "Bad Request. Invalid body(message | messages).", "bad_body"),
    ("nested_too_deep",
     {"body": b'{"messages":[{"role":"user","content":"a"}],"x":' + b"[" * 64 + b"]" * 64 + b"}"},
     400, "Bad Request. Invalid body(message | messages).", "bad_body"),
    ("no_content_type", {"without": ["Content-Type"]}, 415, "Unsupported Media Type",
     "media_type"),
    ("content_type_text", {"fields": [("Content-Type", "text/plain")]}, 415,
     "Unsupported Media Type", "media_type"),
    ("content_type_json_lookalike", {"fields": [("Content-Type", "application/jsonx")]}, 415,
     "Unsupported Media Type", "media_type"),
    ("body_too_large", {"body": b" " * 65537}, 413, "Content Too Large", "too_large"),
    ("unknown_path", {"path": "/api/ai/huggingface/test/chat?chat_id=1"}, 404, "Not Found",
     "not_found"),
    ("root_path", {"path": "/"}, 404, "Not Found", "not_found"),
    ("path_with_double_slash", {"path": "/api//ai/huggingface/test/model/chat?chat_id=1"}, 404,
     "Not Found", "not_found"),
    ("path_with_dots", {"path": "/x/../api/ai/huggingface/test/model/chat?chat_id=1"}, 404,
     "Not Found", "not_found"),
    ("path_with_slash_after", {"path": "/api/ai/huggingface/test/model/chat/?chat_id=1"}, 404,
     "Not Found", "not_found"),
]


@pytest.mark.parametrize("name, options, status, message, reason", ROWS, ids=[r[0] for r in ROWS])
def test_refused_with_the_documented_error(gateway, name, options, status, message, reason):
    reply = gateway.ask(**options)

    expect_error(reply, status, message, reason)
    if status == 401:
        challenge = reply.field("WWW-Authenticate")
        sent_a_token = name == "not_a_jwt"
        assert challenge.startswith("Bearer")
        assert ('error="invalid_token"' in challenge) == sent_a_token
    else:
        assert reply.field("WWW-Authenticate") is None
    if status == 405:
        allowed = {word.strip() for word in reply.field("Allow").split(",")}
        assert "POST" in allowed and "GET" not in allowed
    gateway.wait_for_log("exchange", end=reason, id=reply.field("X-Request-Id"))


NOW_S = 1_700_000_000

# name, the token; each must be refused as invalid. RFC 7515, RFC 7519, RFC 8725.
TOKENS = [
    ("wrong_secret", lambda: tokens.token(secret=tokens.OTHER_SECRET)),
    ("expired", lambda: tokens.token(lifetime_s=-3600)),
    ("no_exp", lambda: tokens.token(exp=None)),
    ("no_sub", lambda: tokens.token(sub=None)),
    ("not_yet_valid", lambda: tokens.token(nbf=NOW_S + 10_000_000_000)),
    ("alg_none", lambda: tokens.compact({"alg": "none"}, {"sub": "a", "exp": 9_999_999_999})),
    ("alg_none_without_mac",
     lambda: tokens.compact({"alg": "none"}, {"sub": "a", "exp": 9_999_999_999})
     .rsplit(".", 1)[0] + "."),
    ("alg_hs512", lambda: tokens.compact({"alg": "HS512"}, {"sub": "a", "exp": 9_999_999_999})),
    ("crit", lambda: tokens.compact({"alg": "HS256", "crit": ["exp"]},
                                    {"sub": "a", "exp": 9_999_999_999})),
    ("member_twice", lambda: tokens.compact('{"alg":"HS256","alg":"HS256"}',
                                            {"sub": "a", "exp": 9_999_999_999})),
    ("claim_twice", lambda: tokens.compact({"alg": "HS256"},
                                           '{"sub":"a","sub":"b","exp":9999999999}')),
    ("padded", lambda: tokens.token() + "="),
    ("fourth_part", lambda: tokens.token() + ".e30"),
    ("changed_claims", lambda: tokens.token().replace(".", ".e30", 1)),
    ("exp_as_text", lambda: tokens.token(exp="9999999999")),
    ("unknown_kid_and_wrong_secret", lambda: tokens.token(kid="x", secret=tokens.OTHER_SECRET)),
    ("nine_kilobytes", lambda: tokens.token(filler="x" * 6000)),
]


@pytest.mark.parametrize("name, make", TOKENS, ids=[row[0] for row in TOKENS])
def test_a_token_that_does_not_verify_is_refused(shared_world, gateway, name, make):
    made = make()
    shared_world.minted.add(made)

    reply = gateway.ask(token=made)

    if name == "nine_kilobytes" and reply.status == 431:
        return  # a head that large is refused before its token is looked at
    expect_error(reply, 401, "Unauthorized", "unauthorized")
    assert 'error="invalid_token"' in reply.field("WWW-Authenticate")


# Requests with several faults: the first check that fails gives the answer.
# method, token, query, path, body; an unknown path is no route at all.
ORDER = [
    ("method_before_token", {"method": "GET", "body": b"", "without": ["Authorization"]},
     "method_not_allowed"),
    ("token_before_query",
     {"without": ["Authorization"], "path": "/api/ai/huggingface/test/model/chat"},
     "unauthorized"),
    ("query_before_model", {"chat_id": "", "model": "other/model"}, "bad_request"),
    ("model_before_body", {"model": "other/model", "body": b"nonsense"}, "model_unknown"),
    ("retired_before_body", {"model": "old/model", "body": b"nonsense"}, "model_retired"),
]


@pytest.mark.parametrize("name, options, reason", ORDER, ids=[row[0] for row in ORDER])
def test_the_checks_run_in_the_documented_order(gateway, name, options, reason):
    assert gateway.ask(**options).reason == reason


# name, options; all of these are answered.
ACCEPTED = [
    ("plain", {}),
    ("charset_parameter", {"fields": [("Content-Type", "application/json; charset=utf-8")]}),
    ("content_type_of_other_case", {"fields": [("Content-Type", "Application/JSON")]}),
    ("scheme_of_other_case", {"fields": [("Authorization", None)]}),
    ("unknown_query_keys", {"query": "&is_playground=true&isRecreated=1"}),
    ("chat_id_of_128_bytes", {"chat_id": "x" * 128}),
    ("chat_id_escaped", {"chat_id": "%61%2Db"}),
    ("model_escaped_once", {"model": "%74est/mod%65l"}),
    ("model_with_provider", {"model": "test/model:groq"}),
    ("alias", {"model": "meta/llama"}),
    ("three_messages", {"body": chat_body("Hello", "Hi", "Bye")}),
    ("unknown_members",
     {"body": {**chat_body(), "id": "x", "trigger": "submit-message", "n": 12345678901234567890}}),
    ("parts", {"body": {"messages": [{"id": "m1", "role": "user", "parts": [
        {"type": "step-start"}, {"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"},
    ]}]}}),
    ("chunked_body", {"fields": [("Transfer-Encoding", "chunked")],
                      "body": wire.chunked(b'{"messages":[{"role":"user",', b'"content":"Hi"}]}')}),
]


@pytest.mark.parametrize("name, options", ACCEPTED, ids=[row[0] for row in ACCEPTED])
def test_answered(shared_world, gateway, name, options):
    if name == "scheme_of_other_case":
        options = {"fields": [("Authorization", f"bEARER {shared_world.token()}")]}

    reply = gateway.ask(**options)

    assert reply.status == 200, reply.body
    assert reply.ended == "complete" and reply.body
    assert reply.field("Content-Type") == "text/event-stream; charset=utf-8"
    assert reply.field("Transfer-Encoding") == "chunked"
    assert reply.field("Cache-Control") == "no-cache, no-transform"
    assert reply.field("X-Accel-Buffering") == "no"
    assert reply.field("Content-Length") is None
    assert reply.field("Date") and reply.field("X-Request-Id")


def test_two_authorization_fields_are_a_bad_request(shared_world, gateway):
    reply = gateway.ask(fields=[("Authorization", f"Bearer {shared_world.token()}"),
                                ("Authorization", f"Bearer {shared_world.token()}")])

    expect_error(reply, 400, "Bad Request.", "bad_request")


def test_options_is_answered_without_a_token(gateway):
    _, reply = gateway.raw(wire.request_bytes("OPTIONS", chat_path()))

    assert reply.status in (200, 204)
    assert "POST" in reply.field("Allow")


def test_head_is_answered_405_without_a_body(gateway):
    client = gateway.connect()
    client.send(gateway.request(method="HEAD", body=b"", fields=[("Connection", "close")]))

    reply = client.read_head()

    assert reply.status == 405
    client.expect_closed()


def test_a_target_too_long_is_414_and_a_head_too_large_431(gateway):
    _, reply = gateway.raw(wire.request_bytes("POST", "/" + "a" * 7000))
    expect_error(reply, 414, "URI Too Long", "target_too_long")

    _, reply = gateway.raw(gateway.request(fields=[("X-Filler", "x" * 9000)]))
    expect_error(reply, 431, "Request Header Fields Too Large", "head_too_large")


def test_an_unknown_expectation_is_417(gateway):
    reply = gateway.ask(fields=[("Expect", "200-maybe")])

    expect_error(reply, 417, "Expectation Failed", "expectation")


def test_another_http_version_is_505(gateway):
    _, reply = gateway.raw(b"POST / HTTP/3.0\r\nHost: a\r\n\r\n")

    expect_error(reply, 505, "HTTP Version Not Supported", "http_version")


def test_expect_continue_is_answered_before_the_body_is_sent(gateway):
    body = json.dumps(chat_body()).encode()
    client = gateway.connect()
    head = gateway.request(body=b"", fields=[("Expect", "100-continue"),
                                             ("Content-Length", str(len(body)))])
    client.send(head)

    interim = client.read_until(b"\r\n\r\n")
    client.send(body)
    reply = client.read_reply()

    assert interim.startswith(b"HTTP/1.1 100 ")
    assert reply.status == 200


def test_every_answer_has_its_own_request_id(gateway):
    ids = {gateway.ask(without=["Authorization"]).field("X-Request-Id") for _ in range(5)}

    assert len(ids) == 5
