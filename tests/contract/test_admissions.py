# SPDX-License-Identifier: Apache-2.0
"""The admissions port on both databases."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from legato.adapters.sql.open import make_stores
from legato.errors import Conflict, LimitExceeded, NotFound
from legato.model.ids import EngineId, WorkspaceId
from legato.model.policy import Limits
from legato.model.workflow import OverlapRule
from legato.ports.admission import AlreadyDone, Answer, Once, Place, Terms
from legato.ports.audit import AuditEntry
from legato.ports.catalogue import VersionRow
from legato.ports.log import NewExecution
from legato.ports.stores import Stores
from tests.contract.build import LEASE_MS, LOCAL, VERSION, A, born, execution_id, new, turn
from tests.contract.conftest import Backend, MakeStores, sqlite_backend

WORKFLOW = "01930000-0000-7000-8000-00000000aaaa"
VERSION_ROW = VersionRow(
    version=VERSION, workspace=LOCAL, name="report", compiled=b"{}", created_at=1
)
STARTED = AuditEntry(action="execution.start", workspace=WorkspaceId(LOCAL), target="x")
SKIP = OverlapRule(policy="skip")
QUEUE = Terms(overlap=OverlapRule(policy="queue"))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """Return how a process makes its ports; a store in memory admits nothing."""
    if request.param == "sqlite":
        return sqlite_backend(tmp_path)
    url = request.getfixturevalue("empty_postgres_url")
    return lambda _process, limits: make_stores(url, "memory:", home=tmp_path, limits=limits)


def once(scope: str = "s", request: str = "r", status: int = 202) -> Once:
    """Return what is kept for a request."""
    answer = Answer(status=status, body=b'{"a":1}', headers=(("location", "/x"),))
    return Once(scope=scope, request=request, answer=answer)


def of_workflow(number: int, **changes: Any) -> NewExecution:
    """Return an execution of the workflow."""
    made = new(number, **changes)
    return msgspec.structs.replace(made, workflow_id=WORKFLOW, number=3)


async def ids(store: Stores) -> set[str]:
    """Return which of the first executions exist."""
    return set(await store.log.heads([execution_id(number) for number in range(1, 30)]))


async def test_an_execution_is_created_with_all_its_terms(store: Stores) -> None:
    """Answer, audit and version stand with it, and the row has what it was given [AM1, AM4]."""
    made = of_workflow(1, trigger="cron", trigger_id="cron1", scheduled_at=77, is_test=True)
    terms = Terms(once=once(), audit=(STARTED,))
    admitted = await store.admissions.admit(made, [VERSION_ROW], terms)
    assert (admitted.outcome, admitted.execution_id) == ("created", execution_id(1))
    row = await store.executions.get(execution_id(1))
    assert row is not None
    assert (row.workflow_id, row.number, row.is_test) == (WORKFLOW, 3, True)
    assert (row.trigger, row.trigger_id, row.scheduled_at) == ("cron", "cron1", 77)
    assert await store.admissions.answered("s") == once()
    assert await store.versions.get(VERSION) == VERSION_ROW
    await store.audit.seal()
    assert [each.action for each in await store.audit.read()] == ["execution.start"]


async def test_a_second_request_with_the_key_leaves_nothing(store: Stores) -> None:
    """It learns what was asked and answered; no execution, no audit of it stands [AM1, AM3]."""
    await store.admissions.admit(new(1), [], Terms(once=once()))
    terms = Terms(once=once(request="q"), audit=(STARTED,))
    with pytest.raises(AlreadyDone) as found:
        await store.admissions.admit(new(2), [], terms)
    assert (found.value.request, found.value.answer) == ("r", once().answer)
    assert await ids(store) == {execution_id(1)}
    await store.audit.seal()
    assert await store.audit.read() == []


async def test_of_requests_that_race_one_takes_effect(stores: MakeStores) -> None:
    """Also in two processes [AM3]."""
    both = [await stores("a"), await stores("b")]
    ways = [both[n % 2].admissions.admit(new(n), [], Terms(once=once())) for n in range(1, 13)]
    results = await asyncio.gather(*ways, return_exceptions=True)
    refused = [each for each in results if isinstance(each, AlreadyDone)]
    assert (len(refused), len(await ids(both[0]))) == (11, 1)


async def test_an_answer_can_be_made_better_later(store: Stores) -> None:
    """The end that a request waited for; of another request nothing changes [AM2]."""
    await store.admissions.admit(new(1), [], Terms(once=once()))
    better = msgspec.structs.replace(once(), answer=Answer(status=200, body=b"{}"))
    await store.admissions.remember(msgspec.structs.replace(better, request="another"))
    assert await store.admissions.answered("s") == once()
    await store.admissions.remember(better)
    assert await store.admissions.answered("s") == better
    assert await store.admissions.answered("t") is None
    assert await store.admissions.forget() == 0


async def test_with_an_owner_it_is_its_own_from_the_first_moment(owned: Stores) -> None:
    """Its first turn has fence 1; others get it when the owner has resigned [AM5]."""
    await owned.admissions.admit(of_workflow(1, owner=A), [], Terms())
    assert await owned.log.append([turn(1)]) == [True]
    await owned.admissions.admit(of_workflow(2, owner=A), [], Terms())
    await owned.owners.resign(A)
    other = EngineId("engine-b")
    await owned.owners.register(other, lease_ms=LEASE_MS, adopts=True)
    claimed = await owned.owners.claim(other, limit=10)
    assert execution_id(2) in {each.execution_id for each in claimed}


async def test_the_same_admission_again_finds_what_was_made(store: Stores) -> None:
    """As after an outcome that was unknown [AM6]."""
    for outcome in ("created", "exists"):
        admitted = await store.admissions.admit(new(1), [VERSION_ROW], Terms())
        assert (admitted.outcome, admitted.execution_id) == (outcome, execution_id(1))


async def test_a_place_starts_one_execution(stores: MakeStores) -> None:
    """Who comes second, also in another process, learns which [AM7]."""
    both = [await stores("a"), await stores("b")]
    place = Place(kind="tick", trigger="t", key="1000", at=1_000)
    ways = [both[n % 2].admissions.admit(new(n), [], Terms(place=place)) for n in range(1, 9)]
    results = await asyncio.gather(*ways)
    assert [each.outcome for each in results].count("created") == 1
    assert {each.execution_id for each in results} == await ids(both[0])
    terms = Terms(place=msgspec.structs.replace(place, trigger="u"))
    assert (await both[0].admissions.admit(new(20), [], terms)).outcome == "created"


async def test_skip_leaves_nothing_but_the_place(store: Stores) -> None:
    """While one of the workflow is open; an answer is kept only if there is one [AM8, AM9]."""
    await store.admissions.admit(of_workflow(1), [], Terms(overlap=SKIP))
    place = Place(kind="delivery", trigger="t", key="m", at=1)
    terms = Terms(overlap=SKIP, place=place, once=once())
    assert (await store.admissions.admit(of_workflow(2), [], terms)).outcome == "skipped"
    assert await store.admissions.answered("s") is None
    again = await store.admissions.admit(of_workflow(3), [], Terms(place=place))
    assert (again.outcome, again.execution_id) == ("exists", None)
    said = once("s2", status=200)
    terms = Terms(overlap=SKIP, once=once("s2"), once_skipped=said)
    assert (await store.admissions.admit(of_workflow(4), [], terms)).outcome == "skipped"
    assert await store.admissions.answered("s2") == said
    assert await ids(store) == {execution_id(1)}


async def test_only_open_roots_of_the_workflow_count(owned: Stores) -> None:
    """No ended one, no test, no child and none of another workflow [AM8]."""
    skip = Terms(overlap=SKIP)
    await owned.admissions.admit(of_workflow(1, owner=A), [], Terms())
    await owned.log.append([turn(1, status="completed", project={"ended_at": 9})])
    await owned.admissions.admit(of_workflow(2, is_test=True), [], Terms())
    await owned.admissions.admit(of_workflow(3, parent=execution_id(1)), [], Terms())
    await owned.admissions.admit(new(4, workflow_id="another"), [], Terms())
    assert (await owned.admissions.admit(of_workflow(5), [], skip)).outcome == "created"
    assert (await owned.admissions.admit(of_workflow(6), [], skip)).outcome == "skipped"


async def test_admissions_at_once_are_counted_one_after_the_other(stores: MakeStores) -> None:
    """Two processes do not both find room for the last one [AM8]."""
    both = [await stores("a"), await stores("b")]
    terms = Terms(overlap=OverlapRule(policy="skip", max=3))
    ways = [both[n % 2].admissions.admit(of_workflow(n), [], terms) for n in range(1, 13)]
    results = await asyncio.gather(*ways)
    assert [each.outcome for each in results].count("created") == 3


async def test_held_executions_are_released_oldest_first(owned: Stores) -> None:
    """Nobody claims them before there is room [AM10]."""
    made = [await owned.admissions.admit(of_workflow(n, owner=A), [], QUEUE) for n in (1, 2, 3)]
    assert [each.is_held for each in made] == [False, True, True]
    assert await owned.owners.claim(A, limit=10) == []
    assert await owned.admissions.release() == []
    await owned.log.append([turn(1, status="completed", project={"ended_at": 9})])
    assert await owned.admissions.release() == [execution_id(2)]
    (claimed,) = await owned.owners.claim(A, limit=10)
    assert claimed.execution_id == execution_id(2)
    assert await owned.admissions.release() == []
    row = await owned.executions.get(execution_id(3))
    assert row is not None
    assert row.held_below == 1


async def test_a_signal_releases_what_is_held(owned: Stores) -> None:
    """A person may cancel what waits [AM10]."""
    for number in (1, 2):
        await owned.admissions.admit(of_workflow(number, owner=A), [], QUEUE)
    await owned.inbox.send(execution_id(2), "cancel", b"{}")
    (claimed,) = await owned.owners.claim(A, limit=10)
    assert claimed.execution_id == execution_id(2)
    row = await owned.executions.get(execution_id(2))
    assert row is not None
    assert row.held_below is None


async def test_a_full_line_of_held_executions_is_refused(
    store: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it has accepted stays [AM10]."""
    monkeypatch.setattr("legato.adapters.sql.admissions.HELD_MAX", 2)
    for number in (1, 2, 3):
        await store.admissions.admit(of_workflow(number), [], QUEUE)
    with pytest.raises(LimitExceeded):
        await store.admissions.admit(of_workflow(4), [], QUEUE)
    assert len(await ids(store)) == 3


