# SPDX-License-Identifier: Apache-2.0
"""What the routes of log-ins answer when the account was changed under their hands."""

from typing import Any

import msgspec
import orjson
import pyotp
import pytest

from legato.adapters.memory.counters import MemoryCounters
from legato.api import own_account, password_reset, second_factor, sign_in
from legato.api.access import Gate
from legato.api.authenticator import BearerAuthenticator
from legato.api.parts import Api, Identity
from legato.api.readiness import Readiness
from legato.api.server import make_api
from legato.app import memory_stores
from legato.auth.passwords import Verdict
from legato.auth.refresh import new_sid, new_token, token_hash
from legato.auth.sealing import MasterKey, Sealer
from legato.auth.throttle import LoginThrottle
from legato.auth.tokens import AccessTokens, KeyRing, SigningKey
from legato.auth.totp import seal_secret
from legato.errors import InvalidInput
from legato.model.ids import SessionId, UserId
from legato.ports.accounts import Principal, Session, Token, User
from legato.settings import load_settings
from legato.testing.clock import FakeClock
from tests.unit.api.calls import Answer, call, scope_of, sender

KEY = b"k" * 32
SECRET = "A" * 32
SEALER = Sealer([MasterKey(id="m1", secret=KEY)])
USER = User(id=UserId("u1"), email="ada@example.org", display_name="Ada", password_hash="right")
WITH_FACTOR = msgspec.structs.replace(USER, totp=seal_secret(SEALER, USER.id, SECRET))
SESSION = Session(
    id=SessionId("s1"), sid_hash=b"", user=USER.id, created_at=0, authenticated_at=0,
    expires_at=1, last_active=0,
)  # fmt: skip
STATE, WRONG, INVALID = (
    (409, "illegal_state"),
    (401, "invalid_credentials"),
    (400, "token_invalid"),
)


class Book:
    """Accounts and audit of one user, whom somebody else always changes first."""

    def __init__(self) -> None:
        """Nothing is done yet."""
        self.person = USER
        self.tried = self.written = 0
        self.has_tokens = True
        self.asked: list[bytes] = []

    async def principal_of_session(self, *_: object) -> Principal:
        """Find the one session."""
        return Principal(user=self.person, session=SESSION)

    async def user(self, _: object) -> User:
        """Find the one user."""
        return self.person

    user_by_email = user

    async def token(self, token_hash: bytes, kind: Any) -> Token | None:
        """Find a token that was good a moment ago."""
        self.asked.append(token_hash)
        found = Token(
            hash=token_hash, kind=kind, ttl_ms=0, user=USER.id, email=USER.email, expires_at=1,
            sealed=WITH_FACTOR.totp,
        )  # fmt: skip
        return found if self.has_tokens else None

    async def token_of(self, _: object, kind: Any) -> Token | None:
        """The same, by its user."""
        return await self.token(b"", kind)

    async def try_token(self, *_: object, **__: object) -> bool:
        """There are always tries left."""
        self.tried += 1
        return True

    async def add_token(self, *_: object, **__: object) -> bool:
        """Too late."""
        return False

    async def change_user(self, *_: object, **__: object) -> bool:
        """Too late."""
        return False

    async def add_session(self, *_: object, **__: object) -> None:
        """Too late."""

    async def write(self, _: object) -> None:
        """Count rows of the audit."""
        self.written += 1


class Hasher:
    """Passwords without work: the right one is `right`."""

    def __init__(self) -> None:
        """Nothing is judged or hashed yet."""
        self.worked = 0

    async def verify(self, password: str, stored: str | None) -> Verdict:
        """Compare."""
        self.worked += 1
        return Verdict(is_right=password == stored)

    async def check(self, password: str, *_: object) -> None:
        """Refuse one."""
        self.worked += 1
        if password == "weak":
            raise InvalidInput("weak")

    async def hash(self, password: str) -> str:
        """Do nothing."""
        self.worked += 1
        return password


