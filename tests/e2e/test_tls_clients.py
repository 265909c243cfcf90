# SPDX-License-Identifier: MIT
"""TLS towards clients: all that holds on plain sockets holds here too."""

import json
import socket
import ssl
import subprocess

import pytest
from support import certificates, process, waiting, wire
from support.simulator import sim as say
from support.tls import VERSIONS, bare_socket, tls_gateway, trusting
from support.world import chat_path


@pytest.fixture
def gateway(world, sim):
    return tls_gateway(world, sim)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", certificates.KINDS)
def test_a_chat_streams(world, sim, kind, version):
    gateway = tls_gateway(world, sim, kind, VERSIONS[version])

    client, reply = gateway.open(say(tokens=40, pace=1, split="random"))
    client.read_body(reply)

    assert reply.status == 200 and reply.ended == "complete"
    assert client.sock.version() == f"TLSv{version}"
    assert client.sock.compression() is None
    assert any(word in client.sock.cipher()[0] for word in ("GCM", "CHACHA20"))
    assert reply.text == gateway.ask(say(tokens=40, pace=0)).text
    end = gateway.wait_for_end("done")
    assert end["peer"] == "127.0.0.1"
    assert end["tls"] == f"TLSv{version}"


@pytest.mark.parametrize("flag", ["--tlsv1.2", "--tlsv1.3"])
def test_curl_reads_a_chat(gateway, world, flag):
    limit = ["--tls-max", "1.2"] if flag == "--tlsv1.2" else []
    body = json.dumps({"messages": [{"role": "user", "content": say(tokens=30, pace=1)}]})
    port = gateway.address.rsplit(":", 1)[1]

    done = subprocess.run(
        ["curl", "-sS", "-N", flag, *limit, "--cacert", str(gateway.certificate.path),
         f"https://localhost:{port}{chat_path()}", "-H", f"Authorization: Bearer {world.token()}",
         "-H", "Content-Type: application/json", "-w", "\n%{http_code} %{http_version}",
         "-d", body],
        capture_output=True, text=True, check=False, timeout=waiting.PATIENCE_S)

    assert done.returncode == 0, done.stderr
    text, status = done.stdout.rsplit("\n", 1)
    assert status == "200 1.1"
    assert text == gateway.ask(body=body.encode()).text


def test_requests_follow_each_other_on_one_connection(gateway):
    client = gateway.connect()

    texts = [gateway.ask(say(tokens=5 + n), client=client).text for n in range(4)]

    assert len(set(texts)) == 4
    assert gateway.metric("tidegate_tls_handshakes_total") == 1
    assert gateway.metric("tidegate_connections_accepted_total") == 1


def test_both_kinds_of_listener_serve_at_once(world, sim):
    certificate = certificates.Certificate(world.folder, "both")
    gateway = world.gateway(sim, listen=[
        "127.0.0.1:0", {"address": "127.0.0.1:0", "tls": certificate.group()}])
    gateway.wait_for_log("ready")
    tls_address = gateway.log_lines("listening")[1]["address"]

    plain = gateway.ask(say(tokens=5))
    with wire.Client(tls_address, tls=trusting(certificate)) as client:
        secured = gateway.ask(say(tokens=5), client=client)

    assert plain.status == secured.status == 200
    assert plain.text == secured.text
    gateway.wait_for_log("exchange", tls="TLSv1.3")
    assert [row.get("tls") for row in gateway.log_lines("exchange")] == [None, "TLSv1.3"]


def leave(client, how):
    if how == "close_notify":
        client.sock.settimeout(None)
        client.sock.setblocking(False)
        try:
            client.sock.unwrap()
        except (ssl.SSLError, OSError):
            pass  # it is sent; the answer to it is not waited for
    elif how == "half_close":
        socket.socket.shutdown(client.sock, socket.SHUT_WR)
    elif how == "reset":
        client.reset()
    else:
        client.close()


@pytest.mark.parametrize("how", ["close", "close_notify", "half_close", "reset"])
@pytest.mark.parametrize("words, streams", [
    (say(stall="head"), False), (say(after_head=60000), False), (say(tokens=100000, pace=5), True),
    (say(tokens=3, stall_after=2), True)], ids=["no_head", "no_token", "streaming", "quiet"])
def test_a_client_that_leaves_cancels_upstream(gateway, words, streams, how):
    client = gateway.connect()
    client.send(gateway.request(words))
    gateway.simulator.wait_for("requests", 1)
    if streams:
        client.read_text(client.read_head(), 1)

    leave(client, how)

    gateway.simulator.wait_for("aborted", 1)
    assert gateway.wait_for_end("client_gone")["status"] == ("200" if streams else "0")
    assert gateway.ask(say(tokens=2)).status == 200


def test_a_cut_answer_is_seen_as_cut(gateway):
    client, reply = gateway.open(say(tokens=20, pace=1, cut_after=5))
    client.read_body(reply)

    assert reply.status == 200 and reply.ended == "cut"
    assert not client.has_close_notify
    gateway.wait_for_end("upstream_truncated")


