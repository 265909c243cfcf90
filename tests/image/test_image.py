# SPDX-License-Identifier: MIT
"""The image of docker/Dockerfile, run as docs tell an operator to run it.

Called by `./tide image`, in a network namespace of its own: ports need not be picked, and
what container tools do to a network stays in there.
"""

import http.client
import json
import os
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGE = "localhost/tidegate:ci"
SIMULATOR = "localhost/tidegate-simulator:ci"
MODEL = "meta-llama/Llama-3.1-8B-Instruct"
SIZE_BYTES_MAX = 10_000_000
FILES = subprocess.run(["sh", "-c", "ulimit -Hn"], capture_output=True, text=True,
                       check=True).stdout.strip()
# Every restriction that the image is meant to be run with.
HARDENED = [
    "--pull", "never", "--network", "host", "--read-only",
    "--read-only-tmpfs=false", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
    "--memory", "256m", "--pids-limit", "64", "--ulimit", f"nofile={FILES}:{FILES}",
    "--ulimit", "nproc=4096:4096",
]
CONF = """
listen = [ "127.0.0.1:8080" ];
admin = "127.0.0.1:9090";
drain_timeout = "20s";
auth: { secrets = ( { secret = "file:/run/secrets/jwt_hs256"; } ); };
upstreams = ( { name = "simulator"; url = "http://127.0.0.1:8081/v1/chat/completions";
                token = ""; } );
models: { allow = [ "meta-llama/*" ]; };
"""


def run(*words, check=True, **options):
    made = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False,
                          timeout=60, **options)
    assert not check or made.returncode == 0, f"{words}: {made.returncode}\n{made.stderr}"
    return made


def podman(*words, **options):
    return run("podman", *words, **options)


def until(look, what, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what}")


def logs(name):
    made = podman("logs", name)
    return made.stdout + made.stderr


def inspect(name, kind="image"):
    return json.loads(podman("inspect", "--type", kind, name).stdout)[0]


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    """As Kubernetes and compose mount it: readable by the container's user, read-only."""
    path = tmp_path_factory.mktemp("secrets") / "jwt_hs256"
    path.write_text("canary-secret-of-the-image-test-0123456789")
    path.chmod(0o444)
    return path


@pytest.fixture(scope="module")
def simulator():
    podman("run", "-d", "--replace", "--name", "simulator", "--no-healthcheck",
           *HARDENED, SIMULATOR,
           "--listen", "127.0.0.1:8081", "--pace", "20")
    until(lambda: "listening" in logs("simulator"), "the simulator")
    yield "simulator"
    podman("rm", "-f", "-t", "0", "simulator")


@pytest.fixture
def gateway(simulator, secret, tmp_path):
    conf = tmp_path / "tidegate.conf"
    conf.write_text(CONF)
    conf.chmod(0o644)
    podman("run", "-d", "--replace", "--name", "gateway", *HARDENED,
           "-v", f"{conf}:/etc/tidegate/tidegate.conf:ro",
           "-v", f"{secret}:/run/secrets/jwt_hs256:ro", IMAGE)
    until(lambda: "ev=ready" in logs("gateway"), "the gateway")
    yield "gateway"
    podman("rm", "-f", "-t", "0", "gateway")


def token():
    made = podman("exec", "gateway", "/tidegate", "token", "-c", "/etc/tidegate/tidegate.conf")
    return made.stdout.strip()


def ask(text="Hello"):
    """The reply to one chat; its body has not been read yet."""
    client = http.client.HTTPConnection("127.0.0.1", 8080, timeout=20)
    client.request(
        "POST", f"/api/ai/huggingface/{MODEL}/chat?chat_id=1",
        json.dumps({"messages": [{"role": "user", "content": text}]}),
        {"Authorization": f"Bearer {token()}", "Content-Type": "application/json"},
    )
    return client.getresponse()


def test_it_is_small():
    assert inspect(IMAGE)["Size"] < SIZE_BYTES_MAX


def test_its_settings_are_what_an_operator_expects():
    image = inspect(IMAGE)
    settings = image["Config"]

    assert settings["User"] == "10001:10001"
    assert settings["StopSignal"] == "SIGTERM"
    assert image["Healthcheck"]["Test"][1:] == [
        "/tidegate", "health", "--live", "-c", "/etc/tidegate/tidegate.conf"]
    labels = settings["Labels"]
    assert labels["org.opencontainers.image.licenses"] == "MIT"
    assert labels["org.opencontainers.image.revision"] != ""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The image's whole file tree, unpacked."""
    folder = tmp_path_factory.mktemp("root")
    made = podman("create", "--pull", "never", IMAGE).stdout.strip()
    exported = folder / "root.tar"
    podman("export", "-o", exported, made)
    podman("rm", made)
    run("tar", "-xf", exported, "-C", folder)
    exported.unlink()
    return folder


def test_nothing_is_inside_that_is_not_needed(files):
    found = {str(path.relative_to(files)) for path in files.rglob("*") if path.is_file()}
    licences = {name for name in found if name.startswith("usr/share/doc/tidegate/licences/")}

    assert found - licences - {"etc/hosts", "etc/hostname", "etc/resolv.conf"} == {
        "tidegate", "etc/passwd", "etc/group", "etc/nsswitch.conf",
        "etc/tidegate/tidegate.conf", "etc/ssl/certs/ca-certificates.crt",
        "usr/share/doc/tidegate/sbom.cdx.json",
    }
    assert all(path.stat().st_mode & 0o6000 == 0 for path in files.rglob("*"))


