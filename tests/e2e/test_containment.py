# SPDX-License-Identifier: MIT
"""What a worker has left once it serves: no privileges, no files, no secrets to be seen.

That the filters refuse what they should is shown call by call in unit/test_confine; here
it is the real processes, by what the kernel says of them.
"""

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from support import conf, tokens, waiting
from support import world as worlds
from support.process import children, name_of
from support.simulator import sim as say

NOBODY = 65534
SUPERVISOR_KEEPS = {1, 2, 5, 6, 7, 8, 10}  # see confine_supervisor()
OLD_KERNEL = worlds.BUILD / "tests" / "old_kernel"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def status(pid):
    """/proc/PID/status as a dict of texts."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return {name: value.strip() for name, value in (line.split(":", 1) for line in lines)}


def capabilities(pid, which):
    bits = int(status(pid)[which], 16)
    return {bit for bit in range(64) if bits >> bit & 1}


def admin_of(gateway):
    return waiting.until(
        lambda: [pid for pid in children(gateway.process.pid) if name_of(pid) == "tidegate-admin"],
        "the admin process")[0]


def serving(gateway):
    """Every process that a stranger or a scraper talks to, confined by now."""
    worker = waiting.until(gateway.workers, "a worker")[0]
    pids = [worker, admin_of(gateway)] if gateway.supervised else [worker]
    for pid in pids:
        waiting.until(lambda pid=pid: status(pid)["NoNewPrivs"] == "1", "the confinement")
    assert gateway.ask(say(tokens=1)).status == 200
    return pids


def filters(pid):
    return int(status(pid).get("Seccomp_filters", "0"))


@pytest.fixture(params=[False, True], ids=["foreground", "supervised"])
def either(request, world, sim):
    return world.gateway(sim, supervised=request.param)


# --- privileges -------------------------------------------------------------------


@as_root
@pytest.mark.parametrize("supervised", [False, True], ids=["foreground", "supervised"])
def test_whoever_serves_is_nobody_and_has_no_privilege(world, sim, supervised):
    gateway = world.gateway(sim, supervised=supervised, wrapper=("setpriv", "--groups=4,20"))
    for pid in serving(gateway):
        seen = status(pid)
        assert seen["Uid"].split() == seen["Gid"].split() == [str(NOBODY)] * 4
        assert seen["Groups"] == ""
        assert seen["NoNewPrivs"] == "1"
        for which in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert capabilities(pid, which) == set(), which


@as_root
def test_the_supervisor_keeps_what_it_needs_and_no_more(world, sim):
    gateway = world.gateway(sim, supervised=True)
    serving(gateway)

    seen = status(gateway.process.pid)
    for which in ("CapPrm", "CapEff", "CapBnd"):
        assert capabilities(gateway.process.pid, which) == SUPERVISOR_KEEPS, which
    assert seen["CapInh"].strip("0") == seen["CapAmb"].strip("0") == ""


@as_root
def test_the_user_of_the_conf_is_become_and_a_reload_changes_it(world, sim):
    gateway = world.gateway(sim, supervised=True, user="4711:815")
    worker = serving(gateway)[0]
    assert status(worker)["Uid"].split()[0] == "4711"
    assert status(worker)["Gid"].split()[0] == "815"

    gateway.write_conf(user="4712")
    gateway.reload()
    waiting.until(lambda: [status(pid)["Uid"].split()[0] for pid in gateway.workers()] == ["4712"],
                  "workers of the new user only")
    assert gateway.ask(say(tokens=1)).status == 200


@as_root
def test_a_worker_that_stays_root_is_a_root_without_capabilities(world, sim):
    gateway = world.gateway(sim, supervised=True, user="root")

    for pid in serving(gateway):
        assert status(pid)["Uid"].split()[0] == "0"
        assert capabilities(pid, "CapEff") == capabilities(pid, "CapBnd") == set()


def test_a_user_that_does_not_exist_is_a_line_of_the_conf(world):
    path = world.folder / "bad.conf"
    path.write_text(conf.render_file(world.settings("http://127.0.0.1:1/", user="no-such-user")))

    seen = world.run_tidegate("-t", "-c", path)

    assert seen.returncode == 2
    assert "bad.conf:" in seen.stderr and "user: no such user or group" in seen.stderr


def run_to_refusal(world, wrapper, **changes):
    """A start that has to fail, under <wrapper>; what was written."""
    path = world.folder / "refused.conf"
    path.write_text(conf.render_file(world.settings("http://127.0.0.1:1/", **changes)))
    seen = subprocess.run([*wrapper, worlds.TIDEGATE, "-c", path], capture_output=True, text=True,
                          timeout=waiting.PATIENCE_S, check=False,
                          env={**os.environ, "HF_TOKEN": worlds.PROVIDER_TOKEN})
    assert seen.returncode == 1, seen.stderr
    return seen.stderr


WITHOUT_SETUID = ("setpriv", "--bounding-set=-setuid,-setgid")


@as_root
def test_a_root_that_may_not_change_its_user_serves_without_capabilities(world, sim):
    """As in a container that dropped them: nothing was asked for, so it is a warning."""
    gateway = world.gateway(sim, supervised=True, wrapper=WITHOUT_SETUID)

    for pid in serving(gateway):
        assert status(pid)["Uid"].split()[0] == "0"
        assert capabilities(pid, "CapEff") == set()
    gateway.wait_for_log("not_confined", lvl="warn", part="user")


@as_root
def test_a_user_that_cannot_be_become_is_refused_when_it_is_named(world):
    written = run_to_refusal(world, WITHOUT_SETUID, user="4711")

    assert "ev=not_confined" in written and "part=user" in written


@as_root
def test_started_as_somebody_else_the_workers_stay_that_user(sim):
    """Not root: nothing to become, all the rest holds. In a folder that this user can enter."""
    plain = ("setpriv", "--reuid=4711", "--regid=4711", "--clear-groups")
    if subprocess.run([*plain, worlds.TIDEGATE, "-V"], capture_output=True, check=False).returncode:
        pytest.skip("the build is in a folder that others may not enter")
    with tempfile.TemporaryDirectory() as name:
        world = worlds.World(name)
        os.chmod(name, 0o755)
        os.chown(world.secret_path, 4711, 4711)
        gateway = world.gateway(sim, supervised=True, user="4712", wrapper=plain)
        for pid in serving(gateway):
            assert status(pid)["Uid"].split()[0] == "4711"
            assert capabilities(pid, "CapEff") == set()
            assert status(pid)["Seccomp"] == "2"
        gateway.wait_for_log("user_ignored")
        assert world.close() == []


@as_root
def test_the_children_end_with_a_killed_supervisor_although_they_changed_their_user(world, sim):
    gateway = world.gateway(sim, supervised=True, workers=2)
    pids = [admin_of(gateway), *waiting.until(
        lambda: gateway.workers() if len(gateway.workers()) == 2 else None, "two workers")]
    serving(gateway)

    gateway.process.signal(signal.SIGKILL)
    gateway.expected_status = -signal.SIGKILL

    waiting.until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids),
                  "the end of all children")


# --- sandbox ----------------------------------------------------------------------


def test_whoever_serves_is_filtered(either):
    for pid in serving(either):
        assert status(pid)["Seccomp"] == "2"
        assert filters(pid) >= 1


@pytest.mark.parametrize("supervised", [False, True], ids=["foreground", "supervised"])
def test_a_sandbox_that_is_insisted_on_serves(world, sim, supervised):
    gateway = world.gateway(sim, supervised=supervised, sandbox="on")

    assert [status(pid)["Seccomp"] for pid in serving(gateway)][0] == "2"
    assert gateway.ask(say(tokens=3)).status == 200


def test_without_the_sandbox_the_privileges_are_gone_all_the_same(world, sim):
    gateway = world.gateway(sim, supervised=True, sandbox="off")

    for pid in serving(gateway):
        assert filters(pid) == 0
        assert status(pid)["NoNewPrivs"] == "1"
        assert capabilities(pid, "CapEff") == set()


@as_root
@pytest.mark.parametrize("lacks", ["--no-seccomp", "--no-landlock"])
def test_an_old_kernel_is_a_warning_unless_the_sandbox_is_insisted_on(world, sim, lacks):
    part = {"--no-seccomp": "syscalls", "--no-landlock": "files"}[lacks]
    level = {"--no-seccomp": "warn", "--no-landlock": "debug"}[lacks]

    gateway = world.gateway(sim, supervised=True, wrapper=(OLD_KERNEL, lacks))
    worker = serving(gateway)[0]
    assert gateway.ask(say(tokens=3)).status == 200
    assert filters(worker) == (1 if lacks == "--no-seccomp" else 2), "one is the test's own"
    said = [row for row in gateway.log_lines("not_confined") if row["part"] == part]
    assert [row["lvl"] for row in said] == [level], "once, and not by every worker"

    written = run_to_refusal(world, (OLD_KERNEL, lacks), sandbox="on")
    assert "lvl=error ev=not_confined" in written and f"part={part}" in written


@as_root
def test_a_reload_that_insists_on_what_is_not_there_changes_nothing(world, sim):
    gateway = world.gateway(sim, supervised=True, wrapper=(OLD_KERNEL, "--no-landlock"))
    before = waiting.until(gateway.workers, "a worker")

    gateway.write_conf(sandbox="on")
    gateway.reload()
    gateway.wait_for_log("not_confined", lvl="error", part="files")
    gateway.wait_for_log("reload_refused")

    assert gateway.ask(say(tokens=1)).status == 200
    assert gateway.workers() == before


def test_a_worker_that_the_filter_kills_is_named_and_replaced(world, sim):
    """The signal is what the kernel sends for a forbidden call."""
    gateway = world.gateway(sim, supervised=True)
    worker = serving(gateway)[0]

    os.kill(worker, signal.SIGSYS)

    gateway.wait_for_log("worker_died", child=worker, signal="Bad system call")
    waiting.until(lambda: gateway.workers() not in ([], [worker]), "another worker")
    assert gateway.ask(say(tokens=1)).status == 200


def test_trust_roots_that_are_linked_into_a_store_are_found_from_within(world):
    """OpenSSL opens a root of a hashed store only when it first meets it: in the sandbox."""
    ca_file = world.folder / "ca.pem"
    simulator = world.simulator("--listen-tls=127.0.0.1:0", f"--tls-ca-out={ca_file}")
    real, store = world.folder / "real", world.folder / "store"
    real.mkdir()
    store.mkdir()
    ca_file = ca_file.rename(real / "ca.pem")
    name = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", ca_file], check=True,
                          capture_output=True, text=True).stdout.strip()
    (store / f"{name}.0").symlink_to(ca_file)

    # As root: only the sandbox is between the worker and this folder.
    gateway = world.gateway(
        simulator, user="root" if os.geteuid() == 0 else "", sandbox="on",
        upstream={"url": simulator.url(host="localhost")},
        env={"SSL_CERT_DIR": str(store), "SSL_CERT_FILE": str(world.folder / "none.pem")})

    assert gateway.ask(say(tokens=3)).status == 200


# --- secrets ----------------------------------------------------------------------


def everyone(gateway):
    return [gateway.process.pid, *children(gateway.process.pid)]


def test_no_secret_is_left_in_an_environment_or_a_command_line(world, sim):
    secret = tokens.SECRET.decode()
    gateway = world.gateway(sim, supervised=True, env={"JWT_SECRET": secret},
                            auth={"secrets": [{"secret": "env:JWT_SECRET"}]})
    before = serving(gateway)[0]
    gateway.reload()  # the conf names the variables again
    waiting.until(lambda: len(gateway.workers()) == 1 and before not in gateway.workers(),
                  "the old worker to be replaced")
    assert gateway.ask(say(tokens=1)).status == 200

    for pid in everyone(gateway):
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert b"HF_TOKEN" in environment, "the variable itself was there"
        for text in (secret, worlds.PROVIDER_TOKEN):
            assert text.encode() not in environment + command


def test_canaries_are_nowhere_to_be_seen(world, sim):
    """Secrets, tokens, prompts and answers of good and of bad exchanges."""
    gateway = world.gateway(sim, supervised=True)
    serving(gateway)
    answer = gateway.ask(say(tokens=60), query="&format=data")
    gateway.ask(say(status=500))
    gateway.ask(say(tokens=4, cut_after=1))
    gateway.ask(token=world.token(secret=tokens.OTHER_SECRET))
    gateway.raw(b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                + world.token().encode() + b"\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
    metrics = gateway.admin_get("/metrics").text
    seen = [metrics]
    for pid in everyone(gateway):
        for name in ("environ", "cmdline", "comm"):
            seen.append(Path(f"/proc/{pid}/{name}").read_text(errors="replace"))

    assert answer.status == 200 and len(answer.body) > 100
    texts = [text for _, text in world.secrets() if len(text) >= 16]
    assert len(texts) >= 6
    for text in texts:
        assert not any(text in content for content in seen)
    # world.close() looks for all of them in every log.


def memory_holds(pid, texts):
    """Which of <texts> stand anywhere in the writable memory of a process."""
    found = set()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for row in Path(f"/proc/{pid}/maps").read_text(encoding="ascii").splitlines():
            span, rights = row.split()[:2]
            first, last = (int(word, 16) for word in span.split("-"))
            if not rights.startswith("rw") or last - first > 64 * 2**20:
                continue  # what a sanitizer reserves, and never touches
            try:
                memory.seek(first)
                content = memory.read(last - first)
            except (OSError, ValueError):
                continue
            found |= {text for text in texts if text in content}
    return found


@as_root
def test_the_admin_process_has_no_secret_in_its_memory(world, sim):
    """It serves by plain evhttp and needs none; the worker, which does, shows that we can look."""
    # From files: a sanitizer keeps a copy of the environment that it was started with.
    token_path = world.folder / "token"
    world.write_secret(token_path, worlds.PROVIDER_TOKEN.encode())
    gateway = world.gateway(sim, supervised=True, env={"HF_TOKEN": "unused"},
                            upstream={"token": f"file:{token_path}"})
    worker, admin = serving(gateway)
    texts = {tokens.SECRET, worlds.PROVIDER_TOKEN.encode()}

    assert memory_holds(worker, texts) == texts
    assert memory_holds(admin, texts) == set()


def test_nobody_writes_a_core_file(world, sim):
    gateway = world.gateway(sim, supervised=True)
    serving(gateway)

    for pid in everyone(gateway):
        limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
        line = next(row for row in limits.splitlines() if row.startswith("Max core file size"))
        assert line.split()[4:6] == ["0", "0"]


@as_root
def test_another_process_of_the_same_user_cannot_look_into_a_worker(world, sim):
    gateway = world.gateway(sim, supervised=True, user="4711:4711")
    as_the_same = ("setpriv", "--reuid=4711", "--regid=4711", "--clear-groups")
    for pid in serving(gateway):
        for name in ("environ", "mem", "maps", "fd/0"):
            path = f"/proc/{pid}/{name}"
            seen = subprocess.run([*as_the_same, "head", "-c1", path], capture_output=True,
                                  text=True, check=False)
            assert "Permission denied" in seen.stderr, f"{path}: {seen}"
