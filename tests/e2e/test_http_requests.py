# SPDX-License-Identifier: MIT
"""Requests on one connection, expectations, lawful oddities, and strangers on the port."""

import json

import pytest
from support import wire
from support.refusal import expect_refusal
from support.world import chat_body, chat_path

BODY = json.dumps(chat_body()).encode()


@pytest.fixture(scope="module")
def gateway(shared_world):
    limits = {"max_head": "16k", "max_body": "64k", "head_timeout": "8s", "body_timeout": "8s"}
    return shared_world.gateway(limits=limits)


@pytest.fixture(scope="module")
def token(shared_world):
    return shared_world.token()


# --- behind an error, and one request behind another ----------------------------------


def chat(token, **fields):
    more = [(name.replace("_", "-"), value) for name, value in fields.items()]
    return wire.request_bytes("POST", chat_path(), [
        ("Authorization", f"Bearer {token}"), ("Content-Type", "application/json"), *more], BODY)


def test_a_broken_chunk_behind_a_good_head_ends_the_connection(gateway, sim_requests, token):
    """The head was lawful and its body begins so: still one answer, and no upstream call."""
    client = gateway.connect()
    client.send(chat(token, Transfer_Encoding="chunked").replace(BODY, b"") +
                b"5\r\n{\"mes\r\n")
    client.expect_open(0.1)
    client.send(b"+1\r\ns\r\n0\r\n\r\n" + chat(token))

    expect_refusal(client.read_reply(), 400, "bad_request")
    client.expect_closed()
    assert sim_requests() == 0


def test_pipelined_requests_are_never_confused(gateway, sim_requests, token):
    """The first is answered; the connection then closes before the second, which may be sent
    again (RFC 9112 section 9.3.2)."""
    client = gateway.connect()
    client.send(chat(token) * 3)

    reply = client.read_reply()
    assert (reply.status, reply.ended) == (200, "complete")
    assert reply.field("Connection") == "close"
    client.expect_closed()
    assert sim_requests() == 1


def test_a_request_sent_while_the_answer_runs_is_not_served(gateway, sim_requests, token):
    client = gateway.connect()
    client.send(chat(token))
    reply = client.read_head()
    client.send(b"BROKEN\x00\r\n" + chat(token))

    client.read_body(reply)
    assert (reply.status, reply.ended) == (200, "complete")
    client.expect_closed()
    assert sim_requests() == 1


@pytest.fixture
def sim_requests(gateway):
    """How many requests have reached the upstream since the test began."""
    before = gateway.simulator.stat("requests")
    return lambda: gateway.simulator.stat("requests") - before


def test_one_after_the_other_on_one_connection(gateway, token):
    """Answers, refusals of whole requests and an empty line between them."""
    client = gateway.connect()
    for number in range(3):
        client.send((b"\r\n" if number else b"") + chat(token))
        assert client.read_reply().ended == "complete"
        client.send(chat("a.b.c"))
        reply = client.read_reply()
        assert reply.status == 401 and reply.field("Connection") is None
    client.send(b"G\x00")
    expect_refusal(client.read_reply(), 400, "bad_request")
    client.expect_closed()


# --- expectations ----------------------------------------------------------------------

# name, value of Expect, does a 100 come, status at the end
EXPECTATIONS = [
    ("usual", "100-continue", True, 200),
    ("other_case", "100-Continue", True, 200),
    ("upper_case", "100-CONTINUE", True, 200),
    ("spaces", "   100-continue  ", True, 200),
    ("list", "100-continue, x", False, 417),
    ("list_of_two", "100-continue, 100-continue", False, 417),
    ("parameter", "100-continue;a=b", False, 417),
    ("other", "200-ok", False, 417),
    ("longer", "100-continues", False, 417),
    ("shorter", "100", False, 417),
    ("empty", "", False, 417),
    ("tab", "\t100-continue", False, 400),
]


@pytest.mark.parametrize("name, value, has_100, status", EXPECTATIONS,
                         ids=[r[0] for r in EXPECTATIONS])
def test_expectations(gateway, token, name, value, has_100, status):
    client = gateway.connect()
    head = chat(token, Expect=value)[:-len(BODY)]
    client.send(head)

    if has_100:
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        client.send(BODY)
    reply = client.read_reply()
    assert reply.status == status
    if not has_100:
        client.expect_closed()


