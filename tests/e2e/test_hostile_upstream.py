# SPDX-License-Identifier: MIT
"""The upstream is hostile: a true status before the first byte, a visible cut after it.

Each answer here is sent by a raw socket. Whatever it is, nothing of it reaches a header
of ours or the log, and the next request on the same gateway gets its own answer.
"""

import json
import re
import subprocess
import sys
import threading
import time

import pytest
from support import waiting
from support.hostile_upstream import (DONE, FINISH, GOOD, GOOD_TEXT, HEAD, HostileUpstream, chunk,
                                      chunked, event, text)
from support.simulator import sim as say

CANARY = "evil-canary"
EVIL = (b"X-Evil: evil-canary\r\nSet-Cookie: a=evil-canary\r\nX-Request-Id: evil-canary\r\n"
        b"X-Tidegate-Reason: evil-canary\r\nLocation: http://evil-canary/\r\n"
        b"Retry-After: evil-canary\r\nWWW-Authenticate: evil-canary\r\nDate: evil-canary\r\n")
STREAM = HEAD + EVIL + b"Transfer-Encoding: chunked\r\n\r\n"
FIRST = text("Low")


def status(line, body=b"evil-canary", fields=b""):
    return (b"HTTP/1.1 " + line + b"\r\n" + EVIL + fields +
            b"Content-Length: %d\r\n\r\n" % len(body) + body)


def then_close(data):
    return lambda connection: connection.send(data)


def then_reset(data):
    def act(connection):
        connection.send(data)
        connection.reset()
    return act


def then_silence(data):
    def act(connection):
        connection.send(data)
        connection.wait_for_the_end()
    return act


NONSENSE = (502, "upstream_nonsense")
TRUNCATED = (502, "upstream_truncated")
STATUS = (502, "upstream_status")

