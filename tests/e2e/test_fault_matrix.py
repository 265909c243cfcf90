# SPDX-License-Identifier: MIT
"""Every fault in every phase of an exchange, and the one reason for which each must end.

The table is the contract: a row for each fault, a column for each phase. A cell is the
end reason, or "-" where the fault cannot happen, with the word why. Memory that runs out
is one more row; its cells, which need a hand inside, are in
tests/loop/test_allocation_failure.c: no_memory, or the failure that evhttp makes of it.

After each cell nothing may be left: no exchange, no byte for a client, and no descriptor
more than before, as /proc/PID/fd tells.
"""

import os
import socket
import threading
import time

import pytest
from support import hand_upstream, waiting

PHASES = ("connecting", "first_token", "streaming", "paused", "flushing")

NOTHING_TO_TAKE = "- no byte waits for the client"
CONNECTED = "- it is connected already"

TABLE = {
    "client_leaves": ("client_gone", "client_gone", "client_gone", "client_gone", "client_gone"),
    "client_stalls": (NOTHING_TO_TAKE, NOTHING_TO_TAKE, "client_stalled", "client_stalled",
                      "client_stalled"),
    "upstream_refuses": ("upstream_connect", CONNECTED, CONNECTED, CONNECTED, CONNECTED),
    "upstream_resets": ("upstream_connect", "upstream_truncated", "upstream_truncated",
                        "upstream_truncated", "done"),
    "upstream_stalls": ("upstream_connect", "upstream_timeout_first", "upstream_timeout_idle",
                        "upstream_timeout_idle", "done"),
    "upstream_cuts": ("upstream_connect", "upstream_truncated", "upstream_truncated",
                      "upstream_truncated", "done"),
    "upstream_errs": ("upstream_tls", "upstream_status", "upstream_error_event",
                      "upstream_error_event", "done"),
    "upstream_drips": ("upstream_connect", "upstream_timeout_first", "upstream_timeout_idle",
                       "upstream_timeout_idle", "done"),
    "sigterm": ("draining", "draining", "draining", "draining", "draining"),
    "sighup": ("done", "done", "done", "done", "done"),
}
STATES = {
    "connecting": "AWAIT_ANSWER",
    "first_token": "AWAIT_ANSWER",
    "streaming": "RELAYING",
    "paused": "PAUSED",
    "flushing": "FLUSHING",
}
# The one clock that is short in a cell; the others must not fire on a slow machine.
CLOCKS = {
    ("upstream_stalls", "connecting"): "connect_timeout",
    ("upstream_drips", "connecting"): "connect_timeout",
    ("upstream_stalls", "first_token"): "first_token_timeout",
    ("upstream_drips", "first_token"): "first_token_timeout",
    ("upstream_stalls", "streaming"): "idle_timeout",
    ("upstream_drips", "streaming"): "idle_timeout",
    ("upstream_stalls", "paused"): "idle_timeout",
    ("upstream_drips", "paused"): "idle_timeout",
    ("client_stalls", "streaming"): "write_timeout",
    ("client_stalls", "paused"): "write_timeout",
    ("client_stalls", "flushing"): "write_timeout",
}
SHORT = "300ms"
SHORT_S = 0.3
PIECE = "x" * 16000
PIECES_MAX = 4000  # 64 MB: far more than any kernel keeps for one connection
MANY_PIECES = 300  # 4.8 MB, more than the kernel keeps for a client that does not read