def test_a_whole_answer_before_a_close_ends_with_close_notify(gateway):
    client = gateway.connect()
    reply = gateway.ask(say(tokens=5), client=client, fields=[("Connection", "close")])
    client.expect_closed()

    assert reply.ended == "complete"
    assert client.has_close_notify


def test_an_idle_connection_ends_with_close_notify(world, sim):
    gateway = tls_gateway(world, sim, limits={"keepalive_timeout": "300ms"})
    client = gateway.connect()
    gateway.ask(say(tokens=2), client=client)

    client.expect_closed()

    assert client.has_close_notify


def test_a_drain_finishes_streams_and_says_goodbye_to_idle_connections(world, sim):
    gateway = tls_gateway(world, sim, supervised=True)
    idle = gateway.connect()
    gateway.ask(say(tokens=2), client=idle)
    client, reply = gateway.open(say(tokens=40, pace=20))
    client.read_text(reply, 1)

    gateway.terminate()
    idle.expect_closed()
    client.read_body(reply)
    client.expect_closed()

    assert idle.has_close_notify and client.has_close_notify
    assert reply.ended == "complete"
    assert gateway.process.wait() == 0


def test_the_lexer_sees_what_was_encrypted(gateway):
    for head in (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
                 b"POST / HTTP/1.1\r\nHost : a\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n"):
        client = gateway.connect()
        client.send(head)
        reply = client.read_reply()
        assert reply.status == 400 and reply.reason == "bad_request"
        client.expect_closed()
        assert client.has_close_notify


def test_a_request_byte_by_byte_each_in_its_own_record(gateway):
    client = gateway.connect()
    for byte in gateway.request(say(tokens=3)):
        client.sock.sendall(bytes([byte]))

    assert client.read_reply().status == 200


def test_bytes_behind_a_request_do_not_disturb_the_answer(gateway):
    client, reply = gateway.open(say(tokens=30, pace=10))
    client.read_text(reply, 1)
    client.send(gateway.request(say(tokens=2)))
    client.read_body(reply)
    client.expect_closed()

    assert reply.ended == "complete"
    assert gateway.ends() == ["done"]


def test_a_large_body_is_taken_whole(gateway):
    text = say(tokens=3) + " " + "x" * 900_000
    reply = gateway.ask(text)

    assert reply.status == 200
    assert "x" * 900_000 in gateway.simulator.last_request()


def test_a_client_that_expects_a_word_first_gets_it(gateway):
    """The one thing that evhttp writes by itself."""
    client = gateway.connect()
    request = gateway.request(say(tokens=3), fields=[("Expect", "100-continue")])
    head, body = request.split(b"\r\n\r\n", 1)

    client.send(head + b"\r\n\r\n")
    assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
    client.send(body)

    assert client.read_reply().status == 200


def test_a_body_beyond_the_limit_is_refused(gateway):
    client = gateway.connect()
    client.send(gateway.request(body=b'{"messages":[' + b" " * 1_100_000 + b"]}"))

    assert client.read_reply().status == 413


def test_the_cap_on_connections_is_told_over_tls(world, sim):
    gateway = tls_gateway(world, sim, limits={"connections": 1})
    first, reply = gateway.open(say(tokens=100000, pace=5))
    first.read_text(reply, 1)

    second = gateway.connect()
    refusal = second.read_reply()

    assert refusal.status == 503 and refusal.reason == "gateway_full"
    first.read_text(reply, len(reply.body) + 1)


class Tap:
    """A client that sees the records themselves."""

    def __init__(self, gateway):
        self.sock = bare_socket(gateway)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = gateway.tls.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.unparsed = b""
        self.records = []  # length of each record of application data
        self._run(self.tls.do_handshake)

    def _run(self, step):
        while True:
            try:
                result = step()
                self.sock.sendall(self.outgoing.read())
                return result
            except ssl.SSLWantReadError:
                self.sock.sendall(self.outgoing.read())
                data = self.sock.recv(65536)
                assert data
                self._count(data)
                self.incoming.write(data)

    def _count(self, data):
        self.unparsed += data
        while len(self.unparsed) >= 5:
            length = int.from_bytes(self.unparsed[3:5], "big")
            if len(self.unparsed) < 5 + length:
                return
            if self.unparsed[0] == 23:
                self.records.append(length)
            self.unparsed = self.unparsed[5 + length:]

    def read_until(self, mark):
        seen = b""
        while mark not in seen:
            seen += self._run(lambda: self.tls.read(65536))
        return seen


    def write(self, data):
        self.tls.write(data)
        self.sock.sendall(self.outgoing.read())


def test_what_a_turn_has_written_is_one_record(world, sim):
    """TLS 1.2, where no ticket is a record of application data after the handshake."""
    gateway = tls_gateway(world, sim, version=VERSIONS["1.2"])
    tap = Tap(gateway)
    tap.write(gateway.request(say(tokens=1, giant_event=6000, pace=20)))

    answer = tap.read_until(b"\r\n0\r\n\r\n")
    tap.sock.close()

    assert answer.startswith(b"HTTP/1.1 200 OK")
    # The head and a text that fits no piece of memory with it.
    assert tap.records[0] > 6000, tap.records


