# SPDX-License-Identifier: MIT
"""Answers with six seconds of silence in the middle, and what each client makes of them.

The first command-line client gives up after five seconds without a byte, so it lives by
heartbeats; every other client must at least not die of them.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support import clients
from support.simulator import sim as say

QUIET = say(tokens=2, pace=6000, seed=1)
DRIVERS = {
    "python_clients.py": {"data": ["command-line"]},
    "data_stream.mjs": {"data": ["vue-v0", "vue-v1", "ui-utils-v0", "ui-utils-v1", "ai-v4"]},
    "ui_messages.mjs": {"ui": ["chat-v5-first", "chat-v6-first", "chat-v7", "reader-v6"]},
    "plain.mjs": {"ui": ["eventsource-parser-v3", "eventsource-parser-v4"],
                  "openai": ["eventsource-parser-v3", "eventsource-parser-v4"]},
    "openai.mjs": {"v1": ["openai-v4", "openai-v7"]},
    "providers.mjs": {"v1": ["compatible-v1", "compatible-v3", "huggingface-v4"]},
}


@pytest.fixture(scope="module")
def told(shared_world):
    """All drivers at once, since each of them waits; besides, one client with no heartbeats."""
    stage = clients.Stage(shared_world, stream={"heartbeat": "1s"})
    mute = clients.Stage(shared_world, stream={"heartbeat": "off"})
    jobs = [(driver, [stage.run(client, form, "quiet", content=QUIET)
                      for form, names in forms.items() for client in names])
            for driver, forms in DRIVERS.items()]
    jobs.append(("python_clients.py", [mute.run("command-line", "data", "mute", content=QUIET)]))
    with ThreadPoolExecutor(len(jobs)) as pool:
        seen = pool.map(lambda job: clients.drive(*job), jobs)
        yield {key: row for rows in seen for key, row in rows.items()}
    stage.close()
    mute.close()


@pytest.mark.parametrize("client, form", clients.cases(DRIVERS))
def test_a_client_survives_silence_and_heartbeats(told, client, form):
    row = told[client, form, "quiet"]

    assert row["error"] is None
    assert row["text"].removesuffix('{"finishReason') == "Hello!"
    if "comments" in row:
        assert row["comments"] >= 3


def test_the_command_line_client_is_kept_awake(told):
    lines = told["command-line", "data", "quiet"]["lines"]

    assert lines.count('0:""') >= 3
    assert [line for line in lines if line != '0:""'][:2] == ['0:"Hello"', '0:"!"']


def test_the_command_line_client_gives_up_without_heartbeats(told):
    """Or the test above would prove nothing."""
    row = told["command-line", "data", "mute"]

    assert row["text"] == "" and row["error"]["class"] == "ReadTimeout"
