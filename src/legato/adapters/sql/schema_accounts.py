# SPDX-License-Identifier: Apache-2.0
"""The tables of accounts and of the audit, for both databases. See `schema`.

Secrets are kept as hashes only. What decides whether a session is alive stands apart from what is
written at every use of it (`presence`), so that its version tells of changes alone.

Rules: AC1, AD2, LG23.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    event,
    text,
)

from legato.adapters.sql.schema_base import KEY, metadata, row_id

users: Final = Table(
    "users",
    metadata,
    Column("id", KEY, primary_key=True),
    # Folded: what is compared is what is stored.
    Column("email", KEY, nullable=False, unique=True),
    Column("display_name", Text, nullable=False),
    Column("password_hash", Text),
    Column("is_disabled", Boolean(create_constraint=False), nullable=False),
    Column("is_instance_admin", Boolean(create_constraint=False), nullable=False),
    Column("totp", LargeBinary),
    Column("totp_step", BigInteger, nullable=False),
    # A JSON list of hashes.
    Column("recovery", Text, nullable=False),
    Column("default_workspace", KEY),
    Column("created_at", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
)

workspaces: Final = Table(
    "workspaces",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("slug", KEY, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

members: Final = Table(
    "members",
    metadata,
    Column("workspace", KEY, nullable=False),
    Column("user_id", KEY, nullable=False),
    Column("role", KEY, nullable=False),
    Column("since", BigInteger, nullable=False),
    PrimaryKeyConstraint("workspace", "user_id"),
    Index("ix_members_user", "user_id"),
    sqlite_with_rowid=False,
)

identities: Final = Table(
    "identities",
    metadata,
    # As another issuer names somebody; both compared exactly.
    Column("issuer", KEY, nullable=False),
    Column("subject", KEY, nullable=False),
    Column("user_id", KEY, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("issuer", "subject"),
    sqlite_with_rowid=False,
)

sessions: Final = Table(
    "sessions",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("sid_hash", LargeBinary, nullable=False, unique=True),
    Column("user_id", KEY, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("authenticated_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("ip", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("ix_sessions_user", "user_id"),
    Index("ix_sessions_expires", "expires_at"),
)

presence: Final = Table(
    "presence",
    metadata,
    Column("session_id", KEY, primary_key=True),
    Column("last_active", BigInteger, nullable=False),
    Column("idle_at", BigInteger, nullable=False),
    # Rewritten at every use: room on the page keeps the new version on the same page.
    postgresql_with={"fillfactor": 70},
)

refresh_tokens: Final = Table(
    "refresh_tokens",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("session_id", KEY, nullable=False),
    # From 1; the highest of a session is its current token.
    Column("number", Integer, nullable=False),
    Column("used_at", BigInteger),
    Index("ix_refresh_tokens_session", "session_id", "number", unique=True),
)

one_time_tokens: Final = Table(
    "one_time_tokens",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("kind", KEY, nullable=False),
    Column("user_id", KEY),
    Column("workspace", KEY),
    Column("role", KEY),
    Column("email", Text, nullable=False),
    Column("made_by", KEY),
    Column("expires_at", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("sealed", LargeBinary),
    # When it was used, or became void.
    Column("used_at", BigInteger),
    # What lists show of an invitation; other kinds have none.
    Column("id", KEY),
    # Of two that are made at once, one waits here for the other and then makes it void.
    Index(
        "ix_one_time_tokens_open",
        "kind",
        "user_id",
        unique=True,
        postgresql_where=text("used_at IS NULL AND kind <> 'mfa'"),
        sqlite_where=text("used_at IS NULL AND kind <> 'mfa'"),
    ),
    Index(
        "ix_one_time_tokens_setup",
        "kind",
        unique=True,
        postgresql_where=text("used_at IS NULL AND kind = 'setup'"),
        sqlite_where=text("used_at IS NULL AND kind = 'setup'"),
    ),
    Index("ix_one_time_tokens_workspace", "workspace", "id", unique=True),
)

api_keys: Final = Table(
    "api_keys",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("workspace", KEY, nullable=False),
    Column("user_id", KEY, nullable=False),
    Column("name", Text, nullable=False),
    # A JSON list.
    Column("scopes", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("last_used", BigInteger),
    Column("revoked_at", BigInteger),
    # A restored store has disabled it: it may have been revoked after the backup.
    Column("disabled_at", BigInteger),
    Index("ix_api_keys_user", "user_id"),
    Index("ix_api_keys_workspace", "workspace", "id"),
)

setup: Final = Table(
    "setup",
    metadata,
    # There is one row at most: who inserts it has claimed the installation.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("user_id", KEY, nullable=False),
    Column("at", BigInteger, nullable=False),
)

audit: Final = Table(
    "audit",
    metadata,
    row_id(),
    Column("at", BigInteger, nullable=False),
    Column("workspace", KEY),
    Column("actor_kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target_kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("ip", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    # JSON in its canonical form.
    Column("data", Text, nullable=False),
    Column("seq", BigInteger, unique=True),
    Column("hash", Text),
    Index("ix_audit_workspace", "workspace", "seq"),
    sqlite_autoincrement=True,
)

SQLITE_GUARDS: Final = (
    "CREATE TRIGGER audit_added BEFORE INSERT ON audit WHEN"
    " NEW.seq IS NOT NULL OR NEW.hash IS NOT NULL"
    " OR EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)"
    " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
    "CREATE TRIGGER audit_changed BEFORE UPDATE ON audit WHEN NOT ("
    "OLD.seq IS NULL AND OLD.hash IS NULL AND NEW.seq IS NOT NULL AND NEW.hash IS NOT NULL"
    " AND OLD.id IS NEW.id AND OLD.at IS NEW.at AND OLD.workspace IS NEW.workspace"
    " AND OLD.actor_kind IS NEW.actor_kind AND OLD.actor IS NEW.actor AND OLD.action IS NEW.action"
    " AND OLD.target_kind IS NEW.target_kind AND OLD.target IS NEW.target"
    " AND OLD.result IS NEW.result AND OLD.ip IS NEW.ip AND OLD.request_id IS NEW.request_id"
    " AND OLD.data IS NEW.data) OR EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq)"
    " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
    "CREATE TRIGGER audit_deleted BEFORE DELETE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
)
"""Nothing but a new row and its sealing. REPLACE deletes without a word to a trigger for DELETE:
therefore the others look for a row that it would delete."""

POSTGRES_GUARDS: Final = (
    "CREATE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " IF TG_OP = 'INSERT' AND NEW.seq IS NULL AND NEW.hash IS NULL THEN RETURN NEW; END IF;"
    " IF TG_OP = 'UPDATE' THEN IF OLD.seq IS NULL AND OLD.hash IS NULL AND NEW.seq IS NOT NULL"
    " AND NEW.hash IS NOT NULL AND (OLD.id, OLD.at, OLD.workspace, OLD.actor_kind, OLD.actor,"
    " OLD.action, OLD.target_kind, OLD.target, OLD.result, OLD.ip, OLD.request_id, OLD.data)"
    " IS NOT DISTINCT FROM (NEW.id, NEW.at, NEW.workspace, NEW.actor_kind, NEW.actor,"
    " NEW.action, NEW.target_kind, NEW.target, NEW.result, NEW.ip, NEW.request_id, NEW.data)"
    " THEN RETURN NEW; END IF; END IF;"
    " RAISE EXCEPTION 'the audit is append-only'; END $$",
    "CREATE TRIGGER audit_guarded BEFORE INSERT OR UPDATE OR DELETE ON audit"
    " FOR EACH ROW EXECUTE FUNCTION audit_guard()",
    "CREATE TRIGGER audit_kept BEFORE TRUNCATE ON audit"
    " FOR EACH STATEMENT EXECUTE FUNCTION audit_guard()",
)
"""The same for PostgreSQL, which also empties whole tables."""


@event.listens_for(metadata, "after_create")
def _create_guards(_metadata: MetaData, connection: Any, **_options: Any) -> None:
    is_sqlite = connection.dialect.name == "sqlite"
    for statement in SQLITE_GUARDS if is_sqlite else POSTGRES_GUARDS:
        connection.execute(text(statement))
