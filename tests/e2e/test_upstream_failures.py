# SPDX-License-Identifier: MIT
"""The upstream fails: before the first byte with a true status, after it with a visible cut."""

import socket

import pytest
from support.simulator import sim as say
from support.world import chat_body

# name, what the simulator does, status as documented, status as HTTP means it, reason
BEFORE = [
    ("401_bad_provider_token", say(status=401), 500, 502, "upstream_status"),
    ("402_no_credits", say(status=402), 500, 502, "upstream_status"),
    ("403_scope", say(status=403), 500, 502, "upstream_status"),
    ("404_unknown_model", say(status=404), 400, 400, "upstream_model_unknown"),
    ("400_unsupported_model", say(status=400, body="openai"), 400, 400,
     "upstream_model_unknown"),
    ("410_gone", say(status=410), 400, 400, "upstream_model_retired"),
    ("422_text", say(status=422, body="text"), 500, 502, "upstream_status"),
    ("429_slow_down", say(status=429, retry_after=7), 429, 429, "upstream_rate_limited"),
    ("500_internal", say(status=500), 500, 502, "upstream_status"),
    ("502_html", say(status=502, body="html"), 500, None, None),
    ("503_loading", say(status=503), 500, 503, "upstream_busy"),
    ("error_event_first", say(error_after=0), 500, 502, "upstream_error_event"),
    ("cut_before_first_token", say(cut_after=0), 500, 502, "upstream_truncated"),
    ("redirect", say(redirect=1), 500, 502, None),
    ("no_http_at_all", say(garbage=1), 500, 502, "upstream_nonsense"),
    ("html_with_200", say(wrong_type=1), 500, 502, "upstream_nonsense"),
    ("broken_json_first", say(bad_json_after=0), 500, 502, "upstream_nonsense"),
    ("false_content_encoding", say(encoding="br"), 500, 502, "upstream_nonsense"),
    ("giant_header", say(giant_header=1000000), 500, 502, "upstream_nonsense"),
    ("early_hints_nobody_asked_for", say(early=103), 500, 502, "upstream_nonsense"),
    ("giant_event", say(giant_event=600000), 500, 502, "upstream_nonsense"),
]
MESSAGES = {
    400: ("Invalid model name or publisher", "Service not available anymore."),
    429: ("Too Many Requests",),
    500: ("Internal Server Error",),
    502: ("Bad Gateway",),
    503: ("Service Unavailable",),
    504: ("Gateway Timeout",),
}


@pytest.fixture(scope="module")
def simulator(shared_world):
    return shared_world.simulator()


@pytest.fixture(scope="module")
def documented(shared_world, simulator):
    return shared_world.gateway(simulator, upstream={"retries": 0})


@pytest.fixture(scope="module")
def truthful(shared_world, simulator):
    return shared_world.gateway(simulator, upstream={"retries": 0}, upstream_errors="gateway")


@pytest.mark.parametrize("name, words, status, _gateway_status, reason", BEFORE,
                         ids=[row[0] for row in BEFORE])
def test_a_failure_before_the_first_byte_has_the_documented_status(
        documented, name, words, status, _gateway_status, reason):
    reply = documented.ask(words)

    assert reply.status == status
    assert reply.json() == {"statusCode": status, "statusMessage": reply.json()["statusMessage"]}
    assert reply.json()["statusMessage"] in MESSAGES[status]
    if reason:
        assert reply.reason == reason
    if name == "429_slow_down":
        assert reply.field("Retry-After") == "7"
    end = documented.wait_for_log("exchange", id=reply.field("X-Request-Id"))
    assert end["end"] == reply.reason


@pytest.mark.parametrize("name, words, _documented, status, reason", BEFORE,
                         ids=[row[0] for row in BEFORE])
def test_a_failure_before_the_first_byte_in_the_words_of_http(
        truthful, name, words, _documented, status, reason):
    reply = truthful.ask(words)

    if status is not None:
        assert reply.status == status
    assert reply.status in (400, 429, 502, 503, 504)
    assert reply.json()["statusMessage"] in MESSAGES[reply.status]
    if reason:
        assert reply.reason == reason


