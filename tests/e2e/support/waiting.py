# SPDX-License-Identifier: MIT
"""Waiting for something to become true, never for a while to pass."""

import os
import time

# Sanitizers and a busy machine of two cores: a bound on what is broken, not on what is slow.
PATIENCE_S = float(os.environ.get("TIDEGATE_TEST_PATIENCE_S", "20"))
_POLL_S = 0.005


class TimedOut(AssertionError):
    """What was waited for did not happen."""


def until(look, what, patience_s=PATIENCE_S):
    """Call look() until it gives something true; that is returned."""
    deadline = time.monotonic() + patience_s
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise TimedOut(f"waited {patience_s:g} s for {what}; last seen: {seen!r}")
        time.sleep(_POLL_S)
