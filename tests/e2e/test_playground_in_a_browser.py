# SPDX-License-Identifier: MIT
"""The playground in Chromium: what a person does there, and what the gateway makes of it.

TIDEGATE_PICTURE names a file for the documentation's picture of it.
"""

import json
import os
import re
import socket
import subprocess

import pytest
from support import browser
from support.simulator import sim as say

SCENARIOS = ["models", "text", "data", "ui", "openai", "stop_by_button", "stop_by_key",
             "cut_text", "cut_data", "cut_ui", "cut_openai", "new_chat", "refused",
             "unreachable", "markup", "thinking",
             "curl", "keeping", "keyboard", "phone", "picture"]
FORMATS = ["text", "data", "ui", "openai"]

# What Chromium itself says in its console of an answer that is an error.
OF_ITS_OWN = re.compile(r"^Failed to load resource: ")


class Stage:
    def __init__(self, world):
        self.simulator = world.simulator()
        self.gateway = world.gateway(self.simulator, playground=True, log={"level": "info"})
        self.base = f"http://{self.gateway.address}"
        self.token = world.token("somebody")
        self.told = browser.run("playground.mjs", base=self.base, token=self.token, only=SCENARIOS,
                                picture=os.environ.get("TIDEGATE_PICTURE"))

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

    assert found["requests"]
    for request in found["requests"]:
        method, url = request.split(" ")
        assert url.startswith(f"{stage.base}/") or url.startswith("data:image/svg+xml,"), request
        assert stage.token not in url.split("#")[0]
    assert found["violations"] == []
    is_refused = name in ("refused", "unreachable", "picture")
    complaints = [text for text in found["complaints"]
                  if not (is_refused or name.startswith("cut_")) or not OF_ITS_OWN.match(text)]
    assert complaints == []


@pytest.mark.parametrize("form", FORMATS)
def test_an_answer_appears_token_by_token(stage, form):
    found = stage.scenario(form)
    shown = found["first"]["figures"]

    asked = {"messages": [{"role": "user", "content": say(tokens=40, pace=20, seed=3)}]}
    assert found["first"]["text"] == stage.gateway.ask(body=asked).text
    assert len(found["growth"]) >= 10 and found["growth"] == sorted(found["growth"])
    assert re.fullmatch(r"\d+ ms", shown["first"])
    assert re.fullmatch(r"(≈ )?[\d.]+", shown["rate"])
    assert shown["count"] == "40" if form in ("data", "openai") else shown["count"].startswith("≈ ")
    line = stage.gateway.wait_for_log("exchange", id=shown["request-id"])
    assert (line["end"], line["format"], line["sub"]) == ("done", form, "somebody")
    assert found["status"].startswith("Answer complete")


def test_the_models_are_those_that_the_gateway_names(stage):
    found = stage.scenario("models")

    assert found["names"] == ["meta/llama"]
    assert found["note"] == "Allowed: meta/llama, test/*, meta-llama/*"


def test_the_token_of_a_link_leaves_the_address_at_once(stage):
    assert stage.scenario("text")["address"] == f"{stage.base}/"


@pytest.mark.parametrize("how", ["stop_by_button", "stop_by_key"])
def test_a_stop_reaches_the_upstream(stage, how):
    found = stage.scenario(how)

    assert found["foot"].startswith("Stopped")
    end = stage.gateway.wait_for_log("exchange", id=found["id"])
    assert (end["end"], end["at"]) == ("client_gone", "RELAYING")


def test_a_new_chat_knows_nothing_of_the_former(stage):
    found = stage.scenario("new_chat")

    assert (found["turns"], found["after"]) == (0, 2)


@pytest.mark.parametrize("form, words", [
    ("text", "The answer was cut"), ("data", "upstream_truncated"),
    ("ui", "upstream_truncated"), ("openai", "upstream_truncated")])
def test_a_failure_in_the_middle_is_shown_behind_what_had_come(stage, form, words):
    found = stage.scenario(f"cut_{form}")

    assert found["text"]
    assert words in found["failure"]["title"]
    assert re.search(r"X-Request-Id\s+[0-9a-f]{16}", found["failure"]["fields"])


