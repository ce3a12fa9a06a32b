# SPDX-License-Identifier: Apache-2.0
"""The statements of log-ins and refresh tokens, for both databases; see `definitions`.

Rules: AC3, AC4, AC7-AC9, AC12.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    Select,
    Text,
    and_,
    case,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.sql import ClauseElement, ColumnElement

from legato.adapters.sql.definitions_shared import DAY_MS, NOW, P, insert
from legato.adapters.sql.schema_accounts import (
    members,
    presence,
    refresh_tokens,
    sessions,
    users,
    workspaces,
)
from legato.adapters.sql.schema_base import KEY

Named = Iterator[tuple[str, ClauseElement]]

_C = sessions.c
_IS_PRESENT = exists().where(presence.c.session_id == _C.id, presence.c.idle_at > NOW)
_IS_OPEN = and_(_C.ended_at.is_(None), _C.expires_at > NOW)
_IS_LIVE = and_(_IS_OPEN, _IS_PRESENT)
_IS_LIVE_JOINED = and_(_IS_OPEN, presence.c.idle_at > NOW)
"""The same where `presence` is joined."""
_JOINED = (
    select(sessions, presence.c.last_active)
    .select_from(sessions)
    .join(presence, presence.c.session_id == _C.id)
)
_ONE: ColumnElement[int] = literal_column("1")


def session_statements() -> Named:
    """Yield them with their names."""
    for group in (_making, _reading, _refreshing, _ending):
        yield from group()


def _making() -> Named:
    columns = ("id", "sid_hash", "user_id", "ip", "user_agent")
    yield (
        "session_add",
        insert(sessions).values(
            **{name: P(name) for name in columns},
            created_at=NOW,
            authenticated_at=NOW,
            expires_at=NOW + P("ttl_ms"),
            version=_ONE,
        ),
    )
    yield (
        "presence_add",
        insert(presence).values(session_id=P("id"), last_active=NOW, idle_at=NOW + P("idle_ms")),
    )
    yield (
        "session_renew",
        update(sessions)
        .values(
            sid_hash=P("sid_hash"),
            authenticated_at=case((P("authenticated"), NOW), else_=_C.authenticated_at),
            version=_C.version + _ONE,
        )
        .where(_C.id == P("id"), _IS_LIVE)
        .returning(_C.id),
    )
    yield (
        "touch",
        update(presence)
        .values(last_active=NOW, idle_at=NOW + P("idle_ms"))
        .where(
            presence.c.session_id == P("id"),
            presence.c.idle_at > NOW,
            exists().where(_C.id == presence.c.session_id, _IS_OPEN),
        ),
    )


def _reading() -> Named:
    yield "session", _JOINED.where(_C.id == P("id"))
    yield (
        "sessions",
        _JOINED.where(_C.user_id == P("user_id"), _IS_LIVE_JOINED).order_by(
            _C.created_at.desc(), _C.id.desc()
        ),
    )
    yield "principal_of_session", principal(P("sid_hash"), P("workspace", type_=KEY))


def principal(sid_hash: ColumnElement[Any], asked: ColumnElement[Any]) -> Select[Any]:
    """Return who has a live session, in the workspace that is asked for."""
    wanted = func.coalesce(asked, users.c.default_workspace)
    return (
        select(
            *(column.label(f"s_{column.name}") for column in sessions.c),
            presence.c.last_active.label("s_last_active"),
            *(column.label(f"u_{column.name}") for column in users.c),
            *(column.label(f"w_{column.name}") for column in workspaces.c),
            members.c.role,
            NOW.label("at"),
        )
        .select_from(sessions)
        .join(presence, presence.c.session_id == _C.id)
        .join(users, users.c.id == _C.user_id)
        .outerjoin(workspaces, or_(workspaces.c.id == wanted, workspaces.c.slug == asked))
        .outerjoin(
            members,
            and_(members.c.workspace == workspaces.c.id, members.c.user_id == users.c.id),
        )
        .where(_C.sid_hash == sid_hash, ~users.c.is_disabled, _IS_LIVE_JOINED)
        # An id is meant before a slug that looks like one.
        .order_by((workspaces.c.id == wanted).desc())
        .limit(_ONE)
    )


def _refreshing() -> Named:
    c = refresh_tokens.c
    yield (
        "refresh_add",
        insert(refresh_tokens).values(hash=P("hash"), session_id=P("id"), number=P("number")),
    )
    yield "refresh_drop", delete(refresh_tokens).where(c.session_id == P("id"))
    owner = select(c.session_id).where(c.hash == P("hash")).scalar_subquery()
    is_open = exists().where(users.c.id == _C.user_id, ~users.c.is_disabled)
    of_token = select(_C.id).where(_C.id == owner, _IS_LIVE, is_open)
    yield "refresh_session", of_token
    # Tokens of one session are exchanged one after the other, and none while its user is disabled.
    yield "refresh_lock", of_token.with_for_update()
    yield (
        "refresh_use",
        update(refresh_tokens)
        .values(used_at=NOW)
        .where(c.hash == P("hash"), c.used_at.is_(None))
        .returning(c.number),
    )
    child = refresh_tokens.alias("child")
    yield (
        "refresh_again",
        select(child.c.number)
        .select_from(child)
        .join(
            refresh_tokens,
            and_(c.session_id == child.c.session_id, c.number == child.c.number - _ONE),
        )
        .where(
            c.hash == P("hash"),
            c.used_at >= NOW - P("grace_ms"),
            child.c.hash == P("child"),
            child.c.used_at.is_(None),
        ),
    )


def _ending() -> Named:
    ended = update(sessions).values(ended_at=NOW, version=_C.version + _ONE).where(_IS_LIVE)
    yield "session_end", ended.where(_C.id == P("id")).returning(_C.id)
    only, but = P("only", type_=Text), P("but", type_=Text)
    yield (
        "sessions_end",
        ended.where(
            _C.user_id == P("user_id"),
            or_(only.is_(None), _C.id == P("only")),
            or_(but.is_(None), _C.id != P("but")),
        ).returning(_C.id),
    )
    past = NOW - DAY_MS
    yield (
        "sessions_clean",
        delete(sessions)
        .where(
            or_(
                _C.ended_at < past,
                _C.expires_at < past,
                exists().where(presence.c.session_id == _C.id, presence.c.idle_at < past),
            )
        )
        .returning(_ONE),
    )
    for name, table in (("presence_clean", presence), ("refresh_clean", refresh_tokens)):
        gone = ~exists().where(_C.id == table.c.session_id)
        yield name, delete(table).where(gone).returning(_ONE)
