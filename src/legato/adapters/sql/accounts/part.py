# SPDX-License-Identifier: Apache-2.0
"""What the parts of accounts share: the driver, and steps that stand in several transactions.

Rules: AC2, AC5.
"""

from legato.adapters.sql.accounts.rows import session_of, session_values
from legato.adapters.sql.script import Driver, Script, Undo, step
from legato.errors import Internal
from legato.model.ids import SessionId, UserId, WorkspaceId
from legato.ports.accounts import NewSession, Renewal, Session


class Part:
    """A part of `SqlAccounts`."""

    def __init__(self, driver: Driver) -> None:
        """Make it.

        Args:
            driver: Runs its statements and scripts.
        """
        self._driver = driver


def use_token(
    token_hash: bytes | None,
    refused: object,
    *,
    user: UserId | None = None,
    workspace: WorkspaceId | None = None,
) -> Script[None]:
    """Consume a token that is good now, if there is one to consume.

    Args:
        token_hash: None for a transaction without a token.
        refused: The result of the whole transaction, undone, if it is not good.
        user: For whom: a token of somebody else is not good.
        workspace: Where: a token for another one is not good.
    """
    if token_hash is not None:
        used = yield from step(
            "accounts.token_use", token=token_hash, user_id=user, workspace=workspace
        )
        if not used:
            raise Undo(refused)


def make_session(session: NewSession) -> Script[Session]:
    """Make a session with its first refresh token."""
    yield from step("accounts.session_add", **session_values(session))
    yield from step("accounts.presence_add", id=session.id, idle_ms=session.idle_ms)
    yield from step("accounts.refresh_add", id=session.id, hash=session.refresh_hash, number=1)
    return (yield from written_session(session.id))


def renew(renewal: Renewal) -> Script[bool]:
    """Give a session a new id and refresh token; False if it has ended."""
    renewed = yield from step(
        "accounts.session_renew",
        id=renewal.id,
        sid_hash=renewal.sid_hash,
        authenticated=renewal.is_authenticated,
    )
    if not renewed:
        return False
    yield from step("accounts.refresh_drop", id=renewal.id)
    yield from step("accounts.refresh_add", id=renewal.id, hash=renewal.refresh_hash, number=1)
    return True


def is_version(user: UserId, version: int | None) -> Script[bool]:
    """Lock a user who is not disabled; False if there is none, or not with that version.

    Args:
        user: Who.
        version: None for any.
    """
    found = yield from step("accounts.user_lock", id=user)
    return bool(found) and version in {None, found[0]["version"]}


def written_session(session: SessionId) -> Script[Session]:
    """Return a session that this transaction has made or found alive, without judging it again.

    Raises:
        Internal: It is gone.
    """
    found = yield from step("accounts.session", id=session)
    if not found:
        raise Internal("a session has gone in the middle of a transaction")
    return session_of(found[0])
