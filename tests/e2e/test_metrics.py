# SPDX-License-Identifier: MIT
"""/metrics: what it says is what happened, in a form that Prometheus itself accepts."""

import json
import os
import re
import signal
import socket
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import yaml
from support import waiting
from support.process import Process
from support.simulator import sim as say

STATES = ("await_body", "await_answer", "relaying", "paused", "flushing", "collecting")


def series(gateway):
    """name{labels} -> value of every sample."""
    found = {}
    for line in gateway.admin_get("/metrics").text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert name not in found, f"{name} stands twice"
            found[name] = float(value)
    return found


def histogram(gateway, name, labels=""):
    """(count, sum, {bound: cumulative count}) of one histogram."""
    seen = series(gateway)
    inside = f"{{{labels}}}" if labels else ""
    buckets = {}
    for key, value in seen.items():
        match = re.fullmatch(rf'{name}_bucket{{(.*?),?le="(.*)"}}', key)
        if match and match.group(1) == labels:
            buckets[float(match.group(2))] = value
    return seen[f"{name}_count{inside}"], seen[f"{name}_sum{inside}"], buckets


def of_model(pattern):
    return f'gen_ai_request_model="{pattern}"'


def test_promtool_finds_nothing_to_say(world, gateway):
    gateway.ask(say(tokens=3))
    gateway.ask(say(tokens=3), model="nobody/nothing")
    gateway.raw(b"GARBAGE\r\n\r\n")

    run = subprocess.run(["promtool", "check", "metrics"], text=True, capture_output=True,
                         input=gateway.admin_get("/metrics").text, check=False)

    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""


def test_times_and_tokens_are_counted_for_the_row_that_let_the_model_pass(gateway):
    gateway.ask(say(tokens=11, first=120, pace=20))
    gateway.wait_for_metric("tidegate_exchanges", 0)
    label = of_model("test/*")

    count, total, buckets = histogram(gateway, "gen_ai_server_time_to_first_token_seconds", label)
    assert count == 1 and 0.1 <= total < 5
    assert buckets[0.1] == 0 and buckets[float("inf")] == 1
    count, total, _ = histogram(gateway, "gen_ai_server_time_per_output_token_seconds", label)
    assert count == 1 and 0.01 <= total < 1
    count, total, _ = histogram(gateway, "gen_ai_server_request_duration_seconds", label)
    assert count == 1 and 0.3 <= total < 10
    end = gateway.wait_for_end("done")
    for kind, field in (("input", "prompt_tokens"), ("output", "completion_tokens")):
        count, total, _ = histogram(gateway, "gen_ai_client_token_usage",
                                    f'{label},gen_ai_token_type="{kind}"')
        assert (count, total) == (1, float(end[field]))


def test_what_a_client_writes_never_becomes_a_label(gateway):
    before = set(series(gateway))
    for index in range(5):
        gateway.ask(model=f"stranger{index}/model{index}")
        gateway.ask(say(tokens=2), model=f"test/made-up-{index}")
    gateway.wait_for_metric("tidegate_exchanges", 0)

    after = set(series(gateway))

    assert not any("stranger" in name or "made-up" in name for name in after)
    assert before <= after
    assert histogram(gateway, "gen_ai_server_request_duration_seconds", of_model("test/*"))[0] == 5


def test_more_rows_than_there_is_room_share_a_label(world, sim):
    rows = [f"maker{index}/*" for index in range(40)]
    gateway = world.gateway(sim, models={"allow": rows})
    for index in (0, 30, 35, 39):
        assert gateway.ask(say(tokens=2), model=f"maker{index}/x").status == 200
    gateway.wait_for_metric("tidegate_exchanges", 0)

    duration = "gen_ai_server_request_duration_seconds"
    assert histogram(gateway, duration, of_model("maker0/*"))[0] == 1
    assert histogram(gateway, duration, of_model("maker30/*"))[0] == 1
    assert histogram(gateway, duration, of_model("other"))[0] == 2


def test_pieces_are_timed_through_the_gateway(gateway):
    gateway.ask(say(tokens=40, pace=5))
    gateway.wait_for_metric("tidegate_exchanges", 0)

    count, total, buckets = histogram(gateway, "tidegate_chunk_residence_seconds")

    assert 10 <= count <= 60  # several pieces of one turn leave together
    assert total / count < 0.05
    assert list(buckets.values()) == sorted(buckets.values())


def test_exchanges_are_shown_where_they_wait(world, sim):
    gateway = world.gateway(sim, stream={"buffer": "4k"})

    def shown():
        return {state: gateway.metric("tidegate_exchanges_by_state", state=state)
                for state in STATES}

    half = gateway.connect()
    half.send(gateway.request()[:-10])
    waiter = gateway.connect()
    waiter.send(gateway.request(say(first=60000)))
    client, reply = gateway.open(say(tokens=1000, pace=50))
    client.read_text(reply, 1)
    stalled = gateway.connect(receive_buffer=4096)
    stalled.send(gateway.request(say(flood=20000000)))

    waiting.until(lambda: shown() == {"await_body": 1, "await_answer": 1, "relaying": 1,
                                      "paused": 1, "flushing": 0,
                                      "collecting": 0}, "one exchange in each state")
    for connection in (half, waiter, client, stalled):
        connection.close()
    waiting.until(lambda: set(shown().values()) == {0}, "all gauges to be back")


