# SPDX-License-Identifier: MIT
"""Real clients: one process of the pinned Node for each driver, and what its clients told.

Each client goes through the same scenarios. A run has a token of its own, whose subject is
CLIENT.SCENARIO: so its line in the access log is found again.
"""

import json
import platform
import subprocess
from pathlib import Path

import pytest

from .simulator import sim as say
from .torn_link import TornLink
from .world import MODEL, PROMPT_CANARY

FOLDER = Path(__file__).parents[2] / "clients"
_ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}
NODE = FOLDER.joinpath("node_modules", f"node-linux-{_ARCHITECTURES.get(platform.machine())}",
                       "bin", "node")
_RUN_SECONDS_MAX = 100

TEXT = "Grüße aus Köln, 東京 and 🌊👩‍🚀 – \"quoted\" \\ back\n\nnew line,\ttab, \u2028 \u2029 \u0085."
_LONG = {"tokens": 3000, "pace": 0, "seed": 11}


def _percent(text):
    return "".join(f"%{byte:02X}" for byte in text.encode())


# What the simulator is asked to do, by scenario.
WHOLE = say(text=_percent(TEXT))
WORDS = {
    "whole": WHOLE,
    "torn": say(text=_percent(TEXT), chunk=1),
    "long": say(split="random", **_LONG),
    "unauthorized": WHOLE,
    "unknown_model": WHOLE,
    "overloaded": say(status=429, retry_after=7),
    "broken": say(tokens=50, cut_after=5, seed=1),
    "failed": say(tokens=50, error_after=5, seed=1),
    "stopped": say(tokens=5000, pace=10, seed=1),
}
SCENARIOS = list(WORDS)


def cases(drivers):
    """(client, format) of all that <drivers> name, for parametrize."""
    return [(client, form) for forms in drivers.values() for form, names in forms.items()
            for client in names]


def require_clients():
    """./tide keeps a copy of the lock file of what it has installed."""
    installed = FOLDER.parents[1] / ".dev" / "clients" / "installed-lock.json"
    lock = FOLDER / "package-lock.json"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes() or not NODE.exists():
        pytest.fail(f"what {lock.name} names is not installed: run ./tide clients")


class Stage:
    """A gateway for all scenarios, and one for what is stopped, which counts its upstream."""

    def __init__(self, world, **settings):
        require_clients()
        self.world = world
        self.gateway = world.gateway(**settings)
        self.stopping = world.gateway(**settings)
        self.link = TornLink(self.gateway.address)

    def close(self):
        self.link.close()

    def run(self, client, form, scenario, **more):
        address = {"torn": self.link.address, "stopped": self.stopping.address}
        return {
            "client": client,
            "format": form,
            "scenario": scenario,
            "base": f"http://{address.get(scenario, self.gateway.address)}",
            "model": "nobody/nothing" if scenario == "unknown_model" else MODEL,
            "token": "not-a-token" if scenario == "unauthorized"
                     else self.world.token(f"{client}.{form}.{scenario}"),
            "content": f"{PROMPT_CANARY} {WORDS.get(scenario, WHOLE)}",
            "abort": scenario == "stopped",
            **more,
        }

    def tell(self, drivers, scenarios=SCENARIOS, without=()):
        """Let the clients of <drivers>, {driver: {format: clients}}, go through <scenarios>."""
        told = {}
        for driver, forms in drivers.items():
            told.update(drive(driver, [
                self.run(client, form, scenario)
                for form, names in forms.items() for client in names for scenario in scenarios
                if (client, scenario) not in without]))
        return told

    def long_text(self):
        """What the scenario "long" must yield, by a reader that has no library."""
        return self.gateway.ask(say(**_LONG), query="&format=text").text

    def sees_a_stop(self, client, form):
        """The gateway has noticed that <client> left in the middle of the answer."""
        return self.stopping.wait_for_end("client_gone", sub=f"{client}.{form}.stopped")


def drive(driver, runs):
    """Run <driver> over <runs>: {(client, format, scenario): what the client told}."""
    runner = NODE if driver.endswith(".mjs") else "/usr/bin/python3"
    done = subprocess.run([runner, FOLDER / driver], input=json.dumps({"runs": runs}),
                          capture_output=True, text=True, timeout=_RUN_SECONDS_MAX, check=False,
                          cwd=FOLDER)
    told = [json.loads(line) for line in done.stdout.split("\n") if line]
    seen = {_key(row): row for row in told}
    missing = {_key(run) for run in runs} - set(seen)
    assert done.returncode == 0 and not missing, (
        f"{driver} ended with {done.returncode}; missing: {missing}\n{done.stderr}")
    return seen


def _key(row):
    return row["client"], row["format"], row["scenario"]
