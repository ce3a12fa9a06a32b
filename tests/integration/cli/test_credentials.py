# SPDX-License-Identifier: Apache-2.0
"""`legato credentials` on a home, and a run that uses what it keeps."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from legato.auth.keys import load
from tests.integration.cli.desk import Desk
from tests.integration.cli.site import Result

CANARY = "canary-token-4711"
BEARER = ("--type", "http_bearer", "--host", "API.example.org")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A home that nobody has set up."""
    made = Desk(tmp_path / "home")
    made.home.mkdir(mode=0o700)
    return made


def put(desk: Desk, monkeypatch: pytest.MonkeyPatch, text: str, *arguments: str) -> Result:
    """Set a credential; the text comes from stdin."""
    source = io.BytesIO(text.encode())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=source, isatty=lambda: False))
    return desk.run("credentials", "set", *arguments, "--json")


def test_a_secret_comes_from_stdin_or_a_file_only(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is kept, replaced and listed without being shown; one in an argument is refused, and so is
    what is wrong, by place and without repeating it [CR44].
    """
    made = put(desk, monkeypatch, f"{CANARY}\n", "github", *BEARER)
    assert (made.code, made.value["version"]) == (0, 1), made
    file = tmp_path / "secret.json"
    file.write_text(json.dumps({"token": f"{CANARY}-2"}), encoding="utf-8")
    again = desk.run("credentials", "set", "github", *BEARER, "--file", str(file), "--json")
    assert (again.value["version"], again.value["id"]) == (2, made.value["id"])
    (listed,) = desk.json("credentials", "list")
    assert (listed["name"], listed["hosts"]) == ("github", ["api.example.org"])
    shown = desk.ok("credentials", "list").out
    assert "github" in shown
    wrong = [
        put(desk, monkeypatch, CANARY, "x", *BEARER, "--field", f"token={CANARY}"),
        put(desk, monkeypatch, CANARY[:7], "x", *BEARER),
        put(desk, monkeypatch, CANARY, "x", "--type", "http_bearer"),
        put(desk, monkeypatch, f'{{"token": "{CANARY}"', "x", *BEARER),
        put(desk, monkeypatch, CANARY, "no name", *BEARER),
    ]
    assert [each.code for each in wrong] == [2] * 5
    assert "/data/token" in wrong[1].err
    assert "/hosts" in wrong[2].err
    everything = [made, again, *wrong[1:]]
    assert not [each for each in everything if CANARY[:7] in each.out + each.err]
    assert len(desk.json("credentials", "list")) == 1


def test_the_audit_knows_and_a_trial_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each deed is a row of the audit; a trial that fails is exit 1; what is deleted is gone
    [CR45].
    """
    made = put(
        desk, monkeypatch, CANARY, "github", "--type", "http_bearer", "--host", "127.0.0.1:9"
    )
    tried = desk.run("credentials", "test", "github", "--json")
    assert (tried.code, tried.value["ok"]) == (1, False)
    assert "address_refused" in tried.value["message"]
    assert desk.run("credentials", "delete", "github").code == 3
    desk.ok("credentials", "delete", "github", "--yes")
    assert desk.run("credentials", "test", "github").code == 2
    rows = desk.json("audit", "list")
    about = [each["action"] for each in rows if each["target"]["id"] == made.value["id"]]
    assert about == ["credential.delete", "credential.test", "credential.create"]
    assert CANARY not in repr(rows) + tried.out + tried.err


FLOW = """\
legato: 1
name: uses-a-credential
nodes:
  ask:
    uses: shell.run
    with: {program: cat, stdin: {secret: shop}}
outputs: {said: "${{ nodes.ask.output.stdout }}"}
"""


def test_a_run_on_the_home_uses_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`legato run` finds a credential of the first workspace with the keys of the home, and its
    output does not tell it; without the keys it says what to do [CR46].
    """
    dsn = f"postgresql://ann:{CANARY}@db.example.org/shop"
    assert put(desk, monkeypatch, dsn, "shop", "--type", "sql").code == 0
    (desk.home / "legato.toml").write_text('[grants.shell]\nprograms = ["cat"]\n')
    flow = tmp_path / "flow.yaml"
    flow.write_text(FLOW, encoding="utf-8")
    done = desk.run("run", str(flow), "--json")
    assert (done.code, done.values[-1]["outputs"]) == (0, {"said": "[redacted]"}), done
    assert load(desk.home) is not None
    (desk.home / "keys.json").rename(tmp_path / "keys.json")
    lost = desk.run("run", str(flow), "--json")
    assert lost.code == 1
    assert "no keys here" in lost.out
    assert CANARY not in done.out + done.err + lost.out + lost.err
