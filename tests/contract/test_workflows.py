# SPDX-License-Identifier: Apache-2.0
"""The workflows port on both databases."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from legato.adapters.sql.open import make_stores
from legato.adapters.system_clock import SystemClock
from legato.errors import Unavailable
from legato.model.ids import UserId, VersionHash, WorkspaceId
from legato.model.policy import Limits
from legato.ports.admission import AlreadyDone, Answer, Once
from legato.ports.audit import AuditEntry
from legato.ports.catalogue import Publication, VersionRow
from legato.ports.stores import Stores
from legato.ports.workflows import (
    PINS_MAX,
    REVISIONS_BYTES_MAX,
    REVISIONS_KEPT,
    DraftConflict,
    DraftRow,
    NewWorkflow,
    Pin,
    Publishing,
    Saving,
    WorkflowQuery,
    WorkflowRow,
)
from tests.contract.build import LOCAL
from tests.contract.conftest import memory_backend

CLOCK = SystemClock()
ELSEWHERE = WorkspaceId("01900000-0000-7000-8000-00000000e15e")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """Return an open store with no workflows."""
    url = f"sqlite:///{tmp_path}/legato.db"
    if request.param == "postgres":
        url = request.getfixturevalue("empty_postgres_url")
    made = make_stores(url, f"file://{tmp_path}/blobs", home=tmp_path)
    await made.lifecycle.open()
    yield made
    await made.lifecycle.close()


def deed(action: str, target: str, by: str = "ann") -> list[AuditEntry]:
    """Return an audit entry."""
    return [
        AuditEntry(
            workspace=LOCAL,
            actor_kind="user",
            actor=by,
            action=action,
            target_kind="workflow",
            target=target,
        )
    ]


def new(slug: str = "report", source: bytes = b"one", **more: object) -> NewWorkflow:
    """Return a workflow to make."""
    values = {"workspace": LOCAL, "slug": slug, "by": "ann", "title": slug.title(), **more}
    return NewWorkflow(id=CLOCK.new_id(), source=source, **values)  # type: ignore[arg-type]


async def made(store: Stores, slug: str = "report", **more: object) -> WorkflowRow:
    """Make a workflow."""
    wanted = new(slug, **more)  # type: ignore[arg-type]
    row = await store.workflows.create(wanted, deed("workflow.create", wanted.id))
    assert row is not None
    return row


def version(row: WorkflowRow, source: bytes, letter: str = "a") -> VersionRow:
    """Return a version of a workflow."""
    return VersionRow(
        version=VersionHash(letter * 64),
        workspace=row.workspace,
        name=row.slug,
        compiled=b'{"name":"%s"}' % row.slug.encode(),
        source=source,
        created_at=CLOCK.now_ms(),
    )


async def publish(
    store: Stores, row: WorkflowRow, *, number: int | None, revision: int | None, **more: object
) -> object:
    """Publish a draft."""
    source = more.pop("source", b"one")
    letter = more.pop("letter", "a")
    once = more.pop("once", None)
    wanted = Publishing(
        workflow=row.id,
        revision=revision,
        number=number,
        row=version(row, source, letter),  # type: ignore[arg-type]
        title=row.title,
        by="ann",
        **more,  # type: ignore[arg-type]
    )
    return await store.workflows.publish(
        wanted,
        deed("workflow.publish", row.id),
        once=once,  # type: ignore[arg-type]
    )


async def save(
    store: Stores, row: WorkflowRow, revision: int, source: bytes, by: str = "ann"
) -> object:
    """Save a draft."""
    saving = Saving(
        workspace=row.workspace, workflow=row.id, revision=revision, source=source, by=by
    )
    return await store.workflows.put_draft(saving, deed("workflow.edit", row.id, by))


async def actions(store: Stores) -> list[str]:
    """Return what the audit knows, in order."""
    while await store.audit.unsealed():
        await store.audit.seal()
    return [row.action for row in await store.audit.read()]


async def test_a_workflow_is_found_by_id_slug_and_alias(store: Stores) -> None:
    """All three name the same row, in its own workspace only [WF1, WF2]."""
    row = await made(store, alias="wf_1700")
    for named in (row.id, "report", "wf_1700"):
        assert await store.workflows.find(LOCAL, named) == row
        assert await store.workflows.current(LOCAL, named) == (row, None)
        assert await store.workflows.find(ELSEWHERE, named) is None
    assert await store.workflows.find(LOCAL, "nosuch") is None
    assert (row.stamp, row.draft, row.published) == (1, 1, None)


async def test_a_slug_and_an_alias_are_given_once(store: Stores) -> None:
    """Of many who want one name, one gets it, and the others leave nothing [WF1, WF2]."""
    wanted = [new("report", alias="a1") for _ in range(4)]
    rows = await asyncio.gather(
        *(store.workflows.create(each, deed("workflow.create", each.id)) for each in wanted)
    )
    assert sum(row is not None for row in rows) == 1
    assert await store.workflows.create(new("other", alias="a1"), []) is None
    assert await store.workflows.find(LOCAL, "other") is None
    assert await actions(store) == ["workflow.create"]
    assert await store.workflows.create(new("report", workspace=ELSEWHERE), []) is not None


async def test_an_archived_workflow_gives_its_slug_back(store: Stores) -> None:
    """It is found by its id for who asks for it, and by nothing else [WF8]."""
    row = await made(store, alias="a1")
    gone = await store.workflows.archive(row, deed("workflow.delete", row.id))
    assert isinstance(gone, WorkflowRow)
    assert gone.archived_at is not None
    assert await store.workflows.find(LOCAL, row.id) is None
    assert await store.workflows.find(LOCAL, row.id, with_archived=True) == gone
    assert await store.workflows.find(LOCAL, "report", with_archived=True) is None
    assert await store.workflows.archive(gone, []) == "unknown"
    again = await made(store, alias="a1")
    assert again.id != row.id
    assert await save(store, gone, 1, b"late") is None
    assert await publish(store, gone, number=None, revision=1) == "unknown"


async def test_a_change_is_made_to_the_row_that_was_seen(store: Stores) -> None:
    """Somebody else's change, or a slug in use, is told and nothing is changed [WF1, WF8]."""
    row = await made(store)
    other = await made(store, "other")
    wanted = msgspec.structs.replace(row, slug="report-2", title="Two")
    changed = await store.workflows.change(wanted, deed("workflow.edit", row.id))
    assert isinstance(changed, WorkflowRow)
    assert (changed.slug, changed.title, changed.stamp) == ("report-2", "Two", 2)
    assert await store.workflows.change(wanted, []) == "changed"
    stolen = msgspec.structs.replace(other, slug="report-2")
    assert await store.workflows.change(stolen, [], source=b"new", by="ann") == "slug_taken"
    draft = await store.workflows.draft(LOCAL, other.id)
    assert draft is not None
    assert draft.source == b"one"


