# SPDX-License-Identifier: MIT
"""`tidegate health`, as a container's HEALTHCHECK would run it."""

import socket
import threading

import pytest
from support import conf, waiting
from support.simulator import sim as say


def health(world, *arguments):
    return world.run_tidegate("health", *arguments)


def test_a_ready_gateway_is_well(world, gateway):
    for words, said in (([], "ready\n"), (["--live"], "live\n")):
        run = health(world, "--admin", gateway.admin_address(), *words)

        assert (run.returncode, run.stdout, run.stderr) == (0, said, "")


def test_a_draining_gateway_lives_but_is_not_ready(world, sim):
    gateway = world.gateway(sim, supervised=True)
    client, reply = gateway.open(say(tokens=100, pace=40))
    client.read_text(reply, 1)
    admin = gateway.admin_address()

    gateway.terminate()
    waiting.until(lambda: health(world, "--admin", admin).returncode == 1, "it to be unready")

    assert health(world, "--admin", admin).stdout == "not ready: draining\n"
    assert health(world, "--admin", admin, "--live").returncode == 0


def test_nobody_listening_is_not_well(world):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        run = health(world, "--admin", "127.0.0.1:%d" % taken.getsockname()[1])

    assert run.returncode == 1
    assert "Connection refused" in run.stderr


@pytest.mark.parametrize("answer", [
    b"", b"HTTP/1.1 503 Service Unavailable\r\n\r\nnot ready\n", b"\x00\x1b[2J", b"x" * 100000,
    b"HTTP/1.0 200 OK\r\n\r\n",
], ids=["nothing", "503", "garbage", "flood", "wrong version"])
def test_any_other_answer_is_not_well(world, answer):
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            peer, _ = server.accept()
            with peer:
                peer.recv(4096)
                try:
                    peer.sendall(answer)
                except OSError:
                    pass  # it has seen enough

        thread = threading.Thread(target=serve)
        thread.start()
        run = health(world, "--admin", "127.0.0.1:%d" % server.getsockname()[1])
        thread.join()

    assert run.returncode == 1
    assert "\x1b" not in run.stdout + run.stderr


def test_a_silent_server_is_given_up_in_time(world):
    with socket.create_server(("127.0.0.1", 0)) as server:
        run = health(world, "--admin", "127.0.0.1:%d" % server.getsockname()[1],
                     "--timeout", "100ms")

    assert run.returncode == 1
    assert "timed out" in run.stderr


def test_the_address_comes_from_the_conf_file(world, sim):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % taken.getsockname()[1]
    gateway = world.gateway(sim, admin=address)

    run = health(world, "-c", gateway.conf_path)

    assert (run.returncode, run.stdout) == (0, "ready\n")


@pytest.mark.parametrize("arguments, words", [
    ([], "give either"),
    (["--admin", "127.0.0.1:1", "-c", "x"], "give either"),
    (["--admin"], "lacks its value"),
    (["--admin", "localhost"], "no port"),
    (["--admin", "example.org:80"], "not a numeric address"),
    (["--admin", "127.0.0.1:1", "--timeout", "5"], "--timeout wants"),
    (["--admin", "127.0.0.1:1", "more"], "unexpected argument"),
    (["--what"], "unknown option"),
    (["-c", "absent.conf"], "No such file"),
])
def test_wrong_usage_is_told(world, arguments, words):
    run = health(world, *arguments)

    assert run.returncode == 2
    assert words in run.stderr


def test_an_admin_listener_that_is_off_cannot_be_asked(world, sim):
    settings = world.settings(sim, admin="off")
    path = world.folder / "off.conf"
    path.write_text(conf.render_file(settings))

    run = health(world, "-c", path)

    assert run.returncode == 2
    assert "admin" in run.stderr
