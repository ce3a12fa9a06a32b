# SPDX-License-Identifier: Apache-2.0
"""What is remembered of who asked, and for how long."""

from typing import Any

import msgspec
import pytest
from starlette.requests import Request

from legato.api.access import Needs
from legato.api.authenticator import BearerAuthenticator, principal_of
from legato.api.recent import FRESH_S, KEPT_MAX, Recent
from legato.auth.refresh import new_api_key, new_sid
from legato.auth.tokens import AccessTokens, KeyRing, SigningKey
from legato.errors import Refused
from legato.model.ids import SessionId, UserId
from legato.ports.accounts import Principal, Session, User
from legato.testing.clock import FakeClock
from tests.unit.api.calls import scope_of

USER = User(id=UserId("u1"), email="ada@example.org", display_name="Ada")
SESSION = Session(
    id=SessionId("s1"), sid_hash=b"", user=USER.id, created_at=0, authenticated_at=0,
    expires_at=1, last_active=0,
)  # fmt: skip
PERSON = Principal(user=USER, session=SESSION)
ME = Needs("account", "me")


class Book:
    """Accounts of one person, who may be gone."""

    def __init__(self) -> None:
        self.person: Principal | None = PERSON
        self.looked_up = 0

    async def principal_of_session(self, _sid: bytes, _workspace: str | None) -> Principal | None:
        self.looked_up += 1
        return self.person

    async def principal_of_key(self, _id: str, _secret: bytes) -> Principal | None:
        self.looked_up += 1
        return self.person


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def recent(clock: FakeClock) -> Recent:
    return Recent(clock.monotonic)


@pytest.fixture
def tokens(clock: FakeClock) -> AccessTokens:
    ring = KeyRing([SigningKey(kid="one", secret=b"k" * 32)])
    return AccessTokens(ring, clock, issuer="http://localhost")


@pytest.fixture
def door(tokens: AccessTokens, book: Book, recent: Recent) -> BearerAuthenticator:
    accounts: Any = book
    return BearerAuthenticator(tokens, accounts, recent=recent)


def request(text: str, method: str = "GET", workspace: str | None = None) -> Request:
    """Return a request with a credential."""
    headers = [(b"authorization", f"Bearer {text}".encode())]
    if workspace is not None:
        headers.append((b"legato-workspace", workspace.encode()))
    return Request(scope_of(method, "/", headers))


async def test_a_safe_request_stands_on_a_look_up_of_the_same_second(
    door: BearerAuthenticator, tokens: AccessTokens, book: Book, clock: FakeClock
) -> None:
    """And on nothing older; a log-in that has ended elsewhere counts then [HT60]."""
    assert FRESH_S < 1
    text = tokens.issue(USER.id, new_sid())
    await door.authenticate(request(text), ME)
    book.person = None
    clock.advance(FRESH_S - 0.01)
    await door.authenticate(request(text), ME)
    assert book.looked_up == 1
    clock.advance(0.01)
    with pytest.raises(Refused, match="has ended"):
        await door.authenticate(request(text), ME)


async def test_keys_are_remembered_as_sessions_are(
    door: BearerAuthenticator, book: Book, clock: FakeClock
) -> None:
    """A key with another secret is another key [HT60]."""
    key, other = new_api_key(), new_api_key()
    forged = f"{key.text[:17]}{other.text[17:]}"
    for text in (key.text, key.text, forged):
        await door.authenticate(request(text), ME)
    assert book.looked_up == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "ODD"])
async def test_what_may_change_something_is_always_looked_up(
    door: BearerAuthenticator, tokens: AccessTokens, book: Book, method: str
) -> None:
    """Also right after a safe request of the same log-in [HT60]."""
    text = tokens.issue(USER.id, new_sid())
    await door.authenticate(request(text), ME)
    book.person = None
    with pytest.raises(Refused, match="has ended"):
        await door.authenticate(request(text, method), ME)


async def test_each_log_in_and_workspace_is_looked_up_by_itself(
    door: BearerAuthenticator, tokens: AccessTokens, book: Book
) -> None:
    """Nobody gets somebody else's answer, or the role of another workspace [HT60]."""
    first, second = (tokens.issue(USER.id, new_sid()) for _ in range(2))
    for text in (first, second):
        for workspace in (None, "main", "other"):
            for _ in range(2):
                await door.authenticate(request(text, workspace=workspace), ME)
    assert book.looked_up == 6
    stranger = tokens.issue(UserId("u2"), new_sid())
    with pytest.raises(Refused, match="has ended"):
        await door.authenticate(request(stranger), ME)


async def test_a_name_that_is_too_long_for_a_workspace_is_not_kept(
    door: BearerAuthenticator, tokens: AccessTokens, book: Book, recent: Recent
) -> None:
    """Headers of any size fill no memory [HT60]."""
    text = tokens.issue(USER.id, new_sid())
    for _ in range(2):
        await door.authenticate(request(text, workspace="w" * 10_000), ME)
    assert book.looked_up == 2
    assert not recent.count


async def test_a_change_is_forgotten_nowhere(recent: Recent) -> None:
    """What was read before it and arrives after it is not remembered [HT60]."""

    async def before() -> Principal:
        recent.forget()  # meanwhile
        return PERSON

    lowered = msgspec.structs.replace(PERSON, role="viewer")

    async def after() -> Principal:
        return lowered

    assert await recent.find("key", before) is PERSON
    assert await recent.find("key", after) is lowered
    assert await recent.find("key", before) is lowered
    recent.forget()
    assert await recent.find("key", after) is lowered
    assert recent.count == 1


async def test_a_slow_look_up_is_as_old_as_its_beginning(recent: Recent, clock: FakeClock) -> None:
    """Its time counts to what is promised [HT60]."""
    looked_up = 0

    async def look_up() -> Principal:
        nonlocal looked_up
        looked_up += 1
        clock.advance(FRESH_S)
        return PERSON

    await recent.find("key", look_up)
    await recent.find("key", look_up)
    assert looked_up == 2


async def test_nobody_is_remembered_as_unknown_and_not_everybody_at_all(recent: Recent) -> None:
    """Memory is bounded, and a new log-in counts at once [HT60]."""

    async def nobody() -> None:
        return None

    async def somebody() -> Principal:
        return PERSON

    assert await recent.find("key", nobody) is None
    assert await recent.find("key", somebody) is PERSON
    for number in range(2 * KEPT_MAX):
        await recent.find(number, somebody)
        assert recent.count <= KEPT_MAX


async def test_without_a_memory_everybody_is_looked_up(tokens: AccessTokens, book: Book) -> None:
    """As a log-out does, which must know now [HT60]."""
    accounts: Any = book
    door = BearerAuthenticator(tokens, accounts)
    text = tokens.issue(USER.id, new_sid())
    for _ in range(3):
        asked = request(text)
        await door.authenticate(asked, ME)
        assert principal_of(asked) is PERSON
    assert book.looked_up == 3
