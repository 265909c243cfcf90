# SPDX-License-Identifier: MIT
"""One test's world: simulators, gateways and clients, and what must hold when it ends.

Nothing secret may ever be written down. So every world signs with canary secrets, sends
a canary token upstream and asks canary questions; closing the world looks for all of
them, and for the answers that came, in everything the gateways wrote.
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from . import conf, tokens, waiting, wire
from .process import Process, Successor, children, name_of, resident_bytes
from .simulator import Simulator

BUILD = Path(os.environ.get("TIDEGATE_BUILD", Path(__file__).parents[3] / "build" / "dev"))
TIDEGATE = BUILD / "tidegate"

PROVIDER_TOKEN = "hf_canaryProviderToken0123456789"
PROMPT_CANARY = "canary-prompt-6b1de9"
MODEL = "test/model"

_FIELD = re.compile(r'([\w.]+)=("(?:\\.|[^"\\])*"|\S*)')
_LISTENING = re.compile(r"\bev=listening\b.*\baddress=(127\.0\.0\.1:\d+)")
_ADMIN = re.compile(r"\bev=admin_listening\b.*\baddress=(127\.0\.0\.1:\d+)")


def log_fields(line):
    """The keys and values of a logfmt line."""
    return {
        key: value[1:-1].replace('\\"', '"') if value.startswith('"') else value
        for key, value in _FIELD.findall(line)
    }


def chat_path(model=MODEL, chat_id="chat-1", query=""):
    return f"/api/ai/huggingface/{model}/chat?chat_id={chat_id}{query}"


def chat_body(*texts):
    """A conversation: texts by turns of user and assistant, with a canary in the first."""
    messages = []
    for index, text in enumerate(texts or ("Hello",)):
        content = f"{PROMPT_CANARY} {text}" if index == 0 else text
        messages.append({"role": "assistant" if index % 2 else "user", "content": content})
    return {"messages": messages}


class Gateway:
    """A running tidegate and the questions asked of it."""

    def __init__(self, world, name, settings, supervised, launch):
        self.world = world
        self.tls = None  # an ssl.SSLContext: how clients connect
        self.supervised = supervised
        self.settings = settings
        self.conf_path = world.folder / f"{name}.conf"
        self.write_conf()
        program = launch.pop("program", None) or TIDEGATE
        command = [*launch.pop("wrapper"), program, "-c", self.conf_path]
        command += [] if supervised else ["--foreground"]
        env = {"HF_TOKEN": PROVIDER_TOKEN, **launch.pop("env")}
        self.process = Process(name, command, world.folder / f"{name}.log", env, **launch)
        self.address = self.process.wait_for_line(_LISTENING, "ev=listening").group(1)
        self.expected_status = 0

    def write_conf(self, **changes):
        """Lay <changes> over the settings and write the conf file."""
        self.settings = conf.merge(self.settings, changes)
        self.conf_path.write_text(conf.render_file(self.settings))

    # --- asking -------------------------------------------------------------

    def connect(self, **options):
        options.setdefault("tls", self.tls)
        client = wire.Client(self.address, transcript=self.world.transcript, **options)
        self.world.clients.append(client)
        return client

    def request(self, text="Hello", *, model=MODEL, chat_id="chat-1", query="", token=None,
                path=None, method="POST", body=None, fields=(), without=()):
        """The bytes of a chat request; every part can be replaced or left out."""
        import json

        if body is None:
            body = chat_body(text)
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        token = self.world.token() if token is None else token
        usual = [("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")]
        replaced = {name.lower() for name, _ in fields} | {name.lower() for name in without}
        chosen = [field for field in usual if field[0].lower() not in replaced]
        target = path or chat_path(model, chat_id, query)
        return wire.request_bytes(method, target, chosen + list(fields), body)

    def open(self, text="Hello", client=None, **options):
        """Send a chat request and read the head of the answer: (client, reply)."""
        client = client or self.connect()
        client.send(self.request(text, **options))
        return client, client.read_head()

    def ask(self, text="Hello", client=None, **options):
        """A whole exchange; the reply with its body, or as much of it as came."""
        client, reply = self.open(text, client, **options)
        client.read_body(reply)
        if reply.status == 200:
            self.world.answers.append(reply.body)
        return reply

    def raw(self, data):
        """Send any bytes on a new connection, read one whole reply."""
        client = self.connect()
        client.send(data)
        return client, client.read_reply()

    # --- looking ------------------------------------------------------------

    def log_lines(self, event=None):
        rows = (log_fields(line) for line in self.process.lines())
        return [row for row in rows if "ev" in row and event in (None, row["ev"])]

    def wait_for_log(self, event, **wanted):
        def look():
            for row in self.log_lines(event):
                if all(row.get(key) == str(value) for key, value in wanted.items()):
                    return row
            return None

        return waiting.until(look, f"a log line ev={event} {wanted}")

    def wait_for_end(self, reason, **wanted):
        """The access line of an exchange that ended for <reason>."""
        return self.wait_for_log("exchange", end=reason, **wanted)

    def ends(self):
        return [row["end"] for row in self.log_lines("exchange")]

    def admin_address(self):
        return self.process.wait_for_line(_ADMIN, "ev=admin_listening").group(1)

    def admin_get(self, path):
        with wire.Client(self.admin_address()) as client:
            client.send(wire.request_bytes("GET", path, [("Connection", "close")]))
            return client.read_reply()

    def metric(self, name, **labels):
        """The sum of the series <name> whose labels include <labels>."""
        total, seen = 0.0, False
        for line in self.admin_get("/metrics").text.splitlines():
            match = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line)
            if match and match.group(1) == name:
                has = dict(re.findall(r'(\w+)="((?:\\.|[^"\\])*)"', match.group(2) or ""))
                if all(has.get(key) == value for key, value in labels.items()):
                    total, seen = total + float(match.group(3)), True
        assert seen, f"no metric {name}{labels}"
        return total

    def wait_for_metric(self, name, value, **labels):
        waiting.until(lambda: self.metric(name, **labels) == value, f"{name}{labels} = {value}")

    def workers(self):
        """Pids of the processes that serve; the supervisor has a child for the admin port too."""
        if not self.supervised:
            return [self.process.pid]
        return [pid for pid in children(self.process.pid) if name_of(pid).startswith("tidegate-w")]

    def resident_bytes(self):
        return max(resident_bytes(pid) for pid in self.workers())

    # --- moving -------------------------------------------------------------

    def reload(self):
        self.process.signal(signal.SIGHUP)

    def reload_and_wait(self):
        """SIGHUP, until the new conf is in force."""
        before = len(self.log_lines("reloaded"))
        self.reload()
        waiting.until(lambda: len(self.log_lines("reloaded")) > before, "the reload")

    def upgrade(self):
        """SIGUSR2, until a successor has taken over; the process that was replaced."""
        former = self.process
        former.signal(signal.SIGUSR2)
        former.signalled = True  # it ends by itself
        pid = int(self.wait_for_log("upgraded", pid=former.pid)["successor"])
        self.process = Successor(former.name, pid, former.output_path)
        return former

    def terminate(self):
        self.process.signal(signal.SIGTERM)


class World:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.transcript = []
        self.clients, self.gateways, self.simulators = [], [], []
        self.answers = []
        self.secret_path = self.folder / "jwt_hs256"
        self.write_secret(self.secret_path, tokens.SECRET)
        self.minted = set()

    @staticmethod
    def write_secret(path, secret):
        path.touch(mode=0o600)
        path.write_bytes(secret)

    def token(self, *args, **claims):
        made = tokens.token(*args, **claims)
        self.minted.add(made)
        return made

    def settings(self, simulator, **changes):
        """A conf in which everything of interest is small, local and quick."""
        plain = {
            "listen": ["127.0.0.1:0"],
            "workers": 1,
            "admin": "127.0.0.1:0",
            "drain_timeout": "10s",
            "auth": {"secrets": [{"secret": f"file:{self.secret_path}"}]},
            "upstreams": [self.upstream(simulator)],
            "models": {
                "allow": ["test/*", "meta-llama/*"],
                "retired": ["old/*"],
                "alias": [{"from": "meta/llama", "to": "meta-llama/Llama-3.1-8B-Instruct"}],
            },
            "log": {"level": "debug"},
        }
        return conf.merge(plain, changes)

    @staticmethod
    def upstream(simulator, **changes):
        url = simulator if isinstance(simulator, str) else simulator.url()
        # Most tests make one failure after the other: the circuit has a file of tests to itself.
        return {"name": "sim", "url": url, "token": "env:HF_TOKEN", "failures": 0, **changes}

    def simulator(self, *options):
        sim = Simulator(self, f"hfsim-{len(self.simulators)}", BUILD / "hfsim", options)
        self.simulators.append(sim)
        return sim

    def gateway(self, simulator=None, *, supervised=False, env=None, upstream=None, files=None,
                 wrapper=(), launch=None, **changes):
        """Start a gateway before <simulator> (a new plain one when there is none).

        <files> is how many descriptors it may have; <wrapper> a command that executes
        what follows it, in another setting; <launch> may name another program than the
        one built, and pass_fds.
        """
        if files is not None:
            wrapper = ("prlimit", f"--nofile={files}:{files}", *wrapper)
        simulator = simulator or self.simulator()
        settings = self.settings(simulator, **changes)
        if upstream:
            settings["upstreams"] = [self.upstream(simulator, **upstream)]
        gateway = Gateway(self, f"tidegate-{len(self.gateways)}", settings, supervised,
                          {"env": env or {}, "wrapper": wrapper, **(launch or {})})
        gateway.simulator = simulator
        self.gateways.append(gateway)
        return gateway

    def run_tidegate(self, *arguments, env=None):
        """Run tidegate to its end, for -t, -V, token and the like."""
        return subprocess.run(
            [str(TIDEGATE), *map(str, arguments)], capture_output=True, text=True, check=False,
            timeout=waiting.PATIENCE_S, cwd=self.folder,
            env={**os.environ, "HF_TOKEN": PROVIDER_TOKEN, **(env or {})},
        )

    # --- the end ------------------------------------------------------------

    def close(self):
        """Stop everything; the list of what was not as it must be."""
        for client in self.clients:
            client.close()
        problems = []
        for gateway in self.gateways:
            status = gateway.process.stop()
            if status != gateway.expected_status:
                problems.append(f"{gateway.process.name} ended with {status}, "
                                f"expected {gateway.expected_status}")
        for sim in self.simulators:
            sim.process.stop()
        for process in [part.process for part in self.gateways + self.simulators]:
            report = process.sanitizer_report()
            if report:
                problems.append(f"{process.name}: sanitizer report:\n{report}")
        return problems + self.leaks()

    def secrets(self):
        """(what it is, its text) for all that must never be written down."""
        yield "the secret for tokens", tokens.SECRET.decode()
        yield "another secret for tokens", tokens.OTHER_SECRET.decode()
        yield "the provider's token", PROVIDER_TOKEN
        for path in self.folder.glob("*-key.pem"):
            for line in path.read_text().split("\n")[1:-2]:
                yield "a private key", line
        yield "a prompt", PROMPT_CANARY
        for made in self.minted:
            yield "a client's token", made
            yield "a token's signature", made.rsplit(".", 1)[-1]
        for answer in self.answers:
            if len(answer) >= 24:
                yield "an answer", answer[:24].decode(errors="replace")

    def leaks(self):
        written = {path: path.read_text(errors="replace") for path in self.folder.iterdir()
                   if path.name.startswith("tidegate-") and path.suffix in (".log", ".access")}
        return [
            f"{path.name} holds {what}"
            for what, text in self.secrets()
            if len(text) >= 16
            for path, content in written.items()
            if text in content
        ]

    def story(self):
        """For a failed test: what the programs wrote and what went over the sockets."""
        parts = []
        for part in self.gateways + self.simulators:
            parts.append((f"output of {part.process.name}", part.process.output()[-20000:]))
        began = self.transcript[0][0] if self.transcript else time.monotonic()
        lines = [
            f"{at - began:8.3f} {who} {what} {_excerpt(data)}"
            for at, who, what, data in self.transcript[-200:]
        ]
        parts.append(("transcript", "\n".join(lines)))
        return parts


def _excerpt(data):
    shown = repr(data[:400])[2:-1] if data else ""
    return shown + (f"... ({len(data)} bytes)" if len(data) > 400 else "")
