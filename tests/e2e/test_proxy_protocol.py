# SPDX-License-Identifier: MIT
"""A listener behind a load balancer: the PROXY protocol, versions 1 and 2."""

import socket
import ssl
import struct
import subprocess
import time

import pytest
from support import waiting
from support.simulator import sim as say

BALANCER = "127.0.0.9"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def version1(client="192.0.2.7", family="TCP4", target="192.0.2.1"):
    return f"PROXY {family} {client} {target} 40000 443\r\n".encode()


def version2(client="192.0.2.7", extensions=b""):
    family = socket.AF_INET6 if ":" in client else socket.AF_INET
    target = "2001:db8::1" if ":" in client else "192.0.2.1"
    block = socket.inet_pton(family, client) + socket.inet_pton(family, target)
    block += struct.pack("!HH", 40000, 443) + extensions
    kind = 0x21 if ":" in client else 0x11
    return SIGNATURE + struct.pack("!BBH", 0x21, kind, len(block)) + block


LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


def behind_balancer(world, simulator=None, tls=None, **changes):
    listener = {"address": "127.0.0.1:0", "proxy_protocol": True, **(tls or {})}
    return world.gateway(simulator, listen=[listener], **changes)


def exchanges(gateway, count):
    """The access lines, once there are <count>: a line follows the answer's last byte."""
    waiting.until(lambda: len(gateway.log_lines("exchange")) >= count, f"{count} access lines")
    return gateway.log_lines("exchange")


HEADERS = [
    (version1(), "192.0.2.7"),
    (version1("2001:db8::7", "TCP6", "2001:db8::1"), "2001:db8::7"),
    (version2(), "192.0.2.7"),
    (version2("2001:db8::7"), "2001:db8::7"),
    (version2(extensions=b"\x04\x00\x20" + bytes(32)), "192.0.2.7"),
    (version2(extensions=b"\xea\x0b\x00" + bytes(0xB00)), "192.0.2.7"),
]


@pytest.mark.parametrize(("header", "client"), HEADERS,
                         ids=["v1", "v1_ipv6", "v2", "v2_ipv6", "v2_extension", "v2_long"])
def test_the_client_is_who_the_header_says(world, header, client):
    gateway = behind_balancer(world)
    connection = gateway.connect(source=BALANCER)

    connection.send(header)
    first = gateway.ask(client=connection)
    second = gateway.ask(client=connection)

    assert (first.ended, second.ended) == ("complete", "complete")
    ends = [(row["end"], row["peer"], row["via"]) for row in exchanges(gateway, 2)]
    assert ends == [("done", client, BALANCER)] * 2


@pytest.mark.parametrize("header", [LOCAL, b"PROXY UNKNOWN\r\n",
                                    SIGNATURE + b"\x21\x00\x00\x00"],
                         ids=["local", "unknown", "unspec"])
def test_a_balancer_may_speak_for_itself(world, header):
    gateway = behind_balancer(world)

    reply = gateway.ask(client=gateway.connect(source=BALANCER).send(header))

    assert reply.ended == "complete"
    assert "via" not in gateway.wait_for_end("done", peer=BALANCER)


@pytest.mark.parametrize("header", [LOCAL, b"PROXY UNKNOWN\r\n"], ids=["local", "unknown"])
def test_behind_a_header_that_names_nobody_a_client_cannot_name_himself(world, header):
    """What came through such a balancer was looked at by nobody, its fields included."""
    gateway = behind_balancer(world, trusted_proxies=[f"{BALANCER}/32"])

    reply = gateway.ask(client=gateway.connect(source=BALANCER).send(header),
                        fields=[("X-Forwarded-For", "203.0.113.77")])

    assert reply.ended == "complete"
    gateway.wait_for_end("done", peer=BALANCER)


