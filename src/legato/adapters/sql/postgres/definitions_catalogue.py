# SPDX-License-Identifier: Apache-2.0
"""The statements of versions and publications on PostgreSQL; see `definitions`.

Rules: LG20, LG26, CL30, CL33.
"""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import and_, bindparam, exists, literal_column, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql import ClauseElement

from legato.adapters.sql.schema import publications, versions

P: Final = bindparam


def catalogue() -> Iterator[tuple[str, ClauseElement]]:
    """Yield what stores, publishes and reads versions."""
    yield "version_put", insert(versions).on_conflict_do_nothing()
    yield "publication_add", insert(publications).on_conflict_do_nothing()
    columns = (
        versions.c.workspace, versions.c.name, versions.c.compiled, versions.c.source,
        versions.c.created_at,
    )  # fmt: skip
    yield "version", select(*columns).where(versions.c.version == P("version")).limit(1)
    yield (
        "version_known",
        select(literal_column("1"))
        .select_from(versions)
        .where(versions.c.version == P("version"), versions.c.workspace == P("workspace")),
    )
    mine = publications.c.workspace == P("workspace")
    this = and_(mine, publications.c.name == P("name"))
    newest = publications.c.number.desc()
    yield (
        "published",
        select(publications.c.version, publications.c.source).where(this).order_by(newest).limit(1),
    )
    yield "source", select(publications.c.source).where(this, publications.c.number == P("number"))
    fields = [each for each in publications.c if each.name != "source"]
    yield "publications", select(*fields).where(this).order_by(newest).limit(P("limit"))
    later = publications.alias("later")
    is_newest = ~exists().where(
        later.c.workspace == publications.c.workspace,
        later.c.name == publications.c.name,
        later.c.number > publications.c.number,
    )
    yield "newest", select(*fields).where(mine, is_newest).order_by(publications.c.name)
