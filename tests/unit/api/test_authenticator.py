# SPDX-License-Identifier: Apache-2.0
"""Who asks and what they may do, the cookie's names, and the routes of an embedded server."""

from typing import Any

import msgspec
import orjson
import pytest
from starlette.requests import Request

from legato.api import setup
from legato.api.access import Gate, Needs
from legato.api.authenticator import BearerAuthenticator
from legato.api.cookies import cleared_cookie, refresh_cookie, refresh_token
from legato.api.frame import Exchange
from legato.api.meter import BodyMeter
from legato.api.parts import Api, Identity
from legato.api.problems import problem_of
from legato.api.readiness import Readiness
from legato.api.server import make_api
from legato.app import memory_stores
from legato.auth.passwords import Passwords
from legato.auth.refresh import is_token, new_api_key, new_sid, new_token, sid_of, token_hash
from legato.auth.sealing import MasterKey, Sealer
from legato.auth.throttle import LoginThrottle
from legato.auth.tokens import AccessTokens, KeyRing, SigningKey
from legato.errors import (
    Internal,
    InvalidToken,
    LegatoError,
    NotFound,
    RateLimited,
    Refused,
    StoreUnavailable,
    Unauthenticated,
)
from legato.model.ids import SessionId, UserId, WorkspaceId
from legato.ports.accounts import NewToken, Principal, Session, User, Workspace
from legato.settings import load_settings
from legato.testing.clock import FakeClock
from tests.unit.api.calls import call, scope_of, sender

KEY = b"k" * 32
ME = Needs("account", "me")
HOME = WorkspaceId("018f0000-0000-7000-8000-000000000001")
USER = User(id=UserId("u1"), email="ada@example.org", display_name="Ada")
PLACE = Workspace(id=HOME, slug="main", name="Main")
SESSION = Session(
    id=SessionId("s1"), sid_hash=b"", user=USER.id, created_at=0, authenticated_at=0,
    expires_at=1, last_active=0,
)  # fmt: skip


class Book:
    """Accounts that hold one session and one key."""

    def __init__(self) -> None:
        """Everybody is known."""
        self.person: Principal | None = Principal(user=USER, session=SESSION)
        self.program: Principal | None = None
        self.asked: list[Any] = []
        self.is_away = False
        self.owner: User | None = None

    async def principal_of_session(self, sid_hash: bytes, workspace: str | None) -> Any:
        """Find the session."""
        if self.is_away:
            raise StoreUnavailable
        self.asked.append((sid_hash, workspace))
        return self.person

    async def principal_of_key(self, key_id: str, secret_hash: bytes) -> Any:
        """Find the key."""
        self.asked.append((key_id, secret_hash))
        return self.program

    async def token(self, token_hash: bytes, kind: str) -> Any:
        """Find the token: any is good."""
        assert kind == "setup"
        return NewToken(hash=token_hash, kind="setup", ttl_ms=1)

    async def set_up(self, _token: Any, user: User, *_rest: Any) -> Session:
        """Keep the owner."""
        self.owner = user
        return SESSION


@pytest.fixture
def book() -> Book:
    """Accounts."""
    return Book()


@pytest.fixture
def tokens() -> AccessTokens:
    """Access tokens of one key."""
    ring = KeyRing([SigningKey(kid="one", secret=KEY)])
    return AccessTokens(ring, FakeClock(), issuer="http://localhost")


def _request(*headers: tuple[bytes, bytes], origin: str = "http://localhost:8420") -> Request:
    scope = scope_of("GET", "/", headers=headers)
    meter = BodyMeter(sender(), [], limit_bytes=1, body_s=1)
    scope["state"] = {"exchange": Exchange("request-1", "127.0.0.1", meter, origin)}
    return Request(scope)


def _bearer(text: str, *more: tuple[bytes, bytes]) -> Request:
    return _request((b"authorization", f"bearer {text}".encode()), *more)


async def _enter(door: BearerAuthenticator, request: Request, needs: Needs = ME) -> str:
    """Return the code of the refusal, or nothing."""
    try:
        await door.authenticate(request, needs)
        await door.authorise(request, needs)
    except LegatoError as error:
        return problem_of(error).code
    return ""