class Stage:
    """Gateways by what is special about them, each made when a cell first asks."""

    def __init__(self, world):
        self.world = world
        self.gateways = {}

    def settings(self, phase, clock):
        upstream = {"retries": 0, "connect_timeout": "60s", "first_token_timeout": "60s",
                    "idle_timeout": "60s"}
        stream = {"buffer": "16m" if phase != "paused" else "8k", "write_timeout": "60s"}
        for keys in (upstream, stream):
            if clock in keys:
                keys[clock] = SHORT
        return {"upstream": upstream, "stream": stream, "upstream_errors": "gateway"}

    def fresh(self, phase, clock=None, scheme=None, supervised=False, **changes):
        upstream = hand_upstream.HandUpstream()
        scheme = scheme or ("https" if phase == "connecting" else "http")
        gateway = self.world.gateway(upstream.url(scheme), supervised=supervised,
                                     **self.settings(phase, clock), **changes)
        gateway.hand = upstream
        gateway.wait_for_log("ready")  # from here on no descriptor belongs to the start
        return gateway

    def shared(self, phase, clock):
        key = (phase == "connecting", phase == "paused", clock)
        if key not in self.gateways:
            self.gateways[key] = self.fresh(phase, clock)
        return self.gateways[key]


@pytest.fixture(scope="module")
def stage(shared_world):
    made = Stage(shared_world)
    yield made
    for gateway in made.gateways.values():
        gateway.wait_for_metric("tidegate_buffered_bytes", 0)
        gateway.wait_for_metric("tidegate_connections", 0)


def descriptors(pid):
    """What a process holds open, as the kernel names it."""
    names = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            names.add(f"{name} {os.readlink(f'/proc/{pid}/fd/{name}')}")
        except FileNotFoundError:
            pass  # closed meanwhile
    return names


def expect_descriptors(pid, before):
    def more():
        return sorted(descriptors(pid) - before)

    waiting.until(lambda: not more(), f"no descriptor more than before; more are: {more()}")


class Cell:
    """One exchange, brought to a phase; then something happens to it."""

    def __init__(self, gateway, phase):
        self.gateway = gateway
        self.phase = phase
        self.lines_before = {event: len(gateway.log_lines(event))
                             for event in ("state", "exchange")}
        self.pid = gateway.workers()[0]
        self.descriptors = descriptors(self.pid)
        self.client = gateway.connect(receive_buffer=4096)
        self.reply = None
        self.call = None

    def log(self, event, **wanted):
        """The first line of this kind since the cell began."""
        for row in self.gateway.log_lines(event)[self.lines_before[event]:]:
            if all(row.get(key) == value for key, value in wanted.items()):
                return row
        return None

    def enter(self):
        self.client.send(self.gateway.request())
        self.call = self.gateway.hand.accept()
        if self.phase == "connecting":
            self.call.wait_for_bytes()  # the ClientHello; nothing answers it
            return self
        self.call.read_request()
        if self.phase == "first_token":
            return self
        self.call.send(hand_upstream.STREAM_HEAD + hand_upstream.delta("first"))
        self.wait_for_state("RELAYING")
        if self.phase == "streaming":
            self.reply = self.client.read_head()
            self.client.read_text(self.reply, 5)
        elif self.phase == "paused":
            self.fill_until_paused()
        else:
            for _ in range(MANY_PIECES):
                self.call.send(hand_upstream.delta(PIECE))
            self.call.send(hand_upstream.finish())
            self.wait_for_state("FLUSHING")
        return self

    def wait_for_state(self, state):
        waiting.until(lambda: self.log("state", to=state), f"the state {state}")

    def last_state(self):
        return self.gateway.log_lines("state")[-1]["to"]

    def fill_until_paused(self):
        """Paused for good: not only is the mark reached, the upstream's socket is full too."""
        blocked_since = None
        for _ in range(PIECES_MAX):
            if self.call.push(b"" if self.call.pending else hand_upstream.delta(PIECE)):
                blocked_since = None
                continue
            blocked_since = blocked_since or time.monotonic()
            time.sleep(0.01)
            if time.monotonic() - blocked_since > 0.1 and self.last_state() == "PAUSED":
                return
        raise AssertionError("the gateway never paused")

    # --- the client ---

    def read_on(self, then=lambda: None):
        """Take all that comes; meanwhile the upstream sends what still waits, and goes on."""
        if self.reply is None:
            self.reply = self.client.read_head()
        upstream = threading.Thread(target=self._go_on, args=[then])
        upstream.start()
        self.client.read_body(self.reply)
        upstream.join()

    def _go_on(self, then):
        try:
            self.call.send(b"")
            then()
        except OSError:
            pass  # the call is over

    # --- the end ---

    def expect_no_end_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert not self.log("exchange"), self.log("exchange")
            time.sleep(0.02)

    def expect_end(self, reason):
        row = waiting.until(lambda: self.log("exchange"), "the exchange to end")
        assert row["end"] == reason, row
        return row

    def expect_nothing_left(self):
        """Both sides let go; the gateway holds no more than before."""
        self.client.close()
        self.gateway.hand.close_calls()
        self.gateway.wait_for_metric("tidegate_exchanges", 0)
        expect_descriptors(self.pid, self.descriptors)


