# SPDX-License-Identifier: MIT
"""An answer in one piece: gathered from the provider's stream, within bounds, or not at all."""

import json

import pytest
from support import openai, raw_upstream, waiting
from support.hand_upstream import LAST_CHUNK, STREAM_HEAD, HandUpstream, chunk, delta, finish


def event(**members):
    return chunk(b"data: " + json.dumps(members).encode() + b"\n\n")


def choice(finish_reason=None, **said):
    return {"choices": [{"index": 0, "delta": said, "finish_reason": finish_reason}]}


def answer_of(world, *events, **members):
    """The completion that a provider's events become."""
    def manner(sock):
        sock.sendall(STREAM_HEAD + b"".join(events) + chunk(b"data: [DONE]\n\n") + LAST_CHUNK)

    upstream = raw_upstream.RawUpstream(manner)
    gateway = world.gateway(upstream.url())
    reply = openai.ask(gateway, stream=False, **members)
    upstream.close()
    assert (reply.status, reply.field("Content-Type")) == (200, "application/json"), reply.body
    return reply.json()


@pytest.fixture
def hand():
    upstream = HandUpstream()
    yield upstream
    upstream.close()


@pytest.mark.parametrize("stream", [False, None])
def test_an_answer_is_gathered_to_one_object(gateway, stream):
    reply = openai.ask(gateway, "@sim tokens=12 seed=4 reasoning=3", stream=stream)
    streamed = openai.ask(gateway, "@sim tokens=12 seed=4 reasoning=3")

    assert (reply.status, reply.ended) == (200, "complete")
    assert reply.field("Content-Length") == str(len(reply.body))
    whole = reply.json()
    (choice,) = whole["choices"]
    assert (whole["object"], whole["model"]) == ("chat.completion", "test/model")
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"] == openai.text_of(streamed)
    assert choice["message"]["reasoning_content"]
    assert (choice["index"], choice["finish_reason"]) == (0, "stop")
    assert whole["usage"]["completion_tokens"] == 15 or whole["usage"]["completion_tokens"] == 12
    line = gateway.wait_for_end("done", id=reply.field("X-Request-Id"), format="json", status=200)
    assert int(line["deltas"]) == 15
    assert json.loads(openai.last_body(gateway.simulator))["stream"] is True


def test_the_connection_is_kept_after_it(gateway):
    client = gateway.connect()

    for _ in range(2):
        assert openai.ask(gateway, stream=False, client_=client).status == 200


def test_every_part_of_the_stream_finds_its_place(world):
    whole = answer_of(
        world,
        event(id="c\"1", created=7, model="served/name", system_fingerprint="fp", usage=None,
              **choice(role="assistant", content="")),
        event(id="c2", **choice(content="Gr\u00fc\u2028\U0001f600\"\\\n")),
        event(choices=[{"index": 0, "delta": {"content": "!", "refusal": "n"},
                        "logprobs": {"content": [{"token": "!", "logprob": -0.5}]}}]),
        event(choices=[{"index": 0, "delta": {}, "finish_reason": "length",
                        "logprobs": {"content": [{"token": "?", "logprob": -1}]}}],
              usage={"prompt_tokens": 1, "completion_tokens": 1}),
        event(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5,
                                 "x": [1]}))

    assert whole == {
        "id": "c\"1", "object": "chat.completion", "created": 7, "model": "served/name",
        "choices": [{"index": 0, "message": {"role": "assistant",
                                             "content": "Gr\u00fc\u2028\U0001f600\"\\\n!",
                                             "refusal": "n"},
                     "logprobs": {"content": [{"token": "!", "logprob": -0.5},
                                              {"token": "?", "logprob": -1}]},
                     "finish_reason": "length"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "x": [1]},
        "system_fingerprint": "fp",
    }


def call(index, **members):
    return {"index": index, **members}


@pytest.mark.parametrize("reason", ["tool_calls", None])
def test_the_pieces_of_tool_calls_are_put_together(world, reason):
    whole = answer_of(
        world,
        event(**choice(role="assistant", content=None, tool_calls=[
            call(0, id="a", type="function", function={"name": "f", "arguments": ""})])),
        event(**choice(tool_calls=[call(0, function={"arguments": "{\"x\":"})])),
        event(**choice(tool_calls=[call(1, id="b", function={"name": "g", "arguments": "{}"}),
                                   call(0, function={"arguments": "\"\u00e9\"}"})])),
        event(**choice(finish_reason=reason)))

    (choice_,) = whole["choices"]
    assert choice_["finish_reason"] == "tool_calls"
    assert choice_["message"] == {"role": "assistant", "content": None, "tool_calls": [
        {"id": "a", "type": "function",
         "function": {"name": "f", "arguments": "{\"x\":\"\u00e9\"}"}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}}]}


