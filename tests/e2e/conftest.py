# SPDX-License-Identifier: MIT
"""Fixtures of the end-to-end tests: a world of real processes for each test or file."""

import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support import world as worlds  # noqa: E402

TEST_SECONDS_MAX = 120


@pytest.fixture(autouse=True)
def bounded_time():
    """No test hangs: past its time it fails where it stands, with the whole story."""

    def on_alarm(_number, _frame):
        raise AssertionError(f"the test ran for more than {TEST_SECONDS_MAX} s")

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(TEST_SECONDS_MAX)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _build_world(folder):
    missing = [name for name in ("tidegate", "hfsim") if not (worlds.BUILD / name).exists()]
    if missing:
        pytest.fail(f"{worlds.BUILD} has no {' and no '.join(missing)}: run ./tide build dev")
    return worlds.World(folder)


def _end_world(made):
    problems = made.close()
    assert not problems, "\n".join(problems)


@pytest.fixture
def world(request, tmp_path):
    """Processes of one test, all stopped and looked over at its end."""
    made = _build_world(tmp_path)
    request.node.world = made
    yield made
    _end_world(made)


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory):
    """The same for all tests of a file that leave no trace in each other."""
    made = _build_world(tmp_path_factory.mktemp("shared"))
    yield made
    _end_world(made)


@pytest.fixture
def sim(world):
    return world.simulator()


@pytest.fixture
def gateway(world, sim):
    """A gateway of one process before <sim>."""
    return world.gateway(sim)


@pytest.fixture
def shared_folder():
    """The folder of recorded answers and of the endpoint's documentation, or a skip."""
    root = Path(__file__).parents[2]
    folder = Path(os.environ.get("TIDEGATE_SHARED", root.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; set TIDEGATE_SHARED")
    return folder


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    made = getattr(item, "world", None) or item.funcargs.get("shared_world")
    if made is not None:
        report.sections.extend(made.story())
