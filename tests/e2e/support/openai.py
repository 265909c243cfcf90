# SPDX-License-Identifier: MIT
"""Requests to the OpenAI-compatible doors, and what their answers say."""

import json

from .world import PROMPT_CANARY

COMPLETIONS = "/v1/chat/completions"
MODEL = "test/model"


def body(text="Hello", **members):
    """A streamed completion of one user message; members replace, None leaves out."""
    whole = {"model": MODEL, "messages": [{"role": "user", "content": f"{PROMPT_CANARY} {text}"}],
             "stream": True, **members}
    return {name: value for name, value in whole.items() if value is not None}


def ask(gateway, text="Hello", *, path=COMPLETIONS, raw=None, **members):
    """A whole completion; members that end in "_" are options of Gateway.request()."""
    options = {name[:-1]: members.pop(name) for name in list(members) if name.endswith("_")}
    data = raw if raw is not None else json.dumps(body(text, **members)).encode()
    return gateway.ask(path=path, body=data, **options)


def get(gateway, path, **options):
    return gateway.ask(path=path, method="GET", body=b"", without=["Content-Type"], **options)


def events(reply):
    """The data of each event, "[DONE]" and JSON."""
    found = []
    for event in reply.body.decode().split("\n\n"):
        lines = [line[6:] for line in event.split("\n") if line.startswith("data: ")]
        if lines:
            data = "\n".join(lines)
            found.append(data if data == "[DONE]" else json.loads(data))
    return found


def text_of(reply):
    return "".join(choice["delta"].get("content") or "" for event in events(reply)
                   if event != "[DONE]" for choice in event.get("choices", []))


def error_of(reply):
    """The error object, which is all there is in the body."""
    whole = reply.json()
    assert list(whole) == ["error"], whole
    assert list(whole["error"]) == ["message", "type", "param", "code"]
    assert reply.field("Content-Type") == "application/json"
    return whole["error"]


def last_body(simulator):
    """What the simulator was asked last, as it came."""
    return simulator.get("/sim/last").body
