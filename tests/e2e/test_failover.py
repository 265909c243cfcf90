# SPDX-License-Identifier: MIT
"""Upstreams that fail: which one is asked, how often, and what clients see of it."""

import email.utils
import socket
import threading
import time

import pytest
from support import raw_upstream as raw
from support import waiting
from support.raw_upstream import BlackHole, RawUpstream

LONG = "60s"  # longer than a test


@pytest.fixture
def upstreams():
    """Make upstreams, closed at the end."""
    made = []

    def make(manner, **options):
        made.append(RawUpstream(manner, **options))
        return made[-1]

    make.made = made
    yield make
    for upstream in made:
        upstream.close()


@pytest.fixture
def black_hole(upstreams):
    hole = BlackHole()
    upstreams.made.append(hole)
    return hole


def record(upstream, **changes):
    """The conf record of an upstream that is asked once and never given up, but for <changes>."""
    url = upstream if isinstance(upstream, str) else upstream.url()
    return {"name": "one", "url": url, "retries": 0, "failures": 0, **changes}


def gateway_before(world, *records, **changes):
    return world.gateway("http://127.0.0.1:1/", upstreams=list(records), **changes)


def fail_until_open(gateway, upstream, failures):
    """Let requests fail until the circuit is open."""
    before = upstream.requests
    for _ in range(failures):
        assert gateway.ask().reason != "upstream_circuit_open"
    assert upstream.requests == before + failures
    return gateway.wait_for_log("circuit", state="open")


def circuit_lines(gateway):
    return [row["state"] for row in gateway.log_lines("circuit")]


def ask_until(gateway, wanted, pause_s=0.02):
    """Ask until the answer is none of an open circuit any more; that answer."""
    def look():
        reply = gateway.ask()
        time.sleep(pause_s)  # the pace of the questions
        return reply if reply.reason != "upstream_circuit_open" else None

    reply = waiting.until(look, "the circuit to let a request through")
    assert wanted(reply), (reply.status, reply.reason)
    return reply


# --- the circuit -------------------------------------------------------------

@pytest.mark.parametrize("errors, code", [("documented", 500), ("gateway", 503)])
def test_an_open_circuit_answers_at_once_and_does_not_ask(world, upstreams, errors, code):
    upstream = upstreams(raw.status(500))
    gateway = gateway_before(world, record(upstream, failures=3, open_time=LONG),
                             upstream_errors=errors)
    opened = fail_until_open(gateway, upstream, 3)

    began = time.monotonic()
    client = gateway.connect()
    replies = [gateway.ask(client=client) for _ in range(5)]  # the connection is kept
    took_s = time.monotonic() - began

    assert upstream.connections == 3
    assert {(reply.status, reply.reason) for reply in replies} == {(code, "upstream_circuit_open")}
    assert all(50 <= int(reply.field("Retry-After")) <= 75 for reply in replies)
    assert took_s < 5
    assert (opened["upstream"], opened["cause"], opened["lvl"]) == ("one", "busy", "warn")
    end = gateway.wait_for_end("upstream_circuit_open")
    assert (end["attempts"], end["upstream_failure"]) == ("0", "circuit_open")
    assert circuit_lines(gateway) == ["open"]  # once, however many come
    assert gateway.metric("tidegate_upstream_circuit", upstream="one", state="open") == 1
    assert gateway.metric("tidegate_upstream_circuit", upstream="one", state="closed") == 0
    assert gateway.metric("tidegate_upstream_circuit_openings_total", upstream="one") == 1


