# SPDX-License-Identifier: Apache-2.0
"""The statements of identities of other issuers, for both databases; see `definitions`.

Rules: AC3, AU109.
"""

from collections.abc import Iterator

from sqlalchemy import and_, delete, func, literal_column, or_, select
from sqlalchemy.sql import ClauseElement

from legato.adapters.sql.definitions_shared import NOW, P, insert
from legato.adapters.sql.schema_accounts import identities, members, users, workspaces
from legato.adapters.sql.schema_base import KEY

Named = Iterator[tuple[str, ClauseElement]]


def identity_statements() -> Named:
    """Yield them with their names."""
    c = identities.c
    this = and_(c.issuer == P("issuer"), c.subject == P("subject"))
    yield (
        "identity_add",
        insert(identities)
        .values(issuer=P("issuer"), subject=P("subject"), user_id=P("user_id"), added_at=NOW)
        .on_conflict_do_nothing()
        .returning(c.user_id),
    )
    yield "identity_drop", delete(identities).where(this).returning(c.user_id)
    yield (
        "user_of_identity",
        select(users).select_from(identities).join(users, users.c.id == c.user_id).where(this),
    )
    asked = P("workspace", type_=KEY)
    wanted = func.coalesce(asked, users.c.default_workspace)
    yield (
        "principal_of_identity",
        select(
            *(column.label(f"u_{column.name}") for column in users.c),
            *(column.label(f"w_{column.name}") for column in workspaces.c),
            members.c.role,
            NOW.label("at"),
        )
        .select_from(identities)
        .join(users, users.c.id == c.user_id)
        .outerjoin(workspaces, or_(workspaces.c.id == wanted, workspaces.c.slug == asked))
        .outerjoin(
            members,
            and_(members.c.workspace == workspaces.c.id, members.c.user_id == users.c.id),
        )
        .where(this, ~users.c.is_disabled)
        # An id is meant before a slug that looks like one.
        .order_by((workspaces.c.id == wanted).desc())
        .limit(literal_column("1")),
    )
