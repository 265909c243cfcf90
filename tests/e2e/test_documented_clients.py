# SPDX-License-Identifier: MIT
"""The examples of the endpoint's documentation: httpx, curl and fetch.

Its three examples are taken out of it at test time and run as they stand,
but for the address. Where the documentation is absent those tests say so and skip.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from support.simulator import sim as say

PYTHON = "/usr/bin/python3"
DOCUMENTED_HOST = re.compile(r"https://[a-z0-9.-]+(?=/api/ai/huggingface)")
PATH = "/api/ai/huggingface/meta/llama/chat"
TEXT = "Grüße aus Köln, 東京 and 🌊."
WORDS = say(text="Gr%C3%BC%C3%9Fe%20aus%20K%C3%B6ln,%20%E6%9D%B1%E4%BA%AC%20and%20%F0%9F%8C%8A.")


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                          **options)


@pytest.fixture(scope="module")
def served(shared_world):
    return shared_world.gateway(shared_world.simulator())


@pytest.fixture(scope="module")
def examples():
    """{language: code} of the documentation's examples."""
    folder = Path(os.environ.get("TIDEGATE_SHARED", Path(__file__).parents[3] / "shared")) / "seed"
    pages = sorted(folder.glob("*.txt")) if folder.is_dir() else []
    if not pages:
        pytest.skip(f"no documentation in {folder}; set TIDEGATE_SHARED")
    text = "\n".join(page.read_text() for page in pages)
    section = text.split("## Code Examples", 1)[1]
    return dict(re.findall(r"```(python|bash|typescript)\n(.*?)```", section, re.S))


def at(served, code):
    """The example with this gateway's address in place of the documented one."""
    moved, count = DOCUMENTED_HOST.subn(f"http://{served.address}", code)
    assert count == 1, "the example names its address once"
    return moved


def python_example(served, examples, tmp_path, token, model="llama"):
    call = (f'\nasyncio.run(stream_chat_completion({token!r}, "123", "meta", {model!r},'
            f'\n    [Message(role="user", content={WORDS!r})]))\n')
    script = tmp_path / "example.py"
    script.write_text(at(served, examples["python"]) + call)
    return run([PYTHON, script])


def test_the_documented_httpx_example_prints_the_answer(served, examples, tmp_path, shared_world):
    done = python_example(served, examples, tmp_path, shared_world.token())

    assert done.returncode == 0, done.stderr
    assert done.stdout == TEXT


@pytest.mark.parametrize("model, token, status", [("llama", "not-a-token", 401),
                                                  ("nobody", None, 400)])
def test_the_documented_httpx_example_raises_for_a_refusal(
        served, examples, tmp_path, shared_world, model, token, status):
    done = python_example(served, examples, tmp_path, token or shared_world.token(), model)

    assert done.returncode != 0
    assert f"{status} " in done.stderr and "HTTPStatusError" in done.stderr


def test_the_documented_curl_command_prints_the_answer(served, examples, shared_world):
    command = at(served, examples["bash"]).replace("your-token-here", shared_world.token())

    done = run(["bash", "-c", command.replace("curl ", "curl -sS ", 1)])

    assert done.returncode == 0, done.stderr
    assert "Hello, how are you?" in done.stdout  # the simulator quotes what it was asked
    assert "simulator" in done.stdout


def test_the_documented_curl_command_prints_a_refusal(served, examples):
    command = at(served, examples["bash"]).replace("curl ", "curl -sS ", 1)

    done = run(["bash", "-c", command])

    assert json.loads(done.stdout) == {"statusCode": 401, "statusMessage": "Unauthorized"}


def javascript(code):
    """The TypeScript example without its types: what any TypeScript compiler would leave."""
    code = re.sub(r"(\w+): (?:string|Message\[\])(,|\n)", r"\1\2", code)
    return code.replace("): Promise<void> {", ") {")


def fetch_example(served, examples, tmp_path, token, model="llama"):
    call = (f'\nawait streamChatCompletion({json.dumps(token)}, "123", "meta", "{model}",'
            f'\n  [{{ role: "user", content: {json.dumps(WORDS)} }}]);\n')
    script = tmp_path / "example.mjs"
    script.write_text(javascript(at(served, examples["typescript"])) + call)
    return run(["node", script])


def test_the_documented_fetch_example_logs_the_answer(served, examples, tmp_path, shared_world):
    done = fetch_example(served, examples, tmp_path, shared_world.token())

    assert done.returncode == 0, done.stderr
    # It logs each chunk on a line of its own, and a chunk may end inside a character.
    assert done.stdout.replace("\n", "") == TEXT


def test_the_documented_fetch_example_throws_for_a_refusal(served, examples, tmp_path):
    done = fetch_example(served, examples, tmp_path, "not-a-token")

    assert done.returncode != 0
    assert "HTTP error! status: 401" in done.stderr