# --- the faults -----------------------------------------------------------------


def client_leaves(cell):
    cell.client.close()


def client_stalls(cell):
    if cell.phase == "streaming":  # more than the kernel takes, less than the mark
        for _ in range(MANY_PIECES):
            cell.call.send(hand_upstream.delta(PIECE))


def upstream_resets(cell):
    cell.call.reset()


def upstream_stalls(cell):
    if cell.phase == "paused":  # we are the ones who do not read: no time goes by
        cell.expect_no_end_for(2 * SHORT_S)


def upstream_cuts(cell):
    if cell.phase == "paused":  # between two chunks: the end comes when all is read
        cell.read_on(then=cell.call.close)
    else:
        cell.call.close()


def upstream_errs(cell):
    if cell.phase == "connecting":
        cell.call.send(b"HTTP/1.1 400 this is no TLS\r\n\r\n")
    elif cell.phase == "first_token":
        cell.call.send(b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}")
    elif cell.phase == "flushing":
        cell.call.send(b"HTTP/1.1 500 nobody asked\r\nContent-Length: 0\r\n\r\n")
    else:
        cell.call.pending += hand_upstream.error_event()
        if cell.phase == "streaming":
            cell.call.send(b"")


def upstream_drips(cell):
    """Bytes that never make an event, for much longer than the clock."""
    first = {"connecting": b"\x16\x03\x03\x40\x00" + b"\x02" * 200,
             "first_token": b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 200,
             "flushing": b""}
    data = first.get(cell.phase, b"ffff\r\ndata: " + b"x" * 200)
    if cell.phase == "paused":
        cell.read_on(then=lambda: cell.call.drip(data, SHORT_S / 10))
    else:
        cell.call.drip(data, SHORT_S / 10)


FAULTS = {
    "client_leaves": client_leaves,
    "client_stalls": client_stalls,
    "upstream_resets": upstream_resets,
    "upstream_stalls": upstream_stalls,
    "upstream_cuts": upstream_cuts,
    "upstream_errs": upstream_errs,
    "upstream_drips": upstream_drips,
}
CELLS = [
    pytest.param(fault, phase, TABLE[fault][index], id=f"{fault}-{phase}")
    for fault in FAULTS
    for index, phase in enumerate(PHASES)
    if not TABLE[fault][index].startswith("-")
]


def states_at_end(fault, phase):
    """A paused upstream is not read: what it does is noticed when the client has caught up.

    The next pause may have begun by then: what was read together is delivered together.
    """
    if phase == "paused" and fault.startswith("upstream"):
        return ("RELAYING", "PAUSED")
    return (STATES[phase],)


SPOILS_THE_CALL = ("upstream_resets", "upstream_cuts", "upstream_errs")


def expect_next_exchange_on_a_new_call(gateway):
    """What an upstream did to a call that was over must not reach the next exchange."""
    with gateway.connect() as client:
        client.send(gateway.request())
        call = gateway.hand.accept()
        call.read_request()
        call.send(hand_upstream.STREAM_HEAD + hand_upstream.delta("ok") + hand_upstream.finish())
        reply = client.read_reply()
    assert (reply.status, reply.text, reply.ended) == (200, "ok", "complete")


def expect_answer(cell, reason):
    """What the client sees: a true status before the first byte, an end or a cut after it."""
    if cell.phase in ("connecting", "first_token"):
        reply = cell.client.read_reply()
        assert reply.reason == reason and reply.status >= 500, reply.head
        return
    if cell.reply is None or cell.reply.ended is None:
        cell.read_on()
    assert cell.reply.ended == ("complete" if reason == "done" else "cut")


