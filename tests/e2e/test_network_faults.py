# SPDX-License-Identifier: MIT
"""The network itself fails: packets are lost, reset, swallowed or slow.

Each test makes a network of its own (a namespace with nothing but a loopback), spoils it
with iptables and tc, and says how the exchange must end; then the network is whole again,
and so must the gateway be. Skipped, with a word, where namespaces are not allowed.
"""

import ctypes
import os
import shutil
import subprocess

import pytest
from support import waiting
from support.simulator import sim as say

CLONE_NEWNET = 0x40000000
EVERY = 5  # of the packets to and from a port, this one is lost
CLOCKS = {"connect_timeout": "1s", "first_token_timeout": "1500ms", "idle_timeout": "1500ms",
          "retries": 0}


def run(*words):
    """None, or what the command complained of."""
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    return None if ran.returncode == 0 else f"{' '.join(words)}: {ran.stderr.strip()}"


class Network:
    """The loopback of this test alone, and what is wrong with it."""

    def __init__(self, machines_own):
        self.machines_own = machines_own
        self.rules = []

    def _add(self, *rule):
        problem = run("iptables", "-A", "INPUT", "-p", "tcp", *rule)
        assert problem is None, problem
        self.rules.append(rule)

    def _both_ways(self, port, *action):
        self._add("--dport", str(port), *action)
        self._add("--sport", str(port), *action)

    def swallow(self, port):
        self._both_ways(port, "-j", "DROP")

    def lose_some(self, port):
        self._both_ways(port, "-m", "statistic", "--mode", "nth", "--every", str(EVERY),
                        "--packet", "0", "-j", "DROP")

    def reset(self, port):
        self._add("--dport", str(port), "-j", "REJECT", "--reject-with", "tcp-reset")

    def slow_down(self, rate):
        """A packet above the burst would never pass, and the loopback's may be huge."""
        for words in (("ip", "link", "set", "lo", "mtu", "1500"),
                      ("tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", rate,
                       "burst", "8kb", "latency", "400ms")):
            problem = run(*words)
            assert problem is None, problem

    def mend(self):
        while self.rules:
            problem = run("iptables", "-D", "INPUT", "-p", "tcp", *self.rules.pop())
            assert problem is None, problem


def enter_new_network():
    """None, or why this process cannot have a network of its own."""
    for program in ("ip", "iptables", "tc"):
        if shutil.which(program) is None:
            return f"there is no {program}"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        return f"no network namespaces here: {os.strerror(ctypes.get_errno())}"
    return (run("ip", "link", "set", "lo", "up") or run("iptables", "-L", "-n") or
            run("iptables", "-A", "INPUT", "-p", "tcp", "--dport", "1", "-m", "statistic",
                "--mode", "nth", "--every", "2", "--packet", "0", "-j", "DROP") or
            run("iptables", "-F", "INPUT"))


@pytest.fixture
def network():
    """The test process and all that it starts live in the new network until the end."""
    libc = ctypes.CDLL(None, use_errno=True)
    machines_own = os.readlink("/proc/self/ns/net")
    with open("/proc/self/ns/net", encoding="ascii") as before:
        problem = enter_new_network()
        try:
            if problem:
                pytest.skip(problem)
            yield Network(machines_own)
        finally:
            if os.readlink("/proc/self/ns/net") != machines_own:
                assert libc.setns(before.fileno(), CLONE_NEWNET) == 0, "no way back"


@pytest.fixture
def gateway(network, world):  # in this order: the programs start inside
    return world.gateway(world.simulator(), upstream=CLOCKS, upstream_errors="gateway",
                         stream={"write_timeout": "1500ms", "buffer": "16k"})


def port_of(address):
    return int(address.rsplit(":", 1)[1])


def upstream_port(gateway):
    return port_of(gateway.simulator.address)


def expect_recovery(gateway):
    """The next exchange is as good as ever, and nothing is left of the last."""
    reply = gateway.ask(say(tokens=10))
    assert (reply.status, reply.ended) == (200, "complete")
    for client in gateway.world.clients:
        client.close()
    gateway.wait_for_metric("tidegate_exchanges", 0)
    gateway.wait_for_metric("tidegate_connections", 0)
    gateway.wait_for_metric("tidegate_buffered_bytes", 0)


