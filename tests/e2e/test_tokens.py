# SPDX-License-Identifier: MIT
"""Attacks on tokens, over a raw socket: RFC 8725, RFC 7515, RFC 7519, and the known tricks.

A bad token is an answered 401, the verdict of the log names the check that failed, and the
connection is as good as before: the next request on it is answered. No token is a way in,
and none ever costs the client its connection.
"""

import json

import pytest
from support import wire
from support.bad_tokens import FAMILIES
from support.forgery import long_token, token, with_claims, with_header
from support.tokens import OTHER_SECRET, SECRET
from support.world import chat_body

# A model that is not in the list: who is let in gets 400 and costs no upstream call.
PATH = "/api/ai/huggingface/other/model/chat?chat_id=1"
BODY = json.dumps(chat_body()).encode()


@pytest.fixture(scope="module")
def gateway(shared_world):
    return shared_world.gateway()


def request(authorization, path=PATH, more=()):
    fields = [("Content-Type", "application/json"), *more]
    if authorization is not None:
        fields.append(("Authorization", authorization))
    return wire.request_bytes("POST", path, fields, BODY)


def expect_unauthorized(reply, challenge='Bearer error="invalid_token"'):
    assert (reply.status, reply.reason) == (401, "unauthorized"), reply.head
    assert reply.body == b'{\n  "statusCode": 401,\n  "statusMessage": "Unauthorized"\n}'
    assert reply.field("WWW-Authenticate") == challenge
    assert reply.field("Content-Type") == "application/json"
    assert reply.field("Cache-Control") == "no-store"
    assert reply.field("X-Request-Id")


def expect_let_in(reply):
    assert (reply.status, reply.reason) == (400, "model_unknown"), reply.head


class Conversation:
    """Requests one after the other, on one connection as long as the gateway keeps it.

    It says so when it does not: a refusal that comes before the body has been read closes.
    """

    def __init__(self, gateway):
        self.gateway, self.client = gateway, gateway.connect()

    def ask(self, *args, **options):
        self.client.send(request(*args, **options))
        reply = self.client.read_reply()
        if reply.field("Connection") == "close":
            self.client.expect_closed()
            self.client = self.gateway.connect()
        return reply


def try_all(gateway, world, rows):
    """Each row on one connection, a good token behind each; (name, token, verdict) rows."""
    conversation, found = Conversation(gateway), []
    for name, made, verdict in rows:
        world.minted.add(made)
        reply = conversation.ask("Bearer " + made)
        try:
            if verdict == "ok":
                expect_let_in(reply)
                continue
            expect_unauthorized(reply)
            line = gateway.wait_for_log("exchange", id=reply.field("X-Request-Id"))
            assert line.get("problem") == verdict
        except AssertionError as problem:
            found.append(f"{name}: must be {verdict}: {str(problem)[:300]}")
        expect_let_in(conversation.ask("Bearer " + token()))
    assert not found, f"{len(found)} of {len(rows)}:\n" + "\n".join(found)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_bad_token_is_an_answered_401(shared_world, gateway, family):
    rows = list(FAMILIES[family]())

    try_all(gateway, shared_world, rows)

    assert len(rows) >= 20


# --- issuer, audience and several keys ----------------------------------------------------------