@pytest.mark.parametrize("fault, phase, reason", CELLS)
def test_each_fault_in_each_phase_ends_as_the_table_says(stage, fault, phase, reason):
    cell = Cell(stage.shared(phase, CLOCKS.get((fault, phase))), phase).enter()

    FAULTS[fault](cell)
    if not fault.startswith("client"):
        expect_answer(cell, reason)

    end = cell.expect_end(reason)
    assert end["at"] in states_at_end(fault, phase), end
    if fault in SPOILS_THE_CALL and phase == "flushing":
        expect_next_exchange_on_a_new_call(cell.gateway)
    cell.expect_nothing_left()


def test_an_upstream_that_refuses_is_told_at_once(stage):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    gateway = stage.world.gateway(f"http://127.0.0.1:{closed}/v1/chat/completions",
                                  upstream={"retries": 0}, upstream_errors="gateway")
    gateway.wait_for_log("ready")
    before = descriptors(gateway.process.pid)

    with gateway.connect() as client:
        reply = gateway.ask(client=client)

    assert reply.reason == TABLE["upstream_refuses"][0] and reply.status == 502
    expect_descriptors(gateway.process.pid, before)


@pytest.mark.parametrize("phase", PHASES)
def test_sigterm_cuts_what_the_drain_could_not_finish(stage, phase):
    gateway = stage.fresh(phase, drain_timeout=SHORT)
    cell = Cell(gateway, phase).enter()

    gateway.terminate()

    end = cell.expect_end("draining")
    assert end["at"] == STATES[phase]
    if phase in ("connecting", "first_token"):
        assert cell.client.read_reply().reason == "draining"
    assert gateway.process.wait() == 0  # under a sanitizer: with nothing left
    gateway.hand.close()


def test_sigterm_lets_a_client_finish_that_reads(stage):
    gateway = stage.fresh("flushing", drain_timeout="60s")
    cell = Cell(gateway, "flushing").enter()

    gateway.terminate()
    cell.read_on()
    cell.client.close()

    assert cell.reply.ended == "complete"
    cell.expect_end("done")
    assert gateway.process.wait() == 0
    gateway.hand.close()


@pytest.mark.parametrize("phase", PHASES)
def test_sighup_cuts_nothing(stage, phase):
    """The old worker stays for its exchange; when that has ended it goes, with all it had."""
    gateway = stage.fresh(phase, scheme="http", supervised=True, drain_timeout="60s")
    cell = Cell(gateway, phase)
    if phase == "connecting":
        gateway.hand.jam()
        cell.client.send(gateway.request())
        cell.wait_for_state("AWAIT_ANSWER")
    else:
        cell.enter()

    gateway.reload()
    waiting.until(lambda: any(pid != cell.pid for pid in gateway.workers()), "the new worker")
    if phase == "connecting":
        cell.call = gateway.hand.unjam()
        cell.call.read_request()
    if phase in ("connecting", "first_token"):
        cell.call.send(hand_upstream.STREAM_HEAD + hand_upstream.delta("late"))
    if phase != "flushing":
        cell.call.pending += hand_upstream.finish()
    cell.read_on()
    cell.client.close()

    assert cell.reply.ended == "complete"
    cell.expect_end("done")
    waiting.until(lambda: not os.path.exists(f"/proc/{cell.pid}"), "the old worker to end")
    gateway.wait_for_metric("tidegate_exchanges", 0)
    gateway.terminate()
    assert gateway.process.wait() == 0
    gateway.hand.close()


def test_the_table_is_whole():
    """A fault without a test would be a row that nobody looks at."""
    assert set(TABLE) - set(FAULTS) == {"upstream_refuses", "sigterm", "sighup"}
    assert all(len(row) == len(PHASES) for row in TABLE.values())
    assert all(len(cell.split(" ", 1)) == 2 for row in TABLE.values() for cell in row
               if cell.startswith("-"))
