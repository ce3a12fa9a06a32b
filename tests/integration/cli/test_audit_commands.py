# SPDX-License-Identifier: Apache-2.0
"""`legato audit` on the database of a home, and on one that somebody has tampered with."""

import json
import sqlite3
import stat
from pathlib import Path

import pytest

from legato.model.ids import LOCAL_WORKSPACE
from legato.ports.audit import AuditEntry, Head
from legato.ports.stores import Stores
from tests.integration.cli.desk import OWNER, Desk
from tests.integration.cli.site import Site

ROWS = 7


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A home with an owner and sealed rows."""
    made = Desk(tmp_path / "home")
    made.home.mkdir(mode=0o700)
    made.set_up()
    entries = [
        AuditEntry(
            action=f"auth.login{number}" if number % 2 else "workflow.edit",
            actor_kind="user",
            actor="018f0000-0000-7000-8000-00000000000a",
            workspace=LOCAL_WORKSPACE if number % 2 else None,
            data={"number": number, "name": "a\x1b[2J\u202eb"},
        )
        for number in range(1, ROWS + 1)
    ]

    async def work(stores: Stores) -> Head:
        await stores.audit.write(entries)
        return await stores.audit.seal()

    assert made.store(work).seq == ROWS
    return made


def tamper(home: Path, *statements: str) -> None:
    """Change the audit behind its guards, as somebody with the file can."""
    with sqlite3.connect(home / "legato.db") as database:
        for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            database.execute(statement)
    database.close()


def test_a_chain_that_is_whole_is_verified(desk: Desk) -> None:
    """It prints the head, to be noted elsewhere; in batches of any size [AD14]."""
    (value,) = desk.json("audit", "verify")
    assert (value["ok"], value["rows"], value["bad_seq"]) == (True, ROWS, None)
    head = value["head"]
    assert desk.ok("audit", "verify").out == f"{ROWS} rows are good; the head is {head}\n"
    assert desk.json("audit", "verify", "--head", head)[0]["ok"]
    desk.ok("audit", "export", "--output", desk.home / "x.ndjson")
    assert desk.json("audit", "verify", "--head", head)[0]["rows"] == ROWS + 1
    for wrong in ("7", "0:" + "0" * 64, f"x{head}", head[:-1]):
        assert desk.run("audit", "verify", "--head", wrong).code == 2


@pytest.mark.parametrize("batch", [1, 3, 100])
@pytest.mark.parametrize(
    ("statement", "bad"),
    [
        ("UPDATE audit SET actor = 'u-eve' WHERE seq = 3", 3),
        ("UPDATE audit SET data = 'x' WHERE seq = 1", 1),
        ("UPDATE audit SET at = 'soon' WHERE seq = 6", 6),
        ("DELETE FROM audit WHERE seq = 4", 4),
        ("DELETE FROM audit WHERE seq <= 2", 1),
        ("UPDATE audit SET seq = seq + 1000 WHERE seq = 5", 5),
        ("UPDATE audit SET seq = -1 WHERE seq = 7", 1),
    ],
)
def test_a_row_that_somebody_changed_is_named(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, statement: str, bad: int, batch: int
) -> None:
    """Exit 1 with the first wrong seq, and every reader goes on [AD11, AD14]."""
    monkeypatch.setattr("legato.cli.audit_look.BATCH", batch)
    tamper(desk.home, statement)
    result = desk.run("audit", "verify", "--json")
    assert (result.code, result.value["ok"], result.value["bad_seq"]) == (1, False, bad), result
    assert f"seq {bad} is wrong" in desk.run("audit", "verify").out
    assert desk.ok("audit", "list").out
    assert desk.ok("audit", "list", "--json").values
    assert desk.ok("audit", "export").out


def test_a_noted_head_shows_an_end_that_was_cut_off_and_a_new_chain(desk: Desk) -> None:
    """Which the chain alone cannot [AD14]."""
    head = desk.json("audit", "verify")[0]["head"]
    tamper(desk.home, "DELETE FROM audit WHERE seq > 5")
    assert desk.run("audit", "verify").code == 0
    result = desk.run("audit", "verify", "--head", head, "--json")
    assert (result.code, result.value["bad_seq"]) == (1, 6)
    tamper(desk.home, "UPDATE audit SET seq = NULL, hash = NULL, actor = 'u-eve'")

    async def seal(stores: Stores) -> Head:
        return await stores.audit.seal()

    made_up = desk.store(seal)
    assert desk.run("audit", "verify").code == 0
    assert desk.run("audit", "verify", "--head", f"{made_up.seq}:{made_up.hash}").code == 0
    noted = f"{made_up.seq}:{head.partition(':')[2]}"
    assert desk.run("audit", "verify", "--head", noted, "--json").value["bad_seq"] == made_up.seq


def test_rows_are_listed_the_newest_first_and_safe_to_look_at(desk: Desk) -> None:
    """By action, group, actor, workspace and time; names for ids [AD10, CL9]."""
    found = desk.json("audit", "list", "--limit", 3)
    assert [each["seq"] for each in found] == [7, 6, 5]
    result = desk.ok("audit", "list", "--limit", 3)
    assert f"{OWNER}  auth.login7" in result.out
    assert "older rows: --before 5" in result.err
    assert not set("\x1b\u202e") & set(result.out + desk.ok("audit", "list", "--json").out)

    def seqs(*asked: object) -> list[int]:
        return [each["seq"] for each in desk.json("audit", "list", *asked)]

    assert seqs("--before", 3) == [2, 1]
    assert seqs("--action", "auth.login3") == [3]
    assert seqs("--action", "auth.") == seqs("--workspace", "main") == [7, 5, 3, 1]
    assert seqs("--actor", OWNER) == [7, 6, 5, 4, 3, 2, 1]
    assert seqs("--actor", "nobody") == []
    assert seqs("--since", "1h") == [7, 6, 5, 4, 3, 2, 1]
    assert seqs("--since", "2999-01-01") == []
    assert desk.run("audit", "list", "--since", "soon").code == 2
    assert desk.run("audit", "list", "--workspace", "nowhere").code == 2


def test_an_export_is_what_was_hashed_and_a_row_itself(desk: Desk, tmp_path: Path) -> None:
    """A private file that is whole or not there; never over another unasked [AD15, AD16]."""
    file = tmp_path / "audit.ndjson"
    (value,) = desk.json("audit", "export", "--output", file)
    assert value == {"file": str(file), "rows": ROWS}
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [each["seq"] for each in rows] == list(range(1, ROWS + 1))
    assert {"at", "data", "hash", "workspace_id"} <= rows[0].keys()
    assert isinstance(rows[0]["at"], int)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not file.with_name("audit.ndjson.part").exists()
    assert desk.run("audit", "export", "--output", file).code == 3
    some = desk.ok("audit", "export", "--after", 2, "--action", "auth.", "--workspace", "main")
    assert [each["seq"] for each in some.values] == [3, 5, 7]
    (newest, *_) = desk.json("audit", "list", "--action", "export")
    assert newest["actor"] == {"kind": "system", "id": "cli"}
    assert newest["data"]["person"]
    assert newest["workspace_id"] == LOCAL_WORKSPACE
    assert desk.run("audit", "export", "--output", tmp_path / "no" / "file").code == 2


@pytest.mark.parametrize("site", [None], indirect=True)
def test_a_reader_that_has_enough_ends_an_export(site: Site, tmp_path: Path) -> None:
    """As `| head` does; no traceback [AD15]."""
    import subprocess
    import sys

    desk = Desk(site.home)
    desk.set_up()

    async def work(stores: Stores) -> None:
        await stores.audit.write([AuditEntry(action="x", data={"x": "y" * 500})] * 1_000)
        await stores.audit.seal()

    desk.store(work)
    command = f"{sys.executable} -m legato.cli audit export | head -1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], env=site.env(), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["seq"] == 1


@pytest.mark.postgres
def test_the_same_holds_on_postgresql(tmp_path: Path, fresh_postgres_url: str) -> None:
    """Accounts, keys and the audit [CL60, CL63, CL65, AD14, AD15]."""
    desk = Desk(tmp_path / "home", LEGATO_DATABASE_URL=fresh_postgres_url)
    desk.home.mkdir(mode=0o700)
    desk.set_up()
    desk.ok("user", "add", "bob@example.org", "--role", "admin")
    desk.ok("user", "role", "bob@example.org", "owner")
    desk.ok("token", "create", "--user", OWNER, "--name", "x", "--scope", "audit:read")
    desk.ok("user", "reset", "bob@example.org")
    assert desk.run("user", "disable", OWNER, "--yes").code == 3  # the last administrator
    desk.ok("user", "disable", "bob@example.org", "--yes")
    assert [each["is_disabled"] for each in desk.json("user", "list")] == [True, False]
    assert len(desk.json("token", "list")) == 1
    found = [each["action"] for each in desk.json("audit", "list")]
    assert found == [
        "user.disable", "auth.reset_link", "auth.api_key_create", "member.role",
        "auth.reset_link", "user.create",
    ]  # fmt: skip
    assert len(desk.ok("audit", "export").values) == len(found)
    assert desk.json("audit", "verify")[0]["rows"] == len(found) + 1