def test_the_probe_comes_in_time_and_later_each_time_and_closes_the_circuit(world, upstreams):
    upstream = upstreams(raw.status(503))
    gateway = gateway_before(world, record(upstream, failures=3, open_time="500ms"))
    fail_until_open(gateway, upstream, 3)

    ask_until(gateway, lambda reply: reply.status == 500)
    ask_until(gateway, lambda reply: reply.status == 500)
    upstream.manner = raw.answers()
    ask_until(gateway, lambda reply: reply.status == 200)
    after = [gateway.ask() for _ in range(5)]

    asked = upstream.asked_at
    gaps = [later - earlier for earlier, later in zip(asked[2:], asked[3:6])]
    assert gaps[0] >= 0.5 and gaps[1] >= 1.0 and gaps[2] >= 2.0, gaps
    assert gaps[0] < 5 and gaps[1] < 6 and gaps[2] < 8, gaps
    assert all(reply.status == 200 and reply.ended == "complete" for reply in after)
    assert upstream.requests == 3 + 3 + 5
    assert circuit_lines(gateway) == ["open", "half_open", "open", "half_open", "open",
                                      "half_open", "closed"]
    gateway.wait_for_metric("tidegate_upstream_circuit", 1, upstream="one", state="closed")
    assert gateway.metric("tidegate_upstream_circuit_openings_total", upstream="one") == 3


def test_one_probe_at_a_time(world, upstreams):
    upstream = upstreams(raw.status(500))
    gateway = gateway_before(world, record(upstream, failures=2, open_time="300ms"))
    fail_until_open(gateway, upstream, 2)
    upstream.manner = probe = raw.Held(raw.answers())

    waiting.until(lambda: gateway.admin_get("/readyz").status == 200, "the probe to be due")
    client = gateway.connect()
    client.send(gateway.request())
    upstream.wait_for_requests(3)
    others = [gateway.ask() for _ in range(5)]
    upstream.manner = raw.answers()
    probe.go()
    reply = client.read_reply()

    assert {other.reason for other in others} == {"upstream_circuit_open"}
    assert {other.field("Retry-After") for other in others} == {"1"}
    assert reply.status == 200
    assert gateway.ask().status == 200
    assert upstream.requests == 4


def test_a_client_that_leaves_during_the_probe_does_not_wedge_the_circuit(world, upstreams):
    upstream = upstreams(raw.status(500))
    gateway = gateway_before(world, record(upstream, failures=2, open_time="300ms"))
    fail_until_open(gateway, upstream, 2)
    upstream.manner = raw.silent

    waiting.until(lambda: gateway.admin_get("/readyz").status == 200, "the probe to be due")
    for probes in range(3):
        client = gateway.connect()
        client.send(gateway.request())
        upstream.wait_for_requests(3 + probes)  # no wait: its place is free again at once
        client.reset()
        waiting.until(lambda: gateway.ends().count("client_gone") == probes + 1, "its end")
    upstream.manner = raw.answers()

    assert gateway.ask().status == 200
    assert gateway.ask().status == 200
    assert circuit_lines(gateway)[-1] == "closed"
    assert gateway.metric("tidegate_upstream_circuit_openings_total", upstream="one") == 1


def leave_after(gateway, upstream, clients, silent_s):
    """<clients> ask a silent upstream, and leave once each has waited <silent_s>."""
    before = upstream.requests
    asked = [gateway.connect() for _ in range(clients)]
    for client in asked:
        client.send(gateway.request())
    upstream.wait_for_requests(before + clients)
    waiting.until(lambda: time.monotonic() - upstream.asked_at[-1] > silent_s, "the silence")
    for client in asked:
        client.reset()
    waiting.until(lambda: gateway.ends().count("client_gone") >= before + clients, "their ends")


def test_an_upstream_that_is_silent_until_clients_leave_is_found_out(world, upstreams):
    """It hangs, and nobody has the patience to wait for first_token_timeout."""
    upstream = upstreams(raw.silent)
    gateway = gateway_before(world, record(upstream, failures=2, first_token_timeout="8s",
                                           open_time=LONG))

    # So few that even on a machine that stands still for two seconds it is no failure yet.
    leave_after(gateway, upstream, clients=6, silent_s=0.1)
    assert not gateway.log_lines("circuit"), "clients that leave at once say nothing"
    leave_after(gateway, upstream, clients=8, silent_s=2.2)

    assert set(gateway.ends()) == {"client_gone"}
    assert gateway.wait_for_log("circuit", state="open")["cause"] == "first_timeout"
    assert gateway.ask().reason == "upstream_circuit_open"


