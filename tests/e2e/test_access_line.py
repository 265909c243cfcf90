# SPDX-License-Identifier: MIT
"""The access line has every field that docs/log-fields.md explains, and no other."""

import json
import re
from pathlib import Path

import pytest
from support import waiting
from support.certificates import Certificate
from support.simulator import sim as say
from support.tls import trusting
from support.world import log_fields

ROOT = Path(__file__).parents[2]
TRACE = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
# What somebody who is paged wants of an answer that was given: no line of one without these.
OF_AN_ANSWER = {"id", "trace_id", "span_id", "sub", "model", "upstream", "attempts", "status",
                "first_byte_ms", "total_ms", "in", "out", "deltas", "pauses", "paused_ms",
                "prompt_tokens", "completion_tokens"}
NUMBERS = {"pid", "status", "upstream_status", "attempts", "first_byte_ms", "total_ms", "in", "out",
           "deltas", "pauses", "paused_ms", "prompt_tokens", "completion_tokens"}


def documented():
    """The names in the first column of the page's table of the access line."""
    page = (ROOT / "docs/log-fields.md").read_text().split("\n# ")[0]
    rows = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def written():
    """What the code of the access line can write, behind what begins every line."""
    code = (ROOT / "gateway/access_log.c").read_text()
    _, fields = code.split("static void log_text(", 1)
    head = {"ts", "lvl", "ev", "pid"}
    return head | set(re.findall(r'log_(?!begin)\w+\(&?line, "(\w+)"', fields))


def test_the_page_and_the_code_name_the_same_fields():
    assert documented() == written()


@pytest.fixture(params=["logfmt", "json"])
def lines(request, world):
    """The access lines of an answer, a refusal and a failure, by their ends."""
    certificate = Certificate(world.folder, "cert")
    gateway = world.gateway(
        supervised=True, listen=[{"address": "127.0.0.1:0", "tls": certificate.group()}],
        trusted_proxies=["127.0.0.0/8"], upstream={"retries": 0})
    gateway.tls = trusting(certificate)
    gateway.write_conf(log={"format": request.param})
    gateway.reload()
    waiting.until(lambda: "reloaded" in gateway.process.output(), "the reload")
    fields = [TRACE, ("X-Forwarded-For", "192.0.2.7")]

    assert gateway.ask(say(tokens=5), fields=fields).status == 200
    assert gateway.ask(token="no-token", fields=fields).status == 401
    assert gateway.ask(say(bad_json_after=0), fields=fields).status == 500

    def found():
        rows = [json.loads(line) if request.param == "json" and line.startswith("{")
                else log_fields(line) for line in gateway.process.lines()]
        ends = {row["end"]: row for row in rows if row.get("ev") == "exchange"}
        return ends if len(ends) == 3 else None

    return request.param, waiting.until(found, "three access lines")


def test_every_field_is_written_by_some_exchange_in_either_format(lines):
    form, ends = lines
    assert set().union(*ends.values()) == documented()
    assert OF_AN_ANSWER <= set(ends["done"])
    assert set(ends) == {"done", "unauthorized", "upstream_nonsense"}
    assert ends["done"]["via"] == "127.0.0.1" and ends["done"]["peer"] == "192.0.2.7"
    assert ends["done"]["trace_id"] == TRACE[1].split("-")[1]
    for row in ends.values():
        for name, value in row.items():
            if form == "json":
                assert isinstance(value, int if name in NUMBERS else str), (name, value)
            else:
                assert name not in NUMBERS or re.fullmatch(r"-?\d+", value), (name, value)
