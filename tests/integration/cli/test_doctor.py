# SPDX-License-Identifier: Apache-2.0
"""`legato doctor` on homes that are well and homes that are not, with real servers."""

import contextlib
import socket
import sqlite3
from collections.abc import Iterator

import pytest

from tests.integration.cli.site import Result, Site
from tests.integration.cli.workflows import HELLO, SLOW


def states(result: Result) -> dict[str, list[str]]:
    """Return check -> the states of its lines."""
    found: dict[str, list[str]] = {}
    for each in result.values:
        found.setdefault(each["check"], []).append(each["state"])
    return found


def problems(result: Result) -> list[str]:
    """Return what has a problem, each with what to do about it."""
    found = [each for each in result.values if each["state"] == "problem"]
    assert all(each["advice"] for each in found)
    return [each["message"] for each in found]


@pytest.fixture
def server() -> Iterator[int]:
    """Return the port of a server on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_an_empty_home_is_well_and_stays_empty(site: Site) -> None:
    """Nothing is made by looking [CL35]."""
    before = sorted(site.home.iterdir())
    result = site.run("doctor", "--json")
    assert (result.code, problems(result)) == (0, [])
    assert sorted(site.home.iterdir()) == before
    assert {"home", "schema", "disk", "locale", "sandbox", "grants"} <= set(states(result))


def test_a_home_in_use_is_well(any_site: Site) -> None:
    """Schema, round trip with durability, clock, engines [CL35, LG13]."""
    any_site.ok("run", any_site.write(HELLO))
    result = any_site.run("doctor", "--json", PYTHONUTF8="1")
    assert (result.code, problems(result)) == (0, [])
    found = {each["check"]: each["message"] for each in result.values}
    assert "synchronous" in found["database"]
    assert "0.0 s away" in found["clock"]
    assert {"schema", "engines"} <= set(found)
    assert any_site.ok("doctor").out.splitlines()[0].startswith("ok ")


def test_rights_that_let_others_in_are_a_problem(site: Site) -> None:
    """Of the folder, the secrets and the settings, with the command that mends it [CL35]."""
    site.ok("run", site.write(HELLO))
    secrets = site.home / "secrets.toml"
    secrets.write_text('token = "hush-hush"\n')
    secrets.chmod(0o644)
    site.home.chmod(0o755)
    (site.home / "legato.toml").chmod(0o666)
    (site.home / "legato.db").chmod(0o644)
    result = site.run("doctor", "--json")
    assert result.code == 1
    assert len(problems(result)) == 3
    assert states(result)["home"].count("warning") == 1
    advice = "\n".join(str(each["advice"]) for each in result.values)
    assert f"chmod 700 {site.home}" in advice
    assert f"chmod 600 {secrets}" in advice
    assert "hush-hush" not in result.out + result.err
    text = site.run("doctor").out
    assert "3 problems, 1 warning" in text
    site.home.chmod(0o700)


def test_grants_are_tried_one_by_one(site: Site, server: int) -> None:
    """Programs, folders, databases, servers and secrets; no secret is shown [CL35, CL36]."""
    with contextlib.closing(sqlite3.connect(site.folder / "shop.db")):
        pass
    with socket.create_server(("127.0.0.1", 0)) as gone:
        closed = gone.getsockname()[1]
    settings = f"""\
[grants.shell]
programs = ["git", "no-such-program"]
[grants.files]
roots = ["{site.folder}", "{site.folder}/missing"]
[grants.http]
allow_private = ["127.0.0.1:{server}", "127.0.0.1:{closed}"]
[grants.sql.connections.shop]
url = "sqlite:///{site.folder}/shop.db"
[grants.sql.connections.none]
url = "sqlite:///{site.folder}/none.db"
[grants.sql.connections.far]
url = "postgresql://ada@127.0.0.1:{closed}/x"
password = "far_password"
[grants.mail.servers.post]
host = "127.0.0.1"
port = {server}
sender = "a@example.org"
recipients = ["@example.org"]
password = "known_password"
"""
    (site.home / "legato.toml").write_text(settings)
    result = site.run("doctor", "--json", LEGATO_SECRET_KNOWN_PASSWORD="hush-hush")
    assert result.code == 1
    found = problems(result)
    assert len(found) == 6, found
    for said in (
        "no-such-program",
        "/missing is not there",
        "none.db is not there",
        f"connection far: 127.0.0.1:{closed} cannot be reached",
        f"http: 127.0.0.1:{closed} cannot be reached",
        "no secret far_password",
    ):
        assert sum(said in each for each in found) == 1, said
    fine = [each["message"] for each in result.values if each["state"] == "ok"]
    for said in ("program git: /", "connection shop", f"mail server post: 127.0.0.1:{server}",
                 "known_password is there"):  # fmt: skip
        assert sum(said in each for each in fine) == 1, said
    assert "hush-hush" not in result.out + result.err


def test_a_database_that_is_away_is_a_problem(site: Site) -> None:
    """Without its password [CL35, CL36]."""
    url = "postgresql://ada:hush-hush@127.0.0.1:1/x"
    result = site.run("doctor", "--json", LEGATO_DATABASE_URL=url)
    assert result.code == 1
    assert len(problems(result)) == 1
    assert "hush-hush" not in result.out + result.err


def test_a_damaged_or_newer_database_is_a_problem(site: Site) -> None:
    """It is named and not touched [CL35, LG22, LG28]."""
    site.ok("migrate")
    with contextlib.closing(sqlite3.connect(site.home / "legato.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    result = site.run("doctor", "--json")
    assert (result.code, "9999" in problems(result)[0]) == (1, True)
    for file in site.home.glob("legato.db*"):
        file.unlink()
    (site.home / "legato.db").write_bytes(b"this is no database at all" * 100)
    (site.home / "legato.db").chmod(0o600)
    result = site.run("doctor", "--json")
    assert (result.code, len(problems(result))) == (1, 1)


def test_work_that_nobody_does_is_a_warning(site: Site) -> None:
    """With the command that does it; a live engine is named [CL35]."""
    process = site.start("run", site.write(SLOW), "--json")
    process.until_node("nap", "running")
    engines = [each for each in site.ok("doctor", "--json").values if each["check"] == "engines"]
    assert f"process {process.pid}" in engines[0]["message"]
    process.kill()
    engines = [each for each in site.ok("doctor", "--json").values if each["check"] == "engines"]
    assert (engines[0]["state"], engines[0]["advice"]) == ("warning", "Run: legato engine")
    engine = site.start("engine", "--json")
    engine.until_value(lambda line: line["type"] == "ready")
    engines = [each for each in site.ok("doctor", "--json").values if each["check"] == "engines"]
    assert engines[0]["state"] == "ok"
    engine.kill()  # it would let the nap end first


def test_a_narrow_locale_and_odd_settings_are_warnings(site: Site) -> None:
    """They are no problem: the exit code is 0 [CL35]."""
    result = site.run(
        "doctor", "--json", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0",
        PYTHONIOENCODING="latin-1", LEGATO_ENGNE__LEASE_S="4",
    )  # fmt: skip
    assert result.code == 0, result
    assert states(result)["locale"] == ["warning"]
    assert states(result)["settings"] == ["warning"]
