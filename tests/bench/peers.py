# SPDX-License-Identifier: MIT
"""The programs that are compared: how each is configured, started, and stopped.

All stand in front of the same upstream, on one core, with one worker and the access log on.
HAProxy checks each token as Tidegate does; nginx and the relay check nothing; "direct" is no
program at all, but the client at the upstream itself.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

MODEL = "meta-llama/Llama-3.1-8B-Instruct"
PATH = f"/api/ai/huggingface/{MODEL}/chat?chat_id=bench"
PATIENCE_S = 20
NICE = -10  # a busy machine then disturbs less
LISTENING = r" ev=listening .*address=(\S+)"  # Tidegate's log
STREAMS_MAX = 9000  # what every peer is set up for; 20,000 descriptors carry it


class Variant:
    """Where TLS is spoken, and whether the gateway has one core or both."""

    def __init__(self, name, tls_client=False, tls_upstream=False, both_cores=False):
        self.name = name
        self.tls_client = tls_client
        self.tls_upstream = tls_upstream
        self.both_cores = both_cores


PLAIN = Variant("plain")
TLS_CLIENT = Variant("TLS client", tls_client=True)
TLS_UPSTREAM = Variant("TLS upstream", tls_upstream=True)
BOTH_CORES = Variant("both cores", both_cores=True)


class World:
    """What all peers share: folders, secret, certificates, cores, upstreams."""

    def __init__(self, build, folder):
        self.build = Path(build).resolve()
        self.folder = Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        many = os.cpu_count() > 1
        self.gateway_core = "0" if many else None
        self.other_core = "1" if many else None
        self.secret = os.urandom(32).hex()
        self.secret_file = self.folder / "secret"
        self.secret_file.touch(mode=0o600)
        self.secret_file.write_text(self.secret)
        self.make_certificate()
        self.upstream = self.start_upstream("upstream")
        self.tls_upstream = self.start_upstream(
            "upstream-tls", "--cert", self.folder / "cert.pem", "--key", self.folder / "key.pem")
        self.token = mint(self.secret)

    def make_certificate(self):
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", names,
             "-keyout", self.folder / "key.pem", "-out", self.folder / "cert.pem"])
        both = (self.folder / "cert.pem").read_text() + (self.folder / "key.pem").read_text()
        path = self.folder / "both.pem"
        path.touch(mode=0o600)
        path.write_text(both)

    def start_upstream(self, name, *more):
        return Program(self, name, [self.build / "bench/bench_upstream", *more],
                       core=self.other_core, ready=r"listening on (\S+)")

    def upstream_address(self, variant):
        return (self.tls_upstream if variant.tls_upstream else self.upstream).address

    def close(self):
        self.upstream.stop()
        self.tls_upstream.stop()
        self.secret_file.unlink(missing_ok=True)
        for name in ("key.pem", "both.pem"):
            (self.folder / name).unlink(missing_ok=True)


def run(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        sys.exit(f"bench: {command[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def mint(secret):
    """A token for half a day (RFC 7519, HS256)."""
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    now = int(time.time())
    claims = {"sub": "bench", "iat": now, "exp": now + 43200}
    signed = b".".join(part(json.dumps(piece, separators=(",", ":")).encode())
                       for piece in ({"alg": "HS256", "typ": "JWT"}, claims))
    mac = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + part(mac)).decode()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Program:
    """One started program, its output in a file."""

    def __init__(self, world, name, command, core=None, ready=None, port=None):
        self.log = world.folder / f"{name}.log"
        pin = ["taskset", "-c", core] if core else []
        with open(self.log, "wb") as output:
            self.popen = subprocess.Popen(pin + [str(word) for word in command], stdout=output,
                                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.name = name
        self.address = f"127.0.0.1:{port}" if port else None
        self.wait_ready(ready, port)
        for pid in self.pids():
            prefer(pid)

    def wait_ready(self, pattern, port):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if self.popen.poll() is not None:
                break
            found = pattern and re.search(pattern, self.log.read_text(errors="replace"))
            if found:
                self.address = found.group(1)
                return
            if port and accepts(port):
                return
            time.sleep(0.02)
        self.stop()
        sys.exit(f"bench: {self.name} did not start:\n{self.log.read_text()[-2000:]}")

    def pids(self):
        """This process and all below it."""
        found, queue = [], [self.popen.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            for task in Path(f"/proc/{pid}/task").iterdir():
                queue += [int(child) for child in (task / "children").read_text().split()]
        return found

    def stop(self):
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(5)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()


def prefer(pid):
    """Some more of a busy machine's time for the session of <pid>, as far as we may.

    Each session is weighed by itself (sched_autogroup): a supervisor that began one of its own
    would get another share of the processor than a peer that did not.
    """
    try:
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE))
    except OSError:
        pass  # no root, or a kernel without it


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Peer:
    """One row of the tables."""

    name = ""
    checks_tokens = False
    format = "events"  # what the client gets
    header = ""
    members = ""  # of the request's JSON, besides the messages

    def missing(self, variant):
        """Why it cannot take part, or None."""
        return None

    def start(self, world, variant):
        raise NotImplementedError

    def start_alone(self, world, variant, upstream, tool):
        """One process without supervisor, in front of <upstream>, started by <tool>."""
        return None  # cannot be counted so

    def path(self):
        return PATH

    def version(self):
        return ""


class Direct(Peer):
    name = "direct"

    def missing(self, variant):
        if variant.tls_client and not variant.tls_upstream:
            return "the upstream of this run speaks no TLS"
        return None

    def start(self, world, variant):
        return None


class Relay(Peer):
    name = "relay"

    def missing(self, variant):
        if variant.tls_client or variant.tls_upstream:
            return "understands nothing, so no TLS"
        return None

    def start(self, world, variant):
        return self.start_alone(world, variant, world.upstream_address(variant), [])

    def start_alone(self, world, variant, upstream, tool):
        return Program(world, self.name,
                       [*tool, world.build / "bench/bench_relay", "--upstream", upstream],
                       core=world.gateway_core, ready=r"listening on (\S+)")


class Haproxy(Peer):
    name = "haproxy"
    checks_tokens = True

    def missing(self, variant):
        return None if shutil.which("haproxy") else "not installed"

    def version(self):
        return run(["haproxy", "-v"]).split("\n")[0].split(" - ")[0]

    def conf(self, world, variant, port, upstream):
        crt = f" ssl crt {world.folder}/both.pem" if variant.tls_client else ""
        ssl = ""
        if variant.tls_upstream:
            ssl = f" ssl verify required ca-file {world.folder}/cert.pem sni str(localhost)"
        return f"""
