# SPDX-License-Identifier: MIT
"""Clients that ask again in the moment that the answer ends: no request of theirs is lost.

The programs of the benchmark ask and check, because they are as quick as a client can be: the
next request is often there before the gateway is through with the last one.
"""

import json
import re
import subprocess

import pytest
from support import certificates, waiting
from support.process import Process
from support.world import BUILD, chat_path

STREAMS, REQUESTS = 64, 1500


@pytest.fixture
def upstream(world):
    process = Process("bench_upstream", [BUILD / "bench" / "bench_upstream"],
                      world.folder / "upstream.log")
    found = process.wait_for_line(re.compile(r"listening on (\S+)"), "bench_upstream")
    yield f"http://{found.group(1)}/v1/chat/completions"
    process.stop()


def ask_at_once(world, gateway, *options):
    done = subprocess.run(
        [BUILD / "bench" / "bench_client", "--to", gateway.address, "--path", chat_path(),
         "--token", world.token(), "--format", "text", "--streams", str(STREAMS),
         "--requests", str(REQUESTS), *options],
        capture_output=True, text=True, timeout=4 * waiting.PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("speaks_tls", (False, True), ids=("plain", "tls"))
def test_no_request_is_lost(world, upstream, speaks_tls):
    certificate = certificates.Certificate(world.folder, "client", "ec")
    tls = {"tls": certificate.group()} if speaks_tls else {}
    gateway = world.gateway(upstream, listen=[{"address": "127.0.0.1:0", **tls}])

    result = ask_at_once(world, gateway, *(["--ca", certificate.path] if speaks_tls else []))

    assert result["requests"] == result["tokens"] == REQUESTS
    assert gateway.ends() == ["done"] * REQUESTS