def closed_port():
    """A port of this machine on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_a_refused_connection_is_upstream_connect(world):
    gateway = world.gateway(f"http://127.0.0.1:{closed_port()}/v1/chat/completions",
                            upstream_errors="gateway")

    reply = gateway.ask()

    assert (reply.status, reply.reason) == (502, "upstream_connect")


def test_the_body_of_a_provider_error_is_not_passed_on(documented):
    reply = documented.ask(say(status=402))

    assert set(reply.json()) == {"statusCode", "statusMessage"}
    assert b"credits" not in reply.body


# name, what the simulator does, reason; in each some text goes out first.
AFTER = [
    ("cut", say(tokens=50, cut_after=4), "upstream_truncated"),
    ("reset", say(tokens=50, reset_after=4), "upstream_truncated"),
    ("no_finish_reason", say(tokens=5, finish="none", done=0), "upstream_truncated"),
    ("error_tgi", say(tokens=50, error_after=4, shape="tgi"), "upstream_error_event"),
    ("error_tgi_new", say(tokens=50, error_after=4, shape="tgi_new"), "upstream_error_event"),
    ("error_vllm", say(tokens=50, error_after=4, shape="vllm"), "upstream_error_event"),
    ("error_openrouter", say(tokens=50, error_after=4, shape="openrouter"),
     "upstream_error_event"),
    ("error_llamacpp", say(tokens=50, error_after=4, shape="llamacpp"), "upstream_error_event"),
    ("error_event_name", say(tokens=50, error_after=4, shape="event"), "upstream_error_event"),
    ("broken_json", say(tokens=50, bad_json_after=4), "upstream_nonsense"),
    ("broken_chunk", say(tokens=50, bad_chunk=1), None),
]


@pytest.mark.parametrize("name, words, reason", AFTER, ids=[row[0] for row in AFTER])
def test_a_failure_after_the_first_byte_cuts_the_text(documented, name, words, reason):
    reply = documented.ask(words)

    if name == "broken_chunk" and reply.status != 200:
        assert reply.status == 500  # nothing had gone out yet: then the status is the truth
        return
    assert reply.status == 200
    assert reply.ended == "cut", reply.body
    assert reply.body
    end = documented.wait_for_log("exchange", id=reply.field("X-Request-Id"))
    assert end["status"] == "200"
    if reason:
        assert end["end"] == reason


@pytest.mark.parametrize("name, words, reason", AFTER, ids=[row[0] for row in AFTER])
def test_a_failure_after_the_first_byte_is_an_error_part_in_format_data(
        documented, name, words, reason):
    reply = documented.ask(words, query="&format=data")

    if name == "broken_chunk" and reply.status != 200:
        assert reply.status == 500
        return
    lines = reply.text[:-1].split("\n")
    assert reply.status == 200 and reply.ended == "complete"
    assert lines[-1].startswith('3:"') and lines[-1].endswith('"')
    assert lines[0].startswith('0:"')
    assert not any(line.startswith(("d:", "e:")) for line in lines)


def test_a_retry_before_the_first_byte_is_not_seen_by_the_client(world, sim):
    gateway = world.gateway(sim, upstream={"retries": 2})

    reply = gateway.ask(say(tokens=10, fail_first=1))

    assert reply.status == 200 and reply.ended == "complete"
    assert int(gateway.wait_for_end("done")["attempts"]) == 2


def test_what_may_not_be_retried_is_sent_once(world, sim):
    gateway = world.gateway(sim, upstream={"retries": 5})
    before = sim.stat("requests")

    gateway.ask(say(status=402))

    assert sim.stat("requests") == before + 1


def test_nothing_is_retried_after_the_first_byte(world, sim):
    gateway = world.gateway(sim, upstream={"retries": 5})

    gateway.ask(say(tokens=50, cut_after=4))

    assert sim.stat("requests") == 1


def test_a_dead_pooled_connection_is_replaced_without_a_word(world, sim):
    gateway = world.gateway(sim, upstream={"retries": 0})
    first = gateway.ask(say(tokens=3, die_idle=30))
    sim.wait_for_exactly("connections_open", 0)

    second = gateway.ask(say(tokens=3))

    assert (first.status, second.status) == (200, 200)


def test_bytes_behind_an_answer_never_reach_the_next_client(world, sim):
    gateway = world.gateway(sim)
    gateway.ask(say(tokens=3, seed=1, extra_bytes=400))

    after = gateway.ask(say(tokens=40, seed=2))
    again = gateway.ask(say(tokens=40, seed=2))

    assert after.status == 200 and after.text == again.text


def test_the_request_upstream_is_built_from_validated_pieces_only(world, sim):
    gateway = world.gateway(sim)
    gateway.ask(say(tokens=1), query="&x=from-the-client", fields=[("X-Evil", "from-the-client")],
                body={**chat_body(say(tokens=1)), "model": "from-the-client", "n": "x"})

    seen = sim.last_request()

    assert "from-the-client" not in seen
    assert "POST /v1/chat/completions HTTP/1.1" in seen
    assert '"model":"test/model"' in seen.replace(" ", "")
    assert seen.replace(" ", "").split("\r\n\r\n", 1)[1].startswith('{"model":')
