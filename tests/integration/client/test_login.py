# SPDX-License-Identifier: Apache-2.0
"""`legato login` and `logout` against a real server, and the client that they stand on."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyotp
import pytest

from legato.cli.main import invoke
from legato.client import Client, NotKnown
from tests.integration.api.serving import Serving
from tests.integration.api.visitor import EMAIL, PASSWORD, Visitor
from tests.integration.cli.site import PATIENCE_S
from tests.integration.client.conftest import Computer


class Done:
    """How a command with lines on its stdin ended."""

    def __init__(self, computer: Computer, *arguments: object, stdin: str = "") -> None:
        """Run it."""
        done = subprocess.run(
            [sys.executable, "-m", "legato.cli", *map(str, arguments)],
            env=computer.site.env(), input=stdin, capture_output=True, text=True, check=False,
            timeout=PATIENCE_S,
        )  # fmt: skip
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __repr__(self) -> str:
        """Show the whole."""
        return f"exit {self.code}\n{self.out}\n{self.err}"


def log_in(computer: Computer, *more: object, stdin: str = f"{PASSWORD}\n") -> Done:
    """Log Ada in by her password."""
    url = computer.serving.url
    return Done(computer, "login", url, "--email", EMAIL, "--stdin", *more, stdin=stdin)


def kept(computer: Computer) -> dict[str, Any]:
    """Return what is kept of the one server."""
    (found,) = json.loads(computer.file.read_text())["servers"]
    return dict(found)


def keys(serving: Serving) -> list[str]:
    """Return the keys that live."""
    ada = Visitor(serving)
    ada.log_in()
    return [each["id"] for each in ada.call("GET", "/auth/api-keys").json()["items"]]


def test_a_log_in_makes_a_key_with_an_end_that_only_its_person_can_read(computer: Computer) -> None:
    """The file is 0600 in a folder of 0700, and what is printed has no secret [CC21, CC24]."""
    done = log_in(computer)
    assert done.code == 0, done
    found = kept(computer)
    assert f"logged in to {computer.serving.url} as {EMAIL}, workspace main" in done.out
    assert found["key"].startswith("lgt_")
    assert found["key"] not in done.out + done.err
    assert PASSWORD not in computer.file.read_text()
    assert computer.file.stat().st_mode & 0o777 == 0o600
    assert computer.file.parent.stat().st_mode & 0o777 == 0o700
    ada = Visitor(computer.serving)
    ada.log_in()
    (key,) = [
        each for each in ada.call("GET", "/auth/api-keys").json()["items"]
        if each["id"] == found["key_id"]
    ]  # fmt: skip
    assert key["expires_at"] is not None
    assert "execution:run" in key["scopes"]
    assert key["name"].startswith("legato on ")


def test_logging_out_revokes_the_key_and_forgets_the_server(computer: Computer) -> None:
    """Also the log-in behind it ends [CC26]."""
    assert log_in(computer).code == 0
    found = kept(computer)
    done = Done(computer, "logout", "--json")
    assert done.code == 0, done
    assert json.loads(done.out)["revoked"] is True
    assert found["key_id"] not in keys(computer.serving)
    assert json.loads(computer.file.read_text())["servers"] == []
    again = Done(computer, "logout")
    assert (again.code, "not logged in" in again.err) == (2, True)


def test_logging_in_again_revokes_the_key_of_before(computer: Computer) -> None:
    """No key lives on that nobody has [CC26]."""
    assert log_in(computer).code == 0
    first = kept(computer)["key_id"]
    assert log_in(computer).code == 0
    found = keys(computer.serving)
    assert first not in found
    assert kept(computer)["key_id"] in found


def test_logging_out_of_a_server_that_is_away_says_that_the_key_lives(
    computer: Computer,
) -> None:
    """Here it is forgotten all the same [CC26]."""
    assert log_in(computer).code == 0
    value = json.loads(computer.file.read_text())
    gone = "http://127.0.0.1:9"
    value["servers"][0]["url"] = value["current"] = gone
    computer.file.write_text(json.dumps(value))
    done = Done(computer, "logout")
    assert done.code == 0, done
    assert "is still good there" in done.err
    assert json.loads(computer.file.read_text())["servers"] == []


def test_a_wrong_password_is_refused_and_nothing_is_kept(computer: Computer) -> None:
    """Exit code 3, one line [CC21]."""
    done = log_in(computer, stdin="wrong password here\n")
    assert (done.code, "is wrong" in done.err) == (3, True), done
    assert not computer.file.exists()


def test_a_second_factor_is_asked_for(computer: Computer, serving: Serving) -> None:
    """The code is the next line of stdin [CC21]."""
    ada = Visitor(serving)
    ada.log_in()
    answer = ada.call("POST", "/auth/mfa/totp", {"current_password": PASSWORD})
    factor = pyotp.TOTP(answer.json()["secret"])
    shown = ada.call("POST", "/auth/mfa/totp/confirm", {"code": factor.now()}).json()
    first, second = shown["recovery_codes"][:2]
    try:
        done = log_in(computer, stdin=f"{PASSWORD}\n{first}\n")
        assert done.code == 0, done
        assert log_in(computer, stdin=f"{PASSWORD}\n").code == 2
    finally:
        value = {"current_password": PASSWORD, "code": second}
        assert ada.call("DELETE", "/auth/mfa/totp", value).status_code == 204


def test_a_key_that_is_brought_along_is_used_and_not_revoked(
    computer: Computer, serving: Serving, tmp_path: Path
) -> None:
    """From a file, never as an argument [CC21, CC26]."""
    ada = Visitor(serving)
    ada.log_in()
    made = ada.call("POST", "/auth/api-keys", {"name": "x", "scopes": ["workflow:read"]}).json()
    file = tmp_path / "key"
    file.write_text(made["key"] + "\n")
    done = Done(computer, "login", serving.url, "--api-key-file", file)
    assert done.code == 0, done
    assert kept(computer)["key_id"] is None
    done = Done(computer, "logout")
    assert (done.code, "still good" in done.err) == (0, True)
    assert made["id"] in keys(serving)
    file.write_text("no key")
    done = Done(computer, "login", serving.url, "--api-key-file", file)
    assert (done.code, "holds no API key" in done.err) == (2, True)


def test_a_file_that_others_may_read_is_not_used(computer: Computer) -> None:
    """Its keys are no secrets any more [CC24]."""
    assert log_in(computer).code == 0
    computer.file.chmod(0o644)
    done = Done(computer, "logout")
    assert (done.code, "may be read by others" in done.err) == (3, True), done


def test_a_server_over_a_network_needs_https(computer: Computer) -> None:
    """A password would be readable on its way [CC11]."""
    done = Done(computer, "login", "http://legato.example.org", "--stdin", stdin="x\n")
    assert (done.code, "is not https" in done.err) == (2, True), done


def test_nothing_can_be_asked_without_a_terminal(
    computer: Computer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says which option helps [CC21]."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    code = invoke(["login", computer.serving.url, "--email", EMAIL], computer.site.env())
    assert (code, "--stdin" in capsys.readouterr().err) == (2, True)


async def test_the_client_speaks_with_a_real_server(serving: Serving) -> None:
    """A value, a list page by page, a refusal [CC12, CC14, CC19]."""
    ada = Visitor(serving)
    ada.log_in()
    for name in ("a", "b", "c"):
        ada.call("POST", "/auth/api-keys", {"name": name, "scopes": ["workflow:read"]})
    async with Client(serving.url, ada.access) as legato:
        assert (await legato.read_me()).email == EMAIL
        assert len([each.id async for each in legato.all_keys(limit=1)]) >= 3
        assert (await legato.check_liveness()).status == "ok"
    async with Client(serving.url, "lgt_aaaaaaaaaaaa_" + "a" * 43) as legato:
        with pytest.raises(NotKnown):
            await legato.read_me()