global
    nbthread 1
    maxconn {STREAMS_MAX}
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    option http-no-delay
    http-reuse always
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend clients
    bind 127.0.0.1:{port}{crt} backlog 8192
    http-request set-var(txn.token) http_auth_bearer
    http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
    http-request deny deny_status 401 unless {{ var(txn.alg) -m str HS256 }}
    http-request deny deny_status 401 unless \
{{ var(txn.token),jwt_verify(txn.alg,"{world.secret}") -m int 1 }}
    http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
    http-request set-var(txn.now) date
    http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
    default_backend upstream
backend upstream
    server one {upstream}{ssl}
"""

    def launch(self, world, variant, upstream, command):
        port = free_port()
        path = world.folder / "haproxy.cfg"
        path.touch(mode=0o600)
        path.write_text(self.conf(world, variant, port, upstream))
        return Program(world, self.name, [*command, "-f", path], core=world.gateway_core,
                       port=port)

    def start(self, world, variant):
        return self.launch(world, variant, world.upstream_address(variant), ["haproxy", "-W"])

    def start_alone(self, world, variant, upstream, tool):
        return self.launch(world, variant, upstream, [*tool, shutil.which("haproxy")])


class Nginx(Peer):
    name = "nginx"

    def missing(self, variant):
        return None if shutil.which("nginx") else "not installed"

    def version(self):
        done = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=False)
        return done.stderr.strip().replace("nginx version: ", "")

    def conf(self, world, variant, port, upstream, is_alone):
        tls = ""
        if variant.tls_client:
            tls = (f"ssl_certificate {world.folder}/cert.pem; "
                   f"ssl_certificate_key {world.folder}/key.pem; "
                   "ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:bench:10m;")
        scheme, ssl = "http", ""
        if variant.tls_upstream:
            scheme = "https"
            ssl = (f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {world.folder}/cert.pem; "
                   "proxy_ssl_name localhost; proxy_ssl_server_name on; "
                   "proxy_ssl_protocols TLSv1.2 TLSv1.3;")
        user = "user root;" if os.geteuid() == 0 else ""
        temporary = "".join(f"    {kind}_temp_path {world.folder}/nginx-{kind};\n" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""
daemon off;
master_process {"off" if is_alone else "on"};
{user}
worker_processes 1;
worker_rlimit_nofile {2 * STREAMS_MAX + 2000};
pid {world.folder}/nginx.pid;
error_log {world.folder}/nginx.error.log;
events {{ worker_connections {2 * STREAMS_MAX + 1000}; }}
http {{
    access_log {world.folder}/nginx.access.log;
{temporary}    keepalive_requests 1000000000;
    upstream bench {{
        server {upstream};
        keepalive 512;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} {"ssl" if variant.tls_client else ""} backlog=8192;
        {tls}
        location / {{
            proxy_pass {scheme}://bench;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            {ssl}
        }}
    }}
}}
"""

    def launch(self, world, variant, upstream, tool):
        port = free_port()
        path = world.folder / "nginx.conf"
        path.write_text(self.conf(world, variant, port, upstream, tool != []))
        # -e: not the file that was compiled in, which an ordinary user may not write.
        return Program(world, self.name, [*tool, shutil.which("nginx"), "-e",
                                          world.folder / "nginx.error.log", "-c", path],
                       core=world.gateway_core, port=port)

    def start(self, world, variant):
        return self.launch(world, variant, world.upstream_address(variant), [])

    def start_alone(self, world, variant, upstream, tool):
        return self.launch(world, variant, upstream, tool)


