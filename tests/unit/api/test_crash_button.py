# SPDX-License-Identifier: Apache-2.0
"""The button that has the server killed."""

from pathlib import Path

import pytest

from legato.api.crash_button import CrashButton
from legato.errors import RateLimited, Unavailable


class Desk:
    """A clock that stands, and somebody who hears what is asked."""

    def __init__(self, folder: Path) -> None:
        self.memory = folder / "crashed"
        self.now_ms = 1_764_000_000_000
        self.said: list[str] = []

    def button(self) -> CrashButton:
        """Return the button of a new process."""
        return CrashButton(lambda: self.said.append("crash"), self.memory, lambda: self.now_ms)


def test_it_is_pressed_once_in_ten_seconds_whoever_lives(tmp_path: Path) -> None:
    """The next process remembers; a clock that was set back locks nobody out [UP12]."""
    desk = Desk(tmp_path)
    desk.button().press()
    desk.now_ms += 2_500
    with pytest.raises(RateLimited) as caught:
        desk.button().press()
    assert caught.value.retry_after_s == 8
    desk.now_ms += 7_500
    desk.button().press()
    desk.now_ms -= 60_000
    desk.button().press()
    assert desk.said == []


def test_where_no_note_can_be_taken_nothing_is_crashed(tmp_path: Path) -> None:
    """Or it could be pressed without end [UP12]."""
    desk = Desk(tmp_path / "missing")
    with pytest.raises(Unavailable):
        desk.button().press()


async def test_the_answer_leaves_before_the_process_is_killed(tmp_path: Path) -> None:
    """As long as the system has not taken it, nobody is asked [UP12]."""
    desk = Desk(tmp_path)
    left = [300, 200, 0]

    def unsent_bytes() -> int:
        desk.said.append("looked")
        return left.pop(0)

    await desk.button().crash(unsent_bytes)
    assert desk.said == ["looked", "looked", "looked", "crash"]


async def test_a_client_that_takes_nothing_does_not_keep_it(tmp_path: Path) -> None:
    """After a second it is asked for in any case [UP12]."""
    desk = Desk(tmp_path)
    await desk.button().crash(lambda: 1)
    assert desk.said == ["crash"]