ISSUER, AUDIENCE = "https://issuer.example/", "tidegate"
FOR_US = {"iss": ISSUER, "aud": AUDIENCE}
WHOSE = [
    ("both right", FOR_US, "ok"),
    ("one of several", {**FOR_US, "aud": ["x", AUDIENCE, "y"]}, "ok"),
    ("no issuer", {"aud": AUDIENCE}, "missing_claim"),
    ("issuer without its slash", {**FOR_US, "iss": ISSUER[:-1]}, "wrong_issuer"),
    ("issuer and more", {**FOR_US, "iss": ISSUER + "x"}, "wrong_issuer"),
    ("issuer of other case", {**FOR_US, "iss": ISSUER.upper()}, "wrong_issuer"),
    ("issuer with NUL", {**FOR_US, "iss": ISSUER + "\x00"}, "wrong_issuer"),
    ("issuer in a list", {**FOR_US, "iss": [ISSUER]}, "bad_claims"),
    ("no audience", {"iss": ISSUER}, "missing_claim"),
    ("audience of others", {**FOR_US, "aud": ["x", "y"]}, "wrong_audience"),
    ("no audience in the list", {**FOR_US, "aud": []}, "wrong_audience"),
    ("audience of other case", {**FOR_US, "aud": "Tidegate"}, "wrong_audience"),
    ("audience that begins so", {**FOR_US, "aud": "tidegate.evil.test"}, "wrong_audience"),
    ("audience that ends so", {**FOR_US, "aud": ["x,tidegate", " tidegate"]}, "wrong_audience"),
    ("audience in a list in a list", {**FOR_US, "aud": [[AUDIENCE]]}, "bad_claims"),
    ("audience as a name", {**FOR_US, "aud": {AUDIENCE: 1}}, "bad_claims"),
    ("right and then a number", {**FOR_US, "aud": [AUDIENCE, 1]}, "bad_claims"),
]


def test_issuer_audience_and_kid(shared_world):
    world = shared_world
    other = world.folder / "jwt_other"
    world.write_secret(other, OTHER_SECRET)
    gateway = world.gateway(auth={
        "secrets": [{"kid": "old", "secret": f"file:{world.secret_path}"},
                    {"kid": "new", "secret": f"file:{other}"}],
        "issuer": ISSUER, "audience": AUDIENCE})
    ours = with_claims(**FOR_US)
    rows = [(name, token(claims=with_claims(**claims)), verdict) for name, claims,
    verdict in WHOSE]
    for kid, secret, verdict in (("old", SECRET, "ok"), ("new", OTHER_SECRET, "ok"), (...,
    OTHER_SECRET, "ok"),
                                 ("old", OTHER_SECRET, "bad_signature"), ("new", SECRET,
                                 "bad_signature"),
                                 ("NEW", OTHER_SECRET, "unknown_key"), ("new ", OTHER_SECRET,
                                 "unknown_key")):
        rows.append((f"kid {kid!r}", token(with_header(kid=kid), ours, secret), verdict))
    conversation = Conversation(gateway)
    for name, made, verdict in rows:
        world.minted.add(made)
        reply = conversation.ask("Bearer " + made)
        if verdict == "ok":
            expect_let_in(reply)
        else:
            expect_unauthorized(reply)
            line = gateway.wait_for_log("exchange", id=reply.field("X-Request-Id"))
            assert line["problem"] == verdict, name


# --- the field (RFC 6750 section 2.1, RFC 9110 section 11) ------------------------------

INVALID = 'Bearer error="invalid_token"'
# name, the field's value (T stands for a good token; None: no field), the challenge or "ok"
CREDENTIALS = [
    ("none", None, "Bearer"),
    ("empty", "", "Bearer"),
    ("scheme_alone", "Bearer", "Bearer"),
    ("scheme_and_space", "Bearer ", "Bearer"),
    ("basic", "Basic dXNlcjpwYXNz", "Bearer"),
    ("token_in_basic", "Basic T", "Bearer"),
    ("token_alone", "T", "Bearer"),
    ("digest", "Digest a=b", "Bearer"),
    ("longer_scheme", "Bearers T", "Bearer"),
    ("glued", "BearerT", "Bearer"),
    ("jwt_scheme", "JWT T", "Bearer"),
    ("two_schemes", "Basic x, Bearer T", "Bearer"),
    ("dpop", "DPoP T", "Bearer"),
    ("lower_case", "bearer T", "ok"),
    ("upper_case", "BEARER T", "ok"),
    ("mixed_case", "bEaReR T", "ok"),
    ("two_spaces", "Bearer  T", "ok"),
    ("spaces_around", "   Bearer   T   ", "ok"),
    ("tabs_around", "\tBearer T\t", "ok"),
    ("tab", "Bearer\tT", INVALID),
    ("space_and_tab", "Bearer \tT", INVALID),
    ("two_tokens", "Bearer T T", INVALID),
    ("list", "Bearer T, Bearer T", INVALID),
    ("comma", "Bearer T,", INVALID),
    ("quotes", 'Bearer "T"', INVALID),
    ("parameter", "Bearer T;a=b", INVALID),
    ("colon", "Bearer: T", INVALID),
    ("twice", "Bearer Bearer T", INVALID),
    ("name", "Bearer token=T", INVALID),
    ("padded", "Bearer T=", INVALID),
    ("no_break_space", "Bearer\xa0T", INVALID),
    ("byte_order_mark", "Bearer \xef\xbb\xbfT", INVALID),
    ("eight_bit", "Bearer T\xe9", INVALID),
    ("brackets", "Bearer <T>", INVALID),
]