class Portkey(Peer):
    """A gateway for AI in JavaScript; it holds the first piece of a stream back for 25 ms."""

    name = "portkey"
    members = '"model":"m","stream":true,'
    folder = None  # where npm has installed it
    server = "@portkey-ai/gateway"

    def missing(self, variant):
        if variant.tls_client or variant.tls_upstream:
            return "measured on plain sockets only"
        return None

    def version(self):
        found = json.loads((self.folder / "package-lock.json").read_text())
        return found["packages"][f"node_modules/{self.server}"]["version"]

    def path(self):
        return "/v1/chat/completions"

    def start(self, world, variant):
        port = free_port()
        upstream = world.upstream_address(variant)
        self.header = ("x-portkey-provider: openai\r\n"
                       f"x-portkey-custom-host: http://{upstream}/v1")
        return Program(world, self.name,
                       ["env", "NODE_ENV=production", "node",
                        self.folder / "node_modules" / self.server / "build/start-server.js",
                        "--headless", f"--port={port}"], core=world.gateway_core, port=port)


class Tidegate(Peer):
    checks_tokens = True

    def __init__(self, format_name, name=None, workers=1):
        self.name = name or f"tidegate {format_name}"
        self.workers = workers
        self.format_name = format_name
        self.format = "text" if format_name == "text" else "events"
        self.binary = None

    def path(self):
        return f"{PATH}&format={self.format_name}"

    def conf(self, world, variant, upstream, more=""):
        tls, scheme, ca = "", "http", ""
        if variant.tls_client:
            tls = (f' tls = {{ certificate = "{world.folder}/cert.pem"; '
                   f'key = "{world.folder}/key.pem"; }};')
        if variant.tls_upstream:
            scheme, ca = "https", f'ca_file = "{world.folder}/cert.pem"; '
        address = upstream.replace("127.0.0.1", "localhost") if ca else upstream
        return f"""
listen = ( {{ address = "127.0.0.1:0";{tls} }} );
admin = "off";
workers = {self.workers};
auth: {{ secrets = ( {{ secret = "file:{world.secret_file}"; }} ); }};
upstreams = ( {{ name = "bench"; token = ""; {ca}max_connections = {STREAMS_MAX};
    url = "{scheme}://{address}/v1/chat/completions"; }} );
models: {{ allow = [ "meta-llama/*" ]; }};
limits: {{ connections = {STREAMS_MAX}; exchanges = {STREAMS_MAX};
    exchanges_per_subject = {STREAMS_MAX}; waiting = {STREAMS_MAX}; }};
{more}"""

    def write_conf(self, world, text):
        path = world.folder / f"{self.name.replace(' ', '-')}.conf"
        path.write_text(text)
        self.binary = world.build / "tidegate"
        return path

    def start_alone(self, world, variant, upstream, tool):
        # A sandbox would keep the tool from its own work.
        path = self.write_conf(world, self.conf(world, variant, upstream, 'sandbox = "off";\n'))
        return Program(world, self.name.replace(" ", "-"),
                       [*tool, self.binary, "--foreground", "-c", path],
                       core=world.gateway_core, ready=LISTENING)

    def start(self, world, variant):
        path = self.write_conf(world, self.conf(world, variant, world.upstream_address(variant)))
        core = None if variant.both_cores else world.gateway_core
        return Program(world, self.name.replace(" ", "-"), [self.binary, "-c", path], core=core,
                       ready=LISTENING)

    def version(self):
        return run([self.binary, "-V"]).split("\n")[0] if self.binary else ""
