# SPDX-License-Identifier: MIT
"""A few seconds of ./tide soak: every request is accounted for, and nothing is left.

Too short, and too full of sanitizers, for a word on memory: that takes ./tide soak MINUTES.
"""

import os
import subprocess
from pathlib import Path

from support import world as worlds

SOAK = Path(__file__).parents[1] / "soak" / "soak.py"


def run_soak(folder, seconds, users):
    return subprocess.run(
        ["/usr/bin/python3", str(SOAK), "--seconds", str(seconds), "--users", str(users),
         "--growth-max", "100", "--build", str(worlds.BUILD), "--folder", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=110,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})


def test_a_short_soak_accounts_for_every_request(tmp_path):
    ran = run_soak(tmp_path, seconds=8, users=60)

    assert ran.returncode == 0, ran.stdout
    assert "every request is accounted for" in ran.stdout
    assert "client_gone" in ran.stdout and "upstream_" in ran.stdout, ran.stdout
