# SPDX-License-Identifier: MIT
"""Recorded answers of Hugging Face: where they are, and what each must yield."""

import hashlib
import json
import os
from pathlib import Path

import pytest


def load():
    """({name: meta}, folder); a skip where the recordings are absent: they are not of this tree."""
    root = Path(__file__).parents[3]
    folder = Path(os.environ.get("TIDEGATE_SHARED", root.parent / "shared")) / "tapes"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; set TIDEGATE_SHARED")
    return {path.name.removesuffix(".meta.json"): json.loads(path.read_text())
            for path in sorted(folder.glob("*.meta.json"))}, folder


def is_tgi(meta):
    """Whether it is one of generate_stream and not of chat completions."""
    return "tgi-generate" in meta.get("facts", {}).get("dialect", [])


def text_of(facts):
    return facts.get("content_concat") or facts.get("token_text_concat") or ""


def thinking_of(path):
    """What a recording has in its fields for thinking."""
    deltas = [choice.get("delta") or {} for event in recorded_events(path) if event != "[DONE]"
              for choice in json.loads(event).get("choices", [])]
    return "".join(delta.get("reasoning_content") or delta.get("reasoning") or ""
                   for delta in deltas)


def split_thinking(whole):
    """(thinking, answer) of a text that may begin with <think>...</think>."""
    if not whole.startswith("<think>"):
        return "", whole
    thinking, _, answer = whole.removeprefix("<think>").partition("</think>")
    return thinking.lstrip(), answer.lstrip()


def recorded_events(path):
    """The data of each event up to the end mark, which is said once and last."""
    events = []
    for line in path.read_text().splitlines():
        if line.startswith("data:") and line[5:].strip() != "[DONE]":
            events.append(line[5:].removeprefix(" "))
    return events


def whole_text(facts, body_path):
    whole = text_of(facts) if facts.get("content_sha256") else tgi_text(body_path)
    if facts.get("content_sha256"):
        assert hashlib.sha256(whole.encode()).hexdigest() == facts["content_sha256"]
    return whole


def tgi_text(path):
    """The text of a generate_stream recording: every token that is not special."""
    text = ""
    for line in path.read_text().splitlines():
        if line.startswith("data:"):
            token = json.loads(line[5:]).get("token") or {}
            text += "" if token.get("special") else token.get("text", "")
    return text