def test_a_refusal_is_shown_as_the_api_gives_it(stage):
    found = stage.scenario("refused")

    for name, status, reason, message in (
            ("unauthorized", "401", "unauthorized", "Unauthorized"),
            ("unknown", "400", "model_unknown", "Invalid model name or publisher"),
            ("limited", "429", "upstream_rate_limited", "Too Many Requests")):
        shown = found[name]
        assert shown["title"] == f"{status} {message}"
        assert shown["body"] == (f'{{\n  "statusCode": {status},\n'
                                 f'  "statusMessage": "{message}"\n}}')
        assert re.search(rf"X-Tidegate-Reason\s+{reason}", shown["fields"])
        assert re.search(r"X-Request-Id\s+[0-9a-f]{16}", shown["fields"])
    assert 'Bearer error="invalid_token"' in found["unauthorized"]["fields"]
    assert re.search(r"Retry-After\s+7", found["limited"]["fields"])
    assert found["kept"] == say(status=429, retry_after=7)  # to be sent once more


def test_no_answer_at_all_is_said(stage):
    assert stage.scenario("unreachable")["failure"]["title"].startswith("There is no answer")


def test_an_answer_is_text_and_never_markup(stage):
    found = stage.scenario("markup")

    assert found["text"] == "<img src=x onerror=alert(1)><script>alert(2)</script>"
    assert found["elements"] == 0


def test_thinking_has_a_place_of_its_own(stage):
    found = stage.scenario("thinking")

    assert found["thoughts"] and found["text"]
    assert found["thoughts"] not in found["text"]


@pytest.mark.parametrize("which", ["plain", "whole"])
def test_the_line_of_curl_is_the_same_request(stage, which):
    found = stage.scenario("curl")
    line = found["lines"][which]

    run = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=30,
                         check=False, env={**os.environ, "TIDEGATE_TOKEN": stage.token})

    assert run.returncode == 0 and run.stdout, (line, run.stderr)
    assert "statusCode" not in run.stdout
    assert (stage.token in line) == (which == "whole")
    sent = json.loads(stage.simulator.get("/sim/last").body)["messages"]
    assert sent == [{"role": "user",
                     "content": 'It\'s "so": $HOME `id` \\ !! %s\n@file – 東京'}]
    assert found["copied"] == found["lines"]["whole"]


def test_the_token_is_kept_only_by_choice_and_for_one_tab(stage):
    found = stage.scenario("keeping")
    nothing = {"session": [], "local": 0, "cookie": "", "history": f"{stage.base}/"}

    assert found["untouched"] == nothing
    assert found["forgotten"] == ""
    assert found["kept"] == {**nothing, "session": [stage.token]}
    assert found["there"] == stage.token
    assert found["elsewhere"] == ""
    assert found["given_up"] == nothing


def test_everything_can_be_reached_and_named_by_keyboard(stage):
    found = stage.scenario("keyboard")

    first = found["names"].index("To the message")
    assert found["names"][first:first + 4] == ["To the message", "New chat", "Conversation",
                                               "Message"]
    for name in ("Send", "Token", "Show", "Model", "text", "Copy", "curl command line"):
        assert name in found["names"], found["names"]
    assert found["focus"] == "message"
    assert found["needed"] == "token"
    assert found["live"] == "polite"


def test_it_fits_a_phone_and_the_dark(stage):
    phone, picture = stage.scenario("phone"), stage.scenario("picture")

    assert phone["overflow"] <= 0
    assert phone["isFolded"]
    assert phone["small"] == []
    assert phone["ground"] != picture["ground"]


# --- a page of another origin -----------------------------------------------------


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.mark.parametrize("is_allowed", [True, False], ids=["allowed", "not_allowed"])
def test_a_page_of_another_origin_may_ask_only_if_the_conf_says_so(world, is_allowed):
    port = free_port()
    origins = [f"http://127.0.0.1:{port if is_allowed else port + 1}"]
    gateway = world.gateway(cors={"origins": origins})
    token = world.token()

    found = browser.run("playground.mjs", base=f"http://{gateway.address}", token=token,
                        elsewhere=port, only=["elsewhere"])["elsewhere"]

    assert "error" not in found, found["error"]
    if is_allowed:
        assert found["answered"]["status"] == 200 and found["answered"]["text"]
        gateway.wait_for_end("done", id=found["answered"]["id"])
        assert found["refused"]["status"] == 401
        assert json.loads(found["refused"]["text"])["statusMessage"] == "Unauthorized"
        gateway.wait_for_end("unauthorized", id=found["refused"]["id"])
    else:
        assert "Failed to fetch" in found["answered"]["refused"]
        assert "Failed to fetch" in found["refused"]["refused"]
        assert set(gateway.ends()) == {"options"}  # nothing but preflights
        assert any("CORS" in text for text in found["complaints"])