def test_a_flood_fills_its_records(world):
    """An upstream with TLS as well gives much in one turn: more than one piece of memory holds."""
    ca_file = world.folder / "ca.pem"
    sim = world.simulator("--listen-tls=127.0.0.1:0", f"--tls-ca-out={ca_file}")
    gateway = tls_gateway(world, sim, version=VERSIONS["1.2"],
                          upstream={"url": sim.url(host="localhost"), "ca_file": str(ca_file)})
    tap = Tap(gateway)
    tap.write(gateway.request(say(flood=2_000_000, pace=0)))

    tap.read_until(b"\r\n0\r\n\r\n")
    tap.sock.close()

    assert 4096 + 64 < max(tap.records) <= 16384 + 64
    # How much a turn has to write is not the point: it is many pieces, and they go together.
    assert len(tap.records) * 2 < int(gateway.wait_for_end("done")["deltas"])


def test_a_hundred_streams_at_once(gateway):
    clients = [gateway.connect() for _ in range(100)]
    for number, client in enumerate(clients):
        client.transcript = None
        client.send(gateway.request(say(tokens=20 + number % 3, pace=20)))
    replies = [client.read_reply() for client in clients]

    assert all(reply.status == 200 and reply.ended == "complete" for reply in replies)
    assert len({reply.text for reply in replies}) == 3
    gateway.wait_for_metric("tidegate_exchanges", 0)
    gateway.wait_for_metric("tidegate_buffered_bytes", 0)


# --- readers that stop ------------------------------------------------------------------

STALLED_READERS = 3
FLOOD_BYTES = 40_000_000
STREAM_BUFFER = 64 * 1024
# As on plain sockets, and what OpenSSL keeps for a record on its way: 16 KiB and its rest.
BOUND_PER_EXCHANGE = 9 * STREAM_BUFFER
GAP_MAX_S = 0.5


def stalled_reader(gateway):
    """A client that has read the head of a huge answer and then reads no more."""
    client = gateway.connect(receive_buffer=4096)
    client.send(gateway.request(say(flood=FLOOD_BYTES, pace=0)))
    reply = client.read_head()
    assert reply.status == 200
    return client, reply


def test_slow_clients_make_the_upstream_block_and_cost_a_bounded_amount(world, sim):
    gateway = tls_gateway(world, sim, env=process.measurable(),
                          stream={"buffer": "64k", "write_timeout": "60s"})
    gateway.ask(say(tokens=200, pace=0))  # first use of everything: not what is measured
    before = gateway.resident_bytes()

    readers = [stalled_reader(gateway) for _ in range(STALLED_READERS)]
    sim.wait_for("write_blocked_now", STALLED_READERS)
    sent_when_blocked = sim.stat("bytes_sent")
    neighbour = gateway.ask(say(tokens=60, pace=40))
    grown = gateway.resident_bytes() - before

    assert grown < STALLED_READERS * BOUND_PER_EXCHANGE, f"{grown} bytes more"
    assert neighbour.ended == "complete"
    times = [at for at, _ in neighbour.chunks]
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert max(gaps) < GAP_MAX_S, f"a gap of {max(gaps):.3f} s"
    assert sim.stat("write_blocked_now") >= STALLED_READERS
    assert sim.stat("bytes_sent") - sent_when_blocked < 1_000_000
    for client, _ in readers:
        client.close()
    sim.wait_for_exactly("write_blocked_now", 0)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_reader_that_reads_again_gets_every_byte(world, sim, version):
    gateway = tls_gateway(world, sim, version=VERSIONS[version])
    client = gateway.connect(receive_buffer=4096)
    client.send(gateway.request(say(flood=1_500_000, pace=0, seed=8)))
    reply = client.read_head()
    sim.wait_for("write_blocked_now", 1)

    client.read_body(reply)

    assert reply.ended == "complete"
    assert len(reply.body) >= 1_500_000
    assert int(gateway.wait_for_end("done")["pauses"]) >= 1
    assert sim.stat("write_blocked_now") == 0


def test_a_client_that_takes_nothing_is_ended_by_the_write_timeout(world, sim):
    gateway = tls_gateway(world, sim, stream={"write_timeout": "1s"})

    client, reply = stalled_reader(gateway)
    end = gateway.wait_for_end("client_stalled")
    sim.wait_for("aborted", 1)
    client.read_body(reply)

    assert end["status"] == "200"
    assert reply.ended == "cut" and not client.has_close_notify


def test_a_client_that_leaves_while_paused_frees_the_upstream(world, sim):
    gateway = tls_gateway(world, sim, stream={"write_timeout": "60s"})
    client, _ = stalled_reader(gateway)
    sim.wait_for("write_blocked_now", 1)

    client.reset()

    gateway.wait_for_end("client_gone")
    sim.wait_for("aborted", 1)
    gateway.wait_for_metric("tidegate_buffered_bytes", 0)
