# SPDX-License-Identifier: MIT
"""Caps: for all, for one address, for what waits; and whose address it is."""

import signal
import time

import pytest
from support import waiting
from support.crowd import Crowd
from support.simulator import sim as say
from support.wire import request_bytes

PROXY = "127.0.0.9"
OTHER_PROXY = "127.0.0.8"
CLIENT = "127.0.0.2"


def forwarded(*values):
    return [("X-Forwarded-For", value) for value in values]


def expect_429(reply):
    assert (reply.status, reply.reason) == (429, "address_full")
    assert reply.json() == {"statusCode": 429, "statusMessage": "Too Many Requests"}
    assert int(reply.field("Retry-After")) > 0


# --- connections of one address ----------------------------------------------


def test_an_address_has_its_cap_of_connections_and_others_have_theirs(world):
    gateway = world.gateway(limits={"connections_per_address": 2})
    first = gateway.connect(source=CLIENT)
    second = gateway.connect(source=CLIENT)
    third = gateway.connect(source=CLIENT)

    reply = third.read_reply()

    expect_429(reply)
    third.expect_closed()
    gateway.wait_for_end("address_full", peer=CLIENT, fault="client",
                         problem="limits.connections_per_address reached")
    assert gateway.metric("tidegate_address_refusals_total") == 1
    assert gateway.metric("tidegate_connections_refused_total") == 1
    assert gateway.ask(client=gateway.connect(source="127.0.0.3")).ended == "complete"
    assert gateway.ask(client=second).ended == "complete"
    first.close()
    gateway.wait_for_metric("tidegate_connections", 2)  # .2's second and .3's
    assert gateway.ask(client=gateway.connect(source=CLIENT)).ended == "complete"


def test_a_flood_from_one_address_is_turned_away_and_takes_no_place(world):
    """Beyond the few that are told so, the refused are reset at once: they linger nowhere."""
    gateway = world.gateway(limits={"connections_per_address": 1, "connections": 200})
    with Crowd(gateway.address, CLIENT).join(400):
        waiting.until(lambda: gateway.metric("tidegate_address_refusals_total") == 399,
                      "every connection but one to be refused")

        assert gateway.metric("tidegate_connections") <= 1 + 64
        assert gateway.ask(client=gateway.connect(source="127.0.0.3")).ended == "complete"
        assert gateway.metric("tidegate_connections_evicted_total") == 0
        assert len(gateway.log_lines("connection_turned_away")) < 50


def test_without_a_cap_an_address_may_have_many(world):
    gateway = world.gateway()
    many = [gateway.connect(source=CLIENT) for _ in range(200)]

    assert gateway.ask(client=many[-1]).ended == "complete"
    assert gateway.metric("tidegate_connections") == 200


def test_a_reload_applies_the_cap_to_new_connections(world):
    gateway = world.gateway(supervised=True)
    gateway.write_conf(limits={"connections_per_address": 1})
    gateway.reload()
    gateway.wait_for_log("reloaded")

    first = gateway.connect(source=CLIENT)
    second = gateway.connect(source=CLIENT)

    expect_429(second.read_reply())
    assert gateway.ask(client=first).ended == "complete"


# --- who is it? ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "peer", "via"),
    [
        (["192.0.2.1"], "192.0.2.1", PROXY),
        (["203.0.113.66, 192.0.2.1"], "192.0.2.1", PROXY),
        ([f"203.0.113.66, 192.0.2.1, {OTHER_PROXY}"], "192.0.2.1", PROXY),
        (["203.0.113.66", "192.0.2.1"], "192.0.2.1", PROXY),
        (["[2001:db8::7]:4711"], "2001:db8::7", PROXY),
        (["::ffff:192.0.2.1"], "192.0.2.1", PROXY),
        ([], PROXY, None),
        (["unknown"], PROXY, None),
        (["\"><script>, ,,"], PROXY, None),
        (["\xff\xfe"], PROXY, None),
        (["192.0.2.1, " + "x" * 3000], PROXY, None),
        ([PROXY], PROXY, None),
        (["192.0.2.1, garbage, " + OTHER_PROXY], OTHER_PROXY, PROXY),
        (["a," * 2000 + "192.0.2.1"], "192.0.2.1", PROXY),
    ],
)
def test_the_rightmost_stranger_named_by_trusted_proxies_is_the_client(world, lines, peer, via):
    gateway = world.gateway(trusted_proxies=[PROXY, OTHER_PROXY + "/32"])

    reply = gateway.ask(client=gateway.connect(source=PROXY), fields=forwarded(*lines))

    assert reply.ended == "complete"
    assert gateway.wait_for_end("done", peer=peer).get("via") == via


def test_what_a_stranger_claims_to_be_is_ignored(world):
    gateway = world.gateway(trusted_proxies=[PROXY], limits={"connections_per_address": 1})

    for number in range(3):
        with gateway.connect(source=CLIENT) as client:
            reply = gateway.ask(client=client, fields=forwarded(f"192.0.2.{number}, {PROXY}"))
            assert reply.ended == "complete"
        gateway.wait_for_metric("tidegate_connections", 0)

    waiting.until(lambda: len(gateway.ends()) == 3, "three access lines")
    ends = [(row["peer"], row.get("via")) for row in gateway.log_lines("exchange")]
    assert ends == [(CLIENT, None)] * 3