async def test_a_full_queue_refuses(stores: MakeStores) -> None:
    """What has an owner needs no place in it [AM11]."""
    store = await stores(limits=Limits(max_queued_executions=2))
    await store.owners.register(A, lease_ms=LEASE_MS, adopts=True)
    for number in (1, 2):
        await store.admissions.admit(new(number), [], Terms())
    with pytest.raises(LimitExceeded):
        await store.admissions.admit(new(3), [], Terms(once=once()))
    assert await store.admissions.answered("s") is None
    assert (await store.admissions.admit(new(4, owner=A), [], Terms())).outcome == "created"


async def test_a_signal_is_taken_in_with_audit_and_answer(owned: Stores) -> None:
    """Once per key of the request and of the signal, and as the inbox says [AM12]."""
    await owned.log.append([born(1), born(2)])
    send = owned.admissions.send
    assert await send(execution_id(1), "k", b"{}", once=once(), audit=[STARTED])
    with pytest.raises(AlreadyDone):
        await send(execution_id(1), "k2", b"{}", once=once(), audit=[STARTED])
    assert not await send(execution_id(1), "k", b"{}", once=once("s2"), audit=[STARTED])
    assert len(await owned.inbox.pending_for([execution_id(1)])) == 1
    await owned.audit.seal()
    assert len(await owned.audit.read()) == 1
    with pytest.raises(NotFound):
        await send(execution_id(9), "k", b"{}", once=once("s3"))
    await owned.log.append([turn(2, after=1, status="completed", project={"ended_at": 9})])
    with pytest.raises(Conflict):
        await send(execution_id(2), "k", b"{}", once=once("s3"))
    assert await owned.admissions.answered("s3") is None
