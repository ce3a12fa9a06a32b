# SPDX-License-Identifier: Apache-2.0
"""The statements of workspaces, members and invitations, for both databases; see `definitions`.

Rules: AC1, AC3-AC5, AC10.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    Column,
    Integer,
    and_,
    delete,
    exists,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.sql import ClauseElement, ColumnElement, Select

from legato.adapters.sql.definitions_shared import NOW, P, if_given, insert
from legato.adapters.sql.schema_accounts import members, one_time_tokens, users, workspaces

Named = Iterator[tuple[str, ClauseElement]]

_ONE: ColumnElement[int] = literal_column("1")


def member_statements() -> Named:
    """Yield them with their names."""
    for group in (_workspaces, _members, _defaults, _invitations):
        yield from group()


def page(found: Select[Any], key: Column[Any]) -> Select[Any]:
    """Return a part of what is found: the highest ids below `after`, or of all."""
    below = if_given("after", key < P("after"))
    return found.where(below).order_by(key.desc()).limit(P("limit", type_=Integer))


def _workspaces() -> Named:
    c = workspaces.c
    yield (
        "workspace_add",
        insert(workspaces)
        .values(id=P("id"), slug=P("slug"), name=P("name"), created_at=NOW)
        .on_conflict_do_nothing()
        .returning(c.id),
    )
    is_id = c.id == P("named")
    yield (
        "workspace",
        select(workspaces)
        .where(or_(is_id, c.slug == P("named")))
        .order_by(is_id.desc())
        .limit(_ONE),
    )
    other = workspaces.alias("other")
    yield (
        "workspace_change",
        update(workspaces)
        .values(slug=P("slug"), name=P("name"))
        .where(
            c.id == P("id"),
            ~exists().where(other.c.slug == P("slug"), other.c.id != P("id")),
        )
        .returning(c.id),
    )
    # Changes of one workspace's owners happen one after the other.
    yield "workspace_lock", select(c.id).where(c.id == P("workspace")).with_for_update()


def _members() -> Named:
    c = members.c
    this = and_(c.workspace == P("workspace"), c.user_id == P("user_id"))
    person = (
        select(members, users.c.email, users.c.display_name)
        .select_from(members)
        .join(users, users.c.id == c.user_id)
    )
    yield "member", person.where(this)
    yield "members", page(person.where(c.workspace == P("workspace")), c.user_id)
    yield (
        "memberships",
        select(workspaces, c.role)
        .select_from(workspaces)
        .join(members, c.workspace == workspaces.c.id)
        .where(c.user_id == P("user_id"))
        .order_by(workspaces.c.slug),
    )
    yield "member_role", select(c.role).where(this)
    yield (
        "other_owner",
        select(c.user_id)
        .select_from(members)
        .join(users, users.c.id == c.user_id)
        .where(
            c.workspace == P("workspace"),
            c.role == literal_column("'owner'"),
            c.user_id != P("user_id"),
            ~users.c.is_disabled,
        )
        .limit(_ONE),
    )
    put = insert(members).values(
        workspace=P("workspace"), user_id=P("user_id"), role=P("role"), since=NOW
    )
    yield (
        "member_put",
        put.on_conflict_do_update(
            index_elements=["workspace", "user_id"], set_={"role": put.excluded.role}
        ),
    )
    yield "member_drop", delete(members).where(this)


def _defaults() -> Named:
    c = users.c
    changed = update(users).where(c.id == P("user_id"))
    version = c.version + _ONE
    own = and_(members.c.user_id == c.id, members.c.workspace == c.default_workspace)
    yield (
        "default_set",
        changed.values(default_workspace=P("workspace"), version=version).where(
            or_(c.default_workspace.is_(None), ~exists().where(own))
        ),
    )
    left = (
        select(members.c.workspace)
        .where(members.c.user_id == P("user_id"))
        .order_by(members.c.since, members.c.workspace)
        .limit(_ONE)
    )
    yield (
        "default_leave",
        changed.values(default_workspace=left.scalar_subquery(), version=version).where(
            c.default_workspace == P("workspace")
        ),
    )


def _invitations() -> Named:
    c = one_time_tokens.c
    is_invitation = c.kind == literal_column("'invitation'")
    is_good = and_(is_invitation, c.used_at.is_(None), c.expires_at > NOW)
    is_open = and_(is_good, c.workspace == P("workspace"))
    void = update(one_time_tokens).values(used_at=NOW)
    yield "invitation", select(one_time_tokens).where(is_good, c.hash == P("token"))
    yield "invitations", select(one_time_tokens).where(is_open).order_by(c.id.desc())
    yield "invitations_void", void.where(is_open, c.email == P("email"))
    yield "invitation_revoke", void.where(is_open, c.id == P("id")).returning(c.id)
    columns = ("id", "hash", "workspace", "role", "email", "made_by")
    yield (
        "invitation_add",
        insert(one_time_tokens)
        .values(
            **{name: P(name) for name in columns},
            kind=literal_column("'invitation'"),
            expires_at=NOW + P("ttl_ms"),
            tries=literal_column("0"),
        )
        .returning(c.expires_at),
    )
