# SPDX-License-Identifier: Apache-2.0
"""`legato audit list` and `verify`: read only, in pages and batches.

Rules: AD10, AD11, AD14.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import click

from legato.cli.invocation import OK, RUN_FAILED, Invocation, command_options, examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from legato.app import App
    from legato.ports.audit import AuditQuery, AuditRow, Head

PAGE_MAX: Final = 1_000
BATCH: Final = 1_000
"""Rows that are checked at once: what is in memory stays the same, however long the audit is."""
STEPS: Final = 20
"""So often a person is told how far it is."""
_YEAR_9999_MS: Final = 253_370_764_800_000
_HEAD: Final = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")

_action = click.option("--action", help="One, or a group with its dot: auth.login, auth.")
_workspace = click.option("--workspace", metavar="SLUG", help="Only of this one; slug or id.")
_since = click.option("--since", metavar="TIME", help="7d, a day, or a time with its offset.")


def choosing(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options that choose rows."""
    for option in (_since, _workspace, _action):
        command = option(command)
    return command


@click.command(
    "list",
    epilog=examples(
        "legato audit list",
        "legato audit list --action auth.login --since 7d",
        "legato audit list --actor ann@example.org --limit 20 --before LAST_SEQ",
    ),
)
@choosing
@click.option("--actor", metavar="EMAIL", help="Only by this account; another actor by its id.")
@click.option("--limit", type=click.IntRange(1, PAGE_MAX), default=50, show_default=True)
@click.option("--before", type=click.IntRange(1), metavar="SEQ", help="Older rows than this.")
@command_options
def list_rows(invocation: Invocation, **asked: Any) -> int:
    """List rows, the newest first: seq, time, who, what, to what, result."""
    from legato.app import build, run

    async def work() -> None:
        async with build(invocation.settings(), role="reader") as app:
            await _list(invocation, app, asked)

    run(work())
    return OK


@click.command(
    epilog=examples(
        "legato audit verify",
        "legato audit verify --head $(cat noted-head)",
    )
)
@click.option("--head", metavar="SEQ:HASH", help="A head that was noted; the log tells them.")
@command_options
def verify(invocation: Invocation, head: str | None) -> int:
    """Check that no row was changed, taken out or put in; exit 1 and name the first that is wrong.

    The chain alone does not tell whether its end was cut off, or all of it written anew: a head
    that was noted elsewhere does.
    """
    from legato.app import build, run

    noted = None if head is None else _noted(head)

    async def work() -> int:
        async with build(invocation.settings(), role="reader") as app:
            return await _verify(invocation, app, noted)

    return run(work())


async def query_of(app: App, asked: dict[str, Any], **more: Any) -> AuditQuery:
    """Return what the options of `choosing` ask for.

    Raises:
        InvalidInput: The time is none.
        NotFound: There is no such workspace.
    """
    from legato.cli.people import find_workspace, instant
    from legato.ports.audit import AuditQuery

    named, since = asked["workspace"], asked["since"]
    return AuditQuery(
        workspace=None if named is None else (await find_workspace(app, named)).id,
        action=asked["action"],
        since=None if since is None else instant(since, app.clock.now_ms()),
        **more,
    )


async def _list(invocation: Invocation, app: App, asked: dict[str, Any]) -> None:
    from legato.cli.text import local_time, table

    actor = asked["actor"]
    if actor is not None:
        actor = await _actor_id(app, actor)
    wanted = await query_of(app, asked, actor=actor, before=asked["before"], limit=asked["limit"])
    page = await app.stores.audit.newest(wanted)
    terminal = invocation.terminal
    names = await _names(app, page.rows)
    rows = [("SEQ", "TIME", "WHO", "ACTION", "TARGET", "RESULT", "FROM")]
    for row in page.rows:
        terminal.json(row_json(row))
        who = names.get(row.actor) or " ".join(filter(None, (row.actor_kind, row.actor))) or "-"
        target = " ".join(filter(None, (row.target_kind, row.target))) or "-"
        rows.append(
            (
                str(row.seq),
                _moment(row.at, local_time),
                who,
                row.action,
                target,
                row.result,
                row.ip or "-",
            )
        )
    terminal.lines(table(rows) if page.rows else ["no rows"])
    if page.before is not None:
        terminal.note(f"older rows: --before {page.before}")
    if waiting := await app.stores.audit.unsealed():
        terminal.note(f"{waiting} rows are not sealed; a server does it within a second")


def row_json(row: AuditRow) -> dict[str, Any]:
    """Return a row as commands print it."""
    from legato.model.instants import iso
    from legato.ports.audit import public

    return {**public(row), "at": _moment(row.at, iso), "hash": row.hash}


def _moment(at: Any, shown: Callable[[int], str | None]) -> str:
    """Return a time as it is shown; of a row that somebody spoilt whatever stands there."""
    text = shown(at) if isinstance(at, int) and 0 <= at < _YEAR_9999_MS else None
    return text or str(at)


async def _actor_id(app: App, named: str) -> str:
    from legato.cli.people import find_user
    from legato.errors import NotFound

    try:
        return (await find_user(app, named)).id
    except NotFound:
        return named  # an API key, or a user who is gone


async def _names(app: App, rows: list[AuditRow]) -> dict[str, str]:
    """Return the addresses of those who acted."""
    from legato.model.ids import UserId

    ids = {row.actor for row in rows if row.actor_kind == "user"}
    found = [await app.stores.accounts.user(UserId(each)) for each in sorted(ids)]
    return {each.id: each.email for each in found if each is not None}


def _noted(text: str) -> Head:
    from legato.errors import InvalidInput
    from legato.ports.audit import Head

    found = _HEAD.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise InvalidInput("--head is written SEQ:HASH, with 64 hexadecimal digits")
    return Head(int(found[1]), found[2])


async def _verify(invocation: Invocation, app: App, noted: Head | None) -> int:
    from legato.ports.audit import NO_HEAD, SEQ_MIN, follow

    audit, terminal = app.stores.audit, invocation.terminal
    end = (await audit.head()).seq
    head, bad, is_end = NO_HEAD, None, False
    while bad is None and not is_end:
        before = head
        rows = await audit.read(after=before.seq or SEQ_MIN, limit=BATCH)
        head, bad = follow(before, rows)
        if noted is not None and before.seq < noted.seq <= head.seq:
            found = rows[noted.seq - before.seq - 1]
            bad = bad if found.hash == noted.hash else noted.seq
        is_end = len(rows) < BATCH
        if terminal.is_live and head.seq * STEPS // (end or 1) > before.seq * STEPS // (end or 1):
            terminal.note(f"{head.seq} of {end} rows are good")
    if bad is None and noted is not None and head.seq < noted.seq:
        bad = head.seq + 1  # the end is missing
    place = f"{head.seq}:{head.hash}"
    terminal.json({"ok": bad is None, "rows": head.seq, "head": place, "bad_seq": bad})
    if bad is not None:
        terminal.line(f"seq {bad} is wrong: it was changed, taken out or put in")
        return RUN_FAILED
    terminal.line(f"{head.seq} rows are good; the head is {place}")
    return OK
