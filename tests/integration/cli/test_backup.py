# SPDX-License-Identifier: Apache-2.0
"""`legato backup` and `legato restore` as a person uses them."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.cli.site import Site

PHRASE = "correct horse battery staple"
FLOW = """
legato: 1
name: asks
nodes:
  first: {uses: data.transform, with: {value: 1}}
"""


@pytest.fixture
def used(any_site: Site) -> Site:
    """A home with keys and an execution that has ended."""
    any_site.ok("run", any_site.write(FLOW))
    load = "import sys; from pathlib import Path; from legato.auth.keys import load_or_create"
    program = f"{load}; load_or_create(Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", program, str(any_site.home)], check=True)
    return any_site


def phrase_in(folder: Path, text: str = PHRASE) -> Path:
    """Write a passphrase into a file."""
    file = folder / f"phrase-{len(text)}"
    file.write_text(f"{text}\n", encoding="utf-8")
    return file


def emptied(site: Site, request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the environment of another, empty home of the same kind."""
    home = site.folder / "other-home"
    if "LEGATO_DATABASE_URL" not in site.more:
        return {"LEGATO_HOME": str(home)}
    from tests import services

    context = services.database(request.getfixturevalue("postgres_server"))
    url = context.__enter__()
    request.addfinalizer(lambda: context.__exit__(None, None, None))
    return {"LEGATO_HOME": str(home), "LEGATO_DATABASE_URL": url}


def test_keys_travel_under_a_passphrase(used: Site, request: pytest.FixtureRequest) -> None:
    """A wrong one changes nothing; the right one brings the master keys [BK6, BK7, BK30]."""
    archive, phrase = used.folder / "out.tar", phrase_in(used.folder)
    made = used.ok("backup", archive, "--key-passphrase-file", phrase, "--json").value
    assert made["has_keys"] and made["rows"]["executions"] == 1
    keys = json.loads((used.home / "keys.json").read_text())
    assert keys["master"][0]["secret"].encode() not in archive.read_bytes()

    env = emptied(used, request)
    home = Path(env["LEGATO_HOME"])
    wrong = phrase_in(used.folder, "another horse entirely")
    refused = used.run("restore", archive, "--key-passphrase-file", wrong, **env)
    assert refused.code == 3 and "passphrase" in refused.err
    assert not home.exists() or list(home.iterdir()) == []
    checked = used.run("restore", archive, "--check", "--key-passphrase-file", phrase, **env)
    assert checked.code == 0 and "is whole" in checked.out
    done = used.run("restore", archive, "--key-passphrase-file", phrase, "--json", **env)
    assert done.code == 0, done
    restored = json.loads((home / "keys.json").read_text())
    assert restored["master"] == keys["master"]
    assert restored["jwt"] != keys["jwt"] and len(restored["jwt"]) == 1
    assert restored["refresh_key"] != keys["refresh_key"]
    assert (home / "keys.json").stat().st_mode & 0o777 == 0o600
    assert not (home / "restoring").exists()
    listed = used.run("executions", "list", "--json", **env)
    assert [each["status"] for each in listed.values] == ["completed"]
    audit = used.run("audit", "list", "--json", **env)
    assert "system.restore" in audit.out
    assert used.run("audit", "verify", **env).code == 0


def test_a_used_place_is_refused(used: Site, request: pytest.FixtureRequest) -> None:
    """A file that is there, a database or home with anything in it [BK2, BK31]."""
    archive = used.folder / "out.tar"
    used.ok("backup", archive, "--without-key")
    before = archive.read_bytes()
    assert used.run("backup", archive, "--without-key").code == 3
    assert archive.read_bytes() == before
    assert used.run("restore", archive, "--without-key").code == 3
    env = emptied(used, request)
    home = Path(env["LEGATO_HOME"])
    home.mkdir()
    (home / "keys.json").write_text("{}")
    refused = used.run("restore", archive, "--without-key", **env)
    assert refused.code == 3 and "keys" in refused.err
    assert sorted(each.name for each in home.iterdir() if each.name != "blobs") == ["keys.json"]


def test_how_the_keys_go_must_be_said(used: Site) -> None:
    """Neither and both are a mistake, as are a short phrase and a file that is not there [BK6]."""
    archive = used.folder / "out.tar"
    short, missing = phrase_in(used.folder, "short"), used.folder / "missing"
    for options in (
        [], ["--without-key", "--key-passphrase-file", short],
        ["--key-passphrase-file", short], ["--key-passphrase-file", missing],
    ):  # fmt: skip
        assert used.run("backup", archive, *options).code == 2
    assert not archive.exists()


def test_a_full_disk_leaves_nothing(site: Site) -> None:
    """Neither the file nor what was written beside it, and the reason is said [BK2]."""
    site.ok("run", site.write(FLOW))
    folder = site.folder / "small"
    folder.mkdir()
    command = (
        f"ulimit -f 300; exec {sys.executable} -m legato.cli backup {folder}/a.tar --without-key"
    )
    done = subprocess.run(
        ["bash", "-c", command], env=site.env(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done
    assert "cannot" in done.stderr and "internal" not in done.stderr
    assert list(folder.iterdir()) == []
    site.ok("backup", folder / "a.tar", "--without-key")


def test_whoever_has_had_enough_leaves_nothing(used: Site) -> None:
    """Ctrl-C ends it with 130 and without a file, or it was done already [BK2]."""
    folder = used.folder / "place"
    folder.mkdir()
    process = used.start("backup", folder / "a.tar", "--without-key")
    process.send(signal.SIGINT)
    code = process.finish().code
    assert code in {0, 130, -signal.SIGINT}
    left = [each.name for each in folder.iterdir()]
    assert left == (["a.tar"] if code == 0 else [])


def test_doctor_tells_the_age_of_the_last_backup(site: Site) -> None:
    """None so far, then which and how old [BK8]."""
    site.ok("run", site.write(FLOW))
    assert "none so far" in site.run("doctor").out
    site.ok("backup", site.folder / "monday.tar", "--without-key")
    said = site.run("doctor").out
    assert "monday.tar" in said and "0 hours old" in said


def test_another_kind_of_database_is_refused(site: Site, fresh_postgres_url: str) -> None:
    """The message names both kinds, and nothing is written [BK9]."""
    site.ok("run", site.write(FLOW))
    archive = site.folder / "out.tar"
    site.ok("backup", archive, "--without-key")
    home = site.folder / "other-home"
    env = {"LEGATO_HOME": str(home), "LEGATO_DATABASE_URL": fresh_postgres_url}
    refused = site.run("restore", archive, "--without-key", **env)
    assert refused.code == 2 and "sqlite" in refused.err and "postgresql" in refused.err


def test_an_execution_is_purged_for_good_after_a_question(any_site: Site) -> None:
    """Without --yes nobody can be asked here; then it is gone [BK44]."""
    any_site.ok("run", any_site.write(FLOW))
    (row,) = any_site.ok("executions", "list", "--json").values
    named = row["execution_id"]
    assert any_site.run("executions", "purge", named).code == 3
    any_site.ok("executions", "purge", named, "--yes")
    assert any_site.ok("executions", "list", "--json").values == []
    assert any_site.run("executions", "show", named).code == 2
