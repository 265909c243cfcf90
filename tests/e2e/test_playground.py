# SPDX-License-Identifier: MIT
"""GET /: the playground's page, as bytes. What a browser makes of it is tests/browser."""

import base64
import hashlib
import re

import pytest
from support import waiting, wire

ON = {"playground": True, "log": {"level": "info"}}


@pytest.fixture(scope="module")
def gateway(shared_world):
    return shared_world.gateway(**ON)


def get(gateway, target="/", method="GET", *, fields=(), client=None):
    client = client or gateway.connect()
    client.send(wire.request_bytes(method, target, fields))
    return client.read_reply() if method != "HEAD" else client.read_head()


def test_the_page_is_given_to_anybody(gateway):
    reply = get(gateway)

    assert (reply.status, reply.ended) == (200, "complete")
    assert reply.field("Content-Type") == "text/html; charset=utf-8"
    assert reply.field("Content-Length") == str(len(reply.body))
    assert reply.field("X-Content-Type-Options") == "nosniff"
    assert reply.field("Referrer-Policy") == "no-referrer"
    assert reply.field("X-Tidegate-Reason") is None
    end = gateway.wait_for_log("exchange", id=reply.field("X-Request-Id"))
    assert (end["end"], end["status"], end["method"], end["at"]) == ("page", "200", "GET",
                                                                     "FLUSHING")
    assert int(end["out"]) == len(reply.head) + 4 + len(reply.body)
    assert gateway.metric("tidegate_exchanges_ended_total", reason="page") >= 1


def test_the_policy_allows_the_page_itself_and_nothing_else(gateway):
    reply = get(gateway)
    policy = dict(part.strip().split(" ", 1)
                  for part in reply.field("Content-Security-Policy").split(";"))

    for element, directive in (("script", "script-src"), ("style", "style-src")):
        texts = re.findall(f"<{element}>(.*?)</{element}>", reply.text, re.DOTALL)
        assert texts
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
                  for text in texts]
        assert policy.pop(directive) == " ".join(f"'sha256-{value}'" for value in hashes)
    assert policy == {"default-src": "'none'", "img-src": "data:", "connect-src": "'self'",
                      "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'"}
    assert not re.search(r"\son\w+=|\sstyle=|https?:(?!//www\.w3\.org/2000/svg)", reply.text)


def test_a_browser_that_has_the_page_is_told_so(gateway):
    client = gateway.connect()
    tag = get(gateway, client=client).field("ETag")

    for tags in (tag, f"W/{tag}", f'"old", {tag}', "*"):
        reply = get(gateway, fields=[("If-None-Match", tags)], client=client)
        assert (reply.status, reply.field("ETag")) == (304, tag)
        assert reply.field("Content-Length") is None
    assert get(gateway, fields=[("If-None-Match", '"old"')], client=client).status == 200


def test_head_has_the_length_and_the_connection_goes_on(gateway):
    client = gateway.connect()

    head = get(gateway, method="HEAD", client=client)
    whole = get(gateway, client=client)

    assert head.status == 200
    assert head.field("Content-Length") == str(len(whole.body))
    assert head.field("ETag") == whole.field("ETag")
    assert gateway.ask(client=client).status == 200


@pytest.mark.parametrize("method, target, status", [
    ("GET", "/?a=b", 405), ("GET", "//", 400), ("GET", "/index.html", 405), ("GET", "/%2f", 405),
    ("PUT", "/", 405), ("DELETE", "/", 405), ("POST", "/", 405), ("OPTIONS", "/", 204)])
def test_nothing_else_is_the_page(gateway, method, target, status):
    reply = get(gateway, target, method)

    assert reply.status == status
    assert reply.field("ETag") is None
    if target == "/":
        assert reply.field("Allow") == "GET, HEAD, OPTIONS"


def test_what_the_head_asks_for_in_vain_is_refused_as_ever(gateway):
    reply = get(gateway, fields=[("Expect", "200-maybe")])

    assert (reply.status, reply.reason) == (417, "expectation")


def test_it_is_off_unless_asked_for_and_a_reload_turns_it_on_and_off(world):
    gateway = world.gateway(supervised=True)
    assert (get(gateway).status, get(gateway).reason) == (405, "method_not_allowed")

    for is_on, status in ((True, 200), (False, 405)):
        gateway.write_conf(playground=is_on)
        gateway.reload_and_wait()
        # The former worker still answers who had reached it when it stopped accepting.
        waiting.until(lambda wanted=status: get(gateway).status == wanted, f"{status} for the page")


def test_an_address_at_its_cap_gets_no_page_either(world):
    gateway = world.gateway(limits={"connections_per_address": 1}, **ON)
    keeper = gateway.connect()
    assert get(gateway, client=keeper).status == 200

    reply = get(gateway)

    assert (reply.status, reply.reason) == (429, "address_full")


def test_readers_of_the_page_take_no_place_from_chats(world):
    gateway = world.gateway(limits={"exchanges": 1, "exchanges_per_subject": 1}, **ON)
    client, _ = gateway.open("@sim tokens=100000 pace=20")

    assert get(gateway).status == 200
    assert gateway.ask().status in (429, 503)
    client.close()


def test_a_reader_who_takes_nothing_is_given_up(world):
    gateway = world.gateway(stream={"write_timeout": "400ms"}, **ON)

    client = gateway.connect(receive_buffer=4096)
    # The kernel takes some pages for a reader who reads none, then no more.
    for _ in range(400):
        pages = len(gateway.log_lines("exchange"))
        client.send(wire.request_bytes("GET", "/"))
        waiting.until(lambda count=pages: len(gateway.log_lines("exchange")) > count, "an end")
        if gateway.ends()[-1] != "page":
            break

    end = gateway.wait_for_end("client_stalled", at="FLUSHING", status="200")
    assert int(end["total_ms"]) >= 350