async def test_two_who_save_over_the_same_revision_see_both_texts(store: Stores) -> None:
    """The second one gets what is there and what both began with [WF4]."""
    row = await made(store)
    saved = await save(store, row, 1, b"two")
    assert isinstance(saved, DraftRow)
    assert saved.revision == 2
    late = await save(store, row, 1, b"three", by="bob")
    assert isinstance(late, DraftConflict)
    assert late.current == saved
    assert late.base is not None
    assert late.base.source == b"one"
    assert await save(store, row, 2, b"two") == saved  # the same text is no new revision
    assert await save(store, msgspec.structs.replace(row, workspace=ELSEWHERE), 2, b"x") is None


async def test_old_revisions_of_a_draft_are_forgotten(store: Stores) -> None:
    """A number of them and of their bytes is kept, and the newest always [WF4]."""
    row = await made(store)
    for revision in range(1, REVISIONS_KEPT + 5):
        assert isinstance(await save(store, row, revision, b"%d" % revision), DraftRow)
    kept = [
        revision
        for revision in range(1, REVISIONS_KEPT + 6)
        if await store.workflows.draft(LOCAL, row.id, revision) is not None
    ]
    assert kept == list(range(6, REVISIONS_KEPT + 6))
    large = b"x" * (REVISIONS_BYTES_MAX + 1)
    assert isinstance(await save(store, row, REVISIONS_KEPT + 5, large), DraftRow)
    assert await store.workflows.draft(LOCAL, row.id, REVISIONS_KEPT + 5) is None
    assert (await store.workflows.draft(LOCAL, row.id)).source == large  # type: ignore[union-attr]


