# SPDX-License-Identifier: Apache-2.0
"""Credentials, the workflows that name them and the executions that use them, on both databases."""

import asyncio
from typing import Any

import msgspec
import pytest

from legato.auth.sealing import MasterKey, Sealer
from legato.auth.vault import (
    StoredVault,
    damaged,
    missing_keys,
    needs_resealing,
    opened,
    reseal_credentials,
    sealed,
)
from legato.errors import Conflict, InvalidInput, LimitExceeded, Unavailable
from legato.model.ids import ExecutionId, WorkflowId, WorkspaceId
from legato.ports import credentials as port
from legato.ports.credentials import Credential, Naming, WorkflowUse
from legato.ports.stores import Stores
from tests.contract.accounts import DATABASES, HOME, actions, entry, execute, select
from tests.contract.conftest import MakeStores

OLD = MasterKey(id="old", secret=b"o" * 32)
NEW = MasterKey(id="new", secret=b"n" * 32)
SEALER = Sealer([OLD])
TOKEN = "canary-token-4711"
OTHER = WorkspaceId("w-other")
RUN = ExecutionId("e-1")


def bearer(name: str = "github", number: int = 1, **changes: Any) -> Credential:
    """Return a credential as one is added, its data sealed."""
    row = Credential(
        id=f"c-{number:03}",
        workspace=HOME.id,
        name=name,
        type="http_bearer",
        hosts=("api.example.org",),
        version=1,
        key_id="",
        sealed=b"",
        created_by="u-ann",
        updated_by="u-ann",
    )
    return sealed(SEALER, msgspec.structs.replace(row, **changes), {"token": TOKEN})


async def added(store: Stores, name: str = "github", number: int = 1, **changes: Any) -> Credential:
    """Store one."""
    made = await store.credentials.add(bearer(name, number, **changes), ())
    assert made is not None
    return made


def naming(*names: str) -> Naming:
    """Return what a document names, all of it secrets that may be the operator's."""
    return Naming(names)


def use(number: int = 1, slug: str = "report") -> WorkflowUse:
    """Return a workflow."""
    return WorkflowUse(workflow_id=WorkflowId(f"wf-{number}"), slug=slug, number=3)


@DATABASES
async def test_a_credential_is_kept_sealed_with_its_audit(store: Stores) -> None:
    """A credential is found by id and name with the database's time, and no column of it, nor its
    text form, holds what is secret; its audit is written with it [CR1].
    """
    made = await store.credentials.add(bearer(), entry("credential.create"))
    assert made is not None
    assert made.created_at == made.updated_at > 1_700_000_000_000
    assert await store.credentials.find(HOME.id, made.id) == made
    assert await store.credentials.named(HOME.id, "github") == made
    assert await actions(store) == ["credential.create"]
    assert opened(SEALER, made).data == {"token": TOKEN}
    rows = repr(await select(store, "SELECT * FROM credentials"))
    assert TOKEN not in rows + repr(made) + repr(opened(SEALER, made))
    assert made.key_id == "old"
    assert b"old" in made.sealed


@DATABASES
async def test_names_are_unique_within_a_workspace_only(store: Stores) -> None:
    """A name is taken once per workspace, also by two at the same time, and the loser writes no
    audit; another workspace may have it too [CR3].
    """
    made = await asyncio.gather(
        *(
            store.credentials.add(bearer(number=number), entry("credential.create"))
            for number in (1, 2, 3)
        )
    )
    assert [each is not None for each in made].count(True) == 1
    assert await store.credentials.add(bearer(number=9, workspace=OTHER), ()) is not None
    assert await actions(store) == ["credential.create"]


@DATABASES
async def test_nothing_of_another_workspace_is_reached(store: Stores) -> None:
    """Find, name, page, replace, remove and used-by know the asked workspace only [CR4]."""
    made = await added(store)
    await store.credentials.note_workflow(HOME.id, use(), naming("github"))
    kept = store.credentials
    assert await kept.find(OTHER, made.id) is None
    assert await kept.named(OTHER, "github") is None
    assert await kept.page(OTHER) == []
    assert await kept.used_by(OTHER, "github") == []
    foreign = msgspec.structs.replace(made, workspace=OTHER, version=2)
    assert await kept.replace(foreign, entry("x")) == "gone"
    assert await kept.remove(OTHER, made.id, entry("x")) == "gone"
    assert await kept.find(HOME.id, made.id) == made
    assert await actions(store) == []


