# SPDX-License-Identifier: Apache-2.0
"""Who has a token of another issuer, and who gets an account by one."""

from typing import Any

import msgspec
import pytest
from starlette.requests import Request

from legato.api.access import Needs
from legato.api.authenticator import BearerAuthenticator, session_of
from legato.api.frame import Exchange
from legato.api.identities import NAMELESS, LinkedIdentities
from legato.api.meter import BodyMeter
from legato.api.problems import problem_of
from legato.auth.foreign_tokens import ForeignTokens
from legato.auth.names import fold_email
from legato.auth.refresh import new_sid
from legato.auth.tokens import AccessTokens, KeyRing, SigningKey
from legato.errors import LegatoError, Refused, StoreUnavailable
from legato.model.ids import SessionId, UserId, WorkspaceId
from legato.ports.accounts import ExternalIdentity, Principal, Session, User, Workspace
from legato.testing.clock import FakeClock
from tests.support.issuer import SUBJECT, URL, FakeHttp, Signer, good_claims, issuer
from tests.unit.api.calls import scope_of, sender

ME = Needs("account", "me")
KEY = Signer()
USER = User(id=UserId("u1"), email="ada@example.org", display_name="Ada")
PLACE = Workspace(id=WorkspaceId("w1"), slug="main", name="Main")
IDENTITY = ExternalIdentity(issuer=URL, subject=SUBJECT)


class Book:
    """Accounts that hold one identity at most."""

    def __init__(self) -> None:
        """It is nobody's."""
        self.user: User | None = None
        self.role: Any = None
        self.made: list[tuple[User, Any]] = []
        self.asked: list[str | None] = []
        self.is_away = False
        self.comes_second = False
        self.comes_between = False
        self.session: Principal | None = None

    async def principal_of_identity(self, identity: Any, workspace: str | None) -> Any:
        """Find it."""
        assert identity == IDENTITY
        if self.is_away:
            raise StoreUnavailable
        self.asked.append(workspace)
        if self.user is None or self.user.is_disabled:
            return None
        place = PLACE if self.role else None
        return Principal(user=self.user, identity=identity, workspace=place, role=self.role)

    async def user_of_identity(self, identity: Any) -> Any:
        """Find whose it is."""
        assert identity == IDENTITY
        if self.comes_between:
            self.user = USER
        return self.user

    async def provision(self, identity: Any, user: User, audit: Any) -> bool:
        """Keep the user, unless somebody was first."""
        assert identity == IDENTITY
        if self.comes_second:
            self.user = USER
            return False
        self.made.append((user, audit))
        self.user = user
        return True

    async def principal_of_session(self, _sid: bytes, _workspace: str | None) -> Any:
        """Find the session."""
        return self.session


@pytest.fixture
def book() -> Book:
    """Accounts."""
    return Book()


def _door(book: Book, *, auto_provision: bool = False) -> BearerAuthenticator:
    http, clock = FakeHttp(), FakeClock()
    http.serve(KEY)
    ours = AccessTokens(KeyRing([SigningKey(kid="k1", secret=b"k" * 32)]), clock, issuer=URL)
    foreign = ForeignTokens([(issuer(auto_provision=auto_provision), http)], clock)
    identities = LinkedIdentities(foreign, book, clock.new_id)  # type: ignore[arg-type]
    return BearerAuthenticator(ours, book, identities)  # type: ignore[arg-type]


def _request(text: str, *more: tuple[bytes, bytes]) -> Request:
    scope = scope_of("GET", "/", headers=[(b"authorization", f"Bearer {text}".encode()), *more])
    meter = BodyMeter(sender(), [], limit_bytes=1, body_s=1)
    scope["state"] = {"exchange": Exchange("request-1", "192.0.2.7", meter, "http://localhost")}
    return Request(scope)


async def _enter(door: BearerAuthenticator, request: Request, needs: Needs = ME) -> str:
    """Return the code of the refusal, or nothing."""
    try:
        await door.authenticate(request, needs)
        await door.authorise(request, needs)
    except LegatoError as error:
        return problem_of(error).code
    return ""


async def test_a_linked_identity_is_looked_up_at_each_request(book: Book) -> None:
    """In the workspace that is named; what is disabled, or not linked, is nobody [ID75, ID76]."""
    door = _door(book)
    assert await _enter(door, _request(KEY.token())) == "unauthenticated"
    book.user = USER
    assert await _enter(door, _request(KEY.token(), (b"legato-workspace", b"main"))) == ""
    assert book.asked == [None, "main"]
    book.user = msgspec.structs.replace(USER, is_disabled=True)
    assert await _enter(door, _request(KEY.token())) == "unauthenticated"
    assert book.made == []
    book.is_away = True
    assert await _enter(door, _request(KEY.token())) == "unavailable"