def test_streams_in_flight_do_not_notice_the_circuit(world, upstreams):
    upstream = upstreams(raw.answers())
    gateway = gateway_before(world, record(upstream, failures=2, open_time=LONG))
    streams = []
    for _ in range(3):
        upstream.manner = stream = raw.Stream()
        client = gateway.connect()
        client.send(gateway.request())
        stream.say("begin ")
        reply = client.read_text(client.read_head(), len("begin "))
        streams.append((stream, client, reply))

    upstream.manner = raw.status(502)
    fail_until_open(gateway, upstream, 2)
    for stream, client, reply in streams:
        stream.say("more ")
        client.read_text(reply, len("begin more "))
        stream.say("end")
        stream.end()
        client.read_body(reply)

    assert [(reply.text, reply.ended) for _, _, reply in streams] == [
        ("begin more end", "complete")] * 3
    assert gateway.ask().reason == "upstream_circuit_open"  # nor do they close it
    assert circuit_lines(gateway) == ["open"]


def test_what_the_client_or_the_account_is_to_blame_for_does_not_open_it(world, upstreams):
    upstream = upstreams(None)
    gateway = gateway_before(world, record(upstream, failures=2, open_time=LONG))

    for code in [400, 401, 402, 403, 404, 410, 413, 422, 429] * 2:
        upstream.manner = raw.status(code)
        assert gateway.ask().reason != "upstream_circuit_open"
    upstream.manner = raw.answers()

    assert gateway.ask().status == 200
    assert circuit_lines(gateway) == []


FAULTS = [
    ("5xx", raw.status(500), "busy"),
    ("of_a_proxy", raw.status(520), "status"),
    ("no_answer", raw.slams, "truncated"),
    ("silence", raw.silent, "first_timeout"),
    ("nonsense", lambda sock: sock.sendall(b"SSH-2.0-x\r\n\r\n"), "nonsense"),
    ("cut", raw.cuts_after("Hello"), "truncated"),
]


@pytest.mark.parametrize("manner, cause", [row[1:] for row in FAULTS],
                         ids=[row[0] for row in FAULTS])
def test_each_fault_of_the_upstream_opens_it(world, upstreams, manner, cause):
    upstream = upstreams(manner)
    gateway = gateway_before(world, record(upstream, failures=2, open_time=LONG,
                                           first_token_timeout="300ms"))

    opened = fail_until_open(gateway, upstream, 2)

    assert opened["cause"] == cause
    assert gateway.ask().reason == "upstream_circuit_open"


def closed_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_refused_connections_open_it(world):
    url = f"http://127.0.0.1:{closed_port()}/v1/chat/completions"
    gateway = gateway_before(world, record(url, failures=2, open_time=LONG))

    reasons = [gateway.ask().reason for _ in range(4)]

    assert reasons == ["upstream_connect"] * 2 + ["upstream_circuit_open"] * 2
    assert gateway.wait_for_log("circuit", state="open")["cause"] == "connect"


@pytest.mark.parametrize("supervised", [False, True], ids=["foreground", "supervised"])
def test_the_gateway_is_not_ready_while_no_upstream_may_be_asked(world, upstreams, supervised):
    first, second = upstreams(raw.status(500)), upstreams(raw.status(500))
    gateway = gateway_before(
        world, record(first, failures=2, open_time="2s"),
        record(second, name="two", failures=4, open_time="2s"), supervised=supervised)
    waiting.until(lambda: gateway.admin_get("/readyz").status == 200, "ready")

    gateway.ask()
    gateway.ask()
    gateway.wait_for_log("circuit", upstream="one", state="open")
    with_one_left = gateway.admin_get("/readyz").status
    gateway.ask()
    gateway.ask()
    gateway.wait_for_log("circuit", upstream="two", state="open")
    with_none = gateway.admin_get("/readyz").status

    assert (with_one_left, with_none) == (200, 503)
    # Ready again when a probe is due, or nobody would ever send the request that is one.
    waiting.until(lambda: gateway.admin_get("/readyz").status == 200, "ready again")
    assert gateway.metric("tidegate_upstream_circuit", upstream="two", state="open") == 1