async def test_the_audit_hears_of_an_editor_once_an_hour(store: Stores) -> None:
    """A draft is saved all the time; who edits it stands there once each [WF9]."""
    row = await made(store)
    await save(store, row, 1, b"two")
    await save(store, row, 2, b"three")
    await save(store, row, 3, b"four", by="bob")
    assert await actions(store) == ["workflow.create", "workflow.edit", "workflow.edit"]


async def test_publishing_makes_versions_that_never_change(store: Stores) -> None:
    """Each new text is the next number; the same text again is the old one [WF5]."""
    row = await made(store)
    first = await publish(store, row, number=None, revision=1, message="hello")
    assert isinstance(first, tuple)
    one, is_new = first
    assert is_new
    assert isinstance(one, Publication)
    assert (one.number, one.workflow_id, one.name, one.message) == (1, row.id, "report", "hello")
    assert await publish(store, row, number=1, revision=1) == (one, False)
    await save(store, row, 1, b"two")
    assert await publish(store, row, number=None, revision=2, source=b"two") == "changed"
    second = await publish(store, row, number=1, revision=2, source=b"two", letter="b")
    assert isinstance(second, tuple)
    found = await store.workflows.current(LOCAL, "report")
    assert found is not None
    assert (found[0].published, found[1]) == (2, "b" * 64)
    assert await store.workflows.versions(LOCAL, row.id) == [second[0], one]
    assert await store.workflows.versions(LOCAL, row.id, before=2) == [one]
    assert await store.workflows.versions(ELSEWHERE, row.id) == []
    text = await store.workflows.version(LOCAL, row.id, 1)
    assert text is not None
    assert (text.source, text.publication) == (b"one", one)
    assert await store.workflows.version(ELSEWHERE, row.id, 1) is None
    draft = await store.workflows.draft(LOCAL, row.id)
    assert draft is not None
    assert (draft.revision, draft.base_version) == (2, 2)
    assert (await actions(store)).count("workflow.publish") == 2


async def test_a_draft_that_somebody_saved_meanwhile_is_not_published(store: Stores) -> None:
    """Who publishes gets both texts instead [WF5]."""
    row = await made(store)
    await save(store, row, 1, b"two")
    refused = await publish(store, row, number=None, revision=1)
    assert isinstance(refused, DraftConflict)
    assert refused.current.source == b"two"
    assert await store.workflows.versions(LOCAL, row.id) == []


async def test_a_file_is_draft_and_version_at_once(store: Stores) -> None:
    """Without a revision the text becomes the draft, whatever that was [WF5]."""
    row = await made(store)
    done = await publish(store, row, number=None, revision=None, source=b"file")
    assert isinstance(done, tuple)
    draft = await store.workflows.draft(LOCAL, row.id)
    assert draft is not None
    assert (draft.source, draft.revision, draft.base_version) == (b"file", 2, 1)


async def test_one_of_many_publishers_wins(store: Stores) -> None:
    """The numbers have no gap and no twin [WF5]."""
    row = await made(store)
    done = await asyncio.gather(
        *(
            publish(store, row, number=None, revision=None, source=b"%d" % each, letter=letter)
            for each, letter in enumerate("abcd")
        )
    )
    assert sum(isinstance(each, tuple) for each in done) == 1
    assert done.count("changed") == 3
    assert [each.number for each in await store.workflows.versions(LOCAL, row.id)] == [1]


