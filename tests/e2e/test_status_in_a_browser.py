# SPDX-License-Identifier: MIT
"""The status page in Chromium, before a gateway under load.

TIDEGATE_PICTURE names the beginning of file names for pictures of it.
"""

import json
import os
import socket
import subprocess
import threading

import pytest
from support import browser, waiting
from support.load import Knocks, Streams
from support.simulator import sim as say

SCENARIOS = ["live", "phone", "light", "dark", "restart"]
RUN_SECONDS_MAX = 90


class Load:
    """Streams that run, chats that come and go, and a reader that is behind."""

    def __init__(self, gateway):
        self.streams = Streams(gateway, 12, say(tokens=100000, pace=25))
        self.knocks = Knocks(gateway, say(tokens=8, first=60, pace=5))
        self.stalled = gateway.connect(receive_buffer=4096)
        self.stalled.send(gateway.request(say(flood=20000000)))

    def stop(self):
        self.knocks.is_over = True
        self.knocks.join(waiting.PATIENCE_S)
        self.stalled.close()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Stage:
    """The page is looked at by one browser; when it asks for it, the gateway is restarted."""

    def __init__(self, world):
        self.world = world
        self.simulator = world.simulator()
        self.admin = f"127.0.0.1:{free_port()}"
        self.base = f"http://{self.admin}"
        self.start()
        self.gateway.ask(model="nobody/nothing")
        self.told = {}
        settings = {"base": self.base, "only": SCENARIOS,
                    "picture": os.environ.get("TIDEGATE_PICTURE")}
        browser.require_browser()
        driver = subprocess.Popen(
            [browser.NODE, browser.FOLDER / "status.mjs", json.dumps(settings)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        watchdog = threading.Timer(RUN_SECONDS_MAX + (60 if settings["picture"] else 0),
                                   driver.kill)
        watchdog.start()
        for line in driver.stdout:
            self.take(json.loads(line), driver)
        watchdog.cancel()
        _, problems = driver.communicate()
        assert driver.returncode == 0, problems[-4000:]
        self.load.stop()
        self.stop_gateway()

    def start(self):
        self.gateway = self.world.gateway(
            self.simulator, supervised=True, workers=2, admin=self.admin, drain_timeout="10ms",
            stream={"buffer": "4k"}, log={"level": "info"})
        self.gateway.wait_for_log("ready")
        self.load = Load(self.gateway)

    def stop_gateway(self):
        self.gateway.process.stop()

    def take(self, told, driver):
        if "name" in told:
            self.told[told["name"]] = told
            return
        {"stop": self.stop_all, "start": self.start}[told["step"]]()
        driver.stdin.write("done\n")
        driver.stdin.flush()

    def stop_all(self):
        self.load.stop()
        self.stop_gateway()

    def scenario(self, name):
        found = self.told[name]
        assert "error" not in found, found["error"]
        return found


@pytest.fixture(scope="module")
def stage(shared_world):
    return Stage(shared_world)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_page_asks_nobody_else_and_breaks_no_rule(stage, name):
    found = stage.scenario(name)

    pages = {f"GET {stage.base}/status", f"GET {stage.base}/status.json"}
    assert found["requests"].count(f"GET {stage.base}/status.json") >= 2
    for request in found["requests"]:
        assert request in pages or request.startswith("GET data:image/svg+xml,"), request
    assert found["violations"] == []
    # While the gateway is away Chromium itself says so, and nobody else anything.
    complaints = [text for text in found["complaints"]
                  if name != "restart" or not text.startswith("Failed to load resource: ")]
    assert complaints == []


def test_it_draws_and_updates(stage):
    found = stage.scenario("live")

    assert found["tokens"] > 20  # twelve streams of 40 a second, on however slow a machine
    assert found["streams"] >= 12
    assert found["first"] != "–" and "MiB" in found["memory"]
    assert found["workers"] == 2
    assert {"done", "model_unknown"} <= set(found["ends"])
    assert "sim" in found["upstreams"] and "2 closed" in found["upstreams"]


def test_it_shows_the_conf_and_no_secret(stage):
    found = stage.scenario("live")

    assert found["keys"] and all("auth.secrets[0]" in key for key in found["keys"])
    assert any(f"file:{stage.world.secret_path}" in key for key in found["keys"])
    for what, secret in stage.world.secrets():
        assert secret not in found["everything"], f"the page holds {what}"


def test_it_can_be_heard(stage):
    found = stage.scenario("live")

    assert len(found["labels"]) == 6
    for label in found["labels"]:
        assert label.startswith("img ") and ", now: " in label
    for heading in ("Tidegate", "Streams", "Tokens", "Time to first token", "Ends", "Pauses",
                    "Memory", "Ends by reason", "Upstream circuits", "Workers"):
        assert heading in found["headings"]
    assert found["unnamed"] == 0


def test_it_says_that_the_gateway_is_away_and_comes_back_by_itself(stage):
    found = stage.scenario("restart")

    assert found["lost"]["state"] == "no answer" and "no answer" in found["lost"]["title"]
    assert not found["isDim"]
    assert found["lines"] == 1  # where it began anew
    assert found["holes"] >= 2  # no line is drawn over the time it was away
    assert found["least"] >= 0  # counters that begin at zero make no rate below it


@pytest.mark.parametrize("name", ["phone", "light", "dark"])
def test_everything_fits_and_can_be_read(stage, name):
    found = stage.scenario(name)

    assert found["overflow"] <= 0 and found["wide"] == []
    assert found["low"] == []


def test_it_is_as_light_or_dark_and_as_calm_as_the_system(stage):
    light, dark = stage.scenario("light"), stage.scenario("dark")

    assert light["ground"] != dark["ground"] and light["ink"] != dark["ink"]
    assert dark["motion"] == "0s"
