# SPDX-License-Identifier: MIT
"""TLS towards the provider: verified, with its name, resumed, and refused when in doubt."""

import pytest
from support.simulator import sim as say


def tls_simulator(world, *options):
    ca_file = world.folder / f"ca-{len(world.simulators)}.pem"
    simulator = world.simulator("--listen-tls=127.0.0.1:0", f"--tls-ca-out={ca_file}", *options)
    return simulator, ca_file


def gateway_for(world, simulator, ca_file, host="localhost", **changes):
    upstream = {"url": simulator.url(host=host), "ca_file": str(ca_file), "retries": 0, **changes}
    return world.gateway(simulator, upstream=upstream)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_chat_streams_over_tls(world, host):
    simulator, ca_file = tls_simulator(world)
    gateway = gateway_for(world, simulator, ca_file, host)

    reply = gateway.ask(say(tokens=50, pace=0, seed=4, split="random"))

    assert reply.status == 200 and reply.ended == "complete"
    assert reply.text == gateway.ask(say(tokens=50, pace=0, seed=4)).text
    assert simulator.stat("tls_handshakes") >= 1


def test_a_second_connection_resumes_the_session(world):
    simulator, ca_file = tls_simulator(world)
    gateway = gateway_for(world, simulator, ca_file)

    for _ in range(3):
        assert gateway.ask(say(tokens=2, close=1)).status == 200

    assert simulator.stat("tls_handshakes") == 3
    assert simulator.stat("tls_resumed") >= 1


def test_a_kept_connection_is_used_again(world):
    simulator, ca_file = tls_simulator(world)
    gateway = gateway_for(world, simulator, ca_file)

    for _ in range(3):
        assert gateway.ask(say(tokens=2)).status == 200

    assert simulator.stat("tls_handshakes") == 1


def refused(gateway):
    reply = gateway.ask(say(tokens=2))
    assert reply.status == 500
    assert reply.json()["statusMessage"] == "Internal Server Error"
    return reply.reason


def test_an_unknown_authority_is_refused(world):
    simulator, _ = tls_simulator(world)
    _, other_ca_file = tls_simulator(world)

    assert refused(gateway_for(world, simulator, other_ca_file)) == "upstream_tls"
    assert simulator.stat("requests") == 0, "nothing may be sent before the peer is known"


def test_the_systems_roots_do_not_know_the_simulator(world):
    simulator, _ = tls_simulator(world)
    gateway = world.gateway(simulator, upstream={"url": simulator.url(host="localhost"),
                                                 "retries": 0})

    assert refused(gateway) == "upstream_tls"


@pytest.mark.parametrize("options", [("--tls-name=other.example",), ("--tls-expired",),
                                     ("--tls-max=1.1",)], ids=["name", "expired", "tls_1_1"])
def test_a_certificate_or_version_in_doubt_is_refused(world, options):
    simulator, ca_file = tls_simulator(world, *options)

    assert refused(gateway_for(world, simulator, ca_file)) == "upstream_tls"
    assert simulator.stat("requests") == 0


def test_a_cut_over_tls_is_a_cut(world):
    simulator, ca_file = tls_simulator(world)
    gateway = gateway_for(world, simulator, ca_file)

    reply = gateway.ask(say(tokens=50, cut_after=5))

    assert reply.status == 200 and reply.ended == "cut"
    gateway.wait_for_end("upstream_truncated")


def test_a_slow_reader_pauses_a_tls_upstream_and_still_gets_every_byte(world):
    simulator, ca_file = tls_simulator(world)
    gateway = gateway_for(world, simulator, ca_file)
    client = gateway.connect(receive_buffer=4096)
    client.send(gateway.request(say(flood=2_000_000, pace=0, seed=2)))
    reply = client.read_head()
    gateway.wait_for_log("state", to="PAUSED")

    client.read_body(reply)

    assert reply.ended == "complete" and len(reply.body) >= 2_000_000