async def test_publishing_with_a_key_takes_effect_once(store: Stores) -> None:
    """The answer is kept with the version, and neither without the other [WF5, AM1]."""
    row = await made(store)
    once = Once(scope="s" * 64, request="r" * 64, answer=Answer(status=201, body=b"{}"))
    assert isinstance(await publish(store, row, number=None, revision=1, once=once), tuple)
    with pytest.raises(AlreadyDone):
        await publish(store, row, number=1, revision=1, once=once)
    other = Once(scope="t" * 64, request="r" * 64, answer=Answer(status=201))
    assert await publish(store, row, number=7, revision=1, once=other) == "changed"
    assert await store.admissions.answered("t" * 64) is None


async def test_names_and_ids_are_two_ways_to_the_same_workflows(store: Stores) -> None:
    """What the command line publishes by name has a draft, and the other way round [WF3]."""
    row = await made(store)
    await publish(store, row, number=None, revision=1)
    assert await store.versions.names(LOCAL) == ["report"]
    text = version(row, b"by name", "b")
    publication, is_new = await store.versions.publish(text, by="cli")
    assert is_new
    assert (publication.number, publication.workflow_id) == (2, row.id)
    draft = await store.workflows.draft(LOCAL, row.id)
    assert draft is not None
    assert (draft.source, draft.base_version, draft.by) == (b"by name", 2, "cli")
    fresh, _ = await store.versions.publish(msgspec.structs.replace(text, name="fresh"), by="cli")
    found = await store.workflows.find(LOCAL, "fresh")
    assert found is not None
    assert (found.id, found.published, found.draft) == (fresh.workflow_id, 1, 1)
    renamed = msgspec.structs.replace(found, slug="renamed")
    await store.workflows.change(renamed, [])
    assert await store.versions.publications(LOCAL, "fresh") == []
    (kept,) = await store.versions.publications(LOCAL, "renamed")
    assert kept.workflow_id == fresh.workflow_id
    assert await store.versions.source(LOCAL, "renamed", 1) == b"by name"


async def test_many_who_publish_a_new_name_make_one_workflow(store: Stores) -> None:
    """All of their texts are versions of it, and each is in the audit [WF3, WF9]."""
    row = WorkflowRow(id="", workspace=LOCAL, slug="report")
    texts = [version(row, b"%d" % each, letter) for each, letter in enumerate("abcd")]
    done = await asyncio.gather(*(store.versions.publish(each) for each in texts))
    assert sorted(each.number for each, _ in done) == [1, 2, 3, 4]
    assert len({each.workflow_id for each, _ in done}) == 1
    told = await actions(store)
    assert (told.count("workflow.create"), told.count("workflow.publish")) == (1, 4)


async def test_the_list_is_filtered_and_paged(store: Stores) -> None:
    """By id, descending; text stands in slug or title, whatever its case [WF7]."""
    rows = [await made(store, slug) for slug in ("ant", "bee", "cat")]
    await publish(store, rows[1], number=None, revision=1)
    gone = await store.workflows.archive(rows[2], [])
    other = msgspec.structs.replace(rows[0], title="Straße")
    await store.workflows.change(other, [])

    async def slugs(**wanted: object) -> list[str]:
        query = WorkflowQuery(**wanted)  # type: ignore[arg-type]
        return [each.row.slug for each in await store.workflows.page(LOCAL, query)]

    assert await slugs() == ["bee", "ant"]
    assert await slugs(limit=1) == ["bee"]
    assert await slugs(after=rows[1].id) == ["ant"]
    assert await slugs(is_published=True) == ["bee"]
    assert await slugs(is_published=False) == ["ant"]
    assert await slugs(text="STRASSE") == ["ant"]
    assert await slugs(text="B") == ["bee"]
    assert await slugs(text="%") == []
    (archived,) = await store.workflows.page(LOCAL, WorkflowQuery(is_archived=True))
    assert archived.row == gone
    assert await store.workflows.page(ELSEWHERE, WorkflowQuery()) == []
    bee, ant = await store.workflows.page(LOCAL, WorkflowQuery())
    assert (bee.is_ahead, ant.is_ahead) == (False, True)
    await save(store, rows[1], 1, b"two", by="bob")
    bee, _ = await store.workflows.page(LOCAL, WorkflowQuery())
    assert (bee.is_ahead, bee.draft_by) == (True, "bob")