# --- several upstreams ---------------------------------------------------------

def served_by(gateway, reply):
    end = gateway.wait_for_log("exchange", id=reply.field("X-Request-Id"))
    return end["upstream"], end["attempts"]


PASSED_OVER = [
    ("refuses", {}, f"http://127.0.0.1:{closed_port()}/v1/chat/completions"),
    ("is_busy", {}, raw.status(503)),
    ("knows_no_model", {}, raw.status(404)),
    ("has_a_bad_token", {}, raw.status(401)),
    ("is_asked_too_often", {"retries": 5}, raw.status(429, [("Retry-After", "60")])),
    ("is_silent", {"first_token_timeout": "300ms"}, raw.silent),
    ("slams", {}, raw.slams),
]


@pytest.mark.parametrize("changes, manner", [row[1:] for row in PASSED_OVER],
                         ids=[row[0] for row in PASSED_OVER])
def test_the_next_upstream_answers_when_the_first(world, upstreams, changes, manner):
    first = manner if isinstance(manner, str) else upstreams(manner)
    second = upstreams(raw.answers("from the second"))
    gateway = gateway_before(world, record(first, **changes), record(second, name="two"))

    reply = gateway.ask()

    assert (reply.status, reply.text, reply.ended) == (200, "from the second", "complete")
    assert served_by(gateway, reply) == ("two", "2")


def test_the_next_upstream_answers_when_the_first_hangs_in_connect(world, upstreams, black_hole):
    second = upstreams(raw.answers("from the second"))
    gateway = gateway_before(world, record(black_hole, connect_timeout="400ms"),
                             record(second, name="two"))
    began = time.monotonic()

    reply = gateway.ask()

    assert (reply.status, reply.text) == (200, "from the second")
    assert 0.4 <= time.monotonic() - began < 5
    assert served_by(gateway, reply) == ("two", "2")


def test_the_time_before_the_first_byte_is_the_sum_of_what_each_may_take(world, upstreams):
    first, second = upstreams(raw.silent), upstreams(raw.silent)
    gateway = gateway_before(world, record(first, first_token_timeout="400ms", retries=5),
                             record(second, name="two", first_token_timeout="600ms", retries=5),
                             upstream_errors="gateway")
    began = time.monotonic()

    reply = gateway.ask()

    assert (reply.status, reply.reason) == (504, "upstream_timeout_first")
    assert 1.0 <= time.monotonic() - began < 5
    assert (first.requests, second.requests) == (1, 1)


def test_never_another_upstream_after_the_first_byte(world, upstreams):
    first, second = upstreams(raw.cuts_after("some text")), upstreams(raw.answers())
    gateway = gateway_before(world, record(first), record(second, name="two"))

    reply = gateway.ask()

    assert (reply.status, reply.text, reply.ended) == (200, "some text", "cut")
    assert second.connections == 0


def test_an_upstream_with_an_open_circuit_is_passed_over_without_waiting(world, upstreams):
    first, second = upstreams(raw.silent), upstreams(raw.answers())
    gateway = gateway_before(
        world, record(first, failures=2, open_time=LONG, first_token_timeout="300ms"),
        record(second, name="two"))
    assert [gateway.ask().status for _ in range(2)] == [200, 200]

    began = time.monotonic()
    replies = [gateway.ask() for _ in range(10)]

    assert all(reply.status == 200 for reply in replies)
    assert time.monotonic() - began < 2.5  # one patience of 0.3 s each would be more
    assert first.requests == 2
    assert served_by(gateway, replies[-1]) == ("two", "1")


def test_a_probe_that_fails_costs_its_client_nothing_but_time(world, upstreams):
    first, second = upstreams(raw.status(500)), upstreams(raw.answers())
    gateway = gateway_before(world, record(first, failures=1, open_time="200ms"),
                             record(second, name="two"))

    replies = []
    waiting.until(lambda: replies.append(gateway.ask()) or first.requests >= 3, "two probes")

    assert all(reply.status == 200 for reply in replies)