def test_behind_a_trusted_proxy_the_requests_of_an_address_are_counted(world, sim):
    """The proxy's connections are its own affair; each client it speaks for has its cap."""
    gateway = world.gateway(sim, trusted_proxies=[PROXY], limits={"connections_per_address": 1})
    proxy = [gateway.connect(source=PROXY) for _ in range(4)]
    busy, first = gateway.open(say(tokens=3, pace=60000), client=proxy[0],
                               fields=forwarded("192.0.2.1"))
    assert first.status == 200

    refused = gateway.ask(client=proxy[1], fields=forwarded("192.0.2.1"))
    neighbour = gateway.ask(client=proxy[1], fields=forwarded("192.0.2.2"))
    nobody = gateway.ask(client=proxy[2])

    expect_429(refused)
    assert neighbour.ended == "complete", "and on the very connection that carried the refusal"
    assert nobody.ended == "complete", "the proxy's own requests, such as health checks"
    gateway.wait_for_end("address_full", peer="192.0.2.1", via=PROXY)
    busy.close()
    gateway.wait_for_end("client_gone")
    gateway.wait_for_metric("tidegate_connections", 3)
    again = gateway.ask(client=proxy[3], fields=forwarded("192.0.2.1"))
    assert again.ended == "complete"


def test_a_share_is_given_back_with_the_answer_and_not_with_the_connection(world):
    """A proxy keeps its connections open; its clients have long gone."""
    gateway = world.gateway(trusted_proxies=[PROXY], limits={"connections_per_address": 1})
    one, other = gateway.connect(source=PROXY), gateway.connect(source=PROXY)

    for connection in (one, one, other, one, other):
        reply = gateway.ask(say(tokens=2), client=connection, fields=forwarded("192.0.2.1"))
        assert reply.ended == "complete"

    assert gateway.metric("tidegate_address_refusals_total") == 0
    assert gateway.metric("tidegate_connections") == 2


def test_a_refusal_behind_a_proxy_comes_before_the_token_is_looked_at(world, sim):
    gateway = world.gateway(sim, trusted_proxies=[PROXY], limits={"connections_per_address": 1})
    busy, _ = gateway.open(say(tokens=3, pace=60000), client=gateway.connect(source=PROXY),
                           fields=forwarded("192.0.2.1"))

    reply = gateway.ask(client=gateway.connect(source=PROXY), fields=forwarded("192.0.2.1"),
                        token="a.b.c")

    expect_429(reply)
    busy.close()


@pytest.mark.parametrize(
    ("one", "other", "status"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", 429),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", 200),
        ("192.0.2.1", "192.0.2.2", 200),
        ("192.0.2.1", "::ffff:192.0.2.1", 429),
    ],
)
def test_one_client_is_an_ipv4_address_or_an_ipv6_slash_64(world, sim, one, other, status):
    gateway = world.gateway(sim, trusted_proxies=["127.0.0.0/8"],
                            limits={"connections_per_address": 1})
    busy, _ = gateway.open(say(tokens=3, pace=60000), fields=forwarded(one))

    reply = gateway.ask(fields=forwarded(other))

    assert reply.status == status
    busy.close()


# --- streams that wait for a first token -----------------------------------------


def test_the_cap_on_waiting_counts_only_those_that_wait(world, sim):
    gateway = world.gateway(sim, limits={"waiting": 1})
    streaming, reply = gateway.open(say(tokens=3, pace=60000))
    assert reply.status == 200
    waiter = gateway.connect()
    waiter.send(gateway.request(say(stall="head")))
    gateway.wait_for_metric("tidegate_exchanges_waiting", 1)

    refused = gateway.ask()

    assert (refused.status, refused.reason) == (503, "gateway_full")
    assert refused.json() == {"statusCode": 503, "statusMessage": "Service Unavailable"}
    assert int(refused.field("Retry-After")) > 0
    gateway.wait_for_end("gateway_full", problem="limits.waiting reached")
    waiter.close()
    gateway.wait_for_metric("tidegate_exchanges_waiting", 0)
    assert gateway.ask().ended == "complete"
    streaming.close()


# --- all connections ---------------------------------------------------------------


def test_at_the_cap_those_that_owe_a_request_make_room(world):
    gateway = world.gateway(limits={"connections": 20, "head_timeout": "60s"})
    idle = [gateway.connect() for _ in range(10)]
    dripping = [gateway.connect().send(b"POST / HTTP/1.1\r\nHost: a\r\nX: ") for _ in range(10)]
    gateway.wait_for_metric("tidegate_connections", 20)

    def served():  # those that came just now have a moment to say what they want
        with gateway.connect() as client:
            client.send(gateway.request())
            return client.read_head().status == 200

    waiting.until(served, "a newcomer to be served at the cap", 5)

    idle[0].expect_closed()
    assert gateway.metric("tidegate_connections_evicted_total") >= 1
    row = gateway.wait_for_log("connection_evicted", peer="127.0.0.1")
    assert int(row["age_ms"]) >= 500
    dripping[-1].expect_open()


