# SPDX-License-Identifier: MIT
"""/status: everything about a running gateway as JSON, and as a page for a browser."""

import base64
import hashlib
import json
import os
import re
import signal

import pytest
from support import waiting, wire
from support.simulator import sim as say

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def ask(gateway, path="/status", accept=None, method="GET"):
    fields = [("Connection", "close")] + ([("Accept", accept)] if accept else [])
    with wire.Client(gateway.admin_address()) as client:
        client.send(wire.request_bytes(method, path, fields))
        return client.read_reply()


def status(gateway):
    reply = gateway.admin_get("/status.json")
    assert (reply.status, reply.field("Content-Type")) == (200, "application/json")
    return json.loads(reply.body, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def wait_until(gateway, what, is_so):
    """The first status for which <is_so> holds."""
    last = []

    def look():
        last[:] = [status(gateway)]
        return is_so(last[0])

    waiting.until(look, what)
    return last[0]


# --- who gets what -------------------------------------------------------------


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/json, text/html"])
def test_programs_get_json(gateway, accept):
    reply = ask(gateway, accept=accept)

    assert reply.field("Content-Type") == "application/json"
    assert reply.field("Vary") == "Accept"
    assert reply.field("Cache-Control") == "no-store"
    assert json.loads(reply.body)["state"] == "running"


def test_a_browser_gets_a_page_that_may_run_nothing_else(gateway):
    reply = ask(gateway, accept=BROWSER)

    assert reply.status == 200
    assert reply.field("Content-Type") == "text/html; charset=utf-8"
    assert reply.field("Vary") == "Accept"
    assert reply.field("X-Content-Type-Options") == "nosniff"
    assert reply.field("X-Frame-Options") == "DENY"
    assert reply.field("Referrer-Policy") == "no-referrer"
    policy = dict(part.split(" ", 1) for part in reply.field("Content-Security-Policy").split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert "unsafe" not in reply.field("Content-Security-Policy")
    for directive, element in (("script-src", b"script"), ("style-src", b"style")):
        texts = re.findall(b"<" + element + b">(.*?)</" + element + b">", reply.body, re.S)
        assert texts
        assert policy[directive].split(" ") == [
            "'sha256-" + base64.b64encode(hashlib.sha256(text).digest()).decode() + "'"
            for text in texts]
    assert not re.search(rb"""(src|href|url)\s*[=(]\s*["']?(https?:)?//""", reply.body)


def test_the_address_alone_leads_to_the_page(gateway):
    reply = ask(gateway, path="/", accept=BROWSER)

    assert (reply.status, reply.field("Location")) == (302, "/status")


@pytest.mark.parametrize(("path", "accept"), [
    ("/status", None), ("/status", BROWSER), ("/status.json", None), ("/metrics", None),
    ("/readyz", None), ("/livez", None), ("/nothing", None),
])
def test_head_is_get_without_the_body(gateway, path, accept):
    with_body = ask(gateway, path, accept)

    with wire.Client(gateway.admin_address()) as client:
        client.send(wire.request_bytes("HEAD", path, [("Accept", accept)] if accept else []))
        head = client.read_head()
        client.send(wire.request_bytes("GET", "/livez", [("Connection", "close")]))
        following = client.read_reply()

    assert head.status == with_body.status
    assert head.field("Content-Type") == with_body.field("Content-Type")
    # Times and counters have moved meanwhile.
    assert abs(int(head.field("Content-Length")) - len(with_body.body)) < 100
    assert (following.status, following.text) == (200, "live\n"), "it follows the head at once"


# --- what it says --------------------------------------------------------------


def test_it_says_what_runs(world, sim):
    gateway = world.gateway(sim, supervised=True, workers=2)
    gateway.wait_for_log("ready")

    seen = wait_until(gateway, "both workers to have told their memory", lambda seen: all(
        worker.get("resident_bytes") for worker in seen["workers"]))

    assert (seen["state"], seen["ready"], seen["readiness"]) == ("running", True, "ready")
    assert seen["pid"] == gateway.process.pid
    assert 0 < seen["uptime_seconds"] < 120
    assert (seen["workers_wanted"], seen["workers_ready"], seen["worker_restarts"]) == (2, 2, 0)
    assert [worker["slot"] for worker in seen["workers"]] == [0, 1]
    assert {worker["pid"] for worker in seen["workers"]} == set(gateway.workers())
    for worker in seen["workers"]:
        assert (worker["state"], worker["generation"], worker["restarts"]) == ("ready", 1, 0)
        assert worker["exchanges_max"] == 5000
        assert worker["cpu_seconds"] >= 0
    assert seen["tls_certificate_expiry_unix_s"] is None


def test_one_process_is_its_own_worker(gateway):
    seen = status(gateway)

    assert [worker["pid"] for worker in seen["workers"]] == [seen["pid"]] == [gateway.process.pid]
    assert seen["workers"][0]["state"] == "ready"


def test_streams_are_counted_while_they_run(gateway):
    client, reply = gateway.open(say(tokens=100000, pace=20))
    client.read_text(reply, 1)

    first = wait_until(gateway, "the stream", lambda seen:
                       seen["exchanges_by_state"]["relaying"] == 1
                       and seen["totals"]["deltas_total"] > 2)
    wait_until(gateway, "more pieces of the same stream", lambda seen:
               seen["totals"]["deltas_total"] > first["totals"]["deltas_total"])

    assert first["workers"][0]["exchanges"] == 1
    assert not any(end["count"] for end in first["ends"])
    client.close()
    gateway.wait_for_end("client_gone")
    seen = status(gateway)
    assert [end for end in seen["ends"] if end["count"]] == [
        {"reason": "client_gone", "fault": "client", "count": 1}]
    # Not counted twice, once on the way and once at the end.
    assert seen["totals"]["deltas_total"] == int(gateway.log_lines("exchange")[0]["deltas"])


def test_a_pause_is_counted_while_it_lasts(world, sim):
    gateway = world.gateway(sim, stream={"buffer": "4k"})
    stalled = gateway.connect(receive_buffer=4096)
    stalled.send(gateway.request(say(flood=20000000)))

    seen = wait_until(gateway, "the pause", lambda seen:
                      seen["exchanges_by_state"]["paused"] == 1)

    assert seen["totals"]["pauses_total"] >= 1
    stalled.close()
    end = gateway.wait_for_end("client_gone")
    assert status(gateway)["totals"]["pauses_total"] == int(end["pauses"])


def test_times_to_the_first_token_are_shown_for_all_and_for_each_model(gateway):
    for first in (0, 0, 0, 150):
        gateway.ask(say(tokens=5, first=first))
    gateway.wait_for_metric("tidegate_exchanges", 0)

    seen = status(gateway)

    all_of_them = seen["histograms"]["time_to_first_token_seconds"]
    assert all_of_them["count"] == 4 == sum(row["count"] for row in all_of_them["buckets"])
    assert all_of_them["p50"] <= all_of_them["p90"] <= all_of_them["p99"]
    assert 0.1 < all_of_them["p99"] < 2
    assert all_of_them["buckets"][-1]["le"] is None
    model, = [model for model in seen["models"] if model["name"] == "test/*"]
    assert model["requests"] == 4 and model["output_tokens"] == seen["totals"][
        "completion_tokens_total"] > 0
    assert model["time_to_first_token_seconds"]["count"] == 4
    assert seen["histograms"]["chunk_residence_seconds"]["count"] >= 4


def test_without_any_value_a_quantile_is_null(gateway):
    nothing = status(gateway)["histograms"]["time_to_first_token_seconds"]

    assert (nothing["count"], nothing["p50"], nothing["p99"]) == (0, None, None)


def test_every_plain_series_of_metrics_is_a_total(gateway):
    plain = {line.split(" ")[0].removeprefix("tidegate_")
             for line in gateway.admin_get("/metrics").text.splitlines()
             if re.match(r"tidegate_\w+ \S+$", line)}
    beside = {"workers_ready", "draining", "worker_restarts_total", "chunk_residence_seconds_sum",
              "chunk_residence_seconds_count"}

    assert set(status(gateway)["totals"]) == plain - beside


def test_circuits_are_shown(world, sim):
    gateway = world.gateway(sim, upstream={"failures": 1, "open_time": "60s"})
    assert status(gateway)["upstreams"] == [{"name": "sim", "closed": 1, "open": 0, "half_open": 0,
                                             "openings": 0, "retries": 0, "retries_withheld": 0}]
    gateway.ask(say(status=500))

    seen = wait_until(gateway, "the open circuit", lambda seen: seen["upstreams"][0]["open"] == 1)

    assert seen["upstreams"][0]["openings"] == 1
    assert (seen["ready"], seen["readiness"]) == (False, "not ready: no upstream")


# --- over time ---------------------------------------------------------------


def test_a_worker_that_dies_is_seen_to_have_been_replaced(world, sim):
    gateway = world.gateway(sim, supervised=True, workers=2)
    gateway.wait_for_log("ready")
    gateway.ask()
    gateway.wait_for_metric("tidegate_exchanges_ended_total", 1, reason="done")
    victim = status(gateway)["workers"][1]

    os.kill(victim["pid"], signal.SIGKILL)

    seen = wait_until(gateway, "the next worker", lambda seen:
                      len(seen["workers"]) == 2 and seen["workers"][1]["state"] == "ready"
                      and seen["workers"][1]["pid"] != victim["pid"])
    assert seen["worker_restarts"] == 1
    assert [worker["restarts"] for worker in seen["workers"]] == [0, 1]
    assert sum(end["count"] for end in seen["ends"]) == 1


def test_a_slot_without_a_worker_is_shown_as_down(world, sim):
    gateway = world.gateway(sim, supervised=True, workers=2)
    gateway.wait_for_log("ready")

    def kill_and_look():
        for pid in gateway.workers():
            os.kill(pid, signal.SIGKILL)
        return [worker for worker in status(gateway)["workers"] if worker["state"] == "down"]

    waiting.until(kill_and_look, "a slot to be down")
    wait_until(gateway, "both to be back", lambda seen: seen["workers_ready"] == 2)


def test_a_reload_shows_the_new_conf_and_the_old_worker_that_drains(world, sim):
    gateway = world.gateway(sim, supervised=True, limits={"exchanges": 7})
    gateway.wait_for_log("ready")
    client, reply = gateway.open(say(tokens=100000, pace=20))
    client.read_text(reply, 1)
    before = status(gateway)["conf"]
    assert before["generation"] == 1
    assert before["keys"]["limits.exchanges"] == {"value": "7", "default": "5000"}

    gateway.write_conf(limits={"exchanges": 8})
    gateway.reload_and_wait()

    seen = wait_until(gateway, "both workers", lambda seen: len(seen["workers"]) == 2)
    assert seen["conf"]["generation"] == 2
    assert seen["conf"]["keys"]["limits.exchanges"]["value"] == "8"
    assert sorted((worker["slot"], worker["state"], worker["generation"], worker["exchanges_max"])
                  for worker in seen["workers"]) == [(0, "draining", 1, 7), (0, "ready", 2, 8)]
    client.close()
    wait_until(gateway, "the old one to be gone", lambda seen: len(seen["workers"]) == 1)


def test_a_refused_reload_leaves_the_conf_as_it_is(world, sim):
    gateway = world.gateway(sim, supervised=True)
    gateway.wait_for_log("ready")
    gateway.write_conf(limits={"exchanges": 0})
    gateway.reload()
    gateway.wait_for_log("reload_refused")

    assert status(gateway)["conf"]["keys"]["limits.exchanges"]["value"] == "5000"


def test_a_drain_can_be_watched(world, sim):
    gateway = world.gateway(sim, supervised=True)
    gateway.wait_for_log("ready")
    client, reply = gateway.open(say(tokens=100000, pace=20))
    client.read_text(reply, 1)

    gateway.terminate()

    seen = wait_until(gateway, "the drain", lambda seen: seen["state"] == "draining"
                      and seen["workers"][0]["state"] == "draining")
    assert seen["readiness"] == "not ready: draining"
    assert seen["workers"][0]["exchanges"] == 1
    client.close()


# --- what it never says --------------------------------------------------------


def test_no_secret_is_shown_whatever_the_conf_holds(world, sim):
    gateway = world.gateway(sim, supervised=True, models={"allow": ["test/*"]},
                            upstream={"bill_to": 'o"r\\g'})
    gateway.wait_for_log("ready")
    assert gateway.ask().status == 200

    text = gateway.admin_get("/status.json").text

    for what, secret in world.secrets():
        assert secret not in text, f"/status.json holds {what}"
    keys = json.loads(text)["conf"]["keys"]
    assert keys["upstreams[0].bill_to"]["value"] == 'o"r\\g'
    assert keys["auth.secrets[0].secret"]["value"] == f"file:{world.secret_path}"
    assert keys["upstreams[0].token"]["value"] == "env:HF_TOKEN"
    assert keys["upstreams[0].url"]["value"] == sim.url()
    assert keys["models.allow"] == {"value": ["test/*"], "default": None}
    assert keys["auth.require"] == {"value": ["exp", "sub"], "default": ["exp", "sub"]}
    assert keys["stream.buffer"] == {"value": "64k", "default": "64k"}


def test_every_key_of_the_conf_file_is_shown(world, gateway):
    shown = set(status(gateway)["conf"]["keys"])

    run = world.run_tidegate("-t", "-c", gateway.conf_path)

    plain = set(re.findall(r"^(\w+) = ", run.stdout, re.M))
    plain -= {"listen", "upstreams"}  # records: each with its number
    assert plain <= shown
    for section in re.findall(r"^(\w+): \{\n(.*?)^\};", run.stdout, re.S | re.M):
        for key, value in re.findall(r"^  (\w+) = (.*)", section[1], re.M):
            name = f"{section[0]}.{key}"
            if value.startswith("("):  # records: each with its number, and there may be none
                assert any(one.startswith(f"{name}[0].") for one in shown) or ")" in value, name
            else:
                assert name in shown, name
    assert {"listen[0].address", "upstreams[0].name", "upstreams[0].url"} <= shown
