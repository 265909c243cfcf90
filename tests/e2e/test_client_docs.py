# SPDX-License-Identifier: MIT
"""docs/clients.md cannot rot: each of its examples is taken out of the page and run.

Nothing is changed but the address, and the name of a package where several of its majors are
installed under names of their own.
"""

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import clients

PAGE = clients.FOLDER.parents[1] / "docs" / "clients.md"
ADDRESS = "127.0.0.1:8080"
MODEL = "meta-llama/Llama-3.1-8B-Instruct"
QUESTION = "Hello, how are you?"
COMMANDS = {"bash": ["bash"], "python": ["/usr/bin/python3"], "js": [clients.NODE]}
EXAMPLES = {name: (language, code) for language, name, code in
            re.findall(r"^```(bash|python|js) (\S+)\n(.*?)^```$", PAGE.read_text(), re.M | re.S)}

# {example: what its packages are called here, once for each set of majors that it is run with}
PACKAGES = {
    "ai-sdk-4": [{"@ai-sdk/vue": "ai-vue-v0"}, {"@ai-sdk/vue": "ai-vue-v1"}],
    "ai-sdk-7": [{"@ai-sdk/vue": "ai-vue-v4", "ai": "ai-v7"}],
    "openai-compatible": [{"ai": f"ai-v{ai}", "@ai-sdk/openai-compatible":
                           f"openai-compatible-v{ai - 4}"} for ai in (5, 6, 7)],
    "openai": [{"openai": f"openai-v{major}"} for major in (4, 5, 6, 7)],
    "eventsource-parser": [{}, {"eventsource-parser/stream": "eventsource-parser-v3/stream"}],
}
RUNS = [(name, names) for name in EXAMPLES for names in PACKAGES.get(name, [{}])]


@pytest.fixture(scope="module")
def served(shared_world):
    clients.require_clients()
    return shared_world.gateway(shared_world.simulator("--tokens=40", "--seed=3"))


def start(folder, name, names, served, token):
    """Run one example as it stands on the page; the finished process."""
    language, code = EXAMPLES[name]
    assert ADDRESS in code
    code = code.replace(ADDRESS, served.address)
    for package, here in names.items():
        assert f'from "{package}"' in code, f"{name} does not use {package}"
        code = code.replace(f'from "{package}"', f'from "{here}"')
    folder.mkdir()
    script = folder / ("example.mjs" if language == "js" else "example")
    script.write_text(code)
    (folder / "node_modules").symlink_to(clients.FOLDER / "node_modules")
    return subprocess.run([*COMMANDS[language], script], capture_output=True, text=True, timeout=60,
                          check=False, env={**os.environ, "TIDEGATE_TOKEN": token})


@pytest.fixture(scope="module")
def done(served, shared_world, tmp_path_factory):
    """{(index in RUNS, "good" or "bad" token): finished process}; some at a time."""
    folder = tmp_path_factory.mktemp("examples")
    tokens = {"good": shared_world.token(), "bad": "not-a-token"}
    jobs = [(index, kind) for index in range(len(RUNS)) for kind in tokens]
    with ThreadPoolExecutor(4) as pool:
        ended = pool.map(lambda job: start(folder / f"{job[0]}-{job[1]}", *RUNS[job[0]], served,
                                           tokens[job[1]]), jobs)
        return dict(zip(jobs, ended))


EACH = pytest.mark.parametrize("index", range(len(RUNS)), ids=[
    "-".join([name, *names.values()]).replace("/", "-") for name, names in RUNS])


@EACH
def test_the_example_does_what_the_page_says(served, done, index):
    name, _ = RUNS[index]
    ended = done[index, "good"]

    assert ended.returncode == 0, ended.stderr
    if name == "curl-models":
        assert json.loads(ended.stdout)["object"] == "list"
        return
    messages = {"messages": [{"role": "user", "content": QUESTION}]}
    answer = served.ask(model=MODEL, body=messages).text
    assert len(answer) > 50 and ended.stdout.removesuffix("\n") == answer


@EACH
def test_the_example_tells_a_refusal(done, index):
    ended = done[index, "bad"]

    said = ended.stdout + ended.stderr
    assert re.search("401|Unauthorized|token is missing", said), said


def test_the_lines_of_the_conf_file_are_lawful(shared_world, served):
    lines = re.findall(r"^```conf \S+\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    assert lines
    path = shared_world.folder / "documented.conf"

    path.write_text(served.conf_path.read_text() + "".join(lines))

    checked = shared_world.run_tidegate("-t", "-c", path)
    assert checked.returncode == 0, checked.stderr
    assert '"https://chat.example.org"' in checked.stdout


def test_every_block_of_code_on_the_page_is_used():
    fences = re.findall(r"^```(\S.*)$", PAGE.read_text(), re.M)

    assert len(fences) == len(EXAMPLES) + 1 and len(EXAMPLES) >= 10
