# SPDX-License-Identifier: MIT
"""W3C Trace Context: which trace an exchange is part of, upstream and in the log."""

import re

import pytest
from support import raw_upstream as raw
from support import wire
from support.raw_upstream import RawUpstream
from support.simulator import sim as say
from support.world import chat_path

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{PARENT}-01"


def fields_sent(sim):
    """Name and value of what the gateway sent upstream last; names as they were written."""
    head = sim.last_request().split("\r\n\r\n", 1)[0]
    return [line.split(": ", 1) for line in head.split("\r\n")[1:]]


def sent(sim, name):
    return [value for key, value in fields_sent(sim) if key.lower() == name]


def last_line(gateway, reply):
    return gateway.wait_for_log("exchange", id=reply.field("X-Request-Id"))


@pytest.fixture(scope="module")
def simulator(shared_world):
    return shared_world.simulator()


@pytest.fixture(scope="module")
def gateway(shared_world, simulator):
    return shared_world.gateway(simulator)


def ask(gateway, *fields):
    reply = gateway.ask(say(tokens=1), fields=list(fields))
    assert reply.status == 200
    return last_line(gateway, reply)


def test_a_clients_trace_goes_on_with_a_span_of_ours(gateway, simulator):
    line = ask(gateway, ("traceparent", GOOD), ("tracestate", "rojo=1 , congo=2"))

    assert line["trace_id"] == TRACE and line["parent_id"] == PARENT
    assert re.fullmatch("[0-9a-f]{16}", line["span_id"]) and line["span_id"] != PARENT
    assert sent(simulator, "traceparent") == [f"00-{TRACE}-{line['span_id']}-01"]
    assert sent(simulator, "tracestate") == ["rojo=1,congo=2"]


def test_a_trace_begins_where_none_is_named(gateway, simulator):
    lines = [ask(gateway), ask(gateway, ("tracestate", "rojo=1"))]

    for line in lines:
        assert "parent_id" not in line
    assert sent(simulator, "traceparent") == [f"00-{line['trace_id']}-{line['span_id']}-00"]
    assert not sent(simulator, "tracestate"), "a state without its trace"
    assert len({line["trace_id"] for line in lines}) == 2
    assert len({line["span_id"] for line in lines}) == 2


BAD = [
    ("zeros", ("traceparent", f"00-{'0' * 32}-{PARENT}-01")),
    ("upper_case", ("traceparent", GOOD.upper())),
    ("too_long", ("traceparent", GOOD + "-evil")),
    ("oversize", ("traceparent", f"cc-{TRACE}-{PARENT}-01evil" + "x" * 6000)),
    ("not_ascii", ("traceparent", GOOD[:-1] + "\xe9evil")),
    ("empty", ("traceparent", "")),
    ("two", ("traceparent", GOOD), ("traceparent", GOOD)),
]


@pytest.mark.parametrize("name, fields", [(row[0], row[1:]) for row in BAD],
                         ids=[row[0] for row in BAD])
def test_what_is_not_lawful_begins_a_trace_and_takes_the_state_along(gateway, simulator, name,
                                                                    fields):
    line = ask(gateway, *fields, ("tracestate", "evil=1"))

    assert line["trace_id"] != TRACE and "parent_id" not in line, name
    assert sent(simulator, "traceparent") == [f"00-{line['trace_id']}-{line['span_id']}-00"]
    assert "evil" not in simulator.last_request()


STATES = [
    ("not_a_list", ["evil"]),
    ("upper_case", ["EVIL=1"]),
    ("not_ascii", ["evil=\xe9"]),
    ("tab", ["evil=a\tb"]),
    ("33_members", [",".join(f"evil{i}=1" for i in range(33))]),
    ("oversize", ["evil=" + "x" * 5000]),
    ("many_lines", [f"evil{i}=1" for i in range(5)]),
    ("one_bad_line", ["evil=1", "EVIL=2"]),
]


@pytest.mark.parametrize("name, states", STATES, ids=[row[0] for row in STATES])
def test_a_state_that_is_not_lawful_does_not_go_on_and_the_trace_does(gateway, simulator, name,
                                                                     states):
    line = ask(gateway, ("traceparent", GOOD), *[("tracestate", state) for state in states])

    assert sent(simulator, "traceparent") == [f"00-{TRACE}-{line['span_id']}-01"], name
    assert not sent(simulator, "tracestate")
    assert "evil" not in simulator.last_request().lower()


def test_a_state_in_several_lines_is_one_list_and_a_long_one_is_cut(gateway, simulator):
    long = [f"k{i}=" + "v" * 100 for i in range(8)]
    ask(gateway, ("traceparent", GOOD), ("tracestate", long[0]), ("TraceState", ",".join(long[1:])))

    assert sent(simulator, "tracestate") == [",".join(long[:4])]


@pytest.mark.parametrize("ending", [b"\r", b"\n", b"\0", b"\r\n evil: 1"],
                         ids=["cr", "lf", "nul", "folded"])
def test_no_line_of_a_client_becomes_a_line_upstream(gateway, simulator, ending):
    before = simulator.stat("requests")
    value = GOOD.encode() + ending + b"evil: 1"
    for field in (b"traceparent: " + value, b"traceparent: " + GOOD.encode() +
                  b"\r\ntracestate: a=1" + ending + b"evil: 1"):
        head = wire.request_bytes("POST", chat_path(), [("Content-Length", "2")], b"")
        head = head.replace(b"\r\n\r\n", b"\r\n" + field + b"\r\n\r\n{}")
        _, reply = gateway.raw(head)
        assert reply.status == 400

    assert simulator.stat("requests") == before


def test_a_refused_request_has_its_trace_in_the_log_all_the_same(gateway):
    reply = gateway.ask(token="no-token", fields=[("traceparent", GOOD)])

    assert reply.status == 401
    assert last_line(gateway, reply)["trace_id"] == TRACE


def test_every_attempt_carries_the_same_span(world):
    """A retry and another upstream are the same span: what the client waited for."""
    first, second = RawUpstream(raw.status(503)), RawUpstream(raw.answers())
    try:
        gateway = world.gateway("http://127.0.0.1:1/", upstreams=[
            {"name": "first", "url": first.url(), "retries": 1, "failures": 0},
            {"name": "second", "url": second.url(), "retries": 0, "failures": 0}])
        reply = gateway.ask(fields=[("traceparent", GOOD), ("tracestate", "rojo=1")])
        line = last_line(gateway, reply)
        heads = first.heads + second.heads
    finally:
        first.close()
        second.close()

    assert line["attempts"] == "3" and len(heads) == 3
    for head in heads:
        assert f"traceparent: 00-{TRACE}-{line['span_id']}-01\r\n".encode() in head
        assert b"tracestate: rojo=1\r\n" in head


def test_the_conf_may_ignore_the_clients_trace_or_send_none(world, sim):
    gateway = world.gateway(sim, supervised=True, trace="new")
    fields = ("traceparent", GOOD), ("tracestate", "evil=1")

    line = ask(gateway, *fields)
    assert line["trace_id"] != TRACE and "parent_id" not in line
    assert sent(sim, "traceparent") == [f"00-{line['trace_id']}-{line['span_id']}-00"]
    assert "evil" not in sim.last_request()

    gateway.write_conf(trace="off")
    gateway.reload_and_wait()
    line = ask(gateway, *fields)
    assert not {"trace_id", "span_id", "parent_id"} & set(line)
    assert not sent(sim, "traceparent") and not sent(sim, "tracestate")