async def test_a_session_is_looked_up_at_each_request(book: Book, tokens: AccessTokens) -> None:
    """In the workspace that is named; what has ended is nobody, nor is another's [ID1, ID3]."""
    door = BearerAuthenticator(tokens, book)  # type: ignore[arg-type]
    sid = new_sid()
    text = tokens.issue(USER.id, sid)
    assert await _enter(door, _bearer(text, (b"legato-workspace", b"main"))) == ""
    assert book.asked == [(token_hash(sid), "main")]
    other = tokens.issue(UserId("u2"), sid)
    assert await _enter(door, _bearer(other)) == "session_ended"
    book.person = None
    assert await _enter(door, _bearer(text)) == "session_ended"
    twice = _bearer(text, (b"authorization", f"bearer {text}".encode()))
    assert await _enter(door, twice) == "unauthenticated"


async def test_a_store_that_is_away_lets_nobody_in(book: Book, tokens: AccessTokens) -> None:
    """503, never a guess [ID1]."""
    book.is_away = True
    door = BearerAuthenticator(tokens, book)  # type: ignore[arg-type]
    request = _bearer(tokens.issue(USER.id, new_sid()))
    with pytest.raises(StoreUnavailable) as caught:
        await door.authenticate(request, ME)
    assert problem_of(caught.value).status == 503


async def test_a_key_reaches_me_and_its_own_workspace(book: Book, tokens: AccessTokens) -> None:
    """And what its scopes allow; another workspace is not there [ID2]."""
    door = BearerAuthenticator(tokens, book)  # type: ignore[arg-type]
    key = new_api_key()
    assert await _enter(door, _bearer(key.text)) == "unauthenticated"
    assert book.asked == [(key.parts.id, key.parts.secret_hash)]
    book.program = Principal(
        user=USER, key=key.parts.id, workspace=PLACE, role="owner", scopes=("workflow:read",)
    )
    for name in (b"main", HOME.encode()):
        assert await _enter(door, _bearer(key.text, (b"legato-workspace", name))) == ""
    foreign = _bearer(key.text, (b"legato-workspace", b"other"))
    assert await _enter(door, foreign) == "not_found"
    for needs, code in (
        (Needs("account", "sessions"), "forbidden"),
        (Needs("account", "password"), "forbidden"),
        (Needs("workflow", "read"), ""),
        (Needs("execution", "read"), "forbidden"),
    ):
        assert await _enter(door, _bearer(key.text), needs) == code, needs


async def test_no_member_sees_nothing_and_a_lesser_one_is_told(
    book: Book, tokens: AccessTokens
) -> None:
    """404, 403; the own account is everywhere [ID3]."""
    door = BearerAuthenticator(tokens, book)  # type: ignore[arg-type]
    text = tokens.issue(USER.id, new_sid())
    draft = Needs("workflow", "draft")
    assert await _enter(door, _bearer(text)) == ""
    assert await _enter(door, _bearer(text), draft) == "not_found"
    for role, code in (("viewer", "forbidden"), ("editor", "")):
        assert book.person is not None
        book.person = msgspec.structs.replace(book.person, workspace=PLACE, role=role)
        assert await _enter(door, _bearer(text), draft) == code
    two = _bearer(text, (b"legato-workspace", b"a"), (b"legato-workspace", b"b"))
    assert await _enter(door, two) == "not_found"


async def test_the_installation_is_for_its_administrators_and_some_rights_for_recent_log_ins(
    book: Book, tokens: AccessTokens
) -> None:
    """403 by the flag, whatever the role; 403 `reauth_required` after 10 minutes [ID21]."""
    door = BearerAuthenticator(tokens, book)  # type: ignore[arg-type]
    text = tokens.issue(USER.id, new_sid())
    disable = Needs("user", "disable", of="instance")
    assert book.person is not None
    book.person = msgspec.structs.replace(book.person, workspace=PLACE, role="owner")
    assert await _enter(door, _bearer(text), disable) == "forbidden"
    admin = msgspec.structs.replace(USER, is_instance_admin=True)
    book.person = Principal(user=admin, session=SESSION, at=600_000)
    assert await _enter(door, _bearer(text), disable) == ""
    keys = Needs("account", "api_keys", is_recent=True)
    assert await _enter(door, _bearer(text), keys) == ""
    book.person = Principal(user=admin, session=SESSION, at=600_001)
    assert await _enter(door, _bearer(text), keys) == "reauth_required"


