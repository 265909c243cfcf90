# SPDX-License-Identifier: MIT
"""Each format as its clients read it: whole answers, failures, what is held back."""

import json

import pytest
from support import world as worlds
from support.hostile_upstream import (DONE, FINISH, HEAD, HostileUpstream, chunk, chunked, event,
                                      text)
from support.simulator import sim as say

ROLE = event({"id": "c1", "choices": [{"index": 0, "delta": {"role": "assistant"}}]})
USAGE = event({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7}})
TOOL = event({"choices": [{"delta": {"content": None, "tool_calls": [{"index": 0, "function": {
    "name": "tide", "arguments": "{"}}]}}]})
TOOL_END = event({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]})


@pytest.fixture(scope="module")
def upstream():
    made = HostileUpstream()
    yield made
    made.close()


@pytest.fixture(scope="module")
def gateway(shared_world, upstream):
    return shared_world.gateway(upstream.url())


def events_of(body):
    """The events of a stream as a strict reader sees them: the data of each."""
    assert body.endswith(b"\n\n")
    blocks = body.decode().removesuffix("\n\n").split("\n\n")
    for block in blocks:
        assert all(line.startswith("data: ") for line in block.split("\n")), block
    return ["\n".join(line[6:] for line in block.split("\n")) for block in blocks]


def openai_text(body):
    chunks = [json.loads(data) for data in events_of(body) if data != "[DONE]"]
    return "".join(choice["delta"].get("content") or ""
                   for part in chunks for choice in part["choices"])


# --- openai ---

def test_openai_passes_the_providers_chunks_on_byte_for_byte(gateway, upstream):
    odd = event(b'{ "choices" : [{"delta":{"content":"\\ud83c\\udf0a \xf0\x9f\x8c\x8a \\u0000"}}],'
                b'"seed":18446744073709551615,"x":{"sla":null}}')
    two_lines = b'data: {"choices":\ndata: [{"delta":{"content":"x"}}]}\n\n'
    answer = [ROLE, odd, two_lines, text("tide"), FINISH, USAGE, DONE]
    upstream.behaviours["whole"] = chunked(*answer)

    reply = gateway.ask("whole", query="&format=openai")

    assert (reply.status, reply.ended) == (200, "complete")
    assert reply.field("Content-Type") == "text/event-stream; charset=utf-8"
    assert reply.body == b"".join(answer)


def test_openai_says_done_of_an_answer_that_the_provider_only_finished(gateway, upstream):
    upstream.behaviours["no_done"] = chunked(text("a"), FINISH)

    assert gateway.ask("no_done", query="&format=openai").body == text("a") + FINISH + DONE


def test_openai_makes_one_stream_of_any_framing(gateway, upstream):
    plain = b'{"choices":[{"delta":{"content":"a"}}]}'
    upstream.behaviours["framing"] = chunked(
        b"\xef\xbb\xbf: hello\r\n\r\nevent: x\r\nid: 7\r\ndata:" + plain + b"\r\rretry: 1\n" +
        b"data:\n\n" + FINISH)

    reply = gateway.ask("framing", query="&format=openai")

    assert reply.body == b"data: " + plain + b"\n\n" + FINISH + DONE


ERRORS = {
    "object": b'{"error":{"message":"out of luck","type":"x","code":"y"}}',
    "string": b'{"error": "overloaded", "error_type":"overloaded"}',
    "with_choices": b'{"error":{"message":"gone"},"choices":[{"delta":{"content":""},'
                    b'"finish_reason":"error"}]}',
}


@pytest.mark.parametrize("name", ERRORS)
def test_openai_passes_the_providers_error_on_and_does_not_say_done(gateway, upstream, name):
    upstream.behaviours[name] = chunked(text("a"), event(ERRORS[name]), DONE)

    reply = gateway.ask(name, query="&format=openai")

    assert reply.ended == "complete"
    assert reply.body == text("a") + event(ERRORS[name])
    gateway.wait_for_end("upstream_error_event", id=reply.field("X-Request-Id"))


OWN_WORDS = {
    "cut": (chunked(text("a"), last=b""), "upstream_truncated"),
    "broken_json": (chunked(text("a"), event(b'{"choices":[')), "upstream_nonsense"),
    "bad_utf8": (chunked(text("a"), event(b'{"choices":[{"delta":{"content":"\xff"}}]}')),
                 "upstream_nonsense"),
    "no_error_member": (chunked(text("a"), event({"object": "error", "message": "no"})),
                        "upstream_error_event"),
    "error_field": (chunked(text("a"), b'error: {"code":400,"message":"no"}\n\n'),
                    "upstream_error_event"),
    "given_up": (chunked(text("a"), event({"choices": [{"delta": {}, "finish_reason": "error"}]})),
                 "upstream_error_event"),
    "token_in_it": (chunked(text("a"), event({"error": f"bad key {worlds.PROVIDER_TOKEN}"})),
                    "upstream_error_event"),
    "giant": (chunked(text("a"), event({"error": "x" * 9000})), "upstream_error_event"),
}


