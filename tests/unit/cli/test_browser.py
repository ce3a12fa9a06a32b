# SPDX-License-Identifier: Apache-2.0
"""How a browser gets a link that is a secret."""

import sys
from pathlib import Path

import pytest

from legato.cli.browser import Door, can_open, make_door

LINK = 'http://127.0.0.1:8420/setup#token=abc"><script>'


def test_the_link_is_in_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    """Whatever it holds it stays text, and it goes with the door [UP9]."""
    file = tmp_path / "open here.html"
    file.write_text("of a start that was killed", encoding="utf-8")
    file.chmod(0o644)
    door = Door(file, LINK)
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text(encoding="utf-8")
    assert 'content="0;url=http://127.0.0.1:8420/setup#token=abc&quot;&gt;&lt;script&gt;"' in text
    assert "<script" not in text
    assert door.url == f"file://{tmp_path}/open%20here.html"
    door.close()
    door.close()
    assert not file.exists()


def test_a_link_of_somebody_else_at_that_place_is_not_followed(tmp_path: Path) -> None:
    """It is replaced, and what it named stays as it is [UP9]."""
    other, file = tmp_path / "other", tmp_path / "open.html"
    other.write_text("mine", encoding="utf-8")
    file.symlink_to(other)
    Door(file, LINK)
    assert other.read_text(encoding="utf-8") == "mine"
    assert not file.is_symlink()


def test_a_folder_that_takes_no_file_is_passed_over(tmp_path: Path) -> None:
    """The next one is used; with none left there is no door [UP9]."""
    missing = tmp_path / "missing"
    made = make_door((missing, tmp_path), "open.html", LINK)
    assert made is not None
    assert made.url.endswith("/open.html")
    assert make_door((missing,), "open.html", LINK) is None


@pytest.mark.skipif(sys.platform == "darwin", reason="every such computer has a screen")
def test_without_a_screen_no_browser_is_asked_for() -> None:
    """One that runs in the terminal would take it away [UP8]."""
    assert not can_open({"DISPLAY": "", "TERM": "xterm"})
    assert can_open({"DISPLAY": ":0"})
    assert can_open({"WAYLAND_DISPLAY": "wayland-0"})
    assert can_open({"BROWSER": "firefox"})