@pytest.mark.parametrize(
    ("error", "status", "code", "header"),
    [
        (Unauthenticated(), 401, "unauthenticated", (b"www-authenticate", b"Bearer")),
        (Refused("session_ended"), 401, "session_ended", (b"www-authenticate", b"Bearer")),
        (InvalidToken(), 400, "token_invalid", None),
        (RateLimited(retry_after_s=42), 429, "rate_limited", (b"retry-after", b"42")),
        (NotFound(), 404, "not_found", None),
    ],
)
def test_errors_of_identity_have_their_answers(
    error: Exception, status: int, code: str, header: tuple[bytes, bytes] | None
) -> None:
    """By their class, with the header that belongs to them [ID1, ID4]."""
    problem = problem_of(error)
    headers = problem.raw_headers(b"")
    assert (problem.status, problem.code) == (status, code)
    assert header is None or header in headers
    assert (b"www-authenticate" in dict(headers)) == (status == 401)


def test_the_cookie_has_the_name_of_its_transport() -> None:
    """https: `__Host-` and Secure; else the port, 80 where none is said [ID5]."""
    rest = "; Max-Age=60; Path=/; HttpOnly; SameSite=Strict"
    for origin, name, secure in (
        ("https://x.example", "__Host-legato_refresh", "; Secure"),
        ("https://x.example:8443", "__Host-legato_refresh", "; Secure"),
        ("http://localhost:8420", "legato_refresh_8420", ""),
        ("http://[::1]:8421", "legato_refresh_8421", ""),
        ("http://localhost", "legato_refresh_80", ""),
    ):
        request = _request((b"cookie", f"a=b; {name}=tok".encode()), origin=origin)
        assert refresh_cookie(request, "tok", max_age_s=60) == f"{name}=tok{rest}{secure}"
        assert cleared_cookie(request).startswith(f"{name}=; Max-Age=0; Path=/;")
        assert refresh_token(request) == "tok"
        assert refresh_token(_request(origin=origin)) is None


def test_the_id_of_a_session_follows_from_it() -> None:
    """Of the form of a token, another for each session, renewal and key [ID7]."""
    found = {
        sid_of(key, session, version)
        for key in (KEY, b"l" * 32)
        for session in ("s1", "s2")
        for version in (1, 2)
    }
    assert len(found) == 8
    assert all(is_token(each) for each in found)
    with pytest.raises(Internal):
        sid_of(b"short", "s1", 1)


@pytest.mark.parametrize(
    ("is_embedded", "client", "status"),
    [(True, "127.0.0.1", 201), (True, "192.0.2.1", 422), (False, "127.0.0.1", 422)],
)
async def test_only_the_person_at_this_machine_needs_no_password(
    book: Book, tokens: AccessTokens, tmp_path: Any, is_embedded: bool, client: str, status: int
) -> None:
    """The owner of an embedded server is owner@localhost [ID12]."""
    clock = FakeClock()
    settings = load_settings({}, tmp_path)
    stores = memory_stores(clock, settings)
    object.__setattr__(stores, "accounts", book)
    passwords = Passwords()
    identity = Identity(
        tokens=tokens,
        passwords=passwords,
        throttle=LoginThrottle(None, KEY),  # type: ignore[arg-type]
        sealer=Sealer([MasterKey(id="m1", secret=KEY)]),
        refresh_key=KEY,
        is_embedded=is_embedded,
    )
    readiness = Readiness({}, clock.monotonic)
    api = Api(settings=settings, stores=stores, clock=clock, readiness=readiness, identity=identity)
    frame = make_api(api, Gate(), [setup.routes])
    scope = scope_of("POST", "/api/v1/setup", headers=[(b"content-type", b"application/json")])
    scope["client"] = (client, 1)
    answer = await call(frame, scope, sender([orjson.dumps({"token": new_token()})]))
    passwords.close()
    assert answer.status == status
    assert (book.owner is not None) == (status == 201)
    if book.owner is not None:
        assert (book.owner.email, book.owner.password_hash) == ("owner@localhost", None)