@pytest.mark.parametrize("side", ["upstream", "client"])
def test_lost_packets_cost_time_and_nothing_else(network, world, sim, side):
    gateway = world.gateway(sim)
    whole = gateway.ask(say(tokens=100, seed=7))
    port = upstream_port(gateway) if side == "upstream" else port_of(gateway.address)
    network.lose_some(port)

    lossy = gateway.ask(say(tokens=100, seed=7))

    assert (lossy.status, lossy.ended, lossy.text) == (200, "complete", whole.text)
    network.mend()
    expect_recovery(gateway)


def test_a_reset_on_the_way_up_is_a_cut(network, gateway):
    client, reply = gateway.open(say(tokens=100000, pace=10))
    client.read_text(reply, 1)

    network.reset(upstream_port(gateway))
    client.read_body(reply)

    assert reply.ended == "cut"
    gateway.wait_for_end("upstream_truncated")
    assert gateway.ask().reason == "upstream_connect"  # new connects are reset as well
    network.mend()
    expect_recovery(gateway)


def test_a_reset_on_the_way_to_the_client_ends_the_call(network, gateway):
    client, reply = gateway.open(say(tokens=100000, pace=10))
    client.read_text(reply, 1)

    network.reset(client.sock.getsockname()[1])

    gateway.wait_for_end("client_gone")
    gateway.simulator.wait_for("aborted", 1)
    network.mend()
    expect_recovery(gateway)


def test_an_upstream_in_a_black_hole_is_given_up_while_connecting(network, gateway):
    network.swallow(upstream_port(gateway))

    reply = gateway.ask()

    assert (reply.status, reply.reason) == (502, "upstream_connect")
    network.mend()
    expect_recovery(gateway)


def test_an_upstream_in_a_black_hole_is_given_up_before_the_first_token(network, gateway):
    client = gateway.connect()
    client.send(gateway.request(say(tokens=5, after_head=1000)))
    gateway.simulator.wait_for("requests", 1)

    network.swallow(upstream_port(gateway))
    reply = client.read_reply()

    assert (reply.status, reply.reason) == (504, "upstream_timeout_first")
    network.mend()
    expect_recovery(gateway)


def test_an_upstream_in_a_black_hole_cuts_the_stream(network, gateway):
    client, reply = gateway.open(say(tokens=100000, pace=10))
    client.read_text(reply, 1)

    network.swallow(upstream_port(gateway))
    client.read_body(reply)

    assert reply.ended == "cut"
    gateway.wait_for_end("upstream_timeout_idle")
    network.mend()
    expect_recovery(gateway)


def test_a_kept_connection_that_died_in_silence_does_not_spoil_what_follows(network, gateway):
    """No FIN came: the pool cannot know, and the first exchange on it pays, no other."""
    gateway.ask(say(tokens=2))
    network.swallow(upstream_port(gateway))

    reply = gateway.ask(say(tokens=2))

    assert reply.status == 504
    network.mend()
    expect_recovery(gateway)


def test_a_client_in_a_black_hole_is_given_up(network, gateway):
    client, reply = gateway.open(say(flood=50_000_000, pace=0))
    client.read_text(reply, 1)

    network.swallow(client.sock.getsockname()[1])

    gateway.wait_for_end("client_stalled")
    gateway.simulator.wait_for("aborted", 1)
    network.mend()
    expect_recovery(gateway)


def test_a_client_that_comes_back_in_time_misses_nothing(network, world, sim):
    gateway = world.gateway(sim, stream={"write_timeout": "60s", "buffer": "16k"})
    whole = gateway.ask(say(flood=1_000_000, pace=0, seed=3))
    client = gateway.connect(receive_buffer=4096)
    client.send(gateway.request(say(flood=1_000_000, pace=0, seed=3)))
    reply = client.read_head()

    network.swallow(client.sock.getsockname()[1])
    waiting.until(lambda: gateway.metric("tidegate_buffered_bytes") > 0, "bytes that wait")
    network.mend()
    client.read_body(reply)

    assert (reply.ended, reply.text) == ("complete", whole.text)
    expect_recovery(gateway)


def test_a_slow_line_slows_the_upstream_and_loses_nothing(network, gateway):
    whole = gateway.ask(say(flood=150_000, pace=0, seed=5))
    network.slow_down("2mbit")

    slow = gateway.ask(say(flood=150_000, pace=0, seed=5))

    assert (slow.status, slow.ended, slow.text) == (200, "complete", whole.text)
    expect_recovery(gateway)


def test_the_network_of_a_test_is_its_own(network):
    """Or the rules above would spoil the machine's."""
    assert os.readlink("/proc/self/ns/net") != network.machines_own
