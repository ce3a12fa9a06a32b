# SPDX-License-Identifier: Apache-2.0
"""Secrets from the environment and from a file."""

import os
from pathlib import Path

import pytest

from legato.adapters.env_secrets import EnvSecrets, ServerSecrets
from legato.errors import InvalidInput, NotAllowed, NotFound
from legato.model.ids import WorkspaceId
from tests.contract.build import LOCAL


def write(file: Path, text: str, mode: int = 0o600) -> None:
    """Write the file with a mode."""
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)


async def test_a_variable_holds_a_secret(tmp_path: Path) -> None:
    """`LEGATO_SECRET_<NAME>` in capitals, with `_` for `-` and `.` [ND3]."""
    secrets = EnvSecrets({"LEGATO_SECRET_API_KEY": "abc", "OTHER": "no"}, tmp_path / "secrets.toml")
    for name in ("api_key", "api-key", "API.KEY"):
        assert await secrets.get(LOCAL, name) == "abc"


async def test_the_file_holds_secrets_and_is_read_anew(tmp_path: Path) -> None:
    """A secret can be replaced while a server runs; the file goes before the environment [ND3]."""
    file = tmp_path / "secrets.toml"
    secrets = EnvSecrets({"LEGATO_SECRET_KEY": "variable"}, file)
    assert await secrets.get(LOCAL, "key") == "variable"
    write(file, 'key = "file"\n"odd name" = "näh"\n')
    assert await secrets.get(LOCAL, "key") == "file"
    assert await secrets.get(LOCAL, "odd name") == "näh"
    write(file, 'key = "a newer one"\n')
    assert await secrets.get(LOCAL, "key") == "a newer one"
    file.unlink()
    assert await secrets.get(LOCAL, "key") == "variable"


async def test_a_workspace_may_have_its_own(tmp_path: Path) -> None:
    """A table of the workspace goes before what is for all [LG26]."""
    file = tmp_path / "secrets.toml"
    write(file, 'key = "all"\n[workspace.team]\nkey = "team"\n')
    secrets = EnvSecrets({}, file)
    assert await secrets.get(WorkspaceId("team"), "key") == "team"
    assert await secrets.get(LOCAL, "key") == "all"
    with pytest.raises(NotFound):
        await secrets.get(LOCAL, "workspace")


async def test_a_missing_secret_says_where_to_put_it(tmp_path: Path) -> None:
    """The message names file and variable [ND3]."""
    with pytest.raises(NotFound) as caught:
        await EnvSecrets({}, tmp_path / "secrets.toml").get(LOCAL, "api-key")
    assert str(tmp_path / "secrets.toml") in str(caught.value)
    assert "LEGATO_SECRET_API_KEY" in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620])
async def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """It says how to close it [LG24]."""
    file = tmp_path / "secrets.toml"
    write(file, 'key = "topsecret"\n', mode)
    with pytest.raises(NotAllowed, match="chmod 600") as caught:
        await EnvSecrets({}, file).get(LOCAL, "key")
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize("text", ['key = "topsecret', "key = topsecret", "key = 12345678"])
async def test_a_broken_file_is_refused_without_its_text(tmp_path: Path, text: str) -> None:
    """An error must not quote the line: it holds the secret [LG24]."""
    file = tmp_path / "secrets.toml"
    write(file, text)
    with pytest.raises(InvalidInput) as caught:
        await EnvSecrets({}, file).get(LOCAL, "key")
    assert str(file) in str(caught.value)
    assert "topsecret" not in str(caught.value)
    assert "1234" not in str(caught.value)


async def test_a_file_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    """Not found is something else than not readable [LG24]."""
    loop = tmp_path / "secrets.toml"
    os.symlink(loop, loop)
    with pytest.raises(NotAllowed, match=r"secrets\.toml"):
        await EnvSecrets({}, loop).get(LOCAL, "key")


async def test_the_servers_own_secrets_are_out_of_reach_of_workflows(tmp_path: Path) -> None:
    """From the table `[server]` or variables of their own, and the other way round [AU100]."""
    file = tmp_path / "secrets.toml"
    file.write_text('a = "workflows"\n[server]\nb = "ours"\nempty = ""\n', encoding="utf-8")
    file.chmod(0o600)
    variables = {"LEGATO_SECRET_C": "workflows", "LEGATO_SERVER_SECRET_D_E": "ours"}
    ours, theirs = ServerSecrets(variables, file), EnvSecrets(variables, file)
    assert [ours.find(name) for name in ("b", "d-e")] == ["ours", "ours"]
    assert [ours.find(name) for name in ("a", "c", "empty", "server", "no")] == [None] * 5
    for name in ("b", "d-e", "server_secret_d_e", "empty"):
        with pytest.raises(NotFound):
            await theirs.get(LOCAL, name)
    with pytest.raises(InvalidInput):
        await theirs.get(LOCAL, "server")
    assert await theirs.get(LOCAL, "a") == "workflows"
    file.write_text("server = 5\n", encoding="utf-8")
    assert ServerSecrets({}, file).find("b") is None
    file.chmod(0o644)
    with pytest.raises(NotAllowed):
        ServerSecrets({}, file).find("b")
