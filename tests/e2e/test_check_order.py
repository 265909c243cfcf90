# SPDX-License-Identifier: MIT
"""Requests with two faults: the earlier check of the contract gives the answer.

Method, token, query, path, body: whatever else is wrong behind it, however the body is
framed, and whether it comes with the head or after it.
"""

import itertools
import json

import pytest
from support import wire
from support.world import chat_body

MAX_BODY = 65536


class Draft:
    """A chat request in the making; each fault spoils one part of it."""

    def __init__(self, token):
        self.method, self.token = "POST", f"Bearer {token}"
        self.prefix, self.model, self.query = "/api/ai/huggingface/", "test/model", "?chat_id=1"
        self.kind, self.expect = "application/json", None
        self.body = json.dumps(chat_body()).encode()

    def bytes(self, is_chunked):
        """(head, body)"""
        target = f"{self.prefix}{self.model}/chat{self.query}"
        fields = [("Authorization", self.token), ("Content-Type", self.kind),
                  ("Expect", self.expect)]
        body = wire.chunked(self.body) if is_chunked else self.body
        fields.append(("Transfer-Encoding", "chunked") if is_chunked
                      else ("Content-Length", str(len(body))))
        fields = [(name, value) for name, value in fields if value is not None]
        return wire.request_bytes(self.method, target, fields), body


# In the order of the checks: name, how it is made, status, statusMessage, reason.
FAULTS = [
    ("method", {"method": "PUT"}, 405, "HTTP method is not allowed.", "method_not_allowed"),
    ("no_token", {"token": None}, 401, "Unauthorized", "unauthorized"),
    ("bad_token", {"token": "Bearer a.b.c"}, 401, "Unauthorized", "unauthorized"),
    ("unknown_path", {"prefix": "/api/ai/elsewhere/"}, 404, "Not Found", "not_found"),
    ("no_chat_id", {"query": "?id=1"}, 400, "Bad Request.", "bad_request"),
    ("bad_chat_id", {"query": "?chat_id=a%20b"}, 400, "Bad Request.", "bad_request"),
    ("bad_format", {"query": "?chat_id=1&format=nonsense"}, 400, "Bad Request.", "bad_request"),
    ("bad_model", {"model": "test/mo%2fdel"}, 400, "Invalid model name or publisher",
     "model_unknown"),
    ("unknown_model", {"model": "other/model"}, 400, "Invalid model name or publisher",
     "model_unknown"),
    ("retired_model", {"model": "old/model"}, 400, "Service not available anymore.",
     "model_retired"),
    ("media_type", {"kind": "text/plain"}, 415, "Unsupported Media Type", "media_type"),
    ("no_media_type", {"kind": None}, 415, "Unsupported Media Type", "media_type"),
    ("expectation", {"expect": "200-ok"}, 417, "Expectation Failed", "expectation"),
    ("too_large", {"body": b" " * (MAX_BODY + 1)}, 413, "Content Too Large", "too_large"),
    ("not_json", {"body": b"nonsense"}, 400, "Bad Request. Invalid body(message | messages).",
     "bad_body"),
    ("no_messages", {"body": b"{}"}, 400, "Bad Request. Invalid body(message | messages).",
     "bad_body"),
    ("no_body", {"body": b""}, 400, "Bad Request. Invalid body(message | messages).", "bad_body"),
]
# Two faults of one part cannot be made at once.
PAIRS = [(first, second) for first, second in itertools.combinations(FAULTS, 2)
         if not set(first[1]) & set(second[1])]


@pytest.fixture(scope="module")
def gateway(shared_world):
    return shared_world.gateway(limits={"max_body": "64k"})


def expect_error(reply, status, message, reason):
    assert (reply.status, reply.reason) == (status, reason)
    assert reply.body == (f'{{\n  "statusCode": {status},\n'
                          f'  "statusMessage": "{message}"\n}}').encode()
    assert (reply.field("Allow") == "POST, OPTIONS") == (status == 405)
    assert (reply.field("WWW-Authenticate") is not None) == (status == 401)
    assert reply.field("Retry-After") is None
    assert reply.field("Cache-Control") == "no-store"
    assert reply.field("Content-Type") == "application/json"
    assert reply.field("X-Request-Id") and reply.field("Date")


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("is_together", [True, False], ids=["together", "apart"])
def test_the_earlier_check_answers(shared_world, gateway, is_chunked, is_together):
    cases = [(first, {}) for first in FAULTS] + [(first, second[1]) for first, second in PAIRS]
    for (name, first, *expected), second in cases:
        draft = Draft(shared_world.token())
        for part, value in {**second, **first}.items():
            setattr(draft, part, value)
        head, body = draft.bytes(is_chunked)
        client = gateway.connect()
        client.send(head + body if is_together else head)
        if not is_together and expected[2] in ("bad_body", "too_large") and is_chunked:
            client.send(body)  # of these nothing can be said before it has come
        elif not is_together and expected[2] == "bad_body":
            client.send(body)
        try:
            expect_error(client.read_reply(), *expected)
        except AssertionError as problem:
            raise AssertionError(f"{name} beside {second}: {problem}") from None
        client.close()


def test_a_request_without_a_fault_is_served(shared_world, gateway):
    for is_chunked in (False, True):
        client = gateway.connect()
        client.send(b"".join(Draft(shared_world.token()).bytes(is_chunked)))
        assert client.read_reply().status == 200
