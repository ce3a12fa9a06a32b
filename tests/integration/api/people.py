# SPDX-License-Identifier: Apache-2.0
"""One server for the tests of a module, each with a person of its own who comes from elsewhere.

What an administrator does on the machine is done by a second process on the same database: here.
"""

import asyncio
import contextlib
import itertools
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx2
import pyotp

from legato.adapters.sql.open import make_stores
from legato.adapters.system_clock import SystemClock
from legato.auth.passwords import Passwords
from legato.model.ids import UserId
from legato.ports.accounts import Accounts, User
from legato.ports.stores import Stores
from tests.contract.accounts import execute, select
from tests.integration.api.serving import Serving
from tests.integration.api.visitor import PASSWORD, Visitor
from tests.integration.cli.site import Site

T = TypeVar("T")
SHORT_PASSWORD: Final = "canary-7kQv2!"
"""Good beside a second factor only."""


class Person(Visitor):
    """A user with an address of their own, whose failures count nowhere else."""

    def __init__(self, town: "Town", user: User, ip: str) -> None:
        """Arrive; nobody is logged in."""
        super().__init__(town.serving)
        self.town = town
        self.id = user.id
        self.email = user.email
        self.ip = ip

    def call(self, method: str, path: str, value: Any = None, **headers: str) -> httpx2.Response:
        """Make one request from the own address."""
        headers.setdefault("X_Forwarded_For", self.ip)
        return super().call(method, path, value, **headers)

    def elsewhere(self) -> "Person":
        """Return the same user in another browser at the same address."""
        return Person(self.town, self.user, self.ip)

    @property
    def user(self) -> User:
        """The user as stored now."""
        found = self.town.ask(lambda accounts: accounts.user(self.id))
        assert found is not None
        return found

    def show_password(self, password: str = PASSWORD) -> httpx2.Response:
        """Try to log in."""
        return self.call("POST", "/auth/login", {"email": self.email, "password": password})

    def log_in(self, password: str = PASSWORD) -> httpx2.Response:
        """Log in, which must succeed without a code."""
        return self.take(self.show_password(password))

    def half(self, password: str = PASSWORD) -> str:
        """Show a right password, and return the token for the code that is owed."""
        return owed(self.show_password(password))

    def show_code(self, token: object, code: object) -> httpx2.Response:
        """Try to finish a log-in."""
        return self.call("POST", "/auth/login/mfa", {"mfa_token": token, "code": code})

    def add_factor(self) -> "Factor":
        """Make a second factor active, which must succeed."""
        answer = self.call("POST", "/auth/mfa/totp", {"current_password": PASSWORD})
        assert answer.status_code == 200, answer.text
        factor = Factor(answer.json()["secret"])
        answer = self.call("POST", "/auth/mfa/totp/confirm", {"code": factor.code()})
        assert answer.status_code == 200, answer.text
        factor.recovery = answer.json()["recovery_codes"]
        return factor


class Factor:
    """An authenticator app that does not wait: each code is of the step after the one before.

    Two codes at most: what is further ahead is not good yet.
    """

    def __init__(self, secret: str) -> None:
        """Take the secret."""
        self.secret = secret
        self.recovery: list[str] = []
        self._steps = itertools.count(int(time.time()) // 30)

    def code(self) -> str:
        """Return the next code."""
        return self.at(next(self._steps))

    def at(self, step: int) -> str:
        """Return the code of a step."""
        return str(pyotp.TOTP(self.secret).generate_otp(step))


class Town:
    """A server, and who lives there."""

    def __init__(self, site: Site, command: tuple[str, ...] = ()) -> None:
        """Start it, with another command than the usual one if it is given."""
        site.more |= {
            "LEGATO_JWT_SECRET_KEY": secrets.token_urlsafe(48),
            "LEGATO_MASTER_KEY": secrets.token_urlsafe(48),
            "LEGATO_SERVER__TRUSTED_PROXIES": '["127.0.0.1"]',
        }
        self.site = site
        self.home = site.home
        words = ("serve", "--port", 0, "--json")
        process = site.start_program(command, *words) if command else site.start(*words)
        self.serving = Serving(process.unwatched())
        self.told: Path = site.folder / "stderr-1"
        self._count = itertools.count(1)
        self._hash = ""

    def stores(self, work: Callable[[Stores], Awaitable[T]]) -> T:
        """Do something on the server's database."""

        async def with_stores() -> T:
            url = f"sqlite:///{self.home}/legato.db"
            stores = make_stores(url, "memory:", home=self.home)
            await stores.lifecycle.open()
            try:
                return await work(stores)
            finally:
                await stores.lifecycle.close()

        return asyncio.run(with_stores())

    def ask(self, work: Callable[[Accounts], Awaitable[T]]) -> T:
        """Do something with the server's accounts."""
        return self.stores(lambda stores: work(stores.accounts))

    def execute(self, sql: str) -> None:
        """Run one statement behind everybody's back."""
        self.stores(lambda stores: execute(stores, sql))

    def select(self, sql: str) -> list[tuple[Any, ...]]:
        """Read behind everybody's back."""
        return self.stores(lambda stores: select(stores, sql))

    def person(self, **changes: Any) -> Person:
        """Add a user with `PASSWORD`."""
        self._hash = self._hash or asyncio.run(_hashed(PASSWORD))
        number = next(self._count)
        user = User(
            **{
                "id": UserId(SystemClock().new_id()),
                "email": f"person{number}@example.org",
                "display_name": "Somebody",
                "password_hash": self._hash,
                **changes,
            }
        )
        assert self.ask(lambda accounts: accounts.add_user(user, ()))
        return Person(self, user, f"192.0.2.{number}")

    def kept(self) -> bytes:
        """Return everything that the database files hold and the log tells."""
        files = [*self.home.glob("legato.db*"), self.told]
        return b"".join(each.read_bytes() for each in files)


async def _hashed(password: str) -> str:
    passwords = Passwords()
    found = await passwords.hash(password)
    passwords.close()
    return found


@contextlib.contextmanager
def town_in(folder: Path) -> Iterator[Town]:
    """A server, for as long as this lasts."""
    site = Site(folder)
    try:
        yield Town(site)
    finally:
        site.close()


def owed(answer: httpx2.Response) -> str:
    """Return the token of an answer that a code is owed."""
    assert (answer.status_code, answer.json()["code"]) == (401, "mfa_required"), answer.text
    assert "set-cookie" not in answer.headers
    token: str = answer.json()["mfa_token"]
    assert len(token) == 43
    return token


def token_of(link: str) -> str:
    """Return what stands after the `#` of a link."""
    return link.partition("#token=")[2]


def said(answer: httpx2.Response) -> tuple[int, str]:
    """Return status and code of a refusal; the status alone of anything else."""
    return answer.status_code, answer.json()["code"] if answer.status_code >= 400 else ""


def paths(answer: httpx2.Response) -> list[str]:
    """Return where the faults of a body are."""
    assert answer.status_code == 422, answer.text
    return [each["path"] for each in answer.json()["errors"]]
