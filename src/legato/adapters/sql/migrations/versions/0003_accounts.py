# SPDX-License-Identifier: Apache-2.0
"""Users, workspaces, members, log-ins, keys, and the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

SQLITE_GUARDS = (
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

POSTGRES_GUARDS = (
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


def upgrade() -> None:
    _people()
    _sessions()
    _tokens()
    _audit()
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_GUARDS if is_sqlite else POSTGRES_GUARDS:
        op.execute(statement)


def _text(name: str, *, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=nullable)


def _key(name: str, *, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, KEY, nullable=nullable)


def _big(name: str, *, nullable: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _int(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer, nullable=False)


def _bytes(name: str, *, nullable: bool = False) -> "sa.Column[bytes]":
    return sa.Column(name, sa.LargeBinary, nullable=nullable)


def _flag(name: str) -> "sa.Column[bool]":
    return sa.Column(name, sa.Boolean(create_constraint=False), nullable=False)


def _partial(
    table: str, name: str, columns: list[str], condition: str, *, unique: bool = False
) -> None:
    where = sa.text(condition)
    op.create_index(
        f"ix_{table}_{name}",
        table,
        columns,
        postgresql_where=where,
        sqlite_where=where,
        unique=unique,
    )


def _people() -> None:
    op.create_table(
        "users",
        _key("id"),
        _key("email"),
        _text("display_name"),
        _text("password_hash", nullable=True),
        _flag("is_disabled"),
        _flag("is_instance_admin"),
        _bytes("totp", nullable=True),
        _big("totp_step"),
        _text("recovery"),
        _key("default_workspace", nullable=True),
        _big("created_at"),
        _big("version"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_table(
        "workspaces",
        _key("id"),
        _key("slug"),
        _text("name"),
        _big("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_workspaces"),
        sa.UniqueConstraint("slug", name="uq_workspaces_slug"),
    )
    op.create_table(
        "members",
        _key("workspace"),
        _key("user_id"),
        _key("role"),
        _big("since"),
        sa.PrimaryKeyConstraint("workspace", "user_id", name="pk_members"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_members_user", "members", ["user_id"])
    op.create_table(
        "identities",
        _key("issuer"),
        _key("subject"),
        _key("user_id"),
        _big("added_at"),
        sa.PrimaryKeyConstraint("issuer", "subject", name="pk_identities"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "setup",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        _key("user_id"),
        _big("at"),
        sa.PrimaryKeyConstraint("id", name="pk_setup"),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        _key("id"),
        _bytes("sid_hash"),
        _key("user_id"),
        _big("created_at"),
        _big("authenticated_at"),
        _big("expires_at"),
        _big("ended_at", nullable=True),
        _text("ip"),
        _text("user_agent"),
        _big("version"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("sid_hash", name="uq_sessions_sid_hash"),
    )
    op.create_index("ix_sessions_user", "sessions", ["user_id"])
    op.create_index("ix_sessions_expires", "sessions", ["expires_at"])
    op.create_table(
        "presence",
        _key("session_id"),
        _big("last_active"),
        _big("idle_at"),
        sa.PrimaryKeyConstraint("session_id", name="pk_presence"),
        postgresql_with={"fillfactor": 70},
    )


def _tokens() -> None:
    op.create_table(
        "refresh_tokens",
        _bytes("hash"),
        _key("session_id"),
        _int("number"),
        _big("used_at", nullable=True),
        sa.PrimaryKeyConstraint("hash", name="pk_refresh_tokens"),
    )
    op.create_index(
        "ix_refresh_tokens_session", "refresh_tokens", ["session_id", "number"], unique=True
    )
    op.create_table(
        "one_time_tokens",
        _bytes("hash"),
        _key("kind"),
        _key("user_id", nullable=True),
        _key("workspace", nullable=True),
        _key("role", nullable=True),
        _text("email"),
        _key("made_by", nullable=True),
        _big("expires_at"),
        _int("tries"),
        _bytes("sealed", nullable=True),
        _big("used_at", nullable=True),
        _key("id", nullable=True),
        sa.PrimaryKeyConstraint("hash", name="pk_one_time_tokens"),
    )
    _partial(
        "one_time_tokens",
        "open",
        ["kind", "user_id"],
        "used_at IS NULL AND kind <> 'mfa'",
        unique=True,
    )
    _partial(
        "one_time_tokens", "setup", ["kind"], "used_at IS NULL AND kind = 'setup'", unique=True
    )
    op.create_index(
        "ix_one_time_tokens_workspace", "one_time_tokens", ["workspace", "id"], unique=True
    )
    op.create_table(
        "api_keys",
        _key("id"),
        _bytes("secret_hash"),
        _key("workspace"),
        _key("user_id"),
        _text("name"),
        _text("scopes"),
        _big("created_at"),
        _big("expires_at", nullable=True),
        _big("last_used", nullable=True),
        _big("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
    )
    op.create_index("ix_api_keys_user", "api_keys", ["user_id"])
    op.create_index("ix_api_keys_workspace", "api_keys", ["workspace", "id"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", BIG_ID, sa.Identity(always=False), nullable=False),
        _big("at"),
        _key("workspace", nullable=True),
        _text("actor_kind"),
        _text("actor"),
        _text("action"),
        _text("target_kind"),
        _text("target"),
        _text("result"),
        _text("ip"),
        _text("request_id"),
        _text("data"),
        _big("seq", nullable=True),
        _text("hash", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sa.UniqueConstraint("seq", name="uq_audit_seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_workspace", "audit", ["workspace", "seq"])