@pytest.mark.parametrize("name", OWN_WORDS)
def test_openai_has_words_of_its_own_for_any_other_failure(gateway, upstream, name):
    behaviour, reason = OWN_WORDS[name]
    upstream.behaviours[name] = (
        behaviour if name != "cut" else lambda connection: connection.send(behaviour))

    reply = gateway.ask(name, query="&format=openai")

    assert reply.status == 200 and reply.ended == "complete"
    assert reply.body.startswith(text("a"))
    parts = events_of(reply.body)
    assert len(parts) == 2 and "[DONE]" not in reply.text
    error = json.loads(parts[1])["error"]
    assert error["code"] == reason and reason in error["message"]
    assert error["type"] == "server_error" and error["param"] is None
    assert worlds.PROVIDER_TOKEN not in reply.text


def test_openai_shows_usage_on_any_chunk_and_a_stream_of_nothing(gateway, upstream):
    riding = event({"choices": [{"delta": {"content": "a"}}], "usage": {"prompt_tokens": 1}})
    upstream.behaviours["riding"] = chunked(riding, FINISH, DONE)
    upstream.behaviours["empty"] = chunked(ROLE, FINISH, USAGE, DONE)
    upstream.behaviours["bare"] = chunked(DONE)

    assert gateway.ask("riding", query="&format=openai").body == riding + FINISH + DONE
    assert gateway.ask("empty", query="&format=openai").body == ROLE + FINISH + USAGE + DONE
    last = events_of(gateway.ask("bare", query="&format=openai").body)
    assert json.loads(last[0])["choices"][0]["finish_reason"] == "stop" and last[1] == "[DONE]"


def test_a_tool_call_alone_is_an_answer(gateway, upstream):
    upstream.behaviours["tool"] = chunked(ROLE, TOOL, TOOL_END, DONE)

    reply = gateway.ask("tool", query="&format=openai")
    as_text = gateway.ask("tool")

    assert reply.body == ROLE + TOOL + TOOL_END + DONE
    assert (as_text.status, as_text.body, as_text.ended) == (200, b"", "complete")


def test_openai_holds_the_200_and_the_role_until_the_first_text(world, upstream):
    gateway = world.gateway(upstream.url(), upstream={"retries": 0}, upstream_errors="gateway")
    upstream.behaviours["role_then_error"] = chunked(ROLE, event({"error": "no"}))
    upstream.behaviours["role_then_cut"] = lambda connection: connection.send(
        chunked(ROLE, ROLE, last=b""))

    error = gateway.ask("role_then_error", query="&format=openai")
    cut = gateway.ask("role_then_cut", query="&format=openai")

    assert (error.status, error.reason) == (502, "upstream_error_event")
    assert (cut.status, cut.reason) == (502, "upstream_truncated")


def test_a_retry_does_not_show_the_role_twice(world, upstream):
    gateway = world.gateway(upstream.url(), upstream={"retries": 1})
    answers = [chunked(ROLE, event({"error": "busy", "error_type": "overloaded"})),
               chunked(ROLE, text("a"), FINISH, DONE)]
    upstream.behaviours["second_time"] = lambda connection: connection.send(answers.pop(0))

    reply = gateway.ask("second_time", query="&format=openai")

    assert not answers, "it was asked twice"
    assert reply.body == ROLE + text("a") + FINISH + DONE


def test_endless_early_chunks_begin_the_answer(gateway, upstream):
    """What is held back has a bound; what is above it is sent rather than lost."""
    many = ROLE * 400
    upstream.behaviours["many_roles"] = chunked(many, text("a"), FINISH, DONE)

    reply = gateway.ask("many_roles", query="&format=openai")

    assert reply.body == many + text("a") + FINISH + DONE


def test_an_event_without_meaning_is_not_shown_as_a_chunk(gateway, upstream):
    upstream.behaviours["ping"] = chunked(event({"type": "ping"}), text("a"), FINISH, DONE)

    assert gateway.ask("ping", query="&format=openai").body == text("a") + FINISH + DONE


def test_a_large_chunk_is_passed_on_whole(gateway, upstream):
    large = text("\\\"\n" * 40000)
    upstream.behaviours["large"] = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(
        chunk(part[at:at + 5000]) for part in (large, FINISH, DONE)
        for at in range(0, len(part), 5000)) + b"0\r\n\r\n"

    assert gateway.ask("large", query="&format=openai").body == large + FINISH + DONE


