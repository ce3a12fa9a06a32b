# SPDX-License-Identifier: Apache-2.0
"""The home and the ports that `legato up` takes."""

import os
import socket
from pathlib import Path

import pytest

from legato.cli import places
from legato.errors import Conflict, InvalidInput

HOST = "127.0.0.1"


def _port(listening: socket.socket) -> int:
    return int(listening.getsockname()[1])


def test_a_port_that_is_taken_is_followed_by_the_next_free_one() -> None:
    """Also where nobody has connected so far, and not by one that somebody else needs [UP2]."""
    with places.listen(HOST, 0) as first:
        taken = _port(first)
        with places.listen(HOST, taken, tries=50, avoid=(taken, taken + 1)) as second:
            assert taken + 1 < _port(second) < taken + 50
        with pytest.raises(Conflict, match=f"the port {taken} of {HOST} is taken"):
            places.listen(HOST, taken)


def test_a_host_that_is_none_of_this_machine_is_no_busy_port() -> None:
    """No other port would help [UP2]."""
    with pytest.raises(InvalidInput, match=r"cannot listen on 192\.0\.2\.1"):
        places.listen("192.0.2.1", 0, tries=10)


def test_a_home_is_held_by_one(tmp_path: Path) -> None:
    """The second is told where the first is; once that has gone it is free [UP6]."""
    home = tmp_path / "new" / "home"
    lock = places.hold_home(home)
    assert home.stat().st_mode & 0o777 == 0o700
    places.note_url(lock, "http://127.0.0.1:65000")
    places.note_url(lock, "http://127.0.0.1:8420")
    with pytest.raises(Conflict, match=r"already, at http://127\.0\.0\.1:8420\b"):
        places.hold_home(home)
    os.close(lock)
    os.close(places.hold_home(home))


@pytest.mark.parametrize("text", ["", "x", "0", "65536", "-1", "8421 8422"])
def test_a_port_that_is_none_is_not_remembered(tmp_path: Path, text: str) -> None:
    """Somebody wrote into the file [UP4]."""
    assert places.remembered_port(tmp_path) is None
    places.remember_port(tmp_path, 8450)
    assert places.remembered_port(tmp_path) == 8450
    (tmp_path / "practice" / "port").write_text(text, encoding="ascii")
    assert places.remembered_port(tmp_path) is None
