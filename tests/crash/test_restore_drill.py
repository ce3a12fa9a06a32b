# SPDX-License-Identifier: Apache-2.0
"""The drill: back up under load, lose the machine, restore elsewhere, go on with consent."""

import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests import services
from tests.crash.cells import RESTORING
from tests.crash.ledger import Effect, Ledger
from tests.crash.records import FINAL
from tests.crash.site import WORKFLOWS, Process, Site

COUNT = 50
DRILL = WORKFLOWS / "crash-drill.yaml"


def answer(site: Site, *arguments: str, crash: str = "") -> tuple[int, list[dict[str, Any]]]:
    """Run a command to its end; return its code and what it printed."""
    process = site.start(*arguments, crash=crash)
    said = list(process)
    return process.wait(), said


def begun(site: Site, gate: str, count: int) -> tuple[Process, list[str]]:
    """Start an engine with so many executions, all of which stand in the middle of their work."""
    arguments = [sys.executable, "-m", "tests.crash.many", str(DRILL), str(count)]
    process = Process([*arguments, str(site.ledger.path), gate], site.env(), site.errors)
    said = next(iter(process), None)
    assert said is not None, site.said()
    ids: list[str] = said["ids"]
    site.ledger.await_held(gate, count)
    return process, ids


def elsewhere(site: Site, folder: Path, database: str, request: pytest.FixtureRequest) -> Site:
    """Another machine with another database of the same kind."""
    if not database:
        return Site(folder, site.ledger)
    context = services.database(request.getfixturevalue("postgres_server"))
    url = context.__enter__()
    request.addfinalizer(lambda: context.__exit__(None, None, None))
    return Site(folder, site.ledger, url)


def by_place(effects: list[Effect]) -> Counter[tuple[str, str]]:
    """Count effects by execution and node."""
    return Counter((each.execution_id, each.place[0]) for each in effects)


def test_nothing_is_done_again_without_consent(
    tmp_path: Path, ledger: Ledger, database: str, request: pytest.FixtureRequest
) -> None:
    """All 50 wait for a person; each then goes on where it stood [BK1, BK20, BK21, BK24]."""
    gate = f"drill {tmp_path}"
    site = Site(tmp_path / "a", ledger, database)
    process, ids = begun(site, gate, COUNT)
    archive = tmp_path / "out.tar"
    code, (made,) = answer(site, "backup", str(archive), "--without-key")
    assert code == 0, site.said()
    process.kill()
    process.wait()
    done = by_place(ledger.effects(ids))
    assert set(done.values()) == {1}

    other = elsewhere(site, tmp_path / "b", database, request)
    code, (said,) = answer(other, "restore", str(archive), "--without-key")
    assert code == 0, other.said()
    assert (said["parked"], said["epoch"], said["payloads"]) == (COUNT, 2, made["payloads"])
    assert said["rows"] == sum(made["rows"].values())
    if not database:
        with closing(sqlite3.connect(other.home / "legato.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    rows = {each.execution_id: each for each in other.records().executions.values()}
    assert {rows[each].status for each in ids} == {"needs_attention"}

    assert other.engine().finish() == 0
    assert by_place(ledger.effects(ids)) == done, "an engine went on without consent"

    ledger.release(gate)
    for each in ids[:3]:
        assert other.resume(each).finish() == 0, other.said()
        counted = by_place(ledger.effects([each]))
        assert counted == {
            (each, "before"): 1, (each, "large"): 1, (each, "gate"): 2, (each, "after"): 1,
        }  # fmt: skip
    rows = {each.execution_id: each for each in other.records().executions.values()}
    assert {rows[each].status for each in ids[:3]} == {"completed"}
    assert all(rows[each].status not in FINAL for each in ids[3:])
    assert by_place(ledger.effects(ids[3:])) == by_place(
        [each for each in ledger.effects(ids[3:]) if each.attempt == 1]
    )


@pytest.mark.parametrize("point", RESTORING)
def test_a_restore_that_was_killed_is_refused_and_begun_anew(
    tmp_path: Path, ledger: Ledger, database: str, request: pytest.FixtureRequest, point: str
) -> None:
    """Half a restore serves nobody, says so, and a second one is whole [BK32]."""
    gate = f"half {tmp_path} {point}"
    site = Site(tmp_path / "a", ledger, database)
    process, ids = begun(site, gate, 2)
    archive = tmp_path / "out.tar"
    assert answer(site, "backup", str(archive), "--without-key")[0] == 0, site.said()
    process.kill()
    process.wait()

    other = elsewhere(site, tmp_path / "b", database, request)
    assert answer(other, "restore", str(archive), "--without-key", crash=point)[0] == -9
    assert answer(other, "executions", "list")[0] == 3
    assert "restore" in other.said()
    assert other.engine().finish() == 3
    code, (said,) = answer(other, "restore", str(archive), "--without-key")
    assert code == 0, other.said()
    assert (said["parked"], said["epoch"]) == (2, 2)
    assert answer(other, "executions", "list")[0] == 0
    assert set(by_place(ledger.effects(ids)).values()) == {1}
    assert answer(other, "restore", str(archive), "--without-key")[0] == 3


@pytest.mark.postgres
def test_work_in_flight_holds_no_connection(
    tmp_path: Path, ledger: Ledger, fresh_postgres_url: str
) -> None:
    """Fifty nodes wait for somebody outside at once, with a pool of two connections [BK51]."""
    gate = f"pool {tmp_path}"
    extra = {"LEGATO_DATABASE__POOL_MAX": "2"}
    site = Site(tmp_path / "a", ledger, fresh_postgres_url, extra)
    process, ids = begun(site, gate, COUNT)  # returns when all fifty stand there
    code, rows = answer(site, "executions", "list", "--limit", "200")
    assert code == 0 and len(rows) == len(ids)
    process.kill()
    process.wait()