@pytest.mark.parametrize("name, value, expected", CREDENTIALS, ids=[r[0] for r in CREDENTIALS])
def test_credentials(shared_world, gateway, name, value, expected):
    good = shared_world.token()
    client = gateway.connect()
    for _ in range(2):  # the second on the same connection, as if nothing had been
        client.send(request(None if value is None else value.replace("T", good, 2)))
        reply = client.read_reply()
        if expected == "ok":
            expect_let_in(reply)
        else:
            expect_unauthorized(reply, expected)


def test_a_token_anywhere_else_is_none(shared_world, gateway):
    good, conversation = shared_world.token(), Conversation(gateway)
    for path, more in ((PATH + "&access_token=" + good, ()), (PATH + "&token=" + good, ()),
                       (PATH, [("Cookie", "token=" + good)]), (PATH, [("X-Authorization",
                       "Bearer " + good)]),
                       (PATH, [("Proxy-Authorization", "Bearer " + good)]), (PATH, [("X-Api-Key",
                       good)])):
        expect_unauthorized(conversation.ask(None, path, more), "Bearer")


@pytest.mark.parametrize("second", ["Bearer T", "Bearer x", "Basic x", ""])
def test_two_authorization_fields_are_one_400(shared_world, gateway, second):
    good = shared_world.token()
    client = gateway.connect()
    client.send(request("Bearer " + good, more=[("authorization", second.replace("T", good))]))

    reply = client.read_reply()
    assert (reply.status, reply.reason) == (400, "bad_request")
    assert reply.body == b'{\n  "statusCode": 400,\n  "statusMessage": "Bad Request."\n}'
    client.expect_closed()


# --- sizes -------------------------------------------------------------------------------


def test_tokens_of_every_size_are_answered(shared_world, gateway):
    """Up to 8 KiB a token is read, up to max_head it is refused, beyond the head is too large."""
    conversation = Conversation(gateway)
    for size in (1000, 4000, 8000, 8190, 8192):
        made = long_token(size)
        assert size - 1 <= len(made) <= size
        shared_world.minted.add(made)
        expect_let_in(conversation.ask("Bearer " + made))
    for size in (8194, 8200, 9000, 12000, 15500):
        made = long_token(size)
        shared_world.minted.add(made)
        reply = conversation.ask("Bearer " + made)
        expect_unauthorized(reply)
        assert gateway.wait_for_log("exchange",
        id=reply.field("X-Request-Id"))["problem"] == "too_large"
    for size in (8193, 9000, 15500):
        expect_unauthorized(conversation.ask("Bearer " + "x" * size))
    for size in (16384, 20000, 100000):
        client = gateway.connect()
        client.send(request("Bearer " + "x" * size))
        reply = client.read_reply()
        assert (reply.status, reply.reason) == (431, "head_too_large")
        client.expect_closed()


def test_a_bad_token_costs_an_upload_its_connection_but_not_its_answer(gateway):
    """The body is not read: the 401 comes at once, and then the end."""
    client = gateway.connect()
    head = request("Bearer a.b.c").replace(b"Content-Length: %d" % len(BODY),
    b"Content-Length: 500000")
    client.send(head)
    reply = client.read_reply()
    expect_unauthorized(reply)
    assert reply.field("Connection") == "close"
    client.expect_closed()