def test_openai_chunks_are_made_for_the_tgi_dialect(world, sim):
    gateway = world.gateway(
        sim, upstream={"url": sim.url("/generate_stream"), "dialect": "tgi"})
    plain = gateway.ask(say(tokens=40, seed=3, finish="length"))

    reply = gateway.ask(say(tokens=40, seed=3, finish="length"), query="&format=openai")

    parts = events_of(reply.body)
    chunks = [json.loads(part) for part in parts[:-1]]
    assert parts[-1] == "[DONE]" and openai_text(reply.body) == plain.text
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[0]["id"] == "chatcmpl-" + reply.field("X-Request-Id")
    assert {part["object"] for part in chunks} == {"chat.completion.chunk"}
    assert {part["model"] for part in chunks} == {worlds.MODEL}
    finishes = [part["choices"][0]["finish_reason"] for part in chunks if part["choices"]]
    assert finishes[-1] == "length" and set(finishes[:-1]) == {None}
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] > 0


def test_openai_reports_a_failure_of_the_tgi_dialect(world, sim):
    gateway = world.gateway(
        sim, upstream={"url": sim.url("/generate_stream"), "dialect": "tgi"})

    reply = gateway.ask(say(tokens=40, error_after=5), query="&format=openai")

    assert reply.ended == "complete" and "[DONE]" not in reply.text
    assert json.loads(events_of(reply.body)[-1])["error"]


# --- ui ---

UI_BEGIN = [{"type": "start"}, {"type": "start-step"}]
UI_END = [{"type": "finish-step"}, {"type": "finish"}, "[DONE]"]


def ui_parts(body):
    return [data if data == "[DONE]" else json.loads(data) for data in events_of(body)]


def ui_of(*pieces):
    """The parts of an answer of (kind, texts)."""
    parts = list(UI_BEGIN)
    for number, (kind, *texts) in enumerate(pieces):
        parts.append({"type": f"{kind}-start", "id": str(number)})
        parts += [{"type": f"{kind}-delta", "id": str(number), "delta": piece} for piece in texts]
        parts.append({"type": f"{kind}-end", "id": str(number)})
    return parts + UI_END


def test_ui_is_a_message_of_one_text_part(gateway, upstream):
    upstream.behaviours["ui"] = chunked(ROLE, text("a\n\u2028\U0001F30A"), text("b"), FINISH, USAGE,
                                        DONE)

    reply = gateway.ask("ui", query="&format=ui")

    assert (reply.status, reply.ended) == (200, "complete")
    assert reply.field("X-Vercel-AI-UI-Message-Stream") == "v1"
    assert reply.field("Content-Type") == "text/event-stream; charset=utf-8"
    assert ui_parts(reply.body) == ui_of(("text", "a\n\u2028\U0001F30A", "b"))


def test_ui_of_an_answer_without_text_is_a_message_all_the_same(gateway, upstream):
    upstream.behaviours["nothing"] = chunked(ROLE, FINISH, DONE)

    assert ui_parts(gateway.ask("nothing", query="&format=ui").body) == UI_BEGIN + UI_END


@pytest.mark.parametrize("name", OWN_WORDS)
def test_ui_reports_a_failure_as_an_error_part(gateway, upstream, name):
    behaviour, reason = OWN_WORDS[name]
    upstream.behaviours[name] = (
        behaviour if name != "cut" else lambda connection: connection.send(behaviour))

    reply = gateway.ask(name, query="&format=ui")

    parts = ui_parts(reply.body)
    assert reply.status == 200 and reply.ended == "complete"
    assert parts[:4] == ui_of(("text", "a"))[:4]
    assert parts[4:] == [
        {"type": "error", "errorText": f"The answer is not whole ({reason})."}, "[DONE]"]


def test_ui_works_in_the_tgi_dialect(world, sim):
    gateway = world.gateway(
        sim, upstream={"url": sim.url("/generate_stream"), "dialect": "tgi"})
    plain = gateway.ask(say(tokens=30, seed=8))

    parts = ui_parts(gateway.ask(say(tokens=30, seed=8), query="&format=ui").body)

    said = "".join(part["delta"] for part in parts[:-1] if part["type"] == "text-delta")
    assert said == plain.text and parts[-3:] == UI_END


# --- reasoning ---

def thought(words, field="reasoning_content"):
    return event({"choices": [{"delta": {"content": None, field: words}}]})


def data_parts(body):
    """(code, text) with neighbours of one code joined, the end left out."""
    joined = []
    for line in body.decode().splitlines():
        code, value = line.split(":", 1)
        if code not in "0g":
            continue
        if joined and joined[-1][0] == code:
            joined[-1] = (code, joined[-1][1] + json.loads(value))
        else:
            joined.append((code, json.loads(value)))
    return joined


def tgi(words):
    return event({"token": {"text": words, "special": False}})