@pytest.mark.parametrize("header", [version1(), version2("2001:db8::7")], ids=["v1", "v2"])
def test_header_and_request_may_come_cut_anywhere_or_at_once(world, header):
    gateway = behind_balancer(world)
    request = gateway.request(say(tokens=2))
    everything = header + request

    for cut in [*range(1, len(header) + 3, 3), len(everything)]:
        connection = gateway.connect()
        connection.send(everything[:cut])
        accepted = len(gateway.log_lines("exchange"))
        if cut < len(everything):
            waiting.until(lambda: unread_bytes(gateway, connection) == 0, "the bytes to be taken")
            connection.send(everything[cut:])
        assert connection.read_reply().ended == "complete", f"cut after {cut} bytes"
        waiting.until(lambda: len(gateway.log_lines("exchange")) == accepted + 1, "a log line")
        connection.close()

    one_by_one = gateway.connect()
    for index in range(len(header)):
        one_by_one.send(header[index:index + 1])
    one_by_one.send(request)
    assert one_by_one.read_reply().ended == "complete"


def unread_bytes(gateway, connection):
    """Bytes that wait in the gateway's socket of this connection, by /proc/net/tcp."""
    port = connection.sock.getsockname()[1]
    own = int(gateway.address.rsplit(":", 1)[1])
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table.readlines()[1:]:
            words = line.split()
            ports = [int(words[index].rsplit(":", 1)[1], 16) for index in (1, 2)]
            if ports == [own, port]:
                return int(words[4].split(":")[1], 16)
    return None


BAD_HEADERS = {
    "a request": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "TLS": bytes.fromhex("160301020001000"[:14]) + bytes(200),
    "version 1 with LF": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
    "version 1 without end": b"PROXY UNKNOWN " + b"a" * 100,
    "version 1 with a name": b"PROXY TCP4 client.example 192.0.2.2 1 2\r\n",
    "version 2 too short": SIGNATURE + b"\x21\x11\x00\x04" + bytes(12),
    "version 2 too long": SIGNATURE + b"\x21\x11\xff\xff" + bytes(12),
    "version 3": SIGNATURE + b"\x31\x11\x00\x0c" + bytes(12),
    "the signature spoilt": SIGNATURE[:-1] + b"X" + bytes(16),
}


@pytest.mark.parametrize("what", BAD_HEADERS)
def test_what_is_no_header_gets_no_answer_and_is_counted(world, what):
    gateway = behind_balancer(world)
    connection = gateway.connect()

    connection.send(BAD_HEADERS[what])

    connection.expect_closed()
    row = gateway.wait_for_log("proxy_header_refused", peer="127.0.0.1")
    assert row["problem"]
    gateway.wait_for_metric("tidegate_proxy_headers_refused_total", 1)
    assert not gateway.ends()
    assert gateway.ask(client=gateway.connect().send(version1())).ended == "complete"


def test_a_second_header_is_the_clients_own_nonsense(world):
    gateway = behind_balancer(world)
    connection = gateway.connect().send(version1() + version1("203.0.113.66"))

    reply = connection.read_reply()

    assert reply.status == 400
    gateway.wait_for_end("bad_request", peer="192.0.2.7")


def test_a_listener_without_it_takes_no_header(world):
    gateway = world.gateway()

    assert gateway.connect().send(version1()).read_reply().status == 400
    assert gateway.connect().send(version2()).read_reply().status == 400


def test_the_header_is_under_the_clock_of_the_head(world):
    gateway = behind_balancer(world, limits={"head_timeout": "800ms"})
    dripping = gateway.connect()
    began = time.monotonic()

    for byte in b"PROXY TCP4 192.0.2.7 192.0.2.1 4":
        if not dripping.is_silent_for(0.1):
            break
        dripping.send(bytes([byte]))

    dripping.expect_closed()
    assert 0.7 < time.monotonic() - began < 5
    gateway.wait_for_log("proxy_header_refused", problem="not complete in time")
    gateway.connect().expect_closed()  # one that says nothing: closed, and not worth a line
    assert gateway.metric("tidegate_proxy_headers_refused_total") == 1
    gateway.wait_for_metric("tidegate_connections", 0)


def test_header_and_head_share_one_clock(world):
    gateway = behind_balancer(world, limits={"head_timeout": "2s"})
    began = time.monotonic()
    connection = gateway.connect()
    time.sleep(1.7)
    connection.send(version1() + b"POST / HTTP/1.1\r\n")

    reply = connection.read_reply()

    assert (reply.status, reply.reason) == (408, "request_timeout")
    assert time.monotonic() - began < 3.5, "not 2 s for each"


