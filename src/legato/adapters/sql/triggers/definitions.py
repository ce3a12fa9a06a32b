# SPDX-License-Identifier: Apache-2.0
"""The statements of triggers and of their firings, for both databases. Not imported at run time.

Rules: TR10-TR19.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Select,
    Text,
    and_,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.sql import ClauseElement

from legato.adapters.sql.definitions_shared import NOW, P, if_given, insert
from legato.adapters.sql.schema import places
from legato.adapters.sql.schema_triggers import missed_ticks, triggers
from legato.adapters.sql.schema_workflows import workflows
from legato.adapters.sql.triggers.definitions_notices import notice_statements

Named = Iterator[tuple[str, ClauseElement]]

DELIVERIES_KEPT_MS: Final = 24 * 3_600_000
TICKS_KEPT_MS: Final = 30 * 24 * 3_600_000
_NO: Final = literal_column("false", type_=Boolean)
_YES: Final = literal_column("true", type_=Boolean)
_NOBODY: Final[Any] = literal_column("''", type_=Text)
_c = triggers.c


def trigger_statements() -> Named:
    """Yield them with their names."""
    for group in (_synchronised, _looked_at, _scheduled, _hooks, _firings, notice_statements):
        for name, statement in group():
            yield f"triggers.{name}", statement


def _synchronised() -> Named:
    yield (
        "of_workflow",
        select(triggers).where(_c.workflow == P("workflow")).with_for_update(),
    )
    names = ("id", "workspace", "workflow", "name", "kind", "config", "next_at")
    values: dict[str, Any] = {name: P(name) for name in names}
    yield (
        "add",
        insert(triggers).values(
            **values, is_live=_YES, paused_by=_NOBODY, created_at=NOW, changed_at=NOW
        ),
    )
    changed: dict[str, Any] = {name: P(name) for name in ("kind", "config", "next_at")}
    yield (
        "change",
        update(triggers)
        .values(
            **changed,
            is_live=_YES,
            claimed_until=None,
            changed_at=NOW,
        )
        .where(_c.id == P("id_is")),
    )
    gone = update(triggers).values(is_live=_NO, next_at=None, claimed_until=None, changed_at=NOW)
    yield "retire", gone.where(_c.id == P("id_is"))
    yield "retire_all", gone.where(_c.workflow == P("workflow_is"), _c.is_live)
    of = select(_c.id).where(_c.workflow == P("workflow"))
    yield "places_purge", delete(places).where(places.c.trigger.in_(of))
    yield "missed_purge", delete(missed_ticks).where(missed_ticks.c.trigger_id.in_(of))
    yield "purge", delete(triggers).where(_c.workflow == P("workflow"))


def _rows() -> Select[Any]:
    """Return live triggers with the slug of their workflow."""
    w = workflows.c
    return (
        select(triggers, w.slug)
        .join(workflows, w.id == _c.workflow)
        .where(_c.is_live, w.archived_at.is_(None))
    )


def _looked_at() -> Named:
    here = and_(_c.workspace == P("workspace"), _c.kind == P("kind"))
    yield "get", _rows().where(here, _c.id == P("id"))
    yield (
        "page",
        _rows()
        .where(here, if_given("workflow", _c.workflow == P("workflow")))
        .where(if_given("after", _c.id < P("after")))
        .order_by(_c.id.desc())
        .limit(P("limit")),
    )
    yield (
        "next_ticks",
        select(_c.workflow, func.min(_c.next_at).label("next_at"))
        .where(_c.workspace == P("workspace"), _c.next_at.is_not(None))
        .where(_c.workflow >= P("low"), _c.workflow <= P("high"))
        .group_by(_c.workflow),
    )
    mine = and_(_c.workspace == P("workspace_is"), _c.id == P("id_is"), _c.is_live)
    yield (
        "pause",
        update(triggers)
        .values(paused_at=NOW, paused_by=P("by"), next_at=None, claimed_until=None)
        .where(mine, _c.paused_at.is_(None))
        .returning(_c.id),
    )
    yield (
        "known",
        select(_c.paused_at).where(_c.workspace == P("workspace"), _c.id == P("id"), _c.is_live),
    )
    yield (
        "resume",
        update(triggers)
        .values(paused_at=None, paused_by=_NOBODY, next_at=P("next_at"), claimed_until=None)
        .where(mine, _c.paused_at.is_not(None))
        .returning(_c.id),
    )
    yield (
        "pause_all",
        update(triggers)
        .values(
            paused_at=func.coalesce(_c.paused_at, NOW),
            paused_by=case((_c.paused_at.is_(None), P("by")), else_=_c.paused_by),
            next_at=None,
            claimed_until=None,
        )
        .returning(_c.id),
    )


def _scheduled() -> Named:
    yield (
        "due",
        _rows().where(_c.next_at <= P("now")).order_by(_c.next_at).limit(P("limit")),
    )
    ms = P("claim_ms", type_=BigInteger)
    is_free = or_(
        _c.claimed_until.is_(None),
        _c.claimed_until <= NOW,
        _c.claimed_until > NOW + ms,  # the clock was put back meanwhile
    )
    due = and_(_c.id == P("id_is"), _c.next_at == P("next_is"))
    yield (
        "claim",
        update(triggers).values(claimed_until=NOW + ms).where(due, is_free).returning(_c.id),
    )
    yield (
        "advance",
        update(triggers)
        .values(next_at=P("next_at"), claimed_until=None)
        .where(due)
        .returning(_c.id),
    )


def _hooks() -> Named:
    yield "by_token", _rows().where(_c.token_hash == P("token_hash"))
    hook: Any = literal_column("'webhook'")
    yield (
        "set_token",
        update(triggers)
        .values(token_hash=P("token_hash"), token=P("token"))
        .where(_c.id == P("id_is"), _c.token_hash.is_(None))
        .returning(_c.id),
    )
    yield (
        "rotate",
        update(triggers)
        .values(
            old_secret=_c.secret,
            old_until=NOW + P("overlap_ms", type_=BigInteger),
            secret=P("secret"),
            changed_at=NOW,
        )
        .where(_c.workspace == P("workspace_is"), _c.id == P("id_is"), _c.is_live, _c.kind == hook)
        .returning(_c.id),
    )
    some = or_(_c.token.is_not(None), _c.secret.is_not(None))
    sealed = (_c.id, _c.workspace, _c.workflow, _c.name, _c.token, _c.secret, _c.old_secret)
    yield (
        "sealed",
        select(*sealed)
        .where(some, if_given("after", _c.id > P("after")))
        .order_by(_c.id)
        .limit(P("limit")),
    )
    yield (
        "reseal",
        update(triggers)
        .values(token=P("token"), secret=P("secret"), old_secret=P("old_secret"))
        .where(_c.id == P("id_is"))
        .where(_same(_c.token, "token_was"), _same(_c.secret, "secret_was"))
        .returning(_c.id),
    )


def _same(column: Any, name: str) -> Any:
    return column.is_not_distinct_from(P(name, type_=column.type))


def _firings() -> Named:
    p, m = places.c, missed_ticks.c
    yield (
        "firings",
        select(p.key, p.at, p.execution_id)
        .where(p.trigger == P("trigger"), p.at <= P("before"))
        .where(or_(p.at < P("before"), p.key < P("key")))
        .order_by(p.at.desc(), p.key.desc())
        .limit(P("limit")),
    )
    names = ("trigger_id", "count", "first", "last", "made_good")
    values: dict[str, Any] = {name: P(name) for name in names}
    yield "missed_add", insert(missed_ticks).values(at=NOW, **values)
    yield (
        "missed",
        select(missed_ticks)
        .where(m.trigger_id == P("trigger"))
        .order_by(m.id.desc())
        .limit(P("limit")),
    )
    ticks = and_(p.kind == literal_column("'tick'"), p.at < NOW - TICKS_KEPT_MS)
    deliveries = and_(p.kind == literal_column("'delivery'"), p.at < NOW - DELIVERIES_KEPT_MS)
    yield "places_clean", delete(places).where(or_(ticks, deliveries))
    yield "missed_clean", delete(missed_ticks).where(m.at < NOW - TICKS_KEPT_MS)
