# SPDX-License-Identifier: MIT
"""Very many streams at once, one of them stalled: all the others come through whole."""

import selectors

from support.simulator import sim as say

STREAMS = 1000
TOKENS = 20


def read_all(clients):
    """Drive all the clients to their ends from one thread; name -> bytes received."""
    selector = selectors.DefaultSelector()
    received = {client: b"" for client in clients}
    for client in clients:
        client.sock.setblocking(False)
        selector.register(client.sock, selectors.EVENT_READ, client)
    while selector.get_map():
        ready = selector.select(timeout=30)
        assert ready, f"{len(selector.get_map())} streams came to a halt"
        for key, _ in ready:
            data = key.data.sock.recv(65536)
            received[key.data] += data
            if not data or received[key.data].endswith(b"\r\n0\r\n\r\n"):
                selector.unregister(key.fileobj)
    return received


def test_a_thousand_streams_with_one_stalled(world):
    sim = world.simulator("--pace=100", "--first=500")
    gateway = world.gateway(sim, limits={"exchanges_per_subject": 5000},
                            log={"level": "info"}, stream={"write_timeout": "60s"})
    stalled = gateway.connect(receive_buffer=4096)
    stalled.send(gateway.request(say(flood=40_000_000, pace=0)))
    sim.wait_for("write_blocked_now", 1)
    clients = [gateway.connect() for _ in range(STREAMS)]
    request = gateway.request(say(tokens=TOKENS, seed=1))
    for client in clients:
        client.transcript = None
        client.send(request)

    received = read_all(clients)

    heads = {data.split(b"\r\n", 1)[0] for data in received.values()}
    assert heads == {b"HTTP/1.1 200 OK"}
    assert all(data.endswith(b"\r\n0\r\n\r\n") for data in received.values())
    bodies = {_without_framing(data) for data in received.values()}
    assert len(bodies) == 1, "the same seed gives every stream the same text"
    gateway.wait_for_metric("tidegate_exchanges", 1)
    stalled.close()
    gateway.wait_for_metric("tidegate_exchanges", 0)
    gateway.wait_for_metric("tidegate_buffered_bytes", 0)


def _without_framing(data):
    body, text = data.split(b"\r\n\r\n", 1)[1], b""
    while True:
        size, body = body.split(b"\r\n", 1)
        if int(size, 16) == 0:
            return text
        text += body[: int(size, 16)]
        body = body[int(size, 16) + 2:]
