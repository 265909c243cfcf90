# SPDX-License-Identifier: MIT
"""The load test with wrk tells the truth about what it saw. Its figures are no test."""

import os
import subprocess
from pathlib import Path

from support import world as worlds

ROOT = Path(__file__).parents[2]


def load(folder, **environment):
    return subprocess.run(
        [ROOT / "tests/bench/load", "1"], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "TIDEGATE_BUILD": str(worlds.BUILD), "LOAD_OUT": str(folder),
             "LOAD_CONNECTIONS": "2 8", "LOAD_TEXT": "@sim tokens=3 first=0 pace=0",
             **environment},
    )


def rows(folder):
    lines = (folder / "load.dat").read_text().splitlines()
    return [line.split() for line in lines if not line.startswith("#")]


def test_it_counts_whole_answers_and_draws_them(tmp_path):
    run = load(tmp_path)

    assert run.returncode == 0, run.stdout + run.stderr
    assert [row[0] for row in rows(tmp_path)] == ["2", "8"]
    assert all(float(row[1]) > 0 and row[7] == "0" for row in rows(tmp_path))
    assert (tmp_path / "load.svg").read_text().startswith("<?xml")
    logged = (tmp_path / "access.log").read_text().splitlines()
    assert sum("end=done" in line for line in logged) > 0
    assert not (tmp_path / "secret").exists()


def test_refusals_and_cuts_are_no_answers(tmp_path):
    refused = load(tmp_path, LOAD_MODEL="nobody/nothing")
    assert refused.returncode == 1
    assert "400" in refused.stdout and "Invalid model name" in refused.stdout

    cut = load(tmp_path, LOAD_TEXT="@sim tokens=9 first=0 pace=0 cut_after=4")
    assert cut.returncode == 1
