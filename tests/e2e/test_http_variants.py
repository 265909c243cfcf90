# SPDX-License-Identifier: MIT
"""Thousands of spoilt requests: the gateway and a second, independent reading must agree.

Every other case is cut in two somewhere, and its second part sent when the first parts of
many others are: the verdict must not depend on it.

Behind each stands a whole chat request that must never be served: what is refused closes
the connection, and what is answered closes it as well, since something came behind it. At
the end the upstream has seen exactly as many requests as the other reading calls lawful.
"""

import re
import zlib

import pytest
from support import http_oracle, http_variants, waiting, wire

LIMITS = http_oracle.Limits(head=16384, body=65536)
AT_ONCE = 64
NOT_WHOLE = (None, (400, "bad_request"))  # the verdict on what was cut off too early


@pytest.fixture(scope="module")
def gateway(shared_world):
    limits = {"max_head": "16k", "max_body": "64k", "head_timeout": "5s", "body_timeout": "5s"}
    return shared_world.gateway(limits=limits, log={"level": "info"})


@pytest.fixture(scope="module")
def request_parts(shared_world):
    return http_variants.Request(shared_world.token().encode())


def cut_of(data, number, token):
    """Where to cut <data>: nowhere, or at a place that is the same in each run.

    Not right behind what is a whole request already: its answer would come first, and the
    rest of <data> be the next request on a connection that was rightly kept.
    """
    if number % 2:
        return len(data)
    cut = zlib.crc32(data.replace(token, b"")) % len(data)
    while cut > 0 and http_oracle.judge(data[:cut], token, LIMITS) not in NOT_WHOLE:
        cut -= 1
    return cut


def send(client, piece):
    try:
        client.send(piece)
    except ConnectionError:
        pass  # refused and closed before all was sent


def read_all(client):
    """Everything until the gateway closes."""
    while client.receive():
        pass
    return client.pending


def answers_in(received, is_head):
    """The final answers, by their framing; what is left must be nothing."""
    answers = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        reply = wire.Reply(head)
        if reply.status == 100:
            received = rest
            continue
        if reply.field("Transfer-Encoding") == "chunked":
            end = rest.index(b"0\r\n\r\n") + 5
        else:
            end = 0 if is_head else int(reply.field("Content-Length") or 0)
        answers.append(reply)
        reply.body, received = rest[:end], rest[end:]
    return answers


def answers_to(client, is_whole, is_head):
    """Status and reason of each answer; [None] for a request that waits for more."""
    if not is_whole:
        return [None] if client.is_silent_for(0) else ["an answer", read_all(client)[:200]]
    received = read_all(client)
    try:
        return [(reply.status, reply.reason) for reply in answers_in(received, is_head)]
    except (ValueError, AssertionError, IndexError) as problem:
        return [problem, received[:200]]


def differences(gateway, cases, token, second):
    """Send every case, AT_ONCE together; what was not answered as it must be."""
    found, lawful, queue = [], 0, list(cases)
    for start in range(0, len(queue), AT_ONCE):
        batch = []
        for name, data in queue[start:start + AT_ONCE]:
            batch.append((name, data, cut_of(data, len(batch), token),
                          wire.Client(gateway.address)))
        for _, data, cut, client in batch:
            send(client, data[:cut] if cut < len(data) else data + second)
        for _, data, cut, client in batch:
            if cut < len(data):
                send(client, data[cut:] + second)
        for name, data, _, client in batch:
            expected = http_oracle.judge(data + second, token, LIMITS)
            with client:
                got = answers_to(client, expected is not None, data.startswith(b"HEAD "))
            lawful += expected == (200, None)
            if got != [expected]:
                found.append(f"{name}: must be {expected}, is {got}")
    return found, lawful


@pytest.mark.parametrize("family", http_variants.FAMILIES)
def test_both_readings_agree(gateway, request_parts, family):
    cases = list(http_variants.FAMILIES[family](request_parts))
    served = gateway.simulator.stat("requests")
    second = request_parts.make()

    found, lawful = differences(gateway, cases, request_parts.token, second)

    assert not found, f"{len(found)} of {len(cases)}:\n" + "\n".join(found[:40])
    assert 0 < lawful < len(cases)
    waiting.until(lambda: gateway.simulator.stat("requests") == served + lawful,
                  f"exactly {lawful} requests upstream")


def test_no_answer_was_evhttps(gateway):
    """All of them are in the log: what evhttp answers by itself is not."""
    gateway.wait_for_metric("tidegate_connections", 0)
    total = gateway.metric("tidegate_connections_accepted_total")
    waiting.until(lambda: len(gateway.ends()) >= total, f"{total} access lines")
    assert len(gateway.ends()) == total
    assert not re.search(r"text/html", gateway.process.output())