# Refused at the head, so that nobody sends a body for nothing.
@pytest.mark.parametrize("change, status", [
    ((b"Content-Length: %d" % len(BODY), b"Content-Length: 65537"), 413),
    ((b"Bearer ", b"Bearer x"), 401),
    ((b"test/model", b"no/model"), 400),
    ((b"application/json", b"text/plain"), 415),
], ids=["too_large", "bad_token", "unknown_model", "media_type"])
def test_no_100_for_a_request_that_is_refused(gateway, token, change, status):
    client = gateway.connect()
    client.send(chat(token, Expect="100-continue")[:-len(BODY)].replace(*change))

    answer = client.read_until(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    client.read_body(wire.Reply(answer[:-4]))
    client.expect_closed()


# --- what is lawful and stays so ----------------------------------------------------------

LAWFUL = [
    ("extension", lambda t: chunked(t, b"%x;a=b;c=\"d;\\\"\"\r\n%s\r\n0;x\r\n\r\n")),
    ("leading_zeros", lambda t: chunked(t, b"000%x\r\n%s\r\n00\r\n\r\n")),
    ("upper_case_size", lambda t: chunked(t, b"%X\r\n%s\r\n0\r\n\r\n")),
    ("coding_in_other_case", lambda t: chunked(t, b"%x\r\n%s\r\n0\r\n\r\n", b": CHUNKED ")),
    ("coding_without_space", lambda t: chunked(t, b"%x\r\n%s\r\n0\r\n\r\n", b":chunked")),
    ("length_with_zeros", lambda t: chat(t, Content_Length="000%d" % len(BODY))),
    ("empty_line_first", lambda t: b"\r\n" + chat(t)),
    ("one_hundred_fields", lambda t: chat(t, **{f"X{n}": "y" for n in range(96)})),
    ("upgrade_to_h2c", lambda t: chat(t, Connection="Upgrade, HTTP2-Settings", Upgrade="h2c",
                                      HTTP2_Settings="AAMAAABkAAQAAP__")),
    ("upgrade_to_websocket", lambda t: chat(t, Connection="upgrade", Upgrade="websocket")),
    ("te_trailers", lambda t: chat(t, TE="trailers, deflate")),
    ("host_with_port", lambda t: chat(t, Host="Gateway_1.test:8080")),
    ("host_ipv6", lambda t: chat(t, Host="[2001:db8::1]:8080")),
    ("obs_text_in_a_value", lambda t: chat(t, X_Name="caf\xe9")),
    ("underscores_are_other_fields",
     lambda t: chat(t, **{"Content__Length": "7"}).replace(b"--", b"_")),
]


def chunked(token, template, coding=b": chunked"):
    head = chat(token)[:-len(BODY)].replace(b"Content-Length: %d" % len(BODY),
                                            b"Transfer-Encoding" + coding)
    return head + template % (len(BODY), BODY)


@pytest.mark.parametrize("name, make", LAWFUL, ids=[r[0] for r in LAWFUL])
def test_lawful_requests_are_served_and_the_connection_stays(gateway, token, name, make):
    client = gateway.connect()
    for _ in range(2):
        client.send(make(token))
        reply = client.read_reply()
        assert (reply.status, reply.ended) == (200, "complete"), reply.head
        assert reply.field("Connection") is None


# --- the port talks to strangers -------------------------------------------------------------

STRANGERS = [
    ("tls", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\x00" * 150),
    ("ssh", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("smtp", b"EHLO gateway.test\r\n"),
    ("proxy_protocol", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
    ("http_0_9", b"GET /\r\n"),
    ("response", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("two_empty_lines", b"\r\n\r\n" + b"POST / HTTP/1.1\r\n"),
    ("lone_cr", b"\rGET / HTTP/1.1\r\n"),
    ("zeros", b"\x00" * 1000),
]


@pytest.mark.parametrize("name, data", STRANGERS, ids=[r[0] for r in STRANGERS])
def test_other_protocols_get_one_answer(gateway, name, data):
    client = gateway.connect()
    client.send(data)

    expect_refusal(client.read_reply(), 400, "bad_request")
    client.expect_closed()


def test_a_broken_head_request_is_answered_without_a_body(gateway):
    client = gateway.connect()
    client.send(b"HEAD / HTTP/1.1\r\nHost: gateway.test\r\nX : y\r\n\r\n")

    expect_refusal(client.read_head(), 400, "bad_request", is_head=True)
    client.expect_closed()


def test_asterisk_form_is_for_options_alone(gateway):
    _, reply = gateway.raw(b"OPTIONS * HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
    assert (reply.status, reply.reason, reply.field("Allow")) == (204, "options", "POST, OPTIONS")
    assert reply.field("Content-Length") is None and reply.field("Content-Type") is None

    _, reply = gateway.raw(b"POST * HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
    expect_refusal(reply, 400, "bad_request")


@pytest.mark.parametrize("size", [33, 1000, 15000])
def test_a_method_of_any_length_is_one_that_is_not_allowed(gateway, size):
    _, reply = gateway.raw(b"M" * size + b" / HTTP/1.1\r\nHost: gateway.test\r\n\r\n")

    expect_refusal(reply, 405, "method_not_allowed")
    assert reply.field("Allow") == "POST, OPTIONS"
