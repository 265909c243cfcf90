# SPDX-License-Identifier: MIT
"""TLS towards clients: which handshakes are done, how long they may take, what is resumed."""

import json
import os
import select
import signal
import socket
import ssl
import subprocess
import time
import xml.etree.ElementTree

import pytest
from support import certificates, waiting, wire
from support.simulator import sim as say
from support.tls import VERSIONS, bare_socket, tls_gateway, trusting


@pytest.fixture
def gateway(world, sim):
    return tls_gateway(world, sim)


def failed_handshakes(gateway):
    return gateway.metric("tidegate_tls_handshakes_failed_total")


def read_to_end(sock):
    data = b""
    try:
        while piece := sock.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def test_the_application_protocol_is_http_1_1(world, gateway):
    for offered, chosen in ((["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"),
                            (None, None)):
        gateway.tls = trusting(gateway.certificate, alpn=offered)
        client = gateway.connect()
        assert client.sock.selected_alpn_protocol() == chosen
        assert gateway.ask(say(tokens=2), client=client).status == 200

    gateway.tls = trusting(gateway.certificate, alpn=["h2"])
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        gateway.connect()
    waiting.until(lambda: failed_handshakes(gateway) == 1, "the failure to be counted")


# --- handshakes that are not ------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(gateway, version):
    context = trusting(gateway.certificate, version)
    context.set_ciphers("ALL:@SECLEVEL=0")
    gateway.tls = context

    with pytest.raises(ssl.SSLError, match="(?i)version"):
        gateway.connect()

    gateway.wait_for_log("tls_handshake_failed", problem="unsupported protocol")
    assert failed_handshakes(gateway) == 1


def test_a_client_that_does_not_trust_the_certificate_is_counted(gateway):
    gateway.tls = ssl.create_default_context()

    with pytest.raises(ssl.SSLCertVerificationError):
        gateway.connect()

    waiting.until(lambda: failed_handshakes(gateway) == 1, "the failure to be counted")
    gateway.wait_for_metric("tidegate_connections", 0)


def test_plain_http_is_told_so(gateway):
    with bare_socket(gateway) as sock:
        sock.sendall(gateway.request("Hello"))
        answer = read_to_end(sock)

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    reply = wire.Reply(answer.split(b"\r\n\r\n", 1)[0])
    body = answer.split(b"\r\n\r\n", 1)[1]
    assert int(reply.field("Content-Length")) == len(body)
    assert json.loads(body) == {"statusCode": 400, "statusMessage": "Bad Request."}
    gateway.wait_for_log("tls_handshake_failed", problem="http request")


def client_hello():
    """The first bytes of a real handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


GARBAGE = {
    "zeros": bytes(4096),
    "noise": bytes((n * 73 + n // 7) % 256 for n in range(4096)),
    "empty record": b"\x16\x03\x01\x00\x00",
    "giant record": b"\x16\x03\x01\xff\xff" + bytes(70000),
    "alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "data before a handshake": b"\x17\x03\x03\x00\x05hello",
    "ssl 2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(40),
    "h2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "proxy protocol": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_closed(gateway, name):
    with bare_socket(gateway) as sock:
        try:
            sock.sendall(GARBAGE[name])
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # closed already
        answer = read_to_end(sock)

    assert b"200" not in answer
    gateway.wait_for_metric("tidegate_connections", 0)
    assert failed_handshakes(gateway) == 1
    assert gateway.ask(say(tokens=2)).status == 200


def test_a_broken_client_hello_is_closed(gateway):
    hello = client_hello()
    for at in range(0, len(hello), 7):
        broken = bytearray(hello)
        broken[at] ^= 0xFF
        with bare_socket(gateway) as sock:
            try:
                sock.sendall(broken)
                sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            assert b"200 OK" not in read_to_end(sock)

    gateway.wait_for_metric("tidegate_connections", 0)
    assert gateway.ask(say(tokens=2)).status == 200


def test_a_probe_of_the_port_is_no_failure(gateway):
    for _ in range(3):
        bare_socket(gateway).close()

    gateway.wait_for_metric("tidegate_connections_accepted_total", 3)
    gateway.wait_for_metric("tidegate_connections", 0)
    assert failed_handshakes(gateway) == 0


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_failed_handshakes_leave_nothing_behind(world, sim):
    gateway = tls_gateway(world, sim, supervised=True)  # the admin's connections are elsewhere
    gateway.ask(say(tokens=2))
    (pid,) = gateway.workers()
    gateway.world.clients[-1].close()
    gateway.wait_for_metric("tidegate_connections", 0)
    before = open_files(pid)

    hello = client_hello()
    for round_number in range(150):
        with bare_socket(gateway) as sock:
            sock.sendall((hello[:20], b"GET / HTTP/1.1\r\n\r\n", hello)[round_number % 3])
            if round_number % 2:
                wire.Client.reset(_as_client(sock))
    gateway.wait_for_metric("tidegate_connections", 0)

    waiting.until(lambda: open_files(pid) == before, f"{before} descriptors, as before")
    assert gateway.ask(say(tokens=2)).status == 200


def _as_client(sock):
    """Just enough of a client to be reset."""
    client = wire.Client.__new__(wire.Client)
    client.sock, client.transcript, client.name = sock, None, "bare"
    return client


def test_a_client_cannot_renegotiate(gateway):
    """Each would cost us a whole handshake, and the client next to nothing."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", gateway.address, "-tls1_2"], input="R\n",
        capture_output=True, text=True, check=False, timeout=waiting.PATIENCE_S)

    assert "RENEGOTIATING" in done.stderr
    assert "no renegotiation" in done.stderr
    gateway.wait_for_metric("tidegate_connections", 0)