TGI_END = event({"token": {"text": "</s>", "special": True}, "generated_text": ""})
THOUGHT_IN = {
    "reasoning_content": (thought("h"), thought("m"), text("Tide")),
    "reasoning": (thought("h", "reasoning"), thought("m", "reasoning"), text("Tide")),
    "tags": (text("<think>"), text("\n"), text("hm"), text("</think>"), text("\n\n"), text("Tide")),
    "tags_whole": (text("<think>\nhm</think>\n\nTide"),),
    "tags_by_byte": tuple(text(letter) for letter in "<think>hm</think>\n\nTide"),
}


@pytest.fixture(scope="module")
def gateways(shared_world, upstream):
    """By stream.reasoning and by dialect."""
    return {(reasoning, dialect): shared_world.gateway(
        upstream.url(), stream={"reasoning": reasoning}, upstream={"dialect": dialect})
        for reasoning in ("auto", "keep", "drop") for dialect in ("chat", "tgi")}


@pytest.mark.parametrize("name", THOUGHT_IN)
def test_thinking_goes_where_the_format_has_a_place_for_it(gateways, upstream, name):
    events = THOUGHT_IN[name]
    upstream.behaviours[name] = chunked(*events, FINISH, DONE)

    def ask(reasoning, form):
        reply = gateways[reasoning, "chat"].ask(name, query=f"&format={form}")
        assert (reply.status, reply.ended) == (200, "complete")
        return reply.body

    both, answer = [("g", "hm"), ("0", "Tide")], [("0", "Tide")]
    assert ask("auto", "text") == ask("drop", "text") == b"Tide"
    kept = ask("keep", "text")
    assert kept.startswith(b"<think>") and kept.endswith(b"hm</think>\n\nTide".removeprefix(
        b"" if "tags" in name else b"hm")) and b"hm" in kept
    assert data_parts(ask("auto", "data")) == data_parts(ask("keep", "data")) == both
    assert data_parts(ask("drop", "data")) == answer
    for reasoning in ("auto", "keep"):
        parts = ui_parts(ask(reasoning, "ui"))
        assert [part for part in parts if part != "[DONE]" and "delta" not in part] == [
            part for part in ui_of(("reasoning", "hm"), ("text", "Tide"))[:-1]
            if "delta" not in part]
    dropped = ui_parts(ask("drop", "ui"))
    assert [part["type"] for part in dropped[:3]] == ["start", "start-step", "text-start"]
    for reasoning in ("auto", "keep", "drop"):
        assert ask(reasoning, "openai") == b"".join(events) + FINISH + DONE


def test_thinking_in_the_tgi_dialect(gateways, upstream):
    upstream.behaviours["tgi"] = chunked(*[tgi(words) for words in ("<thi", "nk>h", "m</thin",
                                                                    "k>", "\n", "Tide")], TGI_END)

    def ask(reasoning, form):
        return gateways[reasoning, "tgi"].ask("tgi", query=f"&format={form}").body

    assert ask("auto", "text") == b"Tide"
    assert ask("keep", "text") == b"<think>hm</think>\nTide"
    assert data_parts(ask("auto", "data")) == [("g", "hm"), ("0", "Tide")]
    assert data_parts(ask("drop", "data")) == [("0", "Tide")]
    assert openai_text(ask("auto", "openai")) == "<think>hm</think>\nTide"


def test_what_only_looks_like_thinking_is_the_answer(gateway, upstream):
    for number, words in enumerate(["<think", "<thinker>", "a <think>b</think>", "<", " <b>"]):
        upstream.behaviours[f"like-{number}"] = chunked(
            *[text(letter) for letter in words], FINISH, DONE)

        assert gateway.ask(f"like-{number}").text == words
        as_data = gateway.ask(f"like-{number}", query="&format=data")
        assert data_parts(as_data.body) == [("0", words)]


def test_dropped_thinking_does_not_begin_the_answer(world, upstream):
    """A failure after it still gets a status, as nothing of the answer has been seen."""
    gateway = world.gateway(upstream.url(), upstream={"retries": 0}, upstream_errors="gateway")
    for name, events in (("fields", [thought("hm")]), ("tags", [text("<think>hm"), text("</th")])):
        upstream.behaviours[name] = chunked(*events, event({"error": "no"}))

        dropped = gateway.ask(name)
        shown = gateway.ask(name, query="&format=data")

        assert (dropped.status, dropped.reason) == (502, "upstream_error_event")
        assert shown.status == 200 and shown.body.startswith(b'g:"hm')


def test_thinking_alone_is_an_answer_without_text(gateway, upstream):
    upstream.behaviours["alone"] = chunked(text("<think>hm"), FINISH, DONE)

    reply = gateway.ask("alone")

    assert (reply.status, reply.body, reply.ended) == (200, b"", "complete")
