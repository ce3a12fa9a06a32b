# SPDX-License-Identifier: Apache-2.0

import os
from pathlib import Path
from typing import Any

import pytest

from legato.cli.fresh_home import grant_practice, is_fresh
from legato.errors import InvalidInput, Unavailable
from legato.practice.sample import endpoint
from legato.settings import GrantSettings, load_settings
from legato.settings.grants import HttpGrants


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that does not exist yet."""
    return tmp_path / "deep" / "home"


def test_a_fresh_home_gets_one_grant_and_says_why(home: Path) -> None:
    """The settings mean exactly that grant; folder and file are their owner's alone [PR14]."""
    assert grant_practice(home, endpoint())
    settings = load_settings({}, home)
    assert settings.grants == GrantSettings(http=HttpGrants(allow_private=("127.0.0.1:8421",)))
    assert settings == load_settings({}, home / "none").model_copy(
        update={
            "home": settings.home, "grants": settings.grants,
            "database_url": settings.database_url, "blobs_url": settings.blobs_url,
            "secrets_file": settings.secrets_file,
        }
    )  # fmt: skip
    file = home / "legato.toml"
    above = file.read_text(encoding="utf-8").partition("[grants.http]")[0]
    assert "# practice service: a second small program" in above
    assert [each.stat().st_mode & 0o777 for each in (home, file)] == [0o700, 0o600]
    assert os.listdir(home) == ["legato.toml"]


def test_writing_it_again_changes_nothing(home: Path) -> None:
    """The same settings are what is wanted; others, also with another port, stay [PR14]."""
    assert grant_practice(home, endpoint())
    before = (home / "legato.toml").stat()
    assert grant_practice(home, endpoint())
    assert not grant_practice(home, endpoint(9_000))
    after = (home / "legato.toml").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("content", [b"", b"# mine\n", b"[grants.http]\n", b"not toml [", b"\xff"])
def test_settings_that_are_there_are_never_touched(home: Path, content: bytes) -> None:
    """Whatever they hold, also nothing [PR14]."""
    home.mkdir(parents=True)
    file = home / "legato.toml"
    file.write_bytes(content)
    assert not grant_practice(home, endpoint())
    assert file.read_bytes() == content


def test_a_home_with_a_database_is_not_fresh(home: Path) -> None:
    """Whoever used it until now granted nothing, and that stays so [PR14]."""
    home.mkdir(parents=True)
    assert is_fresh(home)
    (home / "legato.db").touch()
    assert not is_fresh(home)
    assert not grant_practice(home, endpoint())
    assert os.listdir(home) == ["legato.db"]


def test_a_link_to_nowhere_is_not_followed(home: Path) -> None:
    """It is a file that somebody made [PR14]."""
    home.mkdir(parents=True)
    (home / "legato.toml").symlink_to(home / "elsewhere")
    assert not grant_practice(home, endpoint())
    assert not (home / "elsewhere").exists()


def test_what_somebody_writes_meanwhile_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that came between the look and the write win [PR14]."""
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        (home / "legato.toml").write_text("# mine\n", encoding="utf-8")

    monkeypatch.setattr(os, "fsync", fsync)
    assert not grant_practice(home, endpoint())
    assert (home / "legato.toml").read_text(encoding="utf-8") == "# mine\n"
    assert os.listdir(home) == ["legato.toml"]


@pytest.mark.parametrize(
    "wrong",
    ["10.0.0.5:80", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "localhost:80", "a@127.0.0.1:80",
     "127.0.0.1:80/x", '127.0.0.1:80"]', ""],
)  # fmt: skip
def test_only_an_address_of_this_computer_is_granted(home: Path, wrong: str) -> None:
    """Anything else is refused and nothing is made [PR14]."""
    with pytest.raises(InvalidInput, match="no address of this computer"):
        grant_practice(home, wrong)
    assert not home.exists()


def test_a_home_that_cannot_be_written_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing half stays [PR14]."""

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        grant_practice(home, endpoint())
    assert os.listdir(home) == []