def test_a_connection_in_use_never_makes_room(world, sim):
    gateway = world.gateway(sim, limits={"connections": 3})
    streams = [gateway.open(say(tokens=2, pace=2000)) for _ in range(3)]
    time.sleep(0.6)  # old enough to go, if age were all

    replies = [gateway.connect().read_reply() for _ in range(2)]

    assert [(r.status, r.reason) for r in replies] == [(503, "gateway_full")] * 2
    for client, reply in streams:
        assert client.read_body(reply).ended == "complete"


def test_a_kept_connection_whose_request_is_on_its_way_is_not_closed(world):
    """The oldest go first, but not under the hands of a client that is already speaking."""
    gateway = world.gateway(limits={"connections": 2})
    oldest, other = gateway.connect(), gateway.connect()
    for client in (oldest, other):
        assert gateway.ask(client=client).ended == "complete"
    time.sleep(0.6)
    gateway.process.signal(signal.SIGSTOP)  # so that all of this comes at once
    newcomer = gateway.connect().send(gateway.request())
    oldest.send(gateway.request())
    gateway.process.signal(signal.SIGCONT)

    assert newcomer.read_reply().ended == "complete"
    assert oldest.read_reply().ended == "complete"
    other.expect_closed()


def test_few_descriptors_lower_the_cap_and_say_so(world):
    """(300 - 192 - 64 idle ones to the upstream) / 2, as each may be served."""
    gateway = world.gateway(files=300, limits={"head_timeout": "60s"})

    row = gateway.wait_for_log("few_descriptors", limit=300)
    assert row["connections_capped_to"] == "22"
    assert row["lvl"] == "warn"

    with Crowd(gateway.address).join(150):
        gateway.wait_for_metric("tidegate_connections_accepted_total", 150)
        gone = (gateway.metric("tidegate_connections_refused_total")
                + gateway.metric("tidegate_connections_evicted_total"))
        assert gone == 150 - 22
        assert gateway.metric("tidegate_accept_failures_total") == 0
    gateway.wait_for_metric("tidegate_connections", 0)
    assert gateway.ask().ended == "complete"


def test_a_reload_that_asks_for_too_much_says_so_as_well(world):
    gateway = world.gateway(files=500, limits={"connections": 100}, supervised=True)
    assert not gateway.log_lines("few_descriptors")

    gateway.write_conf(limits={"connections": 1000})
    gateway.reload()

    gateway.wait_for_log("few_descriptors", connections_capped_to=122)
    gateway.wait_for_log("reloaded")
    assert gateway.ask().ended == "complete"


def test_enough_descriptors_are_nothing_to_speak_of(world):
    gateway = world.gateway(files=600, limits={"connections": 100})

    assert gateway.ask().ended == "complete"

    assert not gateway.log_lines("few_descriptors")


# --- the conf file -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"trusted_proxies": ["10.0.0.1/8"]}, "trusted_proxies[0]: the address has bits set"),
        ({"trusted_proxies": ["10.0.0.0/8", "proxy.example"]},
         "trusted_proxies[1]: not an address or a network"),
        ({"trusted_proxies": ["10.0.0.0/40"]}, "trusted_proxies[0]: the number of bits"),
        ({"limits": {"waiting": 0}}, "limits.waiting: out of range"),
    ],
)
def test_mistakes_are_told_at_the_check(world, changes, complaint):
    from support import conf

    path = world.folder / "wrong.conf"
    path.write_text(conf.render_file(world.settings("http://127.0.0.1:1/v1", **changes)))

    checked = world.run_tidegate("-t", "-c", path)

    assert checked.returncode == 2
    assert complaint in checked.stderr


def test_the_networks_are_printed_as_they_are_meant(world):
    from support import conf

    path = world.folder / "right.conf"
    path.write_text(conf.render_file(world.settings(
        "http://127.0.0.1:1/v1", trusted_proxies=["10.0.0.0/8", "192.0.2.1", "FD00::/8"])))

    checked = world.run_tidegate("-t", "-c", path)

    assert checked.returncode == 0, checked.stderr
    for network in ("10.0.0.0/8", "192.0.2.1/32", "fd00::/8"):
        assert f'"{network}"' in checked.stdout


def test_methods_without_a_body_are_counted_and_released_too(world):
    """An answer that is refused at the head gives its share back like any other."""
    gateway = world.gateway(trusted_proxies=["127.0.0.0/8"],
                            limits={"connections_per_address": 1})

    for _ in range(3):
        client, reply = gateway.raw(request_bytes("GET", "/", forwarded("192.0.2.1")))
        assert reply.status == 405
        client.close()
        gateway.wait_for_metric("tidegate_connections", 0)
