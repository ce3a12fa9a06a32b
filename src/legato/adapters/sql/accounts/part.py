# SPDX-License-Identifier: Apache-2.0
"""What the parts of accounts share: the driver, and steps that stand in several transactions.

Rules: AC2, AC5.
"""

from legato.adapters.sql.accounts.rows import session_of, session_values
from legato.adapters.sql.script import Driver, Script, Undo, step
from legato.errors import Internal
from legato.model.ids import SessionId, UserId, WorkspaceId
from legato.ports.accounts import NewSession, Session


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


def written_session(session: SessionId) -> Script[Session]:
    """Return a session that this transaction has made or found alive, without judging it again.

    Raises:
        Internal: It is gone.
    """
    found = yield from step("accounts.session", id=session)
    if not found:
        raise Internal("a session has gone in the middle of a transaction")
    return session_of(found[0])