# name: (what is sent, status and reason as HTTP means them)
BEFORE = {
    "te_and_cl": (HEAD + EVIL + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" +
                  chunk(FIRST) + b"0\r\n\r\n", NONSENSE),
    "two_cl": (HEAD + EVIL + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", NONSENSE),
    "signed_cl": (HEAD + EVIL + b"Content-Length: +5\r\n\r\nhello", NONSENSE),
    "unknown_te": (HEAD + EVIL + b"Transfer-Encoding: xchunked\r\n\r\n" + chunk(FIRST), NONSENSE),
    "space_before_colon": (HEAD + b"Transfer-Encoding : chunked\r\n\r\n" + chunk(FIRST), NONSENSE),
    "folded_field": (HEAD + b"X-A: b\r\n evil-canary\r\nContent-Length: 0\r\n\r\n", NONSENSE),
    "nul_line": (HEAD + b"\0\r\n" + EVIL + b"Content-Length: 5\r\n\r\nhello", NONSENSE),
    "bare_cr": (HEAD + b"X-A: b\rX-Evil: evil-canary\r\nContent-Length: 0\r\n\r\n", NONSENSE),
    "bare_lf": (b"HTTP/1.1 200 OK\nContent-Type: text/event-stream\n\n" + FIRST, NONSENSE),
    "chunk_size_sign": (STREAM + b"+" + chunk(FIRST), NONSENSE),
    "chunk_size_letters": (STREAM + b"xyz\r\n", NONSENSE),
    "chunk_size_huge": (STREAM + b"7fffffffffffffff\r\n", NONSENSE),
    "cl_too_large": (then_close(HEAD + b"Content-Length: 500\r\n\r\n"), TRUNCATED),
    "http_0_9": (then_close(FIRST + FINISH + DONE), NONSENSE),
    "http_2": (then_close(b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0"), NONSENSE),
    "garbage": (then_close(bytes(range(256)) * 8), NONSENSE),
    "nothing": (then_close(b""), TRUNCATED),
    "reset": (then_reset(b""), TRUNCATED),
    "half_a_head": (then_close(HEAD), TRUNCATED),
    "101": (status(b"101 Switching", b"", b"Upgrade: h2c\r\nConnection: Upgrade\r\n"), NONSENSE),
    "103": (status(b"103 Early Hints", b"") + GOOD, NONSENSE),
    "204": (status(b"204 No Content", b""), NONSENSE),
    "302": (status(b"302 Found"), STATUS),
    "307": (status(b"307 Temporary Redirect"), STATUS),
    "999": (status(b"999 Beyond"), NONSENSE),
    "401": (status(b"401 Unauthorized"), STATUS),
    "503": (status(b"503 Busy"), (503, "upstream_busy")),
    "429": (status(b"429 Slow"), (429, "upstream_rate_limited")),
    "gzip": (HEAD + EVIL + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", NONSENSE),
    "html": (status(b"200 OK", b"<html>evil-canary</html>", b"Content-Type: text/html\r\n"),
             NONSENSE),
    "no_type": (status(b"200 OK"), NONSENSE),
    "giant_field": (HEAD + b"X-Evil: " + b"a" * 70000 + b"\r\n\r\n", NONSENSE),
    "giant_head": (HEAD + b"X-Evil: evil-canary\r\n" * 4000 + b"\r\n", NONSENSE),
    "giant_event": (chunked(text("a" * 300000)), NONSENSE),
    "giant_line": (chunked(*[b"a" * 60000] * 6), NONSENSE),
    "giant_comment": (chunked(b":", *[b"a" * 60000] * 6), NONSENSE),
    "nul_in_text": (chunked(event(b'{"choices":[{"delta":{"content":"a\0b"}}]}')), NONSENSE),
    "control_byte_in_text": (chunked(event(b'{"choices":[{"delta":{"content":"\x1b[2J"}}]}')),
                             NONSENSE),
    "bad_utf8": (chunked(event(b'{"choices":[{"delta":{"content":"\xff"}}]}')), NONSENSE),
    "error_event": (chunked(event({"error": CANARY})), (502, "upstream_error_event")),
    "end_mark_missing": (chunked(event({"choices": []})), TRUNCATED),
    "silence": (then_silence(b""), (504, "upstream_timeout_first")),
    "silence_in_the_head": (then_silence(HEAD), (504, "upstream_timeout_first")),
    "dripping_head": (lambda connection: connection.drip(HEAD * 9, 0.02),
                      (504, "upstream_timeout_first")),
    "endless_comments": (lambda connection: connection.send(STREAM).repeat(chunk(b":\n\n"), 0.01),
                         (504, "upstream_timeout_first")),
    "endless_empty_events": (lambda connection: connection.send(STREAM).repeat(
        chunk(event({"choices": [{"delta": {"role": "assistant"}}]})), 0.01),
        (504, "upstream_timeout_first")),
    "dripping_comment": (lambda connection: connection.send(STREAM).drip(
        chunk(b":" + b"a" * 500), 0.02), (504, "upstream_timeout_first")),
}

# name: (what is sent, reason); the text "Low" goes out first in each.
AFTER = {
    "bad_chunk_size": (STREAM + chunk(FIRST), b"xyz\r\n", "upstream_nonsense"),
    "signed_chunk_size": (STREAM + chunk(FIRST), b"+" + chunk(text(" tide")),
                          "upstream_nonsense"),
    "chunk_too_long": (STREAM + chunk(FIRST), b"3\r\nabcdef\r\n", "upstream_nonsense"),
    "bad_json": (STREAM + chunk(FIRST), chunk(event(b"{]")), "upstream_nonsense"),
    "bad_utf8": (STREAM + chunk(FIRST),
                 chunk(event(b'{"choices":[{"delta":{"content":"\xff"}}]}')), "upstream_nonsense"),
    "giant_event": (STREAM + chunk(FIRST), chunk(text("a" * 300000)), "upstream_nonsense"),
    "error": (STREAM + chunk(FIRST), chunk(event({"error": CANARY})), "upstream_error_event"),
    "end_without_finish": (STREAM + chunk(FIRST), then_close(b"0\r\n\r\n"),
                           "upstream_truncated"),
    "cl_too_small": (HEAD + b"Content-Length: %d\r\n\r\n" % len(FIRST) + FIRST,
                     text(" tide") + FINISH + DONE, "upstream_truncated"),
    "close": (STREAM + chunk(FIRST), lambda connection: None, "upstream_truncated"),
    "close_in_a_chunk": (STREAM + chunk(FIRST), then_close(b"40\r\ndata: {"),
                         "upstream_truncated"),
    "reset": (STREAM + chunk(FIRST), lambda connection: connection.reset(), "upstream_truncated"),
    "close_without_any_length": (HEAD + b"\r\n" + FIRST, lambda connection: None,
                                 "upstream_truncated"),
    "silence": (STREAM + chunk(FIRST), lambda connection: connection.wait_for_the_end(),
                "upstream_timeout_idle"),
    "dripping_chunk": (STREAM + chunk(FIRST),
                       lambda connection: connection.drip(chunk(text("a" * 400)), 0.02),
                       "upstream_timeout_idle"),
    "endless_comments": (STREAM + chunk(FIRST),
                         lambda connection: connection.repeat(chunk(b":\n\n"), 0.01),
                         "upstream_timeout_idle"),
}


@pytest.fixture(scope="module")
def upstream(shared_world):
    upstream = HostileUpstream({f"before-{name}": row[0] for name, row in BEFORE.items()})
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def gateway(shared_world, upstream):
    return shared_world.gateway(upstream.url(), upstream_errors="gateway", upstream={
        "retries": 0, "first_token_timeout": "700ms", "idle_timeout": "150ms"})


def expect_clean(gateway, reply):
    """No byte of the upstream's head or body in a head of ours, and none in the log."""
    assert CANARY not in reply.head.decode("latin-1")
    assert CANARY.encode() not in reply.body
    assert CANARY not in gateway.process.output()
    for name in ("Set-Cookie", "Location", "X-Evil", "Content-Encoding", "Server"):
        assert reply.field(name) is None
    assert re.fullmatch("[0-9a-f]{16}", reply.field("X-Request-Id"))


def expect_unharmed(gateway):
    reply = gateway.ask("fine")
    assert (reply.status, reply.ended, reply.text) == (200, "complete", GOOD_TEXT)


@pytest.mark.parametrize("name", BEFORE)
def test_before_the_first_byte_there_is_a_true_status(gateway, name):
    _, (status_wanted, reason) = BEFORE[name]

    reply = gateway.ask(f"before-{name}")

    assert (reply.status, reply.reason) == (status_wanted, reason)
    assert set(reply.json()) == {"statusCode", "statusMessage"}
    assert reply.field("Retry-After") in (None, "5"), "ours, not the provider's words"
    expect_clean(gateway, reply)
    expect_unharmed(gateway)


# What the access log says about it, for whoever is woken up.
PROBLEMS = {
    "two_cl": "lengths or codings that cannot be trusted",
    "bare_lf": "control byte in a head",
    "chunk_size_sign": "bad chunk size",
    "chunk_size_huge": "chunk above the bound",
    "garbage": "not a status line of HTTP/1.1",
    "103": "interim response that nobody asked for",
    "999": "status out of range",
    "gzip": "content coding that nobody offered",
    "html": "success without an event stream",
    "giant_field": "head that evhttp refuses, or above its bound",
    "giant_event": "event or line above max_event",
    "bad_utf8": "event is no JSON object in UTF-8",
    "end_mark_missing": "end without [DONE] or a finish reason",
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_log_says_what_was_wrong(gateway, name):
    reply = gateway.ask(f"before-{name}")

    end = gateway.wait_for_log("exchange", id=reply.field("X-Request-Id"))
    assert end["problem"] == PROBLEMS[name]


@pytest.mark.parametrize("format_name", ["text", "data"])
@pytest.mark.parametrize("name", AFTER)
def test_after_the_first_byte_there_is_a_visible_cut(gateway, upstream, name, format_name):
    opening, rest, reason = AFTER[name]
    seen = []

    def act(connection):
        connection.send(opening)
        while not seen:  # the client has the first text: the rest comes too late for a status
            time.sleep(0.002)
        if callable(rest):
            rest(connection)
        else:
            connection.send(rest)
            connection.wait_for_the_end()

    upstream.behaviours["after"] = act
    client, reply = gateway.open("after", query=f"&format={format_name}")
    client.read_chunk(reply)
    seen.append(True)
    client.read_body(reply)

    assert reply.status == 200
    if format_name == "text":
        assert (reply.ended, reply.text) == ("cut", "Low")
    else:
        words = f"The answer is not whole ({reason})."
        assert (reply.ended, reply.text) == ("complete", f'0:"Low"\n3:"{words}"\n')
    end = gateway.wait_for_log("exchange", id=reply.field("X-Request-Id"))
    assert (end["end"], end["status"]) == (reason, "200")
    expect_clean(gateway, reply)
    expect_unharmed(gateway)


def test_a_redirect_is_never_followed(world):
    elsewhere = HostileUpstream()
    upstream = HostileUpstream()
    gateway = world.gateway(upstream.url(), upstream={"retries": 3})
    for code in (b"301", b"302", b"303", b"307", b"308"):
        upstream.behaviours[code.decode()] = (
            b"HTTP/1.1 " + code + b" Elsewhere\r\nLocation: " + elsewhere.url().encode() +
            b"\r\nContent-Length: 0\r\n\r\n")

        reply = gateway.ask(code.decode())

        assert (reply.status, reply.reason) == (500, "upstream_status")
    expect_unharmed(gateway)
    assert elsewhere.accepted == 0
    assert upstream.questions.count("302") == 1, "nor is it asked again"
    upstream.close()
    elsewhere.close()


# What JSON escapes say is text, whatever it is: (in the event, as text, in format data).
CHARACTERS = [
    ("nul", "\\u0000", "\0", "\\u0000"),
    ("escape", "\\u001b[2J", "\x1b[2J", "\\u001b[2J"),
    ("delete", "\\u007f", "\x7f", "\x7f"),
    ("line_ends", "\\r\\n\\t\\b\\f", "\r\n\t\b\f", "\\r\\n\\t\\u0008\\u000c"),
    ("separators", "\\u0085\\u2028\\u2029", "\x85\u2028\u2029", "\\u0085\\u2028\\u2029"),
    ("noncharacters", "\\ufffe\\uffff\\ufeff", "\ufffe\uffff\ufeff", "\ufffe\uffff\ufeff"),
    ("beyond_the_plane", "\\ud83c\\udf0a", "\U0001F30A", "\U0001F30A"),
    ("quotes", "\\\"\\\\\\/", "\"\\/", "\\\"\\\\/"),
    ("a_chunk_of_our_own", "\\r\\n0\\r\\n\\r\\n", "\r\n0\r\n\r\n", "\\r\\n0\\r\\n\\r\\n"),
    ("a_part_of_our_own", "\\\"\\n3:\\\"x", "\"\n3:\"x", "\\\"\\n3:\\\"x"),
]


@pytest.mark.parametrize("name, escaped, as_text, as_data", CHARACTERS,
                         ids=[row[0] for row in CHARACTERS])
def test_each_format_has_its_own_way_with_characters(gateway, upstream, name, escaped, as_text,
                                                     as_data):
    content = b'{"choices":[{"delta":{"content":"' + escaped.encode() + b'"}}]}'
    upstream.behaviours["characters"] = chunked(event(content), FINISH, DONE)

    plain = gateway.ask("characters")
    data = gateway.ask("characters", query="&format=data")

    assert (plain.ended, plain.text) == ("complete", as_text)
    assert data.ended == "complete"
    line = data.text.split("\n")[0]
    assert line == f'0:"{as_data}"'
    assert json.loads(line[2:]) == as_text


def test_bytes_behind_an_answer_never_reach_another_client(gateway, upstream):
    poison = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" %
              len(text(CANARY) + DONE) + text(CANARY) + DONE)

    may_go, has_gone = threading.Event(), threading.Event()

    def late(connection):
        connection.send(GOOD)
        may_go.wait()
        connection.send(poison)
        has_gone.set()
        connection.wait_for_the_end()

    upstream.behaviours["at_once"] = GOOD + poison
    upstream.behaviours["late"] = late
    for question in ["at_once", "late"] * 5:
        may_go.clear()
        has_gone.clear()
        assert gateway.ask(question).text == GOOD_TEXT
        if question == "late":  # while the connection lies in the pool
            may_go.set()
            assert has_gone.wait(waiting.PATIENCE_S)
        expect_unharmed(gateway)


def test_plain_words_on_a_tls_port_are_a_tls_failure(world):
    upstream = HostileUpstream(before_any_byte=then_silence(GOOD))
    gateway = world.gateway(upstream.url("https"), upstream_errors="gateway",
                            upstream={"retries": 0})

    reply = gateway.ask()

    assert (reply.status, reply.reason) == (502, "upstream_tls")
    upstream.close()


def test_a_handshake_that_never_ends_is_a_connect_timeout(world):
    upstream = HostileUpstream(before_any_byte=lambda connection: connection.wait_for_the_end())
    gateway = world.gateway(upstream.url("https"), upstream_errors="gateway",
                            upstream={"retries": 0, "connect_timeout": "300ms"})

    reply = gateway.ask()

    assert (reply.status, reply.reason) == (502, "upstream_connect")
    upstream.close()


READER = """
import socket, sys
host, port = sys.argv[1].rsplit(":", 1)
sock = socket.create_connection((host, int(port)))
sock.sendall(sys.stdin.buffer.read())
while sock.recv(1 << 20):
    pass
"""
GAP_S_MAX = 0.25  # far above what sanitizers cost, far below what a stream without bound costs


def start_readers(gateway, request, count):
    """Clients that read as fast as they can, each a process of its own."""
    readers = []
    for _ in range(count):
        reader = subprocess.Popen([sys.executable, "-c", READER, gateway.address],
                                  stdin=subprocess.PIPE)
        reader.stdin.write(request)
        reader.stdin.close()
        readers.append(reader)
    return readers


def expect_pace(readers, client, reply):
    """The paced answer of <client> comes at its pace while all <readers> are flooded."""
    client.read_body(reply)
    running = [reader.poll() is None for reader in readers]
    for reader in readers:
        reader.kill()
        reader.wait()
    assert all(running), "the floods ended too early to prove anything"
    assert reply.ended == "complete"
    moments = [at for at, _ in reply.chunks]
    gaps = sorted(b - a for a, b in zip(moments, moments[1:]))
    assert len(gaps) > 30
    print(f"\ngaps: median {gaps[len(gaps) // 2] * 1000:.1f} ms, largest {gaps[-1] * 1000:.1f} ms")
    assert gaps[len(gaps) * 9 // 10] < GAP_S_MAX


def test_a_flood_does_not_starve_its_neighbours(world, sim):
    gateway = world.gateway(sim, upstream={"max_answer": "1g"})
    readers = start_readers(gateway, gateway.request(say(flood=400_000_000, pace=0)), 3)
    sim.wait_for("bytes_sent", 5_000_000)

    client, reply = gateway.open(say(tokens=60, pace=20, first=0))

    expect_pace(readers, client, reply)


def test_chunks_of_a_megabyte_do_not_starve_their_neighbours(world):
    giant = chunk(text("a") * 15000)
    sent = threading.Semaphore(0)

    def giants(connection):
        connection.send(STREAM)
        for _ in range(1000):
            connection.send(giant)
            sent.release()

    def paced(connection):
        connection.send(STREAM)
        for _ in range(60):
            connection.send(chunk(text("a")))
            time.sleep(0.02)
        connection.send(chunk(DONE) + b"0\r\n\r\n")

    upstream = HostileUpstream({"giants": giants, "paced": paced})
    gateway = world.gateway(upstream.url(), upstream={"max_answer": "1g"})
    readers = start_readers(gateway, gateway.request("giants"), 4)
    for _ in range(8):
        assert sent.acquire(timeout=waiting.PATIENCE_S)

    client, reply = gateway.open("paced")

    expect_pace(readers, client, reply)
    upstream.close()