async def test_pins_are_kept_per_node_and_bounded(store: Stores) -> None:
    """Each in its workspace; the last one written stands [WF6]."""
    row = await made(store)
    first = await store.workflows.put_pin(LOCAL, Pin(workflow=row.id, node="a", output=b"1"))
    assert isinstance(first, Pin)
    again = await store.workflows.put_pin(
        LOCAL, Pin(workflow=row.id, node="a", output=b"2", by="bob")
    )
    assert isinstance(again, Pin)
    assert await store.workflows.pins(LOCAL, row.id) == [again]
    assert await store.workflows.pin(LOCAL, row.id, "a") == again
    assert await store.workflows.pin(ELSEWHERE, row.id, "a") is None
    assert await store.workflows.put_pin(ELSEWHERE, again) == "unknown"
    for each in range(PINS_MAX - 1):
        pin = Pin(workflow=row.id, node=f"n{each}", output=b"1")
        assert isinstance(await store.workflows.put_pin(LOCAL, pin), Pin)
    full = Pin(workflow=row.id, node="full", output=b"1")
    assert await store.workflows.put_pin(LOCAL, full) == "full"
    assert isinstance(await store.workflows.put_pin(LOCAL, again), Pin)
    assert not await store.workflows.drop_pin(ELSEWHERE, row.id, "a")
    assert await store.workflows.drop_pin(LOCAL, row.id, "a")
    assert not await store.workflows.drop_pin(LOCAL, row.id, "a")
    names = await store.workflows.pin_names(LOCAL, row.id)
    assert len(names) == PINS_MAX - 1


async def test_only_what_is_archived_can_be_purged(store: Stores) -> None:
    """Drafts, versions and pins go with it [WF8]."""
    row = await made(store)
    await publish(store, row, number=None, revision=1)
    row = await store.workflows.find(LOCAL, row.id)  # type: ignore[assignment]
    await store.workflows.put_pin(LOCAL, Pin(workflow=row.id, node="a", output=b"1"))
    assert await store.workflows.purge(row, []) == "not_archived"
    gone = await store.workflows.archive(row, [])
    assert isinstance(gone, WorkflowRow)
    assert await store.workflows.purge(row, []) == "changed"
    assert await store.workflows.purge(gone, deed("workflow.delete", row.id)) is None
    assert await store.workflows.find(LOCAL, row.id, with_archived=True) is None
    assert await store.workflows.draft(LOCAL, row.id) is None
    assert await store.workflows.versions(LOCAL, row.id) == []
    assert await store.workflows.pins(LOCAL, row.id) == []
    assert await store.workflows.purge(gone, []) == "unknown"


async def test_preferences_are_kept_per_user(store: Stores) -> None:
    """The last ones stand [WF40]."""
    user = UserId(CLOCK.new_id())
    assert await store.workflows.preferences(user) is None
    await store.workflows.put_preferences(user, b'{"a":1}')
    await store.workflows.put_preferences(user, b'{"a":2}')
    assert await store.workflows.preferences(user) == b'{"a":2}'
    assert await store.workflows.preferences(UserId(CLOCK.new_id())) is None


async def test_a_store_in_memory_keeps_no_drafts() -> None:
    """It says so instead of losing them [WF1]."""
    stores = memory_backend()("a", Limits())
    with pytest.raises(Unavailable):
        await stores.workflows.find(LOCAL, "report")