@DATABASES
async def test_one_of_many_who_replace_a_version_wins(store: Stores) -> None:
    """Replacing takes the version that is there, so of many at once one wins; the rest change and
    write nothing [CR3].
    """
    made = await added(store)
    after = [
        sealed(SEALER, msgspec.structs.replace(made, version=2), {"token": f"{TOKEN}-{number}"})
        for number in range(4)
    ]
    done = await asyncio.gather(
        *(store.credentials.replace(each, entry("credential.change")) for each in after)
    )
    assert sorted(done) == ["changed", "changed", "changed", "done"]
    found = await store.credentials.find(HOME.id, made.id)
    assert found is not None
    assert (found.version, found.created_at) == (2, made.created_at)
    assert opened(SEALER, found).data == {"token": f"{TOKEN}-{done.index('done')}"}
    assert await actions(store) == ["credential.change"]


@DATABASES
async def test_a_name_that_is_taken_is_not_given_again(store: Stores) -> None:
    """A credential gets no name that another one of the workspace has [CR3]."""
    made = await added(store)
    await added(store, "gitlab", 2)
    after = msgspec.structs.replace(made, name="gitlab", version=2)
    assert await store.credentials.replace(after, ()) == "taken"
    free = msgspec.structs.replace(made, name="forge", version=2)
    assert await store.credentials.replace(free, ()) == "done"


@DATABASES
async def test_a_credential_in_use_stays(store: Stores) -> None:
    """What a published version names is neither deleted nor renamed; when the next version does not
    name it, or the workflow is archived, it may go [CR5].
    """
    made = await added(store)
    kept = store.credentials
    await kept.note_workflow(HOME.id, use(), naming("github", "unknown"))
    await kept.note_workflow(HOME.id, use(2, "sync"), naming("github"))
    assert [each.slug for each in await kept.used_by(HOME.id, "github")] == ["sync", "report"]
    assert await kept.used_by(HOME.id, "github", limit=1, after="wf-2") == [use()]
    assert await kept.remove(HOME.id, made.id, entry("x")) == "in_use"
    renamed = msgspec.structs.replace(made, name="forge", version=2)
    assert await kept.replace(renamed, entry("x")) == "in_use"
    await kept.note_workflow(HOME.id, use(), naming())
    assert await kept.remove(HOME.id, made.id, entry("x")) == "in_use"
    await kept.note_workflow(HOME.id, use(2, "sync"), naming("gitlab"))
    assert await kept.remove(HOME.id, made.id, (), version=7) == "changed"
    assert await kept.remove(HOME.id, made.id, entry("credential.delete"), version=1) == "done"
    assert await actions(store) == ["credential.delete"]
    assert await kept.find(HOME.id, made.id) is None


@DATABASES
async def test_publishing_and_deleting_at_once_do_not_both_succeed(stores: MakeStores) -> None:
    """Of somebody who publishes a workflow that needs a credential and somebody who deletes it, in
    two processes, one is refused [CR5].
    """
    one, other = await stores("a"), await stores("b")
    needs = Naming(("github",), frozenset({"github"}))
    seen: set[str] = set()
    for number in range(12):
        made = await added(one, number=number)
        publish = one.credentials.note_workflow(HOME.id, use(number), needs)
        delete = other.credentials.remove(HOME.id, made.id, ())
        order = (publish, delete) if number % 2 else (delete, publish)
        done = await asyncio.gather(*order, return_exceptions=True)
        published = not any(isinstance(each, Conflict) for each in done)
        assert published is ("in_use" in done), done
        assert published is not ("done" in done), done
        seen.add("published" if published else "deleted")
        left = await one.credentials.used_by(HOME.id, "github")
        assert [each.workflow_id for each in left] == ([f"wf-{number}"] if published else [])
        await one.credentials.note_workflow(HOME.id, use(number), naming())
        await one.credentials.remove(HOME.id, made.id, ())
    assert seen


