# SPDX-License-Identifier: MIT
"""What is inside the image for arm64, run by an emulated processor.

Called by `./tide image arm64`. An engine cannot start the image here, as the kernel is another
architecture's; the one file in it needs nothing else of the image. What the emulator does not
pass on to the kernel, the filters of the sandbox, is looked at by `./tide image` alone.
"""

import http.client
import json
import re
import shutil
import signal
import subprocess
import time

import pytest

EMULATOR = "qemu-aarch64-static"
IMAGE = "localhost/tidegate:arm64"
SIMULATOR = "localhost/tidegate-simulator:arm64"
SIZE_BYTES_MAX = 10_000_000
CONF = """
listen = [ "127.0.0.1:0" ];
admin = "127.0.0.1:0";
workers = 2;
auth: {{ secrets = ( {{ secret = "file:{folder}/jwt_hs256"; }} ); }};
upstreams = ( {{ name = "simulator"; url = "http://{simulator}/v1/chat/completions";
                token = ""; }} );
models: {{ allow = [ "test/*" ]; }};
"""


def run(*words):
    made = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False,
                          timeout=60)
    assert made.returncode == 0, f"{words}: {made.returncode}\n{made.stderr}"
    return made.stdout.strip()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The trees of both images, the simulator's file beside the gateway's."""
    folder = tmp_path_factory.mktemp("arm64")
    for image in (SIMULATOR, IMAGE):
        container = run("buildah", "from", "--pull-never", image)
        try:
            shutil.copytree(run("buildah", "mount", container), folder / "root", symlinks=True,
                            dirs_exist_ok=True)
        finally:
            run("buildah", "rm", container)
    return folder / "root"


class Program:
    """A started program and the address that it says it listens on."""

    def __init__(self, log, pattern, *words):
        self.log = log
        with open(log, "wb") as output:
            self.popen = subprocess.Popen([EMULATOR, *map(str, words)], stdout=output,
                                          stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 30
        while not (found := re.search(pattern, log.read_text())):
            assert self.popen.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        self.address = found.group(1)

    def stop(self):
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(30)


@pytest.fixture
def simulator(root, tmp_path):
    started = Program(tmp_path / "sim.log", r"hfsim listening on (\S+)", root / "hfsim",
                      "--listen=127.0.0.1:0", "--pace=2")
    yield started
    started.stop()


def test_the_image_is_of_that_architecture_and_small(root):
    described = json.loads(run("podman", "inspect", "--type", "image", IMAGE))[0]
    assert described["Architecture"] == "arm64"
    assert described["Size"] < SIZE_BYTES_MAX
    assert "ARM aarch64" in run("file", root / "tidegate")
    assert "static-pie" in run("file", root / "tidegate")


def test_the_c_library_inside_is_the_one_with_security_updates(root):
    bill = json.loads((root / "usr/share/doc/tidegate/sbom.cdx.json").read_text())
    parts = {part["bom-ref"]: part["version"] for part in bill["components"]}
    assert "deb12u" in parts["libc6-dev"]
    assert "libc6-dev-arm64-cross" not in parts
    assert parts["libevent-dev"].endswith("deb12u1") and "libssl-dev" in parts


def test_a_chat_streams_through_it_and_it_ends_well(root, simulator, tmp_path):
    assert "tidegate" in run(EMULATOR, root / "tidegate", "-V")
    secret = tmp_path / "jwt_hs256"
    secret.touch(0o600)
    secret.write_text("canary-secret-of-the-image-test-0123456789")
    conf = tmp_path / "tidegate.conf"
    conf.write_text(CONF.format(folder=tmp_path, simulator=simulator.address))
    run(EMULATOR, root / "tidegate", "-t", "-c", conf)
    gateway = Program(tmp_path / "tidegate.log", r"ev=listening .*address=(\S+)",
                      root / "tidegate", "-c", conf)
    try:
        token = run(EMULATOR, root / "tidegate", "token", "-c", conf, "--sub", "alice")
        connection = http.client.HTTPConnection(gateway.address, timeout=30)
        connection.request("POST", "/api/ai/huggingface/test/model/chat?chat_id=c1",
                           json.dumps({"messages": [{"role": "user", "content": "Hello"}]}),
                           {"Authorization": f"Bearer {token}",
                            "Content-Type": "application/json"})
        reply = connection.getresponse()
        assert reply.status == 200 and b"hfsim" in reply.read()
        admin = re.search(r"ev=admin_listening .*address=(\S+)", gateway.log.read_text()).group(1)
        health = http.client.HTTPConnection(admin, timeout=30)
        health.request("GET", "/readyz")
        assert health.getresponse().status == 200
    finally:
        status = gateway.stop()
    assert status == 0, gateway.log.read_text()
    assert "end=done" in gateway.log.read_text()
