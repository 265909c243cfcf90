# SPDX-License-Identifier: MIT
"""The load of a soak: users that ask one thing after the other, most of them well-behaved.

Each request carries a chat_id of its own, so that what its user saw can be laid beside
the one access line that it must have.
"""

import asyncio
import dataclasses
import json
import random
import socket

from support import wire
from support.simulator import sim as say

ABORTS = SLOW_READERS = FAULTS = 0.01
WRITE_TIMEOUT_S = IDLE_TIMEOUT_S = 2
PATIENCE_S = 60
SLOW_READ_BYTES = 4096
STALL_BYTES = 16_000_000  # more than any kernel takes for one connection

# what the simulator does, and the one reason for which the exchange must end
UPSTREAM_FAULTS = [
    (say(status=500), "upstream_status"),
    (say(status=503), "upstream_busy"),
    (say(garbage=1), "upstream_nonsense"),
    (say(tokens=20, error_after=0), "upstream_error_event"),
    (say(tokens=20, error_after=4), "upstream_error_event"),
    (say(tokens=20, cut_after=4), "upstream_truncated"),
    (say(tokens=20, reset_after=4), "upstream_truncated"),
    (say(tokens=20, bad_json_after=4), "upstream_nonsense"),
    (say(tokens=20, stall_after=4), "upstream_timeout_idle"),
]


@dataclasses.dataclass
class Plan:
    """One request: what is asked for, how its user behaves, how it may end."""

    words: str
    kind: str = "plain"
    ends: tuple = ("done",)
    keep_alive: bool = True
    abort_after: float = 0.0


@dataclasses.dataclass
class Seen:
    plan: Plan
    outcome: str = "lost"  # complete, cut, status, left
    status: int = 0
    received: int = 0


def plain_words(rng):
    """Short and long, paced and as fast as it goes."""
    dice = rng.random()
    if dice < 0.60:
        return say(tokens=rng.randint(5, 60), pace=rng.choice([0, 0, 5]))
    if dice < 0.92:
        return say(tokens=rng.randint(50, 250), pace=rng.choice([10, 20, 40]))
    if dice < 0.97:
        return say(tokens=rng.randint(500, 2000), pace=0)
    return say(flood=rng.randint(100_000, 1_000_000), pace=0)


def make_plan(rng):
    dice = rng.random()
    keep_alive = rng.random() < 0.7
    if dice < ABORTS:
        return Plan(say(tokens=400, pace=20, after_head=rng.choice([0, 500])), "abort",
                    ("client_gone",), False, rng.uniform(0.1, 1.5))
    if dice < ABORTS + SLOW_READERS / 2:
        return Plan(say(flood=200_000, pace=0), "slow", ("done",), False)
    if dice < ABORTS + SLOW_READERS:
        return Plan(say(flood=STALL_BYTES, pace=0), "stall", ("client_stalled",), False)
    if dice < ABORTS + SLOW_READERS + FAULTS:
        words, end = rng.choice(UPSTREAM_FAULTS)
        return Plan(words, "fault", (end,), keep_alive)
    return Plan(plain_words(rng), keep_alive=keep_alive)


class Load:
    """All users; <seen> grows by one row for each request."""

    def __init__(self, address, request, users, seed=1):
        host, port = address.rsplit(":", 1)
        self.host, self.port = host, int(port)
        self.request = request  # (words, chat_id, fields) -> bytes
        self.users = users
        self.rng = random.Random(seed)
        self.seen = {}
        self.running = 0
        self.is_over = False

    async def run(self, seconds):
        tasks = [asyncio.create_task(self._user(n)) for n in range(self.users)]
        await asyncio.sleep(seconds)
        self.is_over = True
        await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_S)

    async def _user(self, number):
        rng = random.Random(self.rng.random())
        count, connection = 0, None
        await asyncio.sleep(rng.uniform(0, 1))
        while not self.is_over:
            plan = make_plan(rng)
            chat_id = f"u{number}.{count}"
            count += 1
            if plan.kind in ("slow", "stall") and connection:
                connection[1].close()
                connection = None
            connection = await self._ask(plan, chat_id, connection)
        if connection:
            connection[1].close()

    async def _connect(self, plan):
        sock = socket.socket()
        sock.setblocking(False)
        if plan.kind in ("slow", "stall"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_READ_BYTES)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, (self.host, self.port))
        limit = SLOW_READ_BYTES if plan.kind in ("slow", "stall") else 65536
        return await asyncio.open_connection(sock=sock, limit=limit)

    async def _ask(self, plan, chat_id, connection):
        """One exchange. The connection when it may be used again."""
        seen = self.seen[chat_id] = Seen(plan)
        fields = [] if plan.keep_alive else [("Connection", "close")]
        reader, writer = connection or await self._connect(plan)
        self.running += 1
        try:
            writer.write(self.request(plan.words, chat_id, fields))
            if plan.kind == "abort":
                may_reuse = await self._abort(reader, writer, plan, seen)
            elif plan.kind == "stall":
                may_reuse = await self._stall(reader, seen)
            else:
                may_reuse = await self._read(reader, plan, seen)
        except (ConnectionError, asyncio.IncompleteReadError):
            may_reuse = False
            seen.outcome = "cut" if seen.status == 200 else "lost"
        finally:
            self.running -= 1
        if may_reuse and plan.keep_alive:
            return reader, writer
        writer.close()
        return None

    async def _abort(self, reader, writer, plan, seen):
        try:
            await asyncio.wait_for(self._read(reader, plan, seen), plan.abort_after)
        except asyncio.TimeoutError:
            pass
        seen.outcome = "left"
        writer.close()
        return False

    @staticmethod
    async def _stall(reader, seen):
        head = await reader.readuntil(b"\r\n\r\n")
        seen.status = wire.Reply(head[:-4]).status
        await asyncio.sleep(3 * WRITE_TIMEOUT_S)
        seen.outcome = "left"
        return False

    async def _read(self, reader, plan, seen):
        """True when the answer came whole and the connection stays."""
        head = await reader.readuntil(b"\r\n\r\n")
        reply = wire.Reply(head[:-4])
        seen.status, seen.received = reply.status, len(head)
        if reply.status != 200:
            body = await reader.readexactly(int(reply.field("Content-Length")))
            json.loads(body)
            seen.received += len(body)
            seen.outcome = "status"
            return reply.field("Connection") != "close"
        tail = b"\r\n"
        while not tail.endswith(b"\r\n0\r\n\r\n"):
            data = await reader.read(SLOW_READ_BYTES if plan.kind == "slow" else 65536)
            if not data:
                seen.outcome = "cut"
                return False
            seen.received += len(data)
            tail = (tail + data)[-7:]
            if plan.kind == "slow":
                await asyncio.sleep(0.05)
        seen.outcome = "complete"
        return reply.field("Connection") != "close"