def test_a_balancer_that_looks_at_the_port_leaves_no_trace(world):
    gateway = behind_balancer(world)
    for _ in range(5):
        gateway.connect().close()
    half = gateway.connect().send(version1()[:20])
    half.close()

    gateway.wait_for_log("proxy_header_refused", problem="closed in the middle of the header")
    gateway.wait_for_metric("tidegate_connections", 0)
    assert gateway.metric("tidegate_proxy_headers_refused_total") == 1


def test_caps_are_for_the_client_and_not_for_the_balancer(world):
    gateway = behind_balancer(world, limits={"connections_per_address": 1})
    first = gateway.connect().send(version2())
    assert gateway.ask(client=first).ended == "complete"

    refused = gateway.connect().send(version2()).read_reply()
    other = gateway.ask(client=gateway.connect().send(version2("192.0.2.8")))

    assert (refused.status, refused.reason) == (429, "address_full")
    assert other.ended == "complete"
    gateway.wait_for_end("address_full", peer="192.0.2.7", via="127.0.0.1")
    first.close()
    gateway.wait_for_metric("tidegate_connections", 1)
    assert gateway.ask(client=gateway.connect().send(version2())).ended == "complete"


def test_only_trusted_balancers_are_believed_when_there_is_a_list(world):
    gateway = behind_balancer(world, trusted_proxies=[BALANCER])
    stranger = gateway.connect(source="127.0.0.2").send(version1())

    stranger.expect_closed()

    gateway.wait_for_log("proxy_header_refused", peer="127.0.0.2",
                         problem="the peer is not in trusted_proxies")
    trusted = gateway.connect(source=BALANCER).send(version1())
    assert gateway.ask(client=trusted).ended == "complete"


def test_a_balancer_before_a_proxy_the_chain_is_followed(world):
    """PROXY names the reverse proxy, X-Forwarded-For names the client."""
    gateway = behind_balancer(world, trusted_proxies=[BALANCER, "10.0.0.0/8"])
    connection = gateway.connect(source=BALANCER).send(version1("10.1.2.3"))

    reply = gateway.ask(client=connection,
                        fields=[("X-Forwarded-For", "203.0.113.66, 192.0.2.7")])
    bare = gateway.ask(client=connection)

    assert (reply.ended, bare.ended) == ("complete", "complete")
    ends = [(row["peer"], row["via"]) for row in exchanges(gateway, 2)]
    assert ends == [("192.0.2.7", "10.1.2.3"), ("10.1.2.3", BALANCER)]


def test_at_the_cap_the_unnamed_make_room_too(world):
    gateway = behind_balancer(world, limits={"connections": 5})
    silent = [gateway.connect() for _ in range(5)]
    gateway.wait_for_metric("tidegate_connections", 5)
    time.sleep(0.6)

    reply = gateway.ask(client=gateway.connect().send(version1()))

    assert reply.ended == "complete"
    silent[0].expect_closed()


def test_a_drain_ends_those_that_never_said_who_they_are(world):
    gateway = behind_balancer(world)
    gateway.connect()
    gateway.connect().send(version1()[:10])
    gateway.wait_for_metric("tidegate_connections", 2)

    gateway.terminate()

    assert gateway.process.wait() == 0


def test_backpressure_and_leaving_are_as_without_a_header(world, sim):
    gateway = behind_balancer(world, sim)
    connection = gateway.connect().send(version2())
    _, reply = gateway.open(say(tokens=3, pace=60000), client=connection)
    assert reply.status == 200

    connection.close()

    gateway.wait_for_end("client_gone", peer="192.0.2.7")
    sim.wait_for("aborted", 1)


# --- with TLS behind the header ------------------------------------------------------


@pytest.fixture
def identity(tmp_path):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=gateway.test",
         "-addext", "subjectAltName=DNS:gateway.test",
         "-keyout", key, "-out", certificate], check=True, capture_output=True)
    key.chmod(0o600)
    return {"tls": {"certificate": str(certificate), "key": str(key)}}


@pytest.mark.parametrize("header", [version1(), version2("2001:db8::7"), LOCAL],
                         ids=["v1", "v2", "local"])
