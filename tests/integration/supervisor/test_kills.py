# SPDX-License-Identifier: Apache-2.0

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.integration.cli.site import PATIENCE_S, wait_for_end

pytestmark = pytest.mark.linux

Boss = subprocess.Popen[str]


@pytest.fixture
def boss() -> Iterator[Boss]:
    """A supervisor with a child that heeds its pipe and one that heeds nothing."""
    command = [sys.executable, "-m", "tests.integration.supervisor.boss", "serve", "stubborn"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    yield process
    watchdog.cancel()
    process.kill()
    process.communicate()


def pids_of(boss: Boss) -> list[int]:
    """Wait until its children run."""
    assert boss.stdout is not None
    return list(json.loads(boss.stdout.readline()))


def test_no_child_is_left_when_the_supervisor_is_killed(boss: Boss) -> None:
    """By kill -9, also none that heeds neither signals nor its pipe [SU7]."""
    pids = pids_of(boss)
    boss.send_signal(signal.SIGKILL)
    assert boss.wait(PATIENCE_S) == -signal.SIGKILL
    assert [wait_for_end(pid) for pid in pids] == [True, True]


def test_two_signals_end_everything(boss: Boss) -> None:
    """The first begins the drain, the second kills; what became of each is said [SU6, SU1]."""
    pids = pids_of(boss)
    assert boss.stderr is not None
    boss.send_signal(signal.SIGINT)
    lines: list[str] = []
    while not lines or "stubborn: stopping" not in lines[-1]:
        lines.append(boss.stderr.readline())
        assert lines[-1], lines
    boss.send_signal(signal.SIGINT)
    _, errors = boss.communicate(timeout=PATIENCE_S)
    assert boss.returncode == 0
    assert "[legato] stubborn: killed, SIGKILL\n" in errors
    assert "[legato] serve: stopp" in errors
    assert [wait_for_end(pid) for pid in pids] == [True, True]
