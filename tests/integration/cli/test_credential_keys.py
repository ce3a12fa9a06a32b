# SPDX-License-Identifier: Apache-2.0
"""Credentials when keys are rotated, missing or wrong: rotation, doctor, start of engines."""

import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from legato.auth.keys import (
    JWT_VARIABLE,
    MASTER_OLD_VARIABLE,
    MASTER_VARIABLE,
    Keys,
    keys_from_environment,
    load,
    load_or_create,
)
from legato.auth.sealing import Sealer
from legato.auth.vault import opened, sealed
from legato.model.ids import LOCAL_WORKSPACE, WorkspaceId
from legato.ports.credentials import Credential
from legato.ports.stores import Stores
from tests.integration.cli.desk import Desk
from tests.integration.cli.site import Site

COUNT = 5
CANARY = "canary-token-4711"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A home with an owner, keys and credentials in two workspaces; nothing is waited for."""
    monkeypatch.setattr("legato.cli.key_commands.SETTLE_S", 0.0)
    made = Desk(tmp_path / "home")
    made.home.mkdir(mode=0o700)
    load_or_create(made.home, now_ms=1_700_000_000_000)
    made.set_up()
    for number in range(COUNT):
        add(made, number, keys_of(made))
    return made


def keys_of(desk: Desk) -> Keys:
    """Return the keys of the home."""
    found = load(desk.home)
    assert found is not None
    return found


def add(desk: Desk, number: int, keys: Keys) -> None:
    """Keep a credential, sealed with some keys."""
    place = LOCAL_WORKSPACE if number % 2 else WorkspaceId("w-other")
    row = Credential(
        id=f"c-{number}", workspace=place, name=f"name{number}", type="http_bearer",
        hosts=("api.example.org",), version=1, key_id="", sealed=b"",
    )  # fmt: skip
    made = sealed(Sealer(keys.master), row, {"token": f"{CANARY}-{number}"})

    async def work(stores: Stores) -> None:
        assert await stores.credentials.add(made, ())

    desk.store(work)


def rows(desk: Desk) -> list[Credential]:
    """Return the credentials."""

    async def work(stores: Stores) -> list[Credential]:
        return await stores.credentials.every()

    return desk.store(work)


def tokens(desk: Desk, keys: Keys) -> list[str]:
    """Return what the credentials hold, opened with some keys."""
    sealer = Sealer(keys.master)
    return [opened(sealer, row).data["token"] for row in rows(desk)]


TOKENS = [f"{CANARY}-{number}" for number in range(COUNT)]


def test_a_new_master_key_seals_credentials_anew(desk: Desk) -> None:
    """Every credential of every workspace is sealed with the new key, and the old one goes; one
    that no key opens is named, exit 1, and keeps the old key [CR31].
    """
    (told,) = desk.json("keys", "rotate", "master", "--drop-old")
    assert (told["resealed"], told["lost_credentials"], told["dropped"]) == (COUNT, [], 1)
    assert {row.key_id for row in rows(desk)} == {told["id"]} == {keys_of(desk).master[0].id}
    assert tokens(desk, keys_of(desk)) == TOKENS
    other = desk.home.parent / "other"
    other.mkdir()
    add(desk, 9, load_or_create(other))
    result = desk.run("keys", "rotate", "master", "--drop-old", "--json")
    assert (result.code, result.value["lost_credentials"], result.value["dropped"]) == (
        1, ["c-9"], 0,
    )  # fmt: skip
    assert "name9" in desk.run("keys", "rotate", "master").err
    assert CANARY not in result.out + result.err


def test_a_rotation_that_was_killed_leaves_every_credential_open(desk: Desk) -> None:
    """After kill -9 some are new and some old, and all open; the next run ends it with the same key
    [CR31].
    """
    code = (
        "import asyncio, os, signal, sys; from pathlib import Path;"
        "from legato.auth import vault; from legato.auth.keys import rotate_master;"
        "from legato.auth.sealing import Sealer; from legato.app import make_stores;"
        "from legato.settings import load_settings;"
        "vault.BATCH = 1;"
        "made = rotate_master(Path(sys.argv[1]), now_ms=1);"
        "stores = make_stores(load_settings({'LEGATO_HOME': sys.argv[1]}));"
        "\nasync def main():"
        "\n    await stores.lifecycle.open()"
        "\n    kill = lambda count: count == 2 and os.kill(os.getpid(), signal.SIGKILL)"
        "\n    await vault.reseal_credentials(stores.credentials, Sealer(made.master), kill)"
        "\nasyncio.run(main())"
    )
    done = subprocess.run([sys.executable, "-c", code, str(desk.home)], check=False)
    assert done.returncode == -signal.SIGKILL
    half = Sealer(keys_of(desk).master)
    assert [half.needs_resealing(row.sealed) for row in rows(desk)] == [False] * 2 + [True] * 3
    assert tokens(desk, keys_of(desk)) == TOKENS
    (told,) = desk.json("keys", "rotate", "master", "--drop-old")
    assert (told["id"], told["resealed"], told["dropped"]) == (half.current, 3, 1)
    assert tokens(desk, keys_of(desk)) == TOKENS


def check(desk: Desk, **env: str) -> dict[str, Any]:
    """Return what doctor says of credentials."""
    lines = desk.run("doctor", "--json", **env).values
    (found,) = [each for each in lines if each["check"] == "credentials"]
    assert CANARY not in repr(lines)
    return dict(found)


def test_doctor_opens_every_credential(desk: Desk) -> None:
    """Each is opened with the keys that are here; one that was changed, and a missing key, are
    problems that name them [CR30].
    """
    assert (check(desk)["state"], "5 open" in check(desk)["message"]) == ("ok", True)

    async def spoil(stores: Stores) -> None:
        (first, *_) = await stores.credentials.every()
        other = msgspec.structs.replace(first, version=2)
        assert await stores.credentials.replace(other, ()) == "done"

    desk.store(spoil)
    found = check(desk)
    assert (found["state"], "1 of 5" in found["message"]) == ("problem", True)
    assert "name0 (c-0)" in found["message"]
    assert desk.run("doctor").code == 1
    (desk.home / "keys.json").unlink()
    found = check(desk)
    assert (found["state"], "5 of 5" in found["message"]) == ("problem", True)
    assert "no keys here" in found["message"]


def test_a_server_does_not_start_without_its_keys(tmp_path: Path) -> None:
    """With another master key neither server nor engine starts, before anything listens: one line
    names the key; with the old key beside, or when told so, they do [CR32].
    """
    site = Site(tmp_path)
    first, second, jwt = (secrets.token_urlsafe(48) for _ in range(3))
    desk = Desk(site.home)
    before = keys_from_environment({JWT_VARIABLE: jwt, MASTER_VARIABLE: first})
    add(desk, 1, before)
    site.more = {JWT_VARIABLE: jwt, MASTER_VARIABLE: second, "LEGATO_PORT": "0"}
    for command in (("serve", "--json"), ("engine", "--until-idle")):
        refused = site.run(*command)
        assert refused.code == 2, refused
        assert before.master[0].id in refused.err
        assert MASTER_OLD_VARIABLE in refused.err
        assert "ready" not in refused.out
        assert "Traceback" not in refused.err
    for more in ({MASTER_OLD_VARIABLE: first}, {"LEGATO_SERVER__ALLOW_MISSING_KEYS": "true"}):
        allowed = site.run("engine", "--until-idle", **more)
        assert allowed.code == 0, allowed
    site.close()


def test_an_engine_without_credentials_needs_no_keys(tmp_path: Path) -> None:
    """Where nothing is sealed an engine starts without any key [CR32]."""
    desk = Desk(tmp_path / "home")
    desk.home.mkdir(mode=0o700)
    desk.set_up()
    assert desk.run("engine", "--until-idle").code == 0
    assert not (desk.home / "keys.json").exists()
