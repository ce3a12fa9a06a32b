# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest

from legato.app import Schema
from legato.cli import checks
from legato.model.ids import EngineId
from legato.ports.owners import EngineRow
from legato.ports.stores import StoreLook

GIB = 1024**3
LOOK = StoreLook(
    kind="SQLite", version="3", durability={"synchronous": "full"}, now=1_000_000, took_ms=2.0
)


@pytest.mark.parametrize(
    ("off_ms", "state"),
    [(0, "ok"), (2_000, "ok"), (-2_001, "warning"), (60_000, "warning"), (60_001, "problem")],
)
def test_a_clock_far_from_the_databases_is_said(off_ms: int, state: str) -> None:
    """Timers and leases are the database's time [CL35]."""
    found = {each.name: each for each in checks.check_store(LOOK, LOOK.now + off_ms)}
    assert found["clock"].state == state
    assert bool(found["clock"].advice) is (state != "ok")
    assert found["database"].said == "SQLite 3 answers in 2 ms; synchronous=full"


def test_a_slow_store_is_a_warning() -> None:
    """Every chain of nodes waits for it [CL35]."""
    slow = StoreLook(kind="x", version="1", durability={}, now=1, took_ms=300.0)
    assert checks.check_store(slow, 1)[0].state == "warning"


@pytest.mark.parametrize(
    ("free", "state"), [(2 * GIB, "ok"), (GIB // 2, "warning"), (GIB // 20, "problem")]
)
def test_a_full_disk_is_foreseen(
    free: int, state: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also where the folder does not exist yet [CL35]."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": free})())
    found = checks.check_disk(tmp_path / "not" / "yet")
    assert (found.state, str(tmp_path) in found.said) == (state, True)


@pytest.mark.parametrize(
    ("state", "found", "verdict"),
    [("current", "2", "ok"), ("empty", None, "ok"), ("old", "1", "warning")],
)
def test_an_old_schema_is_said(state: str, found: str | None, verdict: str) -> None:
    """With the command that lifts it [CL35]."""
    check = checks.check_schema(Schema("/x", found, "2", state))  # type: ignore[arg-type]
    assert check.state == verdict
    assert ("legato migrate" in check.advice) is (verdict == "warning")


@pytest.mark.parametrize(
    ("lease_ms", "adopts", "still_open", "state"),
    [
        (5_000, True, 3, "ok"), (5_000, False, 3, "warning"), (-1, True, 3, "warning"),
        (-1, True, 0, "ok"),
    ],
)  # fmt: skip
def test_work_without_an_engine_is_said(
    lease_ms: int, adopts: bool, still_open: int, state: str
) -> None:
    """An engine that only runs its own does not count [CL35]."""
    engine = EngineRow(EngineId("e"), "host", 7, lease_ms, adopts)
    assert checks.check_engines([engine], still_open).state == state


def test_a_home_of_another_user_or_kind_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named, and what to do [CL35]."""
    file = tmp_path / "file"
    file.touch()
    assert checks.check_home(file, file, None)[0].said.endswith("is no folder")
    tmp_path.chmod(0o700)
    assert checks.check_home(tmp_path, file, None)[0].state == "ok"
    monkeypatch.setattr("os.geteuid", lambda: 12_345)
    (found,) = checks.check_home(tmp_path, file, None)
    assert (found.state, "another user" in found.said) == ("problem", True)


@pytest.mark.parametrize(
    ("encoding", "state"), [("utf-8", "ok"), ("UTF8", "ok"), (None, "warning")]
)
def test_another_encoding_than_utf8_is_a_warning(
    encoding: str | None, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names and words of any language are met anywhere [CL35]."""
    monkeypatch.setattr("locale.getpreferredencoding", lambda do_setlocale: "UTF-8")
    assert checks.check_locale(encoding).state == state