def test_no_client_notices_that_the_first_upstream_dies_and_comes_back(world, upstreams):
    first, second = upstreams(raw.answers("one")), upstreams(raw.answers("two"))
    gateway = gateway_before(world, record(first, failures=3, open_time="200ms", retries=1),
                             record(second, name="two"), supervised=True, workers=2)
    texts, stop = [], threading.Event()

    def ask_on():
        client = gateway.connect()
        while not stop.is_set():
            reply = gateway.ask(client=client)
            texts.append(reply.text if reply.ended == "complete" else reply.reason)

    askers = [threading.Thread(target=ask_on) for _ in range(8)]
    for asker in askers:
        asker.start()
    try:
        waiting.until(lambda: texts.count("one") >= 50, "answers of the first")
        first.close()  # also on those whose connections wait to be accepted
        waiting.until(lambda: texts.count("two") >= 100, "answers of the second")
        again = upstreams(raw.answers("again"), port=first.port)
        waiting.until(lambda: texts.count("again") >= 50, "answers of the first again")
    finally:
        stop.set()
        for asker in askers:
            asker.join()

    assert set(texts) == {"one", "two", "again"}
    assert again.connections >= 50
    assert {"open", "half_open", "closed"} <= set(circuit_lines(gateway))


def test_when_all_are_open_the_soonest_probe_is_told(world, upstreams):
    first, second = upstreams(raw.status(500)), upstreams(raw.status(500))
    gateway = gateway_before(
        world, record(first, failures=1, open_time="60s", open_time_max="60s"),
        record(second, name="two", failures=1, open_time="20s"))
    gateway.ask()

    reply = gateway.ask()

    assert reply.reason == "upstream_circuit_open"
    assert 10 <= int(reply.field("Retry-After")) <= 25
    assert (first.requests, second.requests) == (1, 1)


def test_an_unknown_model_is_believed_only_when_every_upstream_says_so(world, upstreams):
    """One is down and the other has never heard of the model: nobody knows, so no 400."""
    first, second = upstreams(raw.status(503)), upstreams(raw.status(404))
    gateway = gateway_before(world, record(first, failures=1, open_time=LONG),
                             record(second, name="two"))

    down = gateway.ask()
    passed_over = gateway.ask()

    assert down.reason == "upstream_busy"
    assert passed_over.reason == "upstream_circuit_open"
    first.manner = raw.status(404)
    both = gateway_before(world, record(first), record(second, name="two")).ask()
    assert (both.status, both.reason) == (400, "upstream_model_unknown")