def test_counters_survive_the_loss_of_a_worker_and_gauges_do_not(world, sim):
    gateway = world.gateway(sim, supervised=True)
    gateway.ask(say(tokens=5))
    gateway.wait_for_metric("tidegate_exchanges_ended_total", 1, reason="done")
    client, reply = gateway.open(say(tokens=1000, pace=50))
    client.read_text(reply, 1)
    gateway.wait_for_metric("tidegate_exchanges_by_state", 1, state="relaying")

    os.kill(gateway.workers()[0], signal.SIGKILL)
    gateway.wait_for_metric("tidegate_worker_restarts_total", 1)
    gateway.wait_for_metric("tidegate_workers_ready", 1)
    gateway.ask(say(tokens=5))

    gateway.wait_for_metric("tidegate_exchanges_ended_total", 2, reason="done")
    assert gateway.metric("tidegate_exchanges_by_state", state="relaying") == 0
    assert histogram(gateway, "gen_ai_server_request_duration_seconds", of_model("test/*"))[0] == 2


def test_workers_tell_their_memory_and_time(world, sim):
    gateway = world.gateway(sim, supervised=True, workers=2)

    waiting.until(lambda: gateway.metric("tidegate_worker_resident_bytes") > 2 * 1024 * 1024,
                  "the workers' memory")
    waiting.until(lambda: gateway.metric("tidegate_worker_cpu_seconds_total") > 0,
                  "the workers' time")


@pytest.fixture
def prometheus(world):
    """A real Prometheus that scrapes <address> five times a second."""

    def start(address):
        conf = world.folder / "prometheus.yml"
        conf.write_text(json.dumps({
            "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
            "scrape_configs": [{"job_name": "tidegate",
                                "static_configs": [{"targets": [address]}]}],
        }))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = Process("prometheus", [
            "prometheus", f"--config.file={conf}", f"--storage.tsdb.path={world.folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}",
        ], world.folder / "prometheus.log")
        started.append(process)
        process.wait_for_line(re.compile("Server is ready"))
        return f"http://127.0.0.1:{port}"

    started = []
    yield start
    for process in started:
        process.stop()


def query(base, expression):
    url = f"{base}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        result = json.load(answer)["data"]["result"]
    return float(result[0]["value"][1]) if result else None


def test_a_real_prometheus_scrapes_it_under_load_and_over_a_restart(world, sim, prometheus):
    gateway = world.gateway(sim, supervised=True)
    base = prometheus(gateway.admin_address())
    readers = []
    for _ in range(30):
        client, reply = gateway.open(say(tokens=400, pace=100))
        client.read_text(reply, 1)
        readers.append(client)

    waiting.until(lambda: query(base, 'tidegate_exchanges_by_state{state="relaying"}') == 30,
                  "Prometheus to see 30 streams")
    os.kill(gateway.workers()[0], signal.SIGKILL)
    waiting.until(lambda: query(base, "tidegate_worker_restarts_total") == 1,
                  "Prometheus to see the restart")
    for _ in range(20):
        gateway.ask(say(tokens=3, pace=1))
    waiting.until(lambda: (query(base, 'tidegate_exchanges_ended_total{reason="done"}') or 0) >= 20,
                  "Prometheus to see what was asked after it")

    assert query(base, "up") == 1
    quantile = query(base, "histogram_quantile(0.5, sum by (le) "
                           "(gen_ai_server_time_to_first_token_seconds_bucket))")
    assert 0 <= quantile < 10


# --- what is built on them -------------------------------------------------------

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME = re.compile(r"\b((?:tidegate|gen_ai)_\w+)")


def dashboard_expressions():
    panels = json.loads((DEPLOY / "grafana/tidegate.json").read_text())["panels"]
    return [target["expr"].replace("$__rate_interval", "1m")
            for panel in panels for target in panel.get("targets", [])]


def alert_expressions():
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
    return [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def test_the_dashboard_in_the_tree_is_the_one_that_is_made():
    made = subprocess.run([DEPLOY / "grafana/make-dashboard"], capture_output=True, text=True,
                          check=True)

    assert made.stdout == (DEPLOY / "grafana/tidegate.json").read_text()


def test_alerts_pass_their_own_tests():
    for words in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]):
        run = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False,
                             cwd=DEPLOY / "prometheus")
        assert run.returncode == 0, run.stdout + run.stderr


def test_dashboard_and_alerts_ask_only_for_what_there_is(world, sim, prometheus):
    gateway = world.gateway(sim, supervised=True)
    gateway.ask(say(tokens=3))
    gateway.wait_for_metric("tidegate_exchanges", 0)
    shown = {re.split(r"[{ ]", line)[0] for line in
             gateway.admin_get("/metrics").text.splitlines() if not line.startswith("#")}
    base = prometheus(gateway.admin_address())

    for expression in dashboard_expressions() + alert_expressions():
        assert set(NAME.findall(expression)) <= shown, expression
        query(base, expression)  # raises when Prometheus cannot read it