class Room:
    """A server, in which somebody is logged in."""

    def __init__(self, home: Any) -> None:
        """Make it."""
        self.clock, self.book, self.hasher = FakeClock(), Book(), Hasher()
        self.counters = MemoryCounters(self.clock)
        self.throttle = LoginThrottle(self.counters, KEY)
        ring = KeyRing([SigningKey(kid="one", secret=KEY)])
        tokens = AccessTokens(ring, self.clock, issuer="http://localhost")
        self.access = tokens.issue(USER.id, new_sid())
        settings = load_settings({}, home)
        stores = memory_stores(self.clock, settings)
        for part in ("accounts", "audit"):
            object.__setattr__(stores, part, self.book)
        identity = Identity(
            tokens=tokens,
            passwords=self.hasher,  # type: ignore[arg-type]
            throttle=self.throttle,
            sealer=SEALER,
            refresh_key=KEY,
        )
        readiness = Readiness({}, self.clock.monotonic)
        api = Api(
            settings=settings, stores=stores, clock=self.clock, readiness=readiness,
            identity=identity,
        )  # fmt: skip
        routes = (
            own_account.routes,
            password_reset.routes,
            second_factor.routes,
            sign_in.routes,
        )
        book: Any = self.book
        self.frame = make_api(api, Gate(authenticator=BearerAuthenticator(tokens, book)), routes)

    async def call(self, method: str, path: str, body: object) -> Answer:
        """Make one request."""
        headers = [
            (b"content-type", b"application/json"),
            (b"authorization", f"Bearer {self.access}".encode()),
        ]
        scope = scope_of(method, f"/api/v1/auth{path}", headers)
        return await call(self.frame, scope, sender([orjson.dumps(body)]))

    async def said(self, method: str, path: str, body: object) -> tuple[int, str]:
        """Return status and code of a refusal."""
        answer = await self.call(method, path, body)
        return answer.status, answer.code

    def code(self) -> str:
        """Return the code of now."""
        return str(pyotp.TOTP(SECRET).generate_otp(self.clock.now_ms() // 30_000))

    async def failures(self) -> int:
        """Return how many failed log-ins are counted."""
        return await self.counters.peek("login:address:10.1.2.3", window_ms=900_000)


@pytest.fixture
def room(tmp_path: Any) -> Room:
    """A server."""
    return Room(tmp_path)


async def test_an_account_that_was_changed_meanwhile_is_left_as_it_is(room: Room) -> None:
    """409 where somebody is logged in, and no failure is counted [ID34, ID35, ID36, ID39]."""
    current = {"current_password": "right"}
    assert await room.said("POST", "/password", {**current, "new_password": "new"}) == STATE
    assert await room.said("POST", "/mfa/totp", current) == STATE
    assert await room.said("POST", "/mfa/totp/confirm", {"code": room.code()}) == STATE
    room.book.person = WITH_FACTOR
    assert await room.said("DELETE", "/mfa/totp", {**current, "code": room.code()}) == STATE
    assert await room.failures() == 0


async def test_a_log_in_that_is_overtaken_is_none(room: Room) -> None:
    """A wrong code or password, or a token that is not good any more [ID31, ID33, ID42]."""
    password = {"email": USER.email, "password": "right"}
    link, code = {"token": new_token()}, {"mfa_token": new_token(), "code": room.code()}
    assert await room.said("POST", "/login", password) == WRONG
    assert await room.said("POST", "/login", link) == INVALID
    room.book.person = WITH_FACTOR
    assert await room.said("POST", "/login", password) == WRONG
    assert await room.said("POST", "/login", link) == INVALID
    written = room.book.written
    assert await room.said("POST", "/login/mfa", code) == WRONG
    assert (room.book.tried, room.book.written, await room.failures()) == (1, written + 1, 3)


async def test_no_try_of_a_token_is_taken_by_who_is_throttled(room: Room) -> None:
    """Limits come before a code is looked at, and after a token that is none [ID30, ID32]."""
    body = {"mfa_token": new_token(), "code": "1"}
    for _ in range(5):
        await room.throttle.begin(USER.email, "10.1.2.3")
    assert await room.said("POST", "/login/mfa", body) == (429, "rate_limited")
    room.book.has_tokens = False
    assert await room.said("POST", "/login/mfa", body) == INVALID
    assert room.book.tried == 0


async def test_no_password_is_hashed_for_a_token_that_is_not_good(room: Room) -> None:
    """Nor judged; one that is overtaken is told to be no good [ID41]."""
    body = {"token": new_token(), "password": "new"}
    room.book.has_tokens = False
    wrong: tuple[object, ...] = (None, "", [], new_token())
    for token in wrong:
        assert await room.said("POST", "/password/reset", {**body, "token": token}) == INVALID
    assert room.hasher.worked == 0
    room.book.has_tokens = True
    assert await room.said("POST", "/password/reset", {**body, "password": "weak"}) == (
        422,
        "invalid",
    )
    assert await room.said("POST", "/password/reset", body) == INVALID


async def test_a_token_is_stored_as_its_hash(room: Room) -> None:
    """What is looked for is the SHA-256 of what was sent [ID30, ID41]."""
    sent = new_token()
    await room.call("POST", "/login/mfa", {"mfa_token": sent, "code": "1"})
    await room.call("POST", "/login", {"token": sent})
    assert room.book.asked == [token_hash(sent)] * 2