async def test_every_refusal_is_the_same(book: Book) -> None:
    """Of a bad token, an unknown issuer, an unknown person and somebody disabled [ID75]."""
    door, seen = _door(book), set()
    for text in (
        KEY.token(),
        KEY.token(KEY.header(kid="other")),
        Signer().token(),
        KEY.token(claims=good_claims(iss="https://evil.example")),
        KEY.token(claims=good_claims(exp=5)),
    ):
        with pytest.raises(LegatoError) as caught:
            await door.authenticate(_request(text), ME)
        problem = problem_of(caught.value)
        seen.add((problem.status, problem.body("id"), tuple(problem.raw_headers(b""))))
    assert len(seen) == 1
    assert seen.pop()[0] == 401


async def test_without_issuers_their_tokens_are_nothing(book: Book) -> None:
    """401, as any other text [ID75]."""
    ours = AccessTokens(
        KeyRing([SigningKey(kid="k1", secret=b"k" * 32)]), FakeClock(), issuer="http://localhost"
    )
    door = BearerAuthenticator(ours, book)  # type: ignore[arg-type]
    assert await _enter(door, _request(KEY.token())) == "unauthenticated"


async def test_our_own_tokens_are_ours_still(book: Book) -> None:
    """Beside those of others [ID75]."""
    session = Session(
        id=SessionId("s1"), sid_hash=b"", user=USER.id, created_at=0, authenticated_at=0,
        expires_at=1, last_active=0,
    )  # fmt: skip
    book.session = Principal(user=USER, session=session)
    door = _door(book)
    own = AccessTokens(
        KeyRing([SigningKey(kid="k1", secret=b"k" * 32)]), FakeClock(), issuer=URL
    ).issue(USER.id, new_sid())
    assert await _enter(door, _request(own), Needs("account", "password")) == ""


async def test_somebody_new_gets_an_account_only_where_the_settings_say_so(book: Book) -> None:
    """Once, a member of nothing, with no address of a token, and one row of the audit [ID76]."""
    door = _door(book, auto_provision=True)
    for _ in range(2):
        request = _request(KEY.token())
        assert await _enter(door, request) == ""
    ((user, audit),) = book.made
    assert user == User(id=user.id, email=f"{user.id}@identity.invalid", display_name="Ada")
    assert fold_email(user.email) == user.email
    (entry,) = audit
    assert (entry.action, entry.actor_kind, entry.actor) == (
        "auth.identity_provision", "user", user.id,
    )  # fmt: skip
    assert (entry.target_kind, entry.target) == ("user", user.id)
    assert (entry.ip, entry.request_id) == ("192.0.2.7", "request-1")
    assert entry.data == {"issuer": URL, "subject": SUBJECT}
    assert await _enter(door, _request(KEY.token()), Needs("workflow", "read")) == "not_found"


@pytest.mark.parametrize("name", [None, "", "\0", "\u202e", "x" * 101, {"a": 1}])
async def test_a_name_that_cannot_be_shown_is_left_out(book: Book, name: Any) -> None:
    """The person is let in without it [ID76]."""
    door = _door(book, auto_provision=True)
    assert await _enter(door, _request(KEY.token(claims=good_claims(name=name)))) == ""
    assert book.made[0][0].display_name == NAMELESS


@pytest.mark.parametrize("when", ["comes_second", "comes_between"])
async def test_of_two_at_once_the_second_is_the_same_person(book: Book, when: str) -> None:
    """Whoever was first made the account, also between two looks [ID76]."""
    setattr(book, when, True)
    assert await _enter(_door(book, auto_provision=True), _request(KEY.token())) == ""
    assert book.asked == [None, None]
    assert book.made == []


async def test_somebody_disabled_gets_no_second_account(book: Book) -> None:
    """Though whoever is new gets one [ID76]."""
    book.user = msgspec.structs.replace(USER, is_disabled=True)
    door = _door(book, auto_provision=True)
    assert await _enter(door, _request(KEY.token())) == "unauthenticated"
    assert book.made == []


async def test_an_identity_does_what_its_user_may_but_not_with_the_account(book: Book) -> None:
    """`me` and the workspace by role; nothing that needs a recent log-in here [ID78]."""
    door = _door(book)
    book.user = msgspec.structs.replace(USER, is_instance_admin=True)
    book.role = "owner"
    for needs, code in (
        (ME, ""),
        (Needs("workflow", "publish"), ""),
        (Needs("member", "invite"), ""),
        (Needs("account", "sessions"), "forbidden"),
        (Needs("account", "password"), "forbidden"),
        (Needs("member", "grant_owner", is_recent=True), "reauth_required"),
        (Needs("user", "disable", of="instance"), "forbidden"),
    ):
        assert await _enter(door, _request(KEY.token()), needs) == code, needs
    for verb in ("mfa", "api_keys"):
        needs = Needs("account", verb, is_recent=True)
        code = await _enter(door, _request(KEY.token()), needs)
        assert code in {"forbidden", "reauth_required"}
    book.role = "viewer"
    assert await _enter(door, _request(KEY.token()), Needs("workflow", "draft")) == "forbidden"
    request = _request(KEY.token())
    await door.authenticate(request, ME)
    with pytest.raises(Refused) as caught:
        session_of(request)
    assert problem_of(caught.value).status == 403