def test_every_package_in_the_bill_has_its_licence_inside(files):
    doc = files / "usr/share/doc/tidegate"
    bill = json.loads((doc / "sbom.cdx.json").read_text())
    packages = {part["bom-ref"] for part in bill["components"]}

    assert bill["bomFormat"] == "CycloneDX"
    assert {"libc6-dev", "libevent-dev", "libssl-dev", "libconfig-dev", "libjsmn-dev",
            "ca-certificates"} <= packages
    assert all(part["version"] and part["purl"].startswith("pkg:deb/debian/")
               for part in bill["components"])
    assert {path.name for path in (doc / "licences").iterdir()} == packages | {"tidegate"}
    assert all(path.stat().st_size > 500 for path in (doc / "licences").iterdir())


def test_no_secret_is_in_a_layer():
    settings = json.dumps(inspect(IMAGE))

    assert "HF_TOKEN" not in settings and "jwt" not in settings.lower()


def test_a_chat_streams_through_the_hardened_container(gateway):
    reply = ask("@sim tokens=20 pace=20")

    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    first = reply.read(1)
    assert first and len(first + reply.read()) > 40


def test_it_runs_with_nothing_that_it_could_abuse(gateway):
    pid = inspect("gateway", "container")["State"]["Pid"]
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

    for number in [pid, *children]:
        status = dict(line.split(":\t", 1) for line in
                      Path(f"/proc/{number}/status").read_text().splitlines() if ":\t" in line)
        assert status["Uid"].split()[1] == "10001"
        assert int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0
        assert status["NoNewPrivs"] == "1"
    mounts = Path(f"/proc/{pid}/mounts").read_text().splitlines()
    root = next(line for line in mounts if line.split()[1] == "/")
    assert "ro" in root.split()[3].split(",")
    assert not any(line.split()[1] == "/tmp" for line in mounts)


def test_the_health_check_of_the_image_tells_the_truth(gateway):
    assert podman("healthcheck", "run", "gateway", check=False).returncode == 0
    podman("pause", "simulator")  # an upstream that hangs does not make the gateway unwell
    try:
        assert podman("healthcheck", "run", "gateway", check=False).returncode == 0
    finally:
        podman("unpause", "simulator")


def test_stopping_lets_a_running_answer_finish(gateway):
    reply = ask("@sim tokens=60 pace=30")
    assert reply.read(1)
    stopping = subprocess.Popen(["podman", "stop", "-t", "20", "gateway"],
                                stdout=subprocess.DEVNULL)

    rest = reply.read()  # raises on a cut

    assert stopping.wait(30) == 0
    assert len(rest) > 200
    assert inspect("gateway", "container")["State"]["ExitCode"] == 0
    assert "end=done" in logs("gateway")


def test_the_log_holds_no_secret(gateway, secret):
    bearer = token()
    ask("@sim tokens=3 pace=1").read()

    said = logs("gateway")

    assert secret.read_text() not in said and bearer not in said


def test_the_conf_file_of_the_image_is_valid(secret, tmp_path):
    provider = tmp_path / "hf_token"
    provider.write_text("hf_canary")
    provider.chmod(0o444)

    made = podman("run", "--rm", *HARDENED, "-v", f"{secret}:/run/secrets/jwt_hs256:ro",
                  "-v", f"{provider}:/run/secrets/hf_token:ro", IMAGE,
                  "-t", "-c", "/etc/tidegate/tidegate.conf")

    assert "router.huggingface.co" in made.stdout
    assert "hf_canary" not in made.stdout + made.stderr


def test_without_its_secrets_it_says_which_are_missing():
    made = podman("run", "--rm", *HARDENED, IMAGE, check=False)

    assert made.returncode == 2
    assert "auth.secrets" in made.stderr and "/run/secrets/jwt_hs256" not in made.stdout


@pytest.fixture
def composed(tmp_path):
    """compose.yaml without Prometheus, whose image is not built here."""
    run(ROOT / "docker/make-secrets")
    file = ROOT / "docker/compose.yaml"
    compose = ["podman-compose", "-f", str(file), "-p", "tidegateci"]
    environment = {**os.environ, "TIDEGATE_PORT": "8085", "TIDEGATE_NOFILE": FILES,
                   "TIDEGATE_VERSION": "ci"}
    for name in ("tidegate", "tidegate-simulator"):
        podman("tag", f"localhost/{name}:ci", f"docker.io/library/{name}:ci")
    yield lambda *words: run(*compose, *words, env=environment)
    run(*compose, "down", "-t", "1", env=environment, check=False)


def test_compose_brings_up_a_gateway_that_streams(composed):
    composed("up", "-d", "--no-build", "simulator", "tidegate")
    name = "tidegateci_tidegate_1"
    until(lambda: "ev=ready" in logs(name), "the composed gateway")
    bearer = podman("exec", name, "/tidegate", "token", "-c",
                    "/etc/tidegate/tidegate.conf").stdout.strip()

    def try_chat():
        client = http.client.HTTPConnection("127.0.0.1", 8085, timeout=20)
        client.request(
            "POST", f"/api/ai/huggingface/{MODEL}/chat?chat_id=1",
            json.dumps({"messages": [{"role": "user", "content": "Hello"}]}),
            {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"},
        )
        reply = client.getresponse()
        return reply.status == 200 and reply.read()

    body = until(try_chat, "a chat through the composed gateway")
    assert b"hfsim" in body
    assert podman("healthcheck", "run", name, check=False).returncode == 0
