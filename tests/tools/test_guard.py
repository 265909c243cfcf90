# SPDX-License-Identifier: MIT
"""The benchmark's guard must be able to fail, and says when numbers cannot be compared."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))
import guard  # noqa: E402

BASELINE = {"text request": 100_000, "text token": 10_000}
HERE = {"compiler": "gcc 1", "libevent": "2"}


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps({"made_with": HERE, "instructions": BASELINE}))
    monkeypatch.setattr(guard, "BASELINE", path)
    monkeypatch.setattr(guard, "toolchain", lambda: dict(HERE))
    return path


def scaled(name, percent):
    return {**BASELINE, name: BASELINE[name] * (1 + percent / 100)}


@pytest.mark.parametrize("name", BASELINE)
def test_five_percent_more_fails_and_tells_how_to_renew(name, capsys):
    assert guard.check(scaled(name, 5), False) == 1
    said = capsys.readouterr().out
    assert "TOO MANY" in said and guard.HOW_TO_RENEW in said


@pytest.mark.parametrize("percent", (-1, 0, 1))
def test_what_is_within_the_tolerance_passes(percent, capsys):
    assert guard.check(scaled("text token", percent), False) == 0
    assert "ok" in capsys.readouterr().out


def test_better_passes_and_asks_to_keep_it(capsys):
    assert guard.check(scaled("text token", -10), False) == 0
    assert "better" in capsys.readouterr().out


def test_another_compiler_is_skipped_with_a_word(monkeypatch, capsys):
    monkeypatch.setattr(guard, "toolchain", lambda: {**HERE, "compiler": "gcc 2"})
    assert guard.check(scaled("text token", 50), False) == 0
    said = capsys.readouterr().out
    assert "SKIPPED" in said and "gcc 2, the baseline was made with gcc 1" in said


def test_renewing_writes_what_was_measured(kept):
    assert guard.check(scaled("text token", 50), True) == 0
    assert json.loads(kept.read_text())["instructions"]["text token"] == 15_000


def test_a_number_that_is_missing_is_no_pass():
    with pytest.raises(KeyError):
        guard.check({"text request": 1}, False)
