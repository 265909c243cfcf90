# SPDX-License-Identifier: MIT
"""What is installed and deployed fits the program: conf files, clocks, pages, completion."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from support import conf as conf_files
from support import world as worlds

ROOT = Path(__file__).parents[2]
BUILD = worlds.BUILD


def manifest(name):
    return yaml.safe_load((ROOT / "deploy/kubernetes" / name).read_text())


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def setting(conf, key):
    return re.search(rf'^\s*{key}\s*=\s*"?([^";]+)"?;', conf, re.MULTILINE).group(1)


def default_of(key):
    return setting((ROOT / "conf/tidegate.conf").read_text(), key)


CONFS = {
    "demo": lambda: (ROOT / "conf/demo.conf").read_text(),
    "image": lambda: (ROOT / "docker/tidegate.conf").read_text(),
    "compose": lambda: (ROOT / "docker/compose.conf").read_text(),
    "systemd": lambda: (ROOT / "deploy/systemd/tidegate.conf").read_text(),
    "kubernetes": lambda: manifest("configmap.yaml")["data"]["tidegate.conf"],
}


@pytest.mark.parametrize("name", CONFS)
def test_every_conf_file_that_is_shipped_is_valid(world, name):
    secret = world.folder / "secret"
    world.write_secret(secret, b"canary-deployed-secret-0123456789abcdef")
    text = re.sub(r'"file:[^"]*"', f'"file:{secret}"', CONFS[name]())
    path = world.folder / "shipped.conf"
    path.write_text(text)

    run = world.run_tidegate("-t", "-c", path)

    assert run.returncode == 0, run.stderr
    assert "canary-deployed" not in run.stdout


def test_a_pod_has_the_time_to_drain():
    pod = manifest("deployment.yaml")["spec"]["template"]["spec"]
    drain = seconds(setting(CONFS["kubernetes"](), "drain_timeout"))
    pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert pod["terminationGracePeriodSeconds"] >= pause + drain + 5


def test_compose_and_systemd_wait_for_the_drain():
    compose = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())
    unit = (ROOT / "deploy/systemd/tidegate.service").read_text()
    drain = seconds(default_of("drain_timeout"))

    assert seconds(compose["services"]["tidegate"]["stop_grace_period"]) >= drain + 5
    assert int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE).group(1)) >= drain + 5


def test_the_ports_of_the_manifests_are_those_of_their_conf_file():
    pod = manifest("deployment.yaml")["spec"]["template"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in pod["ports"]}
    conf = CONFS["kubernetes"]()

    assert f'"0.0.0.0:{ports["http"]}"' in conf
    assert setting(conf, "admin") == f"0.0.0.0:{ports['admin']}"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert f"127.0.0.1:{ports['admin']}" in pod[probe]["exec"]["command"]


def test_the_volumes_hold_what_the_conf_file_names():
    example = manifest("secret.example.yaml")["stringData"]
    pod = manifest("deployment.yaml")["spec"]["template"]["spec"]
    mounts = {mount["name"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    named = re.findall(r'"file:([^"]*)"', CONFS["kubernetes"]())

    assert {os.path.dirname(path) for path in named} == {mounts["secrets"]["mountPath"]}
    assert {os.path.basename(path) for path in named} == set(example)
    assert mounts["secrets"]["readOnly"] and mounts["conf"]["readOnly"]


@pytest.mark.parametrize("page", ["tidegate.8", "tidegate.conf.5"])
def test_the_man_pages_are_clean(page):
    run = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", ROOT / "docs/man" / page],
                         capture_output=True, text=True, check=True)

    assert run.stderr == ""


def complete(*words):
    """What bash offers for the last of <words>."""
    script = (f". {ROOT}/deploy/completion/tidegate.bash; COMP_WORDS=({' '.join(words)} '');"
              f"COMP_CWORD={len(words)}; _tidegate; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    run = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_completion_knows_every_option(world):
    def named(text):
        return set(re.findall(r"(?<![\w-])(-[a-zA-Z]|--[a-z-]+)(?![\w-])",
                              "\n".join(line for line in text.splitlines()
                                        if re.match(r"\s+-", line))))

    said = world.run_tidegate("-h").stdout

    assert complete("tidegate") >= named(said) | {"token", "health"}
    for command in ("token", "health"):
        said = world.run_tidegate(command, "--help").stdout
        assert complete("tidegate", command) >= named(said)


def test_an_install_has_everything_in_its_place(tmp_path):
    subprocess.run(["cmake", "--install", BUILD, "--prefix", "/usr"], check=True,
                   env={**os.environ, "DESTDIR": str(tmp_path)}, capture_output=True)

    found = {str(path.relative_to(tmp_path / "usr")) for path in tmp_path.rglob("*")
             if path.is_file()}
    assert found == {
        "bin/tidegate",
        "share/man/man8/tidegate.8",
        "share/man/man5/tidegate.conf.5",
        "share/bash-completion/completions/tidegate",
        "share/doc/tidegate/copyright",
        "share/doc/tidegate/examples/every-key.conf",
        "share/doc/tidegate/examples/systemd.conf",
        "lib/systemd/system/tidegate.service",
        "lib/systemd/system/tidegate.socket",
    }


def test_the_debian_package_asks_for_a_safe_libevent(tmp_path):
    subprocess.run(["cpack", "--config", BUILD / "CPackConfig.cmake", "-G", "DEB", "-B", tmp_path],
                   check=True, capture_output=True, cwd=tmp_path)
    (package,) = tmp_path.glob("tidegate_*.deb")

    depends = subprocess.run(["dpkg-deb", "-f", package, "Depends"], capture_output=True,
                             text=True, check=True).stdout

    assert "libevent-core-2.1-7 (>= 2.1.12-stable-8+deb12u1)" in depends
    assert "libssl3" in depends and "libconfig9" in depends


def test_the_runbook_has_a_row_for_every_end_reason_and_every_alert():
    page = (ROOT / "docs/operations.md").read_text()
    reasons = re.findall(r'^ +X\(END_\w+, +"(\w+)"', (ROOT / "gateway/end_reason.h").read_text(),
                         re.MULTILINE)
    alerts = re.findall(r"- alert: (\w+)", (ROOT / "deploy/prometheus/alerts.yml").read_text())

    assert len(reasons) > 30 and len(alerts) > 8
    assert [reason for reason in reasons if f"`{reason}`" not in page] == []
    assert [alert for alert in alerts if alert not in page] == []


def may_mount():
    return subprocess.run(["unshare", "-m", "--propagation", "private", "true"], check=False,
                          capture_output=True).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="mounts a file system of its own")
@pytest.mark.parametrize("store", ["/run/secrets", "/run/credentials", "/run/elsewhere"])
@pytest.mark.parametrize("options", ["ro", "rw"])
def test_a_loose_secret_is_accepted_in_a_store_mounted_read_only_and_nowhere_else(
        world, sim, store, options):
    settings = world.settings(sim, auth={"secrets": [{"secret": f"file:{store}/unit/key"}]})
    path = world.folder / "store.conf"
    path.write_text(conf_files.render_file(settings))
    script = (f"mount -t tmpfs run /run && mkdir -p {store}/unit && "
              f"mount -t tmpfs store {store}/unit && "
              f"printf %s {'s' * 40} >{store}/unit/key && chmod 0440 {store}/unit/key && "
              f"mount -o remount,{options} {store}/unit && "
              f"exec {worlds.TIDEGATE} -t -c {path}")

    run = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", script],
                         capture_output=True, text=True, check=False,
                         env={**os.environ, "HF_TOKEN": worlds.PROVIDER_TOKEN})

    assert run.returncode == (0 if options == "ro" and "elsewhere" not in store else 2), run.stderr


def test_every_command_of_tide_that_help_names_is_there():
    script = (ROOT / "tide").read_text()
    said = subprocess.run([ROOT / "tide", "help"], capture_output=True, text=True, check=True)
    named = set(re.findall(r"^  ([a-z]+)\b", said.stdout, re.MULTILINE))
    made = set(re.findall(r"^cmd_([a-z]+)\(\)", script, re.MULTILINE))
    taken = set(re.search(r"^([a-z |]+)\) \"cmd_", script, re.MULTILINE).group(1).split(" | "))

    assert named == made == taken
