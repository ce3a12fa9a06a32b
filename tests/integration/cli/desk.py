# SPDX-License-Identifier: Apache-2.0
"""Commands in this process, on a home of the test: the same as a process of their own, at once."""

import asyncio
import io
import logging
from collections.abc import Callable, Coroutine
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, TypeVar

import structlog

from legato.app import make_stores
from legato.cli.main import invoke
from legato.model.ids import LOCAL_WORKSPACE, SessionId, UserId
from legato.ports.accounts import Member, NewSession, NewToken, User, Workspace
from legato.ports.stores import Stores
from legato.settings import load_settings
from tests.integration.cli.site import Result

T = TypeVar("T")
OWNER = "ada@example.org"


class Desk:
    """Runs commands on one home."""

    def __init__(self, home: Path, **more: str) -> None:
        """Args: more variables of the environment."""
        self.env = {"LEGATO_HOME": str(home), "HOME": str(home), **more}
        self.home = home

    def run(self, *arguments: object, **more: str) -> Result:
        """Run a command."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        level = logging.getLogger().level
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = invoke([str(each) for each in arguments], {**self.env, **more})
        finally:
            root = logging.getLogger()
            for handler in [each for each in root.handlers if getattr(each, "_legato", False)]:
                root.removeHandler(handler)
                handler.close()
            root.setLevel(level)
            structlog.reset_defaults()
        for each in (out, err):
            each.flush()
            each.seek(0)
        return Result(code, out.read(), err.read())

    def ok(self, *arguments: object, **more: str) -> Result:
        """Run a command that must end with 0."""
        result = self.run(*arguments, **more)
        assert result.code == 0, result
        return result

    def json(self, *arguments: object, **more: str) -> list[Any]:
        """Return the JSON values that a command prints."""
        return self.ok(*arguments, "--json", **more).values

    def store(self, work: Callable[[Stores], Coroutine[Any, Any, T]]) -> T:
        """Do something with the store of the home."""

        async def opened() -> T:
            stores = make_stores(load_settings(self.env))
            await stores.lifecycle.open()
            try:
                return await work(stores)
            finally:
                await stores.lifecycle.close()

        return asyncio.run(opened())

    def set_up(self) -> None:
        """Make the first owner, an administrator, without a server."""

        async def work(stores: Stores) -> None:
            accounts, secret = stores.accounts, b"s" * 32
            await accounts.add_token(NewToken(hash=secret, kind="setup", ttl_ms=60_000), ())
            owner = User(
                id=UserId("018f0000-0000-7000-8000-00000000000a"), email=OWNER,
                display_name="Ada", is_instance_admin=True,
            )  # fmt: skip
            place = Workspace(id=LOCAL_WORKSPACE, slug="main", name="Main")
            session = NewSession(
                id=SessionId("s"), sid_hash=b"a" * 32, refresh_hash=b"b" * 32, user=owner.id,
                ttl_ms=60_000, idle_ms=60_000,
            )  # fmt: skip
            await accounts.set_up(secret, owner, place, session, ())

        self.store(work)

    def add(self, email: str, role: str = "viewer", **changes: Any) -> User:
        """Add an account without a command."""
        user = User(id=UserId(f"u-{email}"), email=email, display_name=email, **changes)
        member: Any = Member(workspace=LOCAL_WORKSPACE, user=user.id, role=role)  # type: ignore[arg-type]

        async def work(stores: Stores) -> None:
            assert await stores.accounts.add_user(user, (), member=member)

        self.store(work)
        return user
