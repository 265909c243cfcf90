# SPDX-License-Identifier: MIT
"""Sockets that a service manager opened: found by their address, used, shared, or closed."""

import signal
import socket
import sys
from pathlib import Path

import pytest
from support import process, waiting
from support.load import Knocks
from support.simulator import sim as say

SHORT = say(tokens=1)
ACTIVATE = Path(__file__).parent / "support" / "activate.py"


@pytest.fixture(autouse=True)
def adopt():
    process.adopt_orphans()


def listening(address=("127.0.0.1", 0), reuse=False):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(address)
    sock.listen(64)
    return sock


def text_of(sock):
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def activated(world, sim, sockets, pid=None, **options):
    """A gateway that is handed <sockets>, whose first one is the address of the conf."""
    fds = [sock.fileno() for sock in sockets]
    wrapper = [sys.executable, ACTIVATE, ",".join(map(str, fds)), *([pid] if pid else []), "--"]
    options.setdefault("listen", [text_of(sockets[0])])
    options.setdefault("supervised", True)
    gateway = world.gateway(sim, wrapper=wrapper, launch={"pass_fds": fds}, **options)
    for sock in sockets:
        sock.close()
    gateway.wait_for_log("ready")
    return gateway


def socket_inodes(pid):
    return {name for name in process.open_files(pid) if name.startswith("socket:")}


def inode_of(sock):
    return f"socket:[{process.inode(sock.fileno())}]"


@pytest.mark.parametrize("supervised", [False, True], ids=["foreground", "supervised"])
def test_who_knocked_before_the_start_is_served(world, sim, supervised):
    """That is what activation is for: the queue is there before the program."""
    sock = listening()
    early = socket.create_connection(sock.getsockname())

    gateway = activated(world, sim, [sock], supervised=supervised)
    early.settimeout(waiting.PATIENCE_S)
    early.sendall(gateway.request(SHORT, fields=[("Connection", "close")]))
    data = b""
    while more := early.recv(65536):
        data += more

    assert data.startswith(b"HTTP/1.1 200 ") and data.endswith(b"\r\n0\r\n\r\n")
    early.close()


def test_one_socket_is_shared_by_all_workers(world, sim):
    gateway = activated(world, sim, [listening()], workers=2)

    shared = gateway.wait_for_log("listener_shared")

    assert (shared["sockets"], shared["workers"]) == ("1", "2")
    assert {gateway.ask(SHORT).status for _ in range(20)} == {200}


def test_each_worker_gets_one_of_as_many_sockets(world, sim):
    first = listening(reuse=True)
    second = listening(first.getsockname(), reuse=True)
    inodes = [inode_of(first), inode_of(second)]

    gateway = activated(world, sim, [first, second], workers=2)

    held = [socket_inodes(pid) & set(inodes) for pid in gateway.workers()]
    assert sorted(map(len, held)) == [1, 1] and held[0] != held[1]
    assert not gateway.log_lines("listener_shared")
    assert {gateway.ask(SHORT).status for _ in range(20)} == {200}


def test_sockets_that_are_missing_are_opened_beside(world, sim):
    gateway = activated(world, sim, [listening(reuse=True)], workers=3)

    assert not gateway.log_lines("listener_shared")
    assert {gateway.ask(SHORT).status for _ in range(20)} == {200}


def test_more_sockets_than_workers_are_all_served(world, sim):
    first = listening(reuse=True)
    others = [listening(first.getsockname(), reuse=True) for _ in range(3)]

    gateway = activated(world, sim, [first, *others], workers=1)

    assert {gateway.ask(SHORT).status for _ in range(20)} == {200}, "one unserved would hang"


def test_an_address_of_ipv6(world, sim):
    try:
        sock = listening(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    address = sock.getsockname()[:2]
    other = listening()

    activated(world, sim, [sock, other], listen=[text_of(sock), text_of(other)])

    with socket.create_connection(address) as probe:
        probe.settimeout(waiting.PATIENCE_S)
        probe.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert probe.recv(64).startswith(b"HTTP/1.1 4")


def test_the_admin_socket_is_found_by_its_address(world, sim):
    listen, admin = listening(), listening()
    inode = inode_of(admin)

    gateway = activated(world, sim, [listen, admin], admin=text_of(admin))

    assert gateway.admin_get("/livez").status == 200
    assert inode in socket_inodes(gateway.process.pid)


def test_a_socket_that_matches_nothing_is_closed_with_a_warning(world, sim):
    listen, other = listening(), listening()
    address, inode = text_of(other), inode_of(other)

    gateway = activated(world, sim, [listen, other])

    gateway.wait_for_log("inherited_socket_unused", address=address)
    everyone = [gateway.process.pid, *process.children(gateway.process.pid)]
    assert not any(inode in socket_inodes(pid) for pid in everyone)
    assert gateway.ask(SHORT).status == 200


def test_port_0_does_not_take_a_stranger_s_socket(world, sim):
    """Or a public socket could become the admin's, and be served to the world."""
    listen, other = listening(), listening()
    address = text_of(other)

    gateway = activated(world, sim, [listen, other], admin="127.0.0.1:0")

    gateway.wait_for_log("inherited_socket_unused", address=address)
    assert gateway.log_lines("admin_listening")[0]["address"] != address


def test_sockets_meant_for_another_process_are_left_alone(world, sim):
    """LISTEN_PID names the parent of a wrapper script, say: the variables are not for us."""
    sock = listening()
    address, inode = text_of(sock), inode_of(sock)

    gateway = activated(world, sim, [sock], pid="1", listen=["127.0.0.1:0"])

    assert gateway.address != address
    assert inode in socket_inodes(gateway.process.pid), "neither used nor closed"


def test_what_was_activated_can_be_upgraded(world, sim):
    gateway = activated(world, sim, [listening()], workers=2)
    knocks = Knocks(gateway, SHORT)

    former = gateway.upgrade()
    knocks.wait_for_more()

    assert knocks.finish() == []
    assert former.wait() == 0


def test_the_manager_s_copy_survives_the_end(world, sim):
    """Between a stop and the next start clients wait in the queue, and are not refused."""
    sock = listening()
    kept = socket.socket(fileno=sock.dup().detach())
    gateway = activated(world, sim, [sock])

    gateway.process.signal(signal.SIGTERM)
    assert gateway.process.wait() == 0

    with socket.create_connection(kept.getsockname()):
        kept.settimeout(waiting.PATIENCE_S)
        kept.accept()[0].close()
    kept.close()
