# SPDX-License-Identifier: Apache-2.0
"""The statements of users, workspaces, members, set-up, tokens and keys, for both databases.

What decides about time is decided here, by the database's clock. An UPDATE that says what it
expects, and returns nothing where it was not so, is how one of many at once wins.

Rules: AC1, AC3-AC6, AC10-AC12.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, and_, delete, exists, func, literal_column, or_, select, update
from sqlalchemy.sql import ClauseElement

from legato.adapters.sql.accounts.definitions_identities import identity_statements
from legato.adapters.sql.accounts.definitions_members import member_statements, page
from legato.adapters.sql.accounts.definitions_sessions import session_statements
from legato.adapters.sql.definitions_shared import DAY_MS, NOW, P, if_given, insert
from legato.adapters.sql.schema_accounts import (
    api_keys,
    members,
    one_time_tokens,
    setup,
    users,
    workspaces,
)

Named = Iterator[tuple[str, ClauseElement]]

_OF_LOG_INS = ("link", "reset", "mfa", "totp")
_IS_LIVE_KEY = and_(
    api_keys.c.revoked_at.is_(None),
    or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > NOW),
)


def account_statements() -> Named:
    """Yield every statement of accounts with its name."""
    groups = (_setup, _tokens, _users, _disabling, _keys, _key_use)
    for group in (*groups, member_statements, session_statements, identity_statements):
        for name, statement in group():
            yield f"accounts.{name}", statement


def _setup() -> Named:
    yield "is_set_up", select(setup.c.id)
    yield (
        "claim",
        insert(setup)
        .values(id=literal_column("1"), user_id=P("user_id"), at=NOW)
        .on_conflict_do_nothing()
        .returning(setup.c.id),
    )


def _tokens() -> Named:
    c = one_time_tokens.c
    is_good = and_(c.used_at.is_(None), c.expires_at > NOW)
    is_setup = c.kind == literal_column("'setup'")
    used = update(one_time_tokens).values(used_at=NOW).where(c.hash == P("token"), is_good)
    yield "setup_token_use", used.where(is_setup).returning(c.hash)
    yield (
        "token_use",
        used.where(
            ~is_setup,
            if_given("user_id", or_(c.user_id.is_(None), c.user_id == P("user_id"))),
            if_given("workspace", or_(c.workspace.is_(None), c.workspace == P("workspace"))),
        ).returning(c.hash),
    )
    yield (
        "setup_token_state",
        select(c.used_at.is_not(None).label("is_used")).where(c.hash == P("token"), is_setup),
    )
    yield (
        "tokens_void",
        update(one_time_tokens)
        .values(used_at=NOW)
        .where(c.kind == P("kind"), c.used_at.is_(None), or_(is_setup, c.user_id == P("user_id"))),
    )
    # What could become a log-in. An invitation stands for its workspace.
    of_log_ins = or_(*(c.kind == literal_column(f"'{kind}'") for kind in _OF_LOG_INS))
    yield (
        "tokens_of_user_void",
        update(one_time_tokens)
        .values(used_at=NOW)
        .where(c.user_id == P("user_id"), c.used_at.is_(None), of_log_ins),
    )
    columns = ("hash", "kind", "user_id", "email", "sealed")
    yield (
        "token_add",
        insert(one_time_tokens).values(
            **{name: P(name) for name in columns},
            expires_at=NOW + P("ttl_ms"),
            tries=literal_column("0"),
        ),
    )
    yield (
        "token",
        select(one_time_tokens).where(c.hash == P("token"), c.kind == P("kind"), is_good),
    )
    yield (
        "token_of",
        select(one_time_tokens).where(c.user_id == P("user_id"), c.kind == P("kind"), is_good),
    )
    yield (
        "token_try",
        update(one_time_tokens)
        .values(tries=c.tries + literal_column("1"))
        .where(c.hash == P("token"), c.kind == P("kind"), is_good, c.tries < P("tries_max"))
        .returning(c.hash),
    )
    yield "tokens_clean", _cleaned(c.used_at, c.expires_at)


def _cleaned(ended: Column[Any], expires: Column[Any]) -> ClauseElement:
    """Delete from a table what ended or expired more than a day ago."""
    past = NOW - DAY_MS
    gone = or_(ended < past, expires < past)
    return delete(ended.table).where(gone).returning(literal_column("1"))


def _users() -> Named:
    c = users.c
    columns = (
        "email", "display_name", "password_hash", "is_disabled", "is_instance_admin", "totp",
        "totp_step", "recovery", "default_workspace",
    )  # fmt: skip
    values: dict[str, Any] = {name: P(name) for name in columns}
    yield (
        "user_add",
        insert(users)
        .values(id=P("id"), **values, created_at=NOW, version=literal_column("1"))
        .on_conflict_do_nothing()
        .returning(c.id),
    )
    yield "user", select(users).where(c.id == P("id"))
    yield "user_by_email", select(users).where(c.email == P("email"))
    yield "users", page(select(users), c.id)
    # Whoever changes the user waits, and whoever waits here sees the change.
    yield (
        "user_lock",
        select(c.version).where(c.id == P("id"), ~c.is_disabled).with_for_update(),
    )
    other = users.alias("other")
    yield (
        "user_change",
        update(users)
        .values(**values, version=c.version + literal_column("1"))
        .where(
            c.id == P("id"),
            c.version == P("was"),
            ~exists().where(other.c.email == P("email"), other.c.id != P("id")),
        )
        .returning(c.id),
    )


def _disabling() -> Named:
    c = users.c
    # Two who disable each other at once do so one after the other.
    admins = select(c.id).where(c.is_instance_admin, ~c.is_disabled).order_by(c.id)
    yield "instance_admins_lock", admins.with_for_update()
    yield (
        "user_disable",
        update(users)
        .values(is_disabled=P("is_disabled"), version=c.version + literal_column("1"))
        .where(c.id == P("user_id"), c.is_disabled != P("is_disabled"))
        .returning(c.id),
    )
    tokens = one_time_tokens.c
    yield (
        "tokens_end",
        update(one_time_tokens)
        .values(used_at=NOW)
        .where(
            tokens.used_at.is_(None),
            or_(tokens.user_id == P("user_id"), tokens.made_by == P("user_id")),
        ),
    )


def _keys() -> Named:
    c = api_keys.c
    columns = ("id", "secret_hash", "workspace", "user_id", "name", "scopes", "expires_at")
    yield (
        "key_add",
        insert(api_keys)
        .values(**{name: P(name) for name in columns}, created_at=NOW)
        .returning(c.created_at),
    )
    yield (
        "keys",
        select(api_keys)
        .where(
            c.user_id == P("user_id"),
            if_given("workspace", c.workspace == P("workspace")),
            _IS_LIVE_KEY,
        )
        .order_by(c.created_at.desc(), c.id.desc()),
    )
    yield (
        "key_revoke",
        update(api_keys)
        .values(revoked_at=NOW)
        .where(
            c.id == P("id"),
            if_given("user_id", c.user_id == P("user_id")),
            if_given("workspace", c.workspace == P("workspace")),
            _IS_LIVE_KEY,
        )
        .returning(c.id),
    )
    yield (
        "keys_revoke",
        update(api_keys)
        .values(revoked_at=NOW)
        .where(
            c.user_id == P("user_id"),
            if_given("workspace", c.workspace == P("workspace")),
            c.revoked_at.is_(None),
        ),
    )
    yield (
        "key_enable",
        update(api_keys)
        .values(disabled_at=literal_column("NULL"))
        .where(c.id == P("id"), c.disabled_at.is_not(None), _IS_LIVE_KEY)
        .returning(c.id),
    )
    count = select(func.count().label("count")).select_from(api_keys)
    yield "keys_live", count.where(c.user_id == P("user_id"), _IS_LIVE_KEY)
    here = select(api_keys).where(c.workspace == P("workspace"), _IS_LIVE_KEY)
    yield "keys_of_workspace", page(here, c.id)
    yield "keys_clean", _cleaned(c.revoked_at, c.expires_at)


def _key_use() -> Named:
    c = api_keys.c
    unnoted = or_(c.last_used.is_(None), c.last_used < NOW - P("pause_ms"))
    yield (
        "principal_of_key",
        select(
            *(column.label(f"u_{column.name}") for column in users.c),
            *(column.label(f"w_{column.name}") for column in workspaces.c),
            c.scopes,
            members.c.role,
            unnoted.label("is_unnoted"),
        )
        .select_from(api_keys)
        .join(users, users.c.id == c.user_id)
        .join(workspaces, workspaces.c.id == c.workspace)
        .outerjoin(
            members, and_(members.c.workspace == c.workspace, members.c.user_id == c.user_id)
        )
        .where(
            c.id == P("id"),
            c.secret_hash == P("secret_hash"),
            ~users.c.is_disabled,
            c.disabled_at.is_(None),
            _IS_LIVE_KEY,
        ),
    )
    yield "key_used", update(api_keys).values(last_used=NOW).where(c.id == P("id"), unnoted)