@DATABASES
async def test_pages_descend_and_a_workspace_has_a_bound(
    store: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials come in pages, the newest first, and a workspace has so many at most [CR4]."""
    for number in range(1, 5):
        await added(store, f"name{number}", number)
    first = await store.credentials.page(HOME.id, limit=3)
    assert [each.id for each in first] == ["c-004", "c-003", "c-002"]
    assert [each.id for each in await store.credentials.page(HOME.id, after="c-002")] == ["c-001"]
    monkeypatch.setattr("legato.adapters.sql.credentials.CREDENTIALS_MAX", 4)
    with pytest.raises(LimitExceeded):
        await added(store, "name5", 5)
    assert (await added(store, "name1", 6, workspace=OTHER)).workspace == OTHER


@DATABASES
async def test_a_use_is_one_row_of_the_audit_per_execution(stores: MakeStores) -> None:
    """Many attempts in several processes that use a credential make one row `credential.use` with
    the execution as its actor, and another execution one of its own [CR20].
    """
    one, other = await stores("a"), await stores("b")
    made = await added(one)
    vaults = [StoredVault(each.credentials, lambda: SEALER) for each in (one, other)]
    found = await asyncio.gather(
        *(vault.use(HOME.id, "github", RUN) for vault in vaults for _ in range(8))
    )
    assert {each.data["token"] for each in found if each is not None} == {TOKEN}
    await vaults[0].use(HOME.id, "github", ExecutionId("e-2"))
    rows = await select(
        one,
        "SELECT action, actor_kind, actor, target_kind, target, workspace FROM audit ORDER BY id",
    )
    expected = [("credential.use", "execution", run, "credential", made.id, HOME.id)
                for run in (RUN, "e-2")]  # fmt: skip
    assert rows == expected
    assert TOKEN not in repr(await select(one, "SELECT * FROM audit"))


@DATABASES
async def test_an_unknown_credential_leaves_no_trace(store: Stores) -> None:
    """A name that the workspace does not have is no credential, whoever else has it [CR4]."""
    await added(store, workspace=OTHER)
    vault = StoredVault(store.credentials, lambda: SEALER)
    assert await vault.use(HOME.id, "github", RUN) is None
    assert await actions(store) == []


@DATABASES
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE credentials SET workspace = 'w-home', name = 'stolen' WHERE id = 'c-002'",
        "UPDATE credentials SET version = version + 1 WHERE id = 'c-001'",
        "UPDATE credentials SET sealed = (SELECT sealed FROM credentials WHERE id = 'c-003')"
        " WHERE id = 'c-001'",
        "UPDATE credentials SET hosts = '[\"evil.example.org\"]' WHERE id = 'c-001'",
        "UPDATE credentials SET type = 'sql' WHERE id = 'c-001'",
    ],
)
async def test_a_row_that_was_changed_does_not_open(store: Stores, change: str) -> None:
    """A row that was moved to another workspace, put back, given another row's secret, other hosts
    or another type does not open, is not used, and the check of all finds it alone [CR2, CR30].
    """
    await added(store)
    await added(store, "theirs", 2, workspace=OTHER)
    await added(store, "gitlab", 3)
    await execute(store, change)
    vault = StoredVault(store.credentials, lambda: SEALER)
    name = "stolen" if "stolen" in change else "github"
    with pytest.raises(InvalidInput, match="cannot be opened") as error:
        await vault.use(HOME.id, name, RUN)
    assert TOKEN not in str(error.value)
    assert await actions(store) == []
    assert [row.name for row, _ in await damaged(store.credentials, SEALER)] == [name]


@DATABASES
async def test_resealing_leaves_nothing_of_the_old_key(store: Stores) -> None:
    """Sealing anew takes every credential of every workspace in batches, keeps version and content,
    and what no key opens is named and left [CR31].
    """
    for number in range(1, 6):
        await added(store, f"name{number}", number, workspace=HOME.id if number % 2 else OTHER)
    await execute(store, "UPDATE credentials SET hosts = '[]' WHERE id = 'c-002'")
    both = Sealer([NEW, OLD])
    assert await needs_resealing(store.credentials, both)
    looked_at: list[int] = []
    done = await reseal_credentials(store.credentials, both, looked_at.append)
    assert (done.count, [each.id for each in done.lost], looked_at) == (4, ["c-002"], [5])
    only = Sealer([NEW])
    assert await missing_keys(store.credentials, only) == {"old": 1}
    assert [row.id for row, _ in await damaged(store.credentials, only)] == ["c-002"]
    assert (await reseal_credentials(store.credentials, both)).count == 0


@DATABASES
async def test_a_change_during_resealing_wins(store: Stores) -> None:
    """What is replaced while it is sealed anew keeps what was put there, and is looked at again
    [CR31].
    """
    made = await added(store)
    both = Sealer([NEW, OLD])
    after = sealed(SEALER, msgspec.structs.replace(made, version=2), {"token": "canary-second"})

    class Between:
        """The store, in which somebody replaces the credential before the first resealing."""

        async def reseal(self, *given: Any) -> bool:
            if after not in replaced:
                replaced.append(after)
                assert await store.credentials.replace(after, ()) == "done"
            return await store.credentials.reseal(*given)

        def __getattr__(self, name: str) -> Any:
            return getattr(store.credentials, name)

    replaced: list[Credential] = []
    between: Any = Between()
    assert (await reseal_credentials(between, both)).count == 1
    found = await store.credentials.find(HOME.id, made.id)
    assert found is not None
    assert (found.key_id, opened(Sealer([NEW]), found).data) == ("new", {"token": "canary-second"})


@pytest.mark.parametrize("backend", ["memory"], indirect=True)
async def test_a_store_in_memory_has_no_credential(store: Stores) -> None:
    """A store in memory has no credential, and takes none [CR4]."""
    assert await store.credentials.named(HOME.id, "github") is None
    with pytest.raises(Unavailable):
        await store.credentials.add(bearer(), ())


def test_every_type_has_a_secret() -> None:
    """Each type of credential names the fields that nobody may read [CR6]."""
    assert set(port.SECRET_FIELDS) >= port.HOST_BOUND
    assert all(port.SECRET_FIELDS.values())
