# SPDX-License-Identifier: Apache-2.0
"""Triggers on both databases."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from legato.adapters.sql.open import make_stores
from legato.auth.hook_resealing import ResealedHooks, hooks_need_resealing, reseal_hooks
from legato.auth.sealing import MasterKey, Sealer
from legato.auth.webhooks import NOTICES, HookSeals
from legato.model.ids import WorkspaceId
from legato.ports.admission import Place, Terms
from legato.ports.stores import Stores
from legato.ports.triggers import Missing, NoticeTarget, TriggerRow
from tests.contract.accounts import entry, execute, select
from tests.contract.build import execution_id, new
from tests.contract.conftest import Backend, MakeStores, sqlite_backend
from tests.contract.triggered import DAILY, HERE, HOOK, HOURLY, hooks, publish, schedules

HOUR = 3_600_000
FIRST = HOUR
"""The first full hour after the versions of these tests are published."""
ELSEWHERE = WorkspaceId("01930000-0000-7000-8000-00000000eeee")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """Return how a process makes its ports; a store in memory has no triggers."""
    if request.param == "sqlite":
        return sqlite_backend(tmp_path)
    url = request.getfixturevalue("empty_postgres_url")
    return lambda _process, limits: make_stores(url, "memory:", home=tmp_path, limits=limits)


async def test_publishing_makes_the_rows_of_the_document(store: Stores) -> None:
    """Each trigger of what is published is a row, with its first tick after that [TR10]."""
    workflow = await publish(store, HOURLY, HOOK, DAILY)
    found = await schedules(store)
    assert {name: row.next_at for name, row in found.items()} == {
        "cron1": FIRST,
        "cron2": 8 * HOUR,
    }
    (hook,) = (await hooks(store)).values()
    assert (hook.workflow, hook.slug, hook.next_at, hook.token) == (workflow, "report", None, None)
    assert await store.triggers.get(HERE, "webhook", hook.id) == hook
    assert await store.triggers.get(HERE, "schedule.cron", hook.id) is None
    assert await store.triggers.get(ELSEWHERE, "webhook", hook.id) is None
    assert await store.triggers.next_ticks(HERE, [workflow]) == {workflow: FIRST}
    assert await store.triggers.next_ticks(ELSEWHERE, [workflow]) == {}


async def test_what_is_no_matter_of_the_document_outlives_a_publish(store: Stores) -> None:
    """Pause, token and secrets stay with the name, also while the trigger is gone [TR11]."""
    await publish(store, HOURLY, HOOK)
    row, hook = (await schedules(store))["cron1"], (await hooks(store))["webhook1"]
    await store.triggers.pause(HERE, row.id, "ann", entry("schedule.pause"))
    await store.triggers.set_token(hook.id, b"h", b"sealed")
    await store.triggers.rotate(HERE, hook.id, b"key", ())
    await publish(store, title="without")
    assert await schedules(store) == {}
    assert await hooks(store) == {}
    assert await store.triggers.by_token(b"h") is None
    await publish(store, HOURLY, HOOK, title="again")
    again, hook_again = (await schedules(store))["cron1"], (await hooks(store))["webhook1"]
    assert (again.id, again.paused_by, again.next_at) == (row.id, "ann", None)
    assert again.paused_at is not None
    assert (hook_again.id, hook_again.token, hook_again.secret) == (hook.id, b"sealed", b"key")
    assert await store.triggers.by_token(b"h") == hook_again


async def test_a_publish_keeps_a_tick_that_is_due_now(store: Stores) -> None:
    """The same schedule keeps its next tick, unless that is long over; another begins anew [TR12].

    The version of these tests is published at 00:16:40.
    """
    await publish(store, HOURLY)
    for next_at, kept in ((1_000_000 - 60_000, True), (1_000_000 - 60_001, False)):
        await execute(store, f"UPDATE triggers SET next_at = {next_at}")
        await publish(store, HOURLY, title=str(next_at))
        assert (await schedules(store))["cron1"].next_at == (next_at if kept else FIRST)
    await execute(store, "UPDATE triggers SET next_at = 999999")
    await publish(store, {**DAILY, "id": "cron1"})
    assert (await schedules(store))["cron1"].next_at == 8 * HOUR


async def test_archiving_stops_triggers_and_purging_deletes_them(store: Stores) -> None:
    """No schedule of an archived workflow is due, no token of it known [TR10]."""
    workflow = await publish(store, HOURLY, HOOK)
    (hook,) = (await hooks(store)).values()
    await store.triggers.set_token(hook.id, b"h", b"sealed")
    row = await store.workflows.find(HERE, workflow)
    assert row is not None
    archived = await store.workflows.archive(row, ())
    assert not isinstance(archived, str)
    assert await store.triggers.due(10 * HOUR) == []
    assert await store.triggers.by_token(b"h") is None
    assert await schedules(store) == {}
    assert await store.workflows.purge(archived, ()) is None
    assert await select(store, "SELECT count(*) FROM triggers") == [(0,)]


async def test_a_due_tick_is_claimed_by_one(stores: MakeStores) -> None:
    """Of two processes one claims; who died with a claim is followed when it is over [TR14]."""
    one, two = await stores("a"), await stores("b")
    await publish(one, HOURLY)
    assert await one.triggers.due(FIRST - 1) == []
    (row,) = await one.triggers.due(FIRST)
    claims = await asyncio.gather(one.triggers.claim(row), two.triggers.claim(row))
    assert sorted(claims) == [False, True]
    await execute(one, "UPDATE triggers SET claimed_until = 1")
    assert await two.triggers.claim(row)
    # A clock that was put back would make a claim last for years.
    await execute(one, "UPDATE triggers SET claimed_until = 9999999999999")
    assert await two.triggers.claim(row)


async def test_a_schedule_moves_on_once(store: Stores) -> None:
    """Who comes second changes nothing and notes nothing; what was missed is a notice [TR15]."""
    workflow = await publish(store, HOURLY)
    (row,) = await store.triggers.due(FIRST)
    missing = Missing(count=3, first=1, last=3, made_good=1)
    assert await store.triggers.advance(row, 2 * FIRST, missing)
    assert not await store.triggers.advance(row, 3 * FIRST, missing)
    assert (await schedules(store))["cron1"].next_at == 2 * FIRST
    assert [each for _, each in await store.triggers.missing(row.id)] == [missing]
    (notice,) = await store.notices.take()
    assert (notice.kind, notice.workflow, notice.execution_id) == ("missed", workflow, None)
    assert msgspec.json.decode(notice.data)["count"] == 3


async def test_pausing_and_resuming_are_audited_once(store: Stores) -> None:
    """A second pause changes nothing; a resumed schedule has the tick it is given [TR18]."""
    await publish(store, HOURLY)
    (row,) = await store.triggers.due(FIRST)
    for _ in range(2):
        assert await store.triggers.pause(HERE, row.id, "ann", entry("schedule.pause"))
    assert await store.triggers.due(FIRST) == []
    assert not await store.triggers.claim(row)
    assert not await store.triggers.advance(row, 2 * FIRST)
    for _ in range(2):
        assert await store.triggers.resume(HERE, row.id, 5 * HOUR, entry("schedule.resume"))
    resumed = (await schedules(store))["cron1"]
    assert (resumed.next_at, resumed.paused_at, resumed.paused_by) == (5 * HOUR, None, "")
    for other in (ELSEWHERE, HERE):
        unknown = row.id if other == ELSEWHERE else execution_id(1)
        assert not await store.triggers.pause(other, unknown, "eve", entry("x"))
        assert not await store.triggers.resume(other, unknown, 1, entry("x"))
    await store.audit.seal()
    told = [each.action for each in await store.audit.read()]
    assert [each for each in told if each.startswith("schedule.")] == [
        "schedule.pause",
        "schedule.resume",
    ]


async def test_a_token_is_given_once_and_a_secret_follows_another(store: Stores) -> None:
    """Of two that give a token one wins; the secret before is kept with its end [TR19]."""
    await publish(store, HOOK)
    (row,) = (await hooks(store)).values()
    given = await asyncio.gather(
        store.triggers.set_token(row.id, b"1", b"one"), store.triggers.set_token(row.id, b"2", b"2")
    )
    assert sorted(given) == [False, True]
    assert await store.triggers.rotate(HERE, row.id, b"k1", entry("webhook.change"))
    assert await store.triggers.rotate(HERE, row.id, b"k2", (), overlap_ms=10_000)
    assert not await store.triggers.rotate(ELSEWHERE, row.id, b"k3", entry("x"))
    (found,) = (await hooks(store)).values()
    assert (found.secret, found.old_secret) == (b"k2", b"k1")
    assert found.old_until is not None
    assert found.old_until > found.changed_at


async def test_pages_of_triggers_and_firings(store: Stores) -> None:
    """Both are cut by what stood last; firings of the same ms are not lost between [TR32]."""
    workflow = await publish(store, HOURLY, DAILY, {**HOURLY, "id": "third"})
    await publish(store, HOURLY, name="other")
    first = await store.triggers.page(HERE, "schedule.cron", workflow=workflow, limit=2)
    rest = await store.triggers.page(
        HERE, "schedule.cron", workflow=workflow, after=first[-1].id, limit=9
    )
    ids = [each.id for each in (*first, *rest)]
    assert (len(ids), ids) == (3, sorted(ids, reverse=True))
    await _fire(store, first[0], 5)
    found: list[str] = []
    place: str | None = None
    while some := await store.triggers.firings(first[0].id, before=place, limit=2):
        found += [each.key for each in some]
        place = some[-1].place
    assert sorted(found) == ["0", "1", "2", "3", "4"]


async def test_what_is_old_is_deleted(store: Stores) -> None:
    """Deliveries go after a day, ticks after a month: a delivery's id may come again [TR27]."""
    await publish(store, HOURLY)
    (row,) = (await schedules(store)).values()
    await _fire(store, row, 2)
    await execute(store, "UPDATE places SET kind = 'delivery' WHERE key = '1'")
    await store.triggers.clean()
    assert await store.triggers.firings(row.id) == []