# --- time ---------------------------------------------------------------------------


HEAD_TIMEOUT_S = 1.5


@pytest.mark.parametrize("drips", [False, True], ids=["silent", "dripping"])
def test_a_slow_handshake_is_cut_at_the_head_timeout(world, sim, drips):
    gateway = tls_gateway(world, sim, limits={"head_timeout": f"{int(HEAD_TIMEOUT_S * 1000)}ms"})
    hello = client_hello()

    began = time.monotonic()
    with bare_socket(gateway) as sock:
        sock.sendall(hello[:8])
        at = 8
        while not select.select([sock], [], [], 0.1)[0]:
            assert time.monotonic() - began < waiting.PATIENCE_S
            if drips and at < len(hello) - 1:
                sock.sendall(hello[at:at + 1])
                at += 1
        assert read_to_end(sock) == b""
    took = time.monotonic() - began

    assert took >= HEAD_TIMEOUT_S - 0.1
    gateway.wait_for_log("tls_handshake_failed", problem="not done in time")
    gateway.wait_for_metric("tidegate_connections", 0)


def test_handshake_and_head_share_one_deadline(world, sim):
    """It is absolute: a handshake that took long leaves less for the head."""
    gateway = tls_gateway(world, sim, limits={"head_timeout": "3s"})
    began = time.monotonic()
    host, port = gateway.address.rsplit(":", 1)
    sock = socket.create_connection((host, int(port)), timeout=waiting.PATIENCE_S)
    assert not select.select([sock], [], [], 2)[0]  # the handshake begins late
    tls = gateway.tls.wrap_socket(sock, server_hostname="localhost")

    tls.sendall(b"POST / HTTP/1.1\r\n")
    answer = read_to_end(tls)
    took = time.monotonic() - began
    tls.close()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert 2.9 <= took < 4.9


# --- sessions -----------------------------------------------------------------------


