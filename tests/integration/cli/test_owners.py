# SPDX-License-Identifier: Apache-2.0
"""Whether others may be let in."""

from pathlib import Path

import msgspec
import pytest

from legato.app import build
from legato.cli.owners import refuse_without_password
from legato.errors import InvalidInput
from legato.model.ids import LOCAL_WORKSPACE
from legato.ports.accounts import Workspace
from legato.settings import load_settings
from tests.contract.accounts import entry, hashed, session, token, user


@pytest.mark.parametrize(("password_hash", "is_good"), [(None, False), ("$argon2id$…", True)])
async def test_others_are_let_in_once_the_owner_has_a_password(
    tmp_path: Path, password_hash: str | None, is_good: bool
) -> None:
    """Not before there is an owner, and to look makes no database [UP5]."""
    settings = load_settings({"LEGATO_HOST": "192.0.2.1"}, tmp_path)
    with pytest.raises(InvalidInput, match="others reach 192"):
        await refuse_without_password(settings)
    assert not settings.home.joinpath("legato.db").exists()
    async with build(settings, role="reader") as app:
        accounts = app.stores.accounts
        await accounts.add_token(token("setup", kind="setup"), ())
        owner = msgspec.structs.replace(user("ann"), password_hash=password_hash)
        place = Workspace(id=LOCAL_WORKSPACE, slug="main", name="Main")
        made = await accounts.set_up(
            hashed("setup"), owner, place, session("s-ann", "ann"), entry("setup")
        )
        assert not isinstance(made, str)
    if is_good:
        await refuse_without_password(settings)
    else:
        with pytest.raises(InvalidInput, match="the owner has no password"):
            await refuse_without_password(settings)