async def test_a_restore_pauses_every_trigger(store: Stores) -> None:
    """Nothing falls due, and nothing of before is told, until a person consents [TR48]."""
    await publish(store, HOURLY, HOOK)
    (row,) = await store.triggers.due(FIRST)
    await store.triggers.advance(row, FIRST, Missing(count=1, first=1, last=1, made_good=0))
    assert await store.triggers.pause_all("restore") == 2
    assert await store.triggers.due(10 * HOUR) == []
    assert await store.notices.take() == []
    for each in (*(await schedules(store)).values(), *(await hooks(store)).values()):
        assert each.paused_at is not None
        assert each.paused_by == "restore"


async def _fire(store: Stores, row: TriggerRow, count: int) -> None:
    """Have a schedule's ticks take their places in the same ms."""
    for number in range(count):
        place = Place(kind="tick", trigger=row.id, key=str(number), at=7)
        await store.admissions.admit(new(number + 1), [], Terms(place=place))


async def test_what_is_sealed_is_sealed_anew(store: Stores) -> None:
    """Tokens and secrets of webhooks and notices open with the new key alone then [TR49]."""
    old, new_key = (MasterKey(id=name, secret=name.encode() * 32) for name in ("a", "b"))
    before = HookSeals(Sealer([old]))
    await publish(store, HOOK)
    (row,) = (await hooks(store)).values()
    token = before.seal_token(HERE, row.id, "token")
    await store.triggers.set_token(row.id, b"h", token)
    for key in (b"1" * 32, b"2" * 32):
        await store.triggers.rotate(
            HERE, row.id, before.seal_secret(HERE, row.id, key), (), overlap_ms=9
        )
    target = NoticeTarget(
        workspace=HERE, url=None, on=(), secret=before.seal_secret(HERE, NOTICES, b"3" * 32)
    )
    await store.notices.put_target(target, ())
    both = Sealer([new_key, old])
    assert await hooks_need_resealing(store.triggers, store.notices, both)
    assert await reseal_hooks(store.triggers, store.notices, both) == ResealedHooks(2)
    assert await reseal_hooks(store.triggers, store.notices, both) == ResealedHooks(0)
    assert not await hooks_need_resealing(store.triggers, store.notices, both)
    after = HookSeals(Sealer([new_key]))
    (row,) = (await hooks(store)).values()
    found = await store.notices.target(HERE)
    assert found is not None
    assert row.token is not None
    assert row.secret is not None
    assert row.old_secret is not None
    assert after.open_token(HERE, row.id, row.token) == "token"
    assert after.open_secret(HERE, row.id, row.secret) == b"2" * 32
    assert after.open_secret(HERE, row.id, row.old_secret) == b"1" * 32
    assert after.open_secret(HERE, NOTICES, found.secret) == b"3" * 32
    lost = Sealer([MasterKey(id="c", secret=b"c" * 32)])
    assert await reseal_hooks(store.triggers, store.notices, lost) == ResealedHooks(
        0, (row.id, HERE)
    )
