# SPDX-License-Identifier: Apache-2.0
"""Who asks: a session, an API key, or an identity of another issuer, looked up in the store.

At every request that may change something; others may stand on a look-up of the same second
(`recent`). Where the store does not answer, nobody is let in (503). Rules: ID1-ID4, ID75.
"""

from __future__ import annotations

from typing import Final, Protocol

from starlette.requests import Request

from legato.api.access import Needs
from legato.api.origin import SAFE_METHODS, values_of
from legato.api.recent import Recent
from legato.auth.refresh import looks_like_api_key, parse_api_key, token_hash
from legato.auth.roles import instance_allows, may
from legato.auth.tokens import AccessTokens
from legato.errors import Internal, NotFound, Refused, Unauthenticated
from legato.ports.accounts import Accounts, Principal, Session

WORKSPACE: Final = b"legato-workspace"
OWN_ACCOUNT: Final = "account"
NAME_MAX: Final = 64
"""Characters of a workspace's id or slug, and one more."""
RECENT_MS: Final = 10 * 60_000
"""Since the password or link, for what somebody at an unlocked screen shall not do."""


class Identities(Protocol):
    """Knows who has a token of another issuer."""

    def takes(self, text: str) -> bool:
        """Tell whether a bearer token is one of another issuer, and none of ours."""
        ...

    async def principal(self, request: Request, text: str, workspace: str | None) -> Principal:
        """Return who has a token; where the settings say so, somebody new gets an account.

        Args:
            request: For the audit.
            text: The token.
            workspace: What is asked for, an id or slug; None: the user's default.

        Raises:
            Unauthenticated: It is not good, or nobody's, or of somebody who is disabled.
            Unavailable: Its issuer does not answer.
        """
        ...


class BearerAuthenticator:
    """Keeps `access.Authenticator`."""

    def __init__(
        self,
        tokens: AccessTokens,
        accounts: Accounts,
        identities: Identities | None = None,
        recent: Recent | None = None,
    ) -> None:
        """Make it.

        Args:
            tokens: Verify what is sent.
            accounts: Say who that is now.
            identities: Know those of other issuers; None: only ours are taken.
            recent: Remembers look-ups for safe requests; None: nothing is remembered.
        """
        self._tokens = tokens
        self._accounts = accounts
        self._identities = identities
        self._recent = recent

    async def authenticate(self, request: Request, needs: Needs, *, is_fresh: bool = False) -> None:
        """Keep `Authenticator.authenticate`."""
        del needs
        text = bearer_of(request)
        if text is None:
            raise Unauthenticated
        named = _named(request)
        # Two are no name, and refused by `authorise`: first is asked who wants to know.
        asked = ", ".join(named) if named else None
        may_be_recent = request.method in SAFE_METHODS and not is_fresh
        recent = self._recent if may_be_recent else None
        if looks_like_api_key(text):
            found = await self._program(text, recent)
            if found is None:
                raise Unauthenticated
        elif self._identities is not None and self._identities.takes(text):
            found = await self._identities.principal(request, text, asked)
        else:
            found = await self.person(text, asked, recent)
            if found is None:
                raise Refused("session_ended", "The log-in has ended.", hint="Log in again.")
        request.scope["state"]["principal"] = found

    async def person(
        self, text: str, workspace: str | None = None, recent: Recent | None = None
    ) -> Principal | None:
        """Return who has an access token; None if its session has ended.

        Args:
            text: The token.
            workspace: The one that is asked for; None: the default one.
            recent: Where it may be remembered; None: it is looked up.

        Raises:
            Unauthenticated: It is no token of ours, or its time is over.
        """
        claims = self._tokens.verify(text)

        async def look_up() -> Principal | None:
            return await self._accounts.principal_of_session(token_hash(claims.sid), workspace)

        # What is longer names nothing, and would fill the memory.
        if recent is None or len(workspace or "") > NAME_MAX:
            found = await look_up()
        else:
            found = await recent.find((claims.sid, workspace), look_up)
        return found if found is not None and found.user.id == claims.user else None

    async def _program(self, text: str, recent: Recent | None) -> Principal | None:
        parts = parse_api_key(text)

        async def look_up() -> Principal | None:
            return await self._accounts.principal_of_key(parts.id, parts.secret_hash)

        return await (look_up() if recent is None else recent.find(parts, look_up))

    async def authorise(self, request: Request, needs: Needs) -> None:
        """Keep `Authenticator.authorise`."""
        principal = principal_of(request)
        self._check_right(principal, request, needs)
        # Last: who may not do it anyway is not sent to log in for nothing.
        if needs.is_recent:
            check_recent(principal)

    @staticmethod
    def _check_right(principal: Principal, request: Request, needs: Needs) -> None:
        if needs.of == "instance":
            if not instance_allows(principal, needs.resource, needs.verb):
                raise Refused("forbidden", "Only an administrator of this installation may.")
            return
        named = workspace_of(request)
        if principal.key is not None and named is not None:
            own = principal.workspace
            if own is None or named not in {own.id, own.slug}:
                raise NotFound
        if needs.resource != OWN_ACCOUNT and principal.role is None:
            raise NotFound
        if not may(principal, needs.resource, needs.verb):
            raise Refused("forbidden", "Your role or key does not allow this.")


def check_recent(principal: Principal) -> None:
    """See that somebody gave a password or link not long ago; an API key gave its secret now.

    Raises:
        Refused: It was too long ago, or with an issuer that does not tell when it was.
    """
    session = principal.session
    if principal.key is not None:
        return
    if session is None or principal.at - session.authenticated_at > RECENT_MS:
        raise Refused(
            "reauth_required",
            "This needs a log-in of the last 10 minutes.",
            hint="Log in again, then repeat it.",
        )


def bearer_of(request: Request) -> str | None:
    """Return the credential of the one header `Authorization: Bearer …`; else None."""
    named = values_of(request.scope["headers"], b"authorization")
    scheme, _, text = named[0].partition(" ") if len(named) == 1 else ("", "", "")
    return text.strip() if scheme.lower() == "bearer" and text.strip() else None


def workspace_of(request: Request) -> str | None:
    """Return the workspace that is asked for, an id or slug; None: the default one.

    A route about a workspace has it in its path, as `{workspace_id}`; then no header counts.

    Raises:
        NotFound: Two are named.
    """
    named = _named(request)
    if len(named) > 1:
        raise NotFound
    return named[0] if named else None


def _named(request: Request) -> list[str]:
    in_path: str | None = request.path_params.get("workspace_id")
    return values_of(request.scope["headers"], WORKSPACE) if in_path is None else [in_path]


def principal_of(request: Request) -> Principal:
    """Return who asks, on a route that needs somebody."""
    principal: Principal = request.scope["state"]["principal"]
    return principal


def session_of(request: Request) -> Session:
    """Return the session of who asks, on a route that no key reaches.

    Raises:
        Refused: `forbidden` to an identity of another issuer, which has no session here.
    """
    principal = principal_of(request)
    if principal.identity is not None:
        raise Refused("forbidden", "This needs a log-in here.")
    if principal.session is None:
        raise Internal("a route for people was reached with a key")
    return principal.session