@pytest.mark.parametrize("cut", [0, 5, 10_000])
def test_the_header_stands_before_the_handshake(world, identity, header, cut):
    """In the clear, and not one byte of the handshake is taken for it."""
    gateway = behind_balancer(world, tls=identity)
    connection = gateway.connect()
    trust = ssl.create_default_context(cafile=identity["tls"]["certificate"])
    plain = connection.sock
    plain.settimeout(20)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    peek = trust.wrap_bio(incoming, outgoing, server_hostname="gateway.test")
    with pytest.raises(ssl.SSLWantReadError):
        peek.do_handshake()
    hello = outgoing.read()

    everything = header + hello  # header and ClientHello in one packet, or cut within
    plain.sendall(everything[:cut])
    if 0 < cut < len(everything):
        waiting.until(lambda: unread_bytes(gateway, connection) == 0, "the bytes to be taken")
    plain.sendall(everything[cut:])
    finish_handshake(plain, peek, incoming, outgoing)
    peek.write(gateway.request(fields=[("Connection", "close")]))
    plain.sendall(outgoing.read())
    answer = read_all(plain, peek, incoming)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"0\r\n\r\n")
    gateway.wait_for_end("done")


def finish_handshake(plain, peek, incoming, outgoing):
    while True:
        try:
            peek.do_handshake()
            break
        except ssl.SSLWantReadError:
            plain.sendall(outgoing.read())
            data = plain.recv(65536)
            assert data, "closed during the handshake"
            incoming.write(data)
    plain.sendall(outgoing.read())


def read_all(plain, peek, incoming):
    answer = b""
    while True:
        try:
            data = peek.read(65536)
            if not data:
                return answer
            answer += data
        except ssl.SSLWantReadError:
            data = plain.recv(65536)
            if not data:
                return answer
            incoming.write(data)
        except ssl.SSLZeroReturnError:
            return answer


def test_a_refusal_of_the_address_comes_through_the_handshake(world, identity):
    gateway = behind_balancer(world, tls=identity, limits={"connections_per_address": 1})
    trust = ssl.create_default_context(cafile=identity["tls"]["certificate"])
    first = gateway.connect().send(version2())
    kept = trust.wrap_socket(first.sock, server_hostname="gateway.test")
    second = gateway.connect().send(version2())

    with trust.wrap_socket(second.sock, server_hostname="gateway.test") as refused:
        answer = b""
        while data := refused.recv(65536):
            answer += data

    assert answer.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert b"X-Tidegate-Reason: address_full\r\n" in answer
    kept.close()


def test_a_handshake_without_a_header_is_closed(world, identity):
    gateway = behind_balancer(world, tls=identity)
    trust = ssl.create_default_context(cafile=identity["tls"]["certificate"])

    with pytest.raises((ssl.SSLError, ConnectionError)):
        trust.wrap_socket(gateway.connect().sock, server_hostname="gateway.test")

    gateway.wait_for_log("proxy_header_refused", problem="no PROXY protocol header")


def test_a_slow_handshake_behind_the_header_is_under_the_same_clock(world, identity):
    gateway = behind_balancer(world, tls=identity, limits={"head_timeout": "600ms"})
    began = time.monotonic()
    connection = gateway.connect().send(version1() + b"\x16\x03\x01")

    connection.expect_closed()

    assert 0.5 < time.monotonic() - began < 5


# --- the conf file --------------------------------------------------------------------


def test_a_word_is_not_a_switch(world):
    from support import conf

    path = world.folder / "wrong.conf"
    listener = {"address": "127.0.0.1:0", "proxy_protocol": "yes"}
    path.write_text(conf.render_file(world.settings("http://127.0.0.1:1/v1", listen=[listener])))

    checked = world.run_tidegate("-t", "-c", path)

    assert checked.returncode == 2
    assert ("listen[0].proxy_protocol: not true or false, without quotes (allowed: false, true)"
            in checked.stderr)


def test_a_reload_switches_it(world):
    gateway = world.gateway(listen=[{"address": "127.0.0.1:0"}], supervised=True)
    assert gateway.ask().ended == "complete"

    gateway.write_conf(listen=[{"address": "127.0.0.1:0", "proxy_protocol": True}])
    gateway.reload()
    gateway.wait_for_log("reloaded")

    assert gateway.ask(client=gateway.connect().send(version1())).ended == "complete"
    gateway.wait_for_end("done", peer="192.0.2.7")