def test_tool_calls_without_an_index_and_the_older_kind(world):
    (one,) = answer_of(
        world,
        event(**choice(tool_calls=[{"id": "a", "function": {"name": "f", "arguments": "{"}}])),
        event(**choice(tool_calls=[{"function": {"name": "f", "arguments": "}"}}])),
        event(**choice(tool_calls=[{"id": "b", "function": {"name": "g", "arguments": ""}}])),
        event(**choice("tool_calls")))["choices"]
    assert [(made["id"], made["function"]["arguments"])
            for made in one["message"]["tool_calls"]] == [("a", "{}"), ("b", "")]

    (other,) = answer_of(
        world,
        event(**choice(function_call={"name": "f", "arguments": "{"})),
        event(**choice(function_call={"arguments": "}"})),
        event(**choice("function_call")))["choices"]
    assert other["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert other["finish_reason"] == "function_call"


def test_what_a_provider_does_not_tell_is_filled_in(world):
    whole = answer_of(world, event(choices=[{"delta": {"content": "a"}, "finish_reason": "odd"}]))

    assert whole["id"].startswith("chatcmpl-") and whole["created"] > 1_700_000_000
    assert whole["model"] == "test/model" and "usage" not in whole
    assert whole["choices"][0]["finish_reason"] == "odd"


def test_a_provider_that_generates_text_is_gathered_too(world):
    simulator = world.simulator()
    gateway = world.gateway(simulator, upstream={"url": simulator.url("/generate_stream"),
                                                 "dialect": "tgi"})

    reply = openai.ask(gateway, "@sim tokens=5", stream=False, stop="END", temperature=0.5,
                       max_tokens=9, top_p=1, user="me",
                       messages=[{"role": "system", "content": "be brief"},
                                 {"role": "user", "content": [{"type": "text", "text": "a"},
                                                              {"type": "text", "text": "b"}]}])

    assert reply.json()["choices"][0]["message"]["content"]
    assert reply.json()["usage"]["total_tokens"] > 0
    assert json.loads(openai.last_body(simulator)) == {
        "inputs": "be brief\nab", "stream": True,
        "parameters": {"return_full_text": False, "details": True, "max_new_tokens": 9,
                       "stop": ["END"], "temperature": 0.5}}


@pytest.mark.parametrize("members, param", [
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
    ({"response_format": {"type": "json_object"}}, "response_format"),
    ({"top_p": 0}, "top_p"), ({"seed": -1}, "seed"), ({"presence_penalty": 1}, "presence_penalty"),
    ({"logprobs": True}, "logprobs"), ({"x_new": 1}, None),
    ({"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:,x"}}]}]}, "messages"),
    ({"messages": [{"role": "tool", "tool_call_id": "1", "content": "a"}]}, "messages"),
])
def test_what_a_text_generator_cannot_do_is_refused(world, members, param):
    gateway = world.gateway("http://127.0.0.1:1/generate_stream",
                            upstream={"url": "http://127.0.0.1:1/generate_stream",
                                      "dialect": "tgi"})

    reply = openai.ask(gateway, stream=False, **members)

    error = openai.error_of(reply)
    assert (reply.status, error["code"], error["param"]) == (400, "unsupported_parameter", param)


def test_another_upstream_is_asked_for_what_the_first_cannot_do(world):
    simulator = world.simulator()
    gateway = world.gateway(simulator, upstreams=[
        {"name": "text", "url": "http://127.0.0.1:1/generate_stream", "dialect": "tgi"},
        {"name": "chat", "url": simulator.url()}])

    assert openai.ask(gateway, stream=False, logprobs=True).status == 200
    gateway.wait_for_end("done", upstream="chat", attempts=1)


# --- how it fails ---------------------------------------------------------------


@pytest.mark.parametrize("words, status, reason", [
    ("tokens=9 cut_after=3", 502, "upstream_truncated"),
    ("tokens=9 reset_after=3", 502, "upstream_truncated"),
    ("tokens=9 error_after=3", 502, "upstream_error_event"),
    ("tokens=9 bad_json_after=3", 502, "upstream_nonsense"),
])
def test_a_failure_in_the_middle_has_a_true_status(gateway, words, status, reason):
    reply = openai.ask(gateway, f"@sim {words}", stream=False)

    assert (reply.status, reply.reason, openai.error_of(reply)["code"]) == (status, reason, reason)
    gateway.wait_for_end(reason, at="COLLECTING", status=status)


def test_silence_in_the_middle_is_504(world):
    gateway = world.gateway(upstream={"idle_timeout": "300ms"})

    reply = openai.ask(gateway, "@sim tokens=9 stall_after=3", stream=False)

    assert (reply.status, reply.reason) == (504, "upstream_timeout_idle")