def test_the_second_address_of_a_host_is_no_retry(world, upstreams):
    """localhost is 127.0.0.1 and ::1, and only the latter listens."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    try:
        upstream = upstreams(raw.answers(), host="::1")
    except OSError:
        pytest.skip("no IPv6 loopback")
    gateway = gateway_before(world, record(upstream.url("localhost"), retries=0, failures=1))

    replies = [gateway.ask() for _ in range(3)]

    assert [reply.status for reply in replies] == [200] * 3
    assert served_by(gateway, replies[0]) == ("one", "1")
    assert circuit_lines(gateway) == []


# --- Retry-After ----------------------------------------------------------------

def test_a_retry_waits_as_long_as_the_upstream_asks(world, upstreams):
    upstream = upstreams(raw.status(503, [("Retry-After", "1")]))
    gateway = gateway_before(world, record(upstream, retries=1))

    gateway.ask()

    assert upstream.requests == 2
    assert upstream.asked_at[1] - upstream.asked_at[0] >= 1.0


def in_90_s():
    return email.utils.formatdate(time.time() + 90, usegmt=True)


ASKED = [
    ("seconds_of_503", 503, lambda: ("Retry-After", "120"), range(120, 121)),
    ("seconds_of_429", 429, lambda: ("Retry-After", "120"), range(120, 121)),
    ("a_date", 429, lambda: ("Retry-After", in_90_s()), range(60, 92)),
    ("the_hubs_own_field", 429, lambda: ("RateLimit", '"api";r=0;t=55'), range(55, 56)),
    ("too_long", 503, lambda: ("Retry-After", "9999999"), range(3600, 3601)),
]


@pytest.mark.parametrize("code, field, seconds", [row[1:] for row in ASKED],
                         ids=[row[0] for row in ASKED])
def test_what_an_upstream_asks_for_is_not_retried_before_and_passed_on(
        world, upstreams, code, field, seconds):
    upstream = upstreams(raw.status(code, [field()]))
    truthful = gateway_before(world, record(upstream, retries=3), upstream_errors="gateway")
    documented = gateway_before(world, record(upstream, retries=3))

    true, folded = truthful.ask(), documented.ask()

    assert upstream.requests == 2  # one for each gateway
    assert (true.status, folded.status) == (code, 429 if code == 429 else 500)
    assert int(true.field("Retry-After")) in seconds
    assert int(folded.field("Retry-After")) in seconds


def test_retry_after_of_a_good_answer_is_ignored(world, upstreams):
    upstream = upstreams(raw.answers(fields=[("Retry-After", "120")]))
    gateway = gateway_before(world, record(upstream, failures=1))

    replies = [gateway.ask() for _ in range(3)]

    assert [(reply.status, reply.field("Retry-After")) for reply in replies] == [(200, None)] * 3


def test_a_circuit_stays_open_as_long_as_the_upstream_asks(world, upstreams):
    upstream = upstreams(raw.status(503, [("Retry-After", "20")]))
    gateway = gateway_before(world, record(upstream, failures=1, open_time="100ms"))
    gateway.ask()

    time.sleep(0.3)  # longer than open_time with its jitter
    reply = gateway.ask()

    assert reply.reason == "upstream_circuit_open"
    assert 10 <= int(reply.field("Retry-After")) <= 20
    assert upstream.requests == 1


def test_open_time_max_bounds_what_the_upstream_asks(world, upstreams):
    upstream = upstreams(raw.status(503, [("Retry-After", "3600")]))
    gateway = gateway_before(world, record(upstream, failures=1, open_time="100ms",
                                           open_time_max="300ms"))
    gateway.ask()
    upstream.manner = raw.answers()

    ask_until(gateway, lambda reply: reply.status == 200)

    assert upstream.asked_at[1] - upstream.asked_at[0] >= 0.3


# --- the retry budget --------------------------------------------------------------

@pytest.mark.parametrize("percent", [0, 20])
def test_retries_do_not_multiply_an_outage(world, upstreams, percent):
    calls = 80
    upstream = upstreams(raw.status(503))
    gateway = gateway_before(world, record(upstream, retries=5, retry_budget=percent))
    began = time.monotonic()
    clients = []
    for _ in range(calls):
        clients.append(gateway.connect())
        clients[-1].send(gateway.request())

    replies = [client.read_reply() for client in clients]

    floor = 10 + (time.monotonic() - began)
    retries = upstream.requests - calls
    assert {reply.reason for reply in replies} == {"upstream_busy"}
    assert 10 <= retries <= calls * percent / 100 + floor
    gateway.wait_for_metric("tidegate_upstream_retries_total", retries, upstream="one")
    assert gateway.metric("tidegate_upstream_retries_withheld_total", upstream="one") > 0


def test_a_reload_applies_all_of_it(world, upstreams):
    upstream = upstreams(raw.status(503))
    gateway = gateway_before(world, record(upstream), supervised=True)
    for _ in range(3):
        assert gateway.ask().reason == "upstream_busy"

    changed = record(upstream, name="renamed", failures=2, open_time=LONG, retries=5,
                     retry_budget=0)
    gateway.write_conf(upstreams=[changed])
    gateway.reload()
    gateway.wait_for_log("reloaded")
    waiting.until(lambda: gateway.ask().reason == "upstream_circuit_open", "the new conf")

    asked = upstream.requests
    assert gateway.ask().reason == "upstream_circuit_open"
    assert upstream.requests == asked
    assert gateway.metric("tidegate_upstream_circuit", upstream="renamed", state="open") == 1
    gateway.wait_for_metric("tidegate_upstream_circuit", 0, upstream="one", state="closed")