def ask_with(gateway, session):
    """A chat on a new connection that shows <session>; (was it resumed, its own session, pid)."""
    before = len(gateway.log_lines("exchange"))
    client = gateway.connect(session=session)
    assert gateway.ask(say(tokens=1), client=client).status == 200
    resumed, newer = client.sock.session_reused, client.sock.session
    client.close()
    waiting.until(lambda: len(gateway.log_lines("exchange")) > before, "the access line")
    return resumed, newer, gateway.log_lines("exchange")[-1]["pid"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_is_resumed_by_its_ticket(world, sim, version):
    gateway = tls_gateway(world, sim, version=VERSIONS[version])

    resumed, session, _ = ask_with(gateway, None)
    assert not resumed and session.has_ticket
    for _ in range(3):
        resumed, session, _ = ask_with(gateway, session)
        assert resumed

    assert gateway.metric("tidegate_tls_handshakes_total") == 4
    assert gateway.metric("tidegate_tls_handshakes_resumed_total") == 3


@pytest.mark.parametrize("version", VERSIONS)
def test_any_worker_resumes_the_session_of_another(world, sim, version):
    gateway = tls_gateway(world, sim, version=VERSIONS[version], supervised=True, workers=2)
    gateway.wait_for_log("ready")
    _, session, first = ask_with(gateway, None)

    pids = set()
    for _ in range(64):
        resumed, session, pid = ask_with(gateway, session)
        assert resumed
        pids.add(pid)
        if len(pids) == 2:
            break

    assert len(pids) == 2, f"64 connections all went to {first}"


def reloaded(gateway):
    """Until the one worker of before is about to close its doors: a moment more, and it has."""
    before = len(gateway.log_lines("draining"))
    gateway.reload()
    waiting.until(lambda: len(gateway.log_lines("draining")) > before, "the old worker to drain")


def ask_the_new_worker(gateway, session, old_pids):
    """ask_with() until no worker of before answers any more."""
    while True:
        resumed, newer, pid = ask_with(gateway, session)
        if pid not in old_pids:
            old_pids.add(pid)
            return resumed, newer


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_outlives_one_reload_and_not_two(world, sim, version):
    gateway = tls_gateway(world, sim, version=VERSIONS[version], supervised=True)
    _, session, before = ask_with(gateway, None)
    pids = {before}

    reloaded(gateway)
    resumed, newer = ask_the_new_worker(gateway, session, pids)
    assert resumed
    reloaded(gateway)
    assert ask_the_new_worker(gateway, newer, pids)[0], "a ticket that was renewed in time"
    assert not ask_with(gateway, session)[0], "its keys are gone"


# --- an outsider's view -----------------------------------------------------------------


def sslscan(gateway):
    done = subprocess.run(
        ["sslscan", "--no-colour", "--xml=-", "--show-ciphers", gateway.address],
        capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return xml.etree.ElementTree.fromstring(done.stdout).find("ssltest")


@pytest.mark.parametrize("kind", certificates.KINDS)
def test_sslscan_finds_nothing_weak(world, sim, kind):
    gateway = tls_gateway(world, sim, kind, log={"level": "info"})

    found = sslscan(gateway)

    enabled = {(row.get("type"), row.get("version"))
               for row in found.iter("protocol") if row.get("enabled") == "1"}
    assert enabled == {("tls", "1.2"), ("tls", "1.3")}
    assert found.find("renegotiation").get("supported") == "0"
    compression = found.find("compression")
    assert compression is None or compression.get("supported") == "0"
    assert all(row.get("vulnerable") == "0" for row in found.iter("heartbleed"))
    ciphers = {row.get("cipher") for row in found.iter("cipher")}
    assert ciphers == {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                       "TLS_CHACHA20_POLY1305_SHA256"} | {
        f"ECDHE-{'ECDSA' if kind == 'ec' else 'RSA'}-{rest}"
        for rest in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")}
    assert all(int(row.get("bits")) >= 128 for row in found.iter("cipher"))
    groups = {row.get("name") for row in found.iter("group")}
    assert any("25519" in name for name in groups), groups
    assert not any(int(row.get("bits")) < 128 for row in found.iter("group"))
    assert gateway.ask(say(tokens=2)).status == 200


# --- certificates change ----------------------------------------------------------------


def serial(client):
    return client.sock.getpeercert()["serialNumber"]


def test_a_reload_brings_the_new_certificate_and_cuts_no_stream(world, sim):
    gateway = tls_gateway(world, sim, supervised=True)
    client, reply = gateway.open(say(tokens=60, pace=25))
    client.read_text(reply, 1)
    old = serial(client)

    gateway.certificate.make("rsa", days=20)
    gateway.tls.load_verify_locations(cafile=str(gateway.certificate.path))
    reloaded(gateway)
    waiting.until(lambda: serial(gateway.connect()) != old, "the new certificate to be shown")
    newer = gateway.connect()
    client.read_body(reply)

    assert serial(newer) != old
    until = ssl.cert_time_to_seconds(newer.sock.getpeercert()["notAfter"])
    assert gateway.metric("tidegate_tls_certificate_expiry_timestamp_seconds") == until
    assert gateway.ask(say(tokens=2), client=newer).status == 200
    assert reply.ended == "complete"


def test_a_reload_with_a_wrong_key_changes_nothing_and_says_why(world, sim):
    gateway = tls_gateway(world, sim, supervised=True)
    other = certificates.Certificate(world.folder, "other")
    old = serial(gateway.connect())

    gateway.certificate.key_path.write_bytes(other.key_path.read_bytes())
    gateway.reload()

    problem = gateway.wait_for_log("reload_refused")["problem"]
    assert "listen[0].tls.key" in problem and "does not belong" in problem
    assert serial(gateway.connect()) == old


def test_a_worker_that_is_started_later_needs_no_file(world, sim):
    gateway = tls_gateway(world, sim, supervised=True)
    gateway.wait_for_log("ready")
    (pid,) = gateway.workers()
    gateway.certificate.path.unlink()
    gateway.certificate.key_path.unlink()

    os.kill(pid, signal.SIGKILL)
    waiting.until(lambda: [one for one in gateway.workers() if one != pid], "a new worker")

    assert gateway.ask(say(tokens=2)).status == 200


def test_the_conf_check_names_what_is_wrong(world, sim):
    gateway = tls_gateway(world, sim)
    gateway.certificate.key_path.chmod(0o644)

    checked = world.run_tidegate("-t", "-c", gateway.conf_path)

    assert checked.returncode == 2
    assert "listen[0].tls.key: " in checked.stderr and "chmod 600" in checked.stderr
