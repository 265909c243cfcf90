#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A soak: mixed load with a little of everything that goes wrong, for as long as you like.

    soak.py [--seconds N] [--users N] [--growth-max PERCENT] [--build DIR]

Ends with a table and a verdict. Exit status 1 when memory or descriptors grow, when
something is left at the end, or when a request is not accounted for: what its user saw,
its access line and the counters of the metrics must tell the same.
"""

import argparse
import asyncio
import collections
import os
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "e2e"))
sys.path.insert(0, str(TESTS / "soak"))

WARM_UP = 0.3  # the part of the run in which caches, pools and heaps may still grow
ROWS_MAX = 24
SLACK_BYTES = 512 * 1024
SLACK_DESCRIPTORS = 8


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--users", type=int, default=150)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--growth-max", type=float, default=3, help="percent, after warming up")
    parser.add_argument("--build", type=Path, default=TESTS.parent / "build" / "release")
    parser.add_argument("--folder", type=Path, help="where conf and logs go; default: temporary")
    return parser.parse_args()


ARGUMENTS = arguments()
os.environ["TIDEGATE_BUILD"] = str(ARGUMENTS.build)

from support import waiting, world as worlds  # noqa: E402
from support.process import resident_bytes  # noqa: E402
import load as loads  # noqa: E402

Sample = collections.namedtuple("Sample", "at rss descriptors exchanges buffered requests")


class Soak:
    def __init__(self, folder):
        self.folder = folder
        self.world = worlds.World(folder)
        self.access_path = folder / "tidegate-soak.access"
        self.access_path.unlink(missing_ok=True)  # of an earlier run in the same folder
        simulator = self.world.simulator()
        self.gateway = self.world.gateway(
            simulator, supervised=True, workers=ARGUMENTS.workers,
            upstream={"retries": 0, "max_idle": 64,
                      "idle_timeout": f"{loads.IDLE_TIMEOUT_S}s"},
            stream={"write_timeout": f"{loads.WRITE_TIMEOUT_S}s"},
            log={"level": "info", "access": str(self.access_path)})
        self.gateway.wait_for_log("ready")
        self.pids = waiting.until(self._workers, "all workers")
        self.load = loads.Load(self.gateway.address, self.request, ARGUMENTS.users)
        self.samples = []
        self.problems = []

    def _workers(self):
        pids = self.gateway.workers()
        return pids if len(pids) == ARGUMENTS.workers else None

    def request(self, words, chat_id, fields):
        return self.gateway.request(words, chat_id=chat_id, fields=fields, token=self.token)

    # --- looking ------------------------------------------------------------

    def descriptors(self):
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.pids)

    def sample(self, began):
        self.samples.append(Sample(
            time.monotonic() - began,
            sum(resident_bytes(pid) for pid in self.pids),
            self.descriptors(),
            int(self.gateway.metric("tidegate_exchanges")),
            int(self.gateway.metric("tidegate_buffered_bytes")),
            len(self.load.seen)))

    async def watch(self, began, period):
        loop = asyncio.get_running_loop()
        while not self.load.is_over:  # what users still take afterwards is no trend
            await asyncio.sleep(period)
            await loop.run_in_executor(None, self.sample, began)

    # --- running ------------------------------------------------------------

    async def run(self):
        self.token = self.world.token(lifetime_s=int(ARGUMENTS.seconds) + 3600)
        self.first_descriptors = self.descriptors()
        began = time.monotonic()
        period = min(5.0, max(0.5, ARGUMENTS.seconds / 60))
        watcher = asyncio.create_task(self.watch(began, period))
        try:
            await self.load.run(ARGUMENTS.seconds)
        finally:
            watcher.cancel()

    def expect(self, holds, problem):
        if not holds:
            self.problems.append(problem)

    def wait_until_quiet(self):
        for series in ("tidegate_exchanges", "tidegate_buffered_bytes", "tidegate_connections"):
            try:
                self.gateway.wait_for_metric(series, 0)
            except waiting.TimedOut as problem:
                self.problems.append(f"left at the end: {problem}")

        def only_pooled():
            idle = self.gateway.metric("tidegate_upstream_idle_connections")
            return self.descriptors() == self.first_descriptors + idle

        try:
            waiting.until(only_pooled, "no descriptor but those of pooled connections")
        except waiting.TimedOut:
            idle = self.gateway.metric("tidegate_upstream_idle_connections")
            self.problems.append(f"descriptors at the end: {self.descriptors()}, {idle:.0f} of "
                                 f"them pooled; at the start: {self.first_descriptors}")
        self.expect(self.gateway.workers() == self.pids, "a worker was replaced")
        self.expect(self.gateway.metric("tidegate_log_lines_dropped_total") == 0,
                    "access lines were dropped: the account cannot be right")

    # --- the verdict --------------------------------------------------------

    def growth(self, what):
        """(by how much it grew after warming up, its mean), along the best straight line."""
        warm = self.samples[int(len(self.samples) * WARM_UP):]
        times = [sample.at for sample in warm]
        values = [getattr(sample, what) for sample in warm]
        mean_time, mean = sum(times) / len(times), sum(values) / len(values)
        spread = sum((at - mean_time) ** 2 for at in times)
        slope = sum((at - mean_time) * (value - mean) for at, value in zip(times, values)) / spread
        return slope * (times[-1] - times[0]), mean

    def judge_flat(self, what, slack):
        grown, mean = self.growth(what)
        limit = max(slack, mean * ARGUMENTS.growth_max / 100)
        flat = grown <= limit
        print(f"{what}: {mean:.0f} on average, {grown:+.0f} ({100 * grown / mean:+.2f} %) after "
              f"warming up, allowed {limit:.0f}: {'flat' if flat else 'GROWS'}")
        self.expect(flat, f"{what} grows by {grown:.0f}")

    def access_lines(self):
        with open(self.access_path, encoding="utf-8") as lines:
            rows = (worlds.log_fields(line) for line in lines)
            return [row for row in rows if row.get("ev") == "exchange"]

    def judge_account(self):
        rows = collections.defaultdict(list)
        for row in self.access_lines():
            rows[row["chat_id"]].append(row)
        self.expect(set(rows) == set(self.load.seen),
                    f"requests without a line: {sorted(set(self.load.seen) - set(rows))[:5]}, "
                    f"lines without a request: {sorted(set(rows) - set(self.load.seen))[:5]}")
        ends = collections.Counter()
        for chat_id, seen in self.load.seen.items():
            if chat_id not in rows:
                continue
            row = rows[chat_id][0]
            ends[row["end"]] += 1
            self.expect(len(rows[chat_id]) == 1, f"{chat_id}: {len(rows[chat_id])} lines")
            self.judge_request(chat_id, seen, row)
        for end, count in ends.items():
            counted = self.gateway.metric("tidegate_exchanges_ended_total", reason=end)
            self.expect(counted == count, f"{end}: {count} lines, but the metric says {counted}")
        self.expect(self.gateway.metric("tidegate_exchanges_ended_total") == sum(ends.values()),
                    "the metrics count other ends than the lines")
        return ends

    def judge_request(self, chat_id, seen, row):
        self.expect(row["end"] in seen.plan.ends, f"{chat_id} ({seen}): ended as {row['end']}")
        self.expect(seen.outcome != "lost", f"{chat_id}: no answer; {row['end']}")
        if seen.outcome == "left":
            return
        self.expect((seen.outcome == "complete") == (row["end"] == "done"),
                    f"{chat_id}: the user saw {seen}, the line says {row['end']}")
        self.expect(str(seen.status) == row["status"],
                    f"{chat_id}: status {seen.status} was seen, {row['status']} is in the line")
        if seen.outcome != "cut":
            self.expect(str(seen.received) == row["out"],
                        f"{chat_id}: {seen.received} bytes came, {row['out']} are in the line")

    def print_table(self):
        print(f"{'seconds':>8} {'RSS KiB':>9} {'fds':>6} {'exchanges':>9} {'buffered':>9} "
              f"{'requests':>9}")
        step = max(1, len(self.samples) // ROWS_MAX)
        for sample in self.samples[::step]:
            print(f"{sample.at:8.0f} {sample.rss // 1024:9d} {sample.descriptors:6d} "
                  f"{sample.exchanges:9d} {sample.buffered:9d} {sample.requests:9d}")

    def judge(self):
        self.wait_until_quiet()
        ends = self.judge_account()
        self.print_table()
        print(f"ends: {', '.join(f'{end} {count}' for end, count in ends.most_common())}")
        kinds = collections.Counter(seen.plan.kind for seen in self.load.seen.values())
        print(f"users: {', '.join(f'{kind} {count}' for kind, count in kinds.most_common())}")
        self.judge_flat("rss", SLACK_BYTES)
        self.judge_flat("descriptors", SLACK_DESCRIPTORS)
        self.problems += self.world.close()


def main():
    with tempfile.TemporaryDirectory() as temporary:
        folder = ARGUMENTS.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        soak = Soak(folder)
        try:
            asyncio.run(soak.run())
            soak.judge()
        finally:
            soak.world.close()
    for problem in soak.problems[:20]:
        print(f"PROBLEM: {problem}")
    requests = len(soak.load.seen)
    verdict = "flat, and every request is accounted for" if not soak.problems else \
        f"FAILED, {len(soak.problems)} problems"
    print(f"soak: {requests} requests in {ARGUMENTS.seconds:.0f} s: {verdict}")
    return 1 if soak.problems else 0


if __name__ == "__main__":
    sys.exit(main())