def test_another_upstream_does_better_and_nothing_of_the_first_is_left(world, hand):
    simulator = world.simulator()
    gateway = world.gateway(simulator, upstreams=[{"name": "first", "url": hand.url()},
                                                  {"name": "second", "url": simulator.url()}])
    client = gateway.connect()
    client.send(gateway.request(path=openai.COMPLETIONS,
                                body=openai.body("@sim tokens=3", stream=False)))
    first = hand.accept()
    first.read_request()
    first.send(STREAM_HEAD + delta("void"))
    gateway.wait_for_log("state", to="COLLECTING")
    first.reset()

    reply = client.read_reply()

    assert reply.status == 200
    assert "void" not in reply.json()["choices"][0]["message"]["content"]
    gateway.wait_for_end("done", upstream="second", deltas=3)


@pytest.mark.parametrize("field", ["content", "reasoning_content", "arguments"])
def test_an_answer_too_large_to_be_gathered_is_refused(world, hand, field):
    gateway = world.gateway(hand.url(), limits={"max_collected": "4k"})
    client = gateway.connect()
    client.send(gateway.request(path=openai.COMPLETIONS, body=openai.body(stream=False)))
    call_ = hand.accept()
    call_.read_request()
    said = ({field: "x" * 1000} if field != "arguments" else
            {"tool_calls": [call(0, id="a", function={"name": "f", "arguments": "x" * 1000})]})

    call_.send(STREAM_HEAD + event(**choice(**said)) * 5)
    reply = client.read_reply()

    assert (reply.status, reply.reason) == (502, "answer_too_large")
    assert reply.field("X-Should-Retry") == "false"
    call_.wait_for_end()  # the provider is not listened to any longer
    gateway.wait_for_end("answer_too_large", at="COLLECTING")


def test_too_many_tool_calls_are_too_large(world, hand):
    gateway = world.gateway(hand.url())
    client = gateway.connect()
    client.send(gateway.request(path=openai.COMPLETIONS, body=openai.body(stream=False)))
    call_ = hand.accept()
    call_.read_request()
    pieces = [call(n, id="a", function={"name": "f", "arguments": ""}) for n in range(200)]

    call_.send(STREAM_HEAD + event(**choice(tool_calls=pieces)))

    assert client.read_reply().reason == "answer_too_large"


def test_a_client_that_leaves_while_it_is_gathered_stops_the_provider(world, hand):
    gateway = world.gateway(hand.url())
    client = gateway.connect()
    client.send(gateway.request(path=openai.COMPLETIONS, body=openai.body(stream=False)))
    call_ = hand.accept()
    call_.read_request()
    call_.send(STREAM_HEAD + delta("Hello"))
    gateway.wait_for_log("state", to="COLLECTING")
    assert gateway.metric("tidegate_exchanges_by_state", state="collecting") == 1

    client.close()

    call_.wait_for_end()
    gateway.wait_for_end("client_gone", at="COLLECTING", status=0)
    gateway.wait_for_metric("tidegate_exchanges_by_state", 0, state="collecting")


def test_the_total_timeout_and_a_drain_have_a_true_status(world, hand):
    gateway = world.gateway(hand.url(), stream={"total_timeout": "400ms"})
    client = gateway.connect()
    client.send(gateway.request(path=openai.COMPLETIONS, body=openai.body(stream=False)))
    call_ = hand.accept()
    call_.read_request()
    call_.send(STREAM_HEAD + delta("Hello"))
    assert client.read_reply().reason == "total_timeout"

    other = world.gateway(hand.url(), drain_timeout="300ms")
    client = other.connect()
    client.send(other.request(path=openai.COMPLETIONS, body=openai.body(stream=False)))
    call_ = hand.accept()
    call_.read_request()
    call_.send(STREAM_HEAD + delta("Hello"))
    other.wait_for_log("state", to="COLLECTING")
    other.terminate()
    reply = client.read_reply()
    assert (reply.status, reply.reason) == (503, "draining")


def test_a_slow_reader_of_a_large_answer_gets_all_of_it(world, hand):
    gateway = world.gateway(hand.url(), limits={"max_collected": "2m"}, stream={"buffer": "4k"})
    client = gateway.connect(receive_buffer=4096)
    client.send(gateway.request(path=openai.COMPLETIONS, body=openai.body(stream=False)))
    call_ = hand.accept()
    call_.read_request()
    call_.send(STREAM_HEAD + delta("x" * 100000) * 10 + finish())
    gateway.wait_for_log("state", to="FLUSHING")

    reply = client.read_reply()

    assert len(reply.json()["choices"][0]["message"]["content"]) == 1000000
    waiting.until(lambda: gateway.ends() == ["done"], "the end")
