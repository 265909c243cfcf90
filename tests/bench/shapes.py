# SPDX-License-Identifier: MIT
"""What is asked of the gateways: one Shape is one row of options for bench_client."""

from peers import PLAIN, TLS_CLIENT, TLS_UPSTREAM

US = 1_000_000


class Shape:
    """One kind of load. <figures>: what its table shows, in order; see report.py."""

    def __init__(self, name, title, figures, variant=PLAIN, **options):
        self.name = name
        self.title = title
        self.figures = figures
        self.variant = variant
        self.options = options

    def arguments(self, scale=1.0):
        """For bench_client; <scale> stretches the measured time."""
        words = []
        for name, value in self.options.items():
            if name == "time":
                value = int(value * scale)
            words += ["--" + name.replace("_", "-"), str(value)]
        return words


SHORT = ("cpu_request", "requests_s", "first_p50", "first_p99", "first_p999")
TOKENS = ("cpu_token", "tokens_s", "delay_p50", "delay_p99", "delay_p999")
ALONE = ("first_p50", "first_p99", "first_p999", "cpu_request")


def paced(name, title, **more):
    options = dict(streams=300, tokens=250, gap=20000, ramp=400, skip=800, time=2000)
    variant = more.pop("variant", PLAIN)
    options.update(more)
    return Shape(name, title, TOKENS, variant, **options)


QUICK = [
    Shape("short", "short requests: 64 connections, one token each", SHORT,
          streams=64, tokens=1, ramp=50, skip=200, time=1500),
    paced("paced", "paced streams: 300 streams, 50 tokens/s each"),
    paced("board", "paced streams of 64 tokens, 20 ms apart: 100 streams",
          streams=100, tokens=64),
    Shape("unpaced", "unpaced streams: 16 streams of 2,000 tokens, as fast as it goes", TOKENS,
          streams=16, tokens=2000, ramp=50, skip=200, time=1500),
    Shape("alone", "one stream alone: two tokens, the first after 0.5 ms", ALONE,
          streams=1, tokens=2, first=500, gap=500, skip=200, time=2000),
]

FULL = QUICK + [
    Shape("close", "a new connection for each request: 64 at once, one token", SHORT,
          streams=64, tokens=1, close=1, ramp=50, skip=200, time=1500),
    paced("slow", "200 paced streams, and 40 readers that take 100 KB/s of unpaced ones",
          streams=200, slow=40, slow_tokens=2000),
    paced("open100", "100 streams open: 80 tokens/s each",
          streams=100, tokens=400, gap=12500, ramp=400),
    paced("open8000", "8,000 streams open: one token/s each",
          streams=8000, tokens=10, gap=US, ramp=3000, skip=4000, time=3000),
    Shape("tls-upstream-short", "TLS upstream, short requests: 64 connections", SHORT,
          TLS_UPSTREAM, streams=64, tokens=1, ramp=200, skip=500, time=1500),
    paced("tls-upstream", "TLS upstream, 300 paced streams, 50 tokens/s each",
          variant=TLS_UPSTREAM, ramp=1000, skip=1500),
    Shape("tls-client-short", "TLS client, short requests: 64 connections", SHORT,
          TLS_CLIENT, streams=64, tokens=1, ramp=200, skip=500, time=1500),
    paced("tls-client", "TLS client, 300 paced streams, 50 tokens/s each",
          variant=TLS_CLIENT, ramp=1000, skip=1500),
    Shape("tls-client-close", "TLS client, a new connection and handshake for each request",
          SHORT, TLS_CLIENT, streams=32, tokens=1, close=1, ramp=200, skip=500, time=1500),
]
