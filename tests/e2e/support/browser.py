# SPDX-License-Identifier: MIT
"""Chromium and what drives it: scenarios of tests/browser, each as one line of JSON."""

import json
import subprocess
from pathlib import Path

import pytest

from .clients import NODE

FOLDER = Path(__file__).parents[2] / "browser"
CHROMIUM = Path("/usr/bin/chromium")
_RUN_SECONDS_MAX = 200


def require_browser():
    """./tide keeps a copy of the lock file of what it has installed."""
    installed = FOLDER.parents[1] / ".dev" / "browser" / "installed-lock.json"
    lock = FOLDER / "package-lock.json"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes() or not NODE.exists():
        pytest.fail(f"what {lock.name} names is not installed: run ./tide clients")
    if not CHROMIUM.exists():
        pytest.fail("Debian's package chromium is not installed")


def run(driver, **settings):
    """{name: what the scenario has seen} of FOLDER/<driver>."""
    require_browser()
    done = subprocess.run([NODE, FOLDER / driver, json.dumps(settings)], capture_output=True,
                          text=True, timeout=_RUN_SECONDS_MAX, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {scenario["name"]: scenario for scenario in told}
