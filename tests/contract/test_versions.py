# SPDX-License-Identifier: Apache-2.0
"""The versions port on every store."""

import asyncio

import msgspec

from legato.adapters.system_clock import SystemClock
from legato.model.ids import VersionHash, WorkspaceId
from legato.ports.catalogue import VersionRow
from legato.ports.stores import Stores
from tests.contract.build import LOCAL
from tests.contract.conftest import MakeStores


def row(letter: str, name: str = "report", workspace: WorkspaceId = LOCAL) -> VersionRow:
    """Return a version with a source that is no JSON."""
    return VersionRow(
        version=VersionHash(letter * 64),
        workspace=workspace,
        name=name,
        compiled=b'{"name":"%s"}' % name.encode(),
        source=b"# \xff\x00 as written\n",
        created_at=5,
    )


async def test_a_version_is_kept_as_it_was_written(store: Stores) -> None:
    """Compiled form and source come back byte for byte [LG20]."""
    await store.versions.put(row("a"))
    assert await store.versions.get(VersionHash("a" * 64)) == row("a")
    assert await store.versions.get(VersionHash("b" * 64)) is None


async def test_a_version_is_immutable(store: Stores) -> None:
    """Putting it again changes nothing [LG20]."""
    await store.versions.put(row("a"))
    again = VersionRow(
        version=VersionHash("a" * 64), workspace=LOCAL, name="other", compiled=b"{}", created_at=9
    )
    await store.versions.put(again)
    assert await store.versions.get(VersionHash("a" * 64)) == row("a")


async def test_a_name_stands_for_what_was_published_last(store: Stores) -> None:
    """Publishing moves the name; storing alone does not [LG20, LG26, CL30]."""
    first, is_new = await store.versions.publish(row("a"), by="ann")
    assert (first.number, first.version, first.by, is_new) == (1, "a" * 64, "ann", True)
    await store.versions.put(row("b"))
    assert await store.versions.published(LOCAL, "report") == "a" * 64
    second, _ = await store.versions.publish(row("b"))
    assert (second.number, second.at) == (2, 5)
    assert await store.versions.published(LOCAL, "report") == "b" * 64
    again, _ = await store.versions.publish(row("a"), by="bob", restores=1)
    assert (again.number, again.restores) == (3, 1)
    assert await store.versions.published(LOCAL, "report") == "a" * 64
    assert await store.versions.published(LOCAL, "nosuch") is None
    assert await store.versions.published(WorkspaceId("other"), "report") is None
    listed = await store.versions.publications(LOCAL, "report")
    assert listed == [again, second, first]
    assert await store.versions.publications(LOCAL, "report", limit=1) == [again]
    assert await store.versions.publications(LOCAL, "nosuch") == []


async def test_publishing_the_same_again_changes_nothing(store: Stores) -> None:
    """The same version with the same text; another text is a publication of its own [CL30]."""
    first, _ = await store.versions.publish(row("a"))
    assert await store.versions.publish(row("a"), by="eve") == (first, False)
    moved = msgspec.structs.replace(row("a"), source=b"# moved", created_at=9)
    second, is_new = await store.versions.publish(moved)
    assert (second.number, second.version, is_new) == (2, first.version, True)
    assert await store.versions.source(LOCAL, "report", 1) == row("a").source
    assert await store.versions.source(LOCAL, "report", 2) == b"# moved"
    assert await store.versions.source(LOCAL, "report", 3) is None
    assert await store.versions.source(WorkspaceId("other"), "report", 1) is None
    kept = await store.versions.get(VersionHash("a" * 64))
    assert kept == row("a")


async def test_names_are_listed_per_workspace(store: Stores) -> None:
    """Only published names, sorted, each with what it stands for now [LG26, CL33]."""
    for letter, name in (("a", "zebra"), ("b", "ant")):
        await store.versions.publish(row(letter, name))
    await store.versions.put(row("c", "middle"))
    await store.versions.publish(row("d", "foreign", WorkspaceId("other")))
    newest, _ = await store.versions.publish(row("e", "zebra"))
    assert await store.versions.names(LOCAL) == ["ant", "zebra"]
    assert (await store.versions.newest(LOCAL))[1] == newest
    assert [each.number for each in await store.versions.newest(LOCAL)] == [1, 2]
    assert await store.versions.names(WorkspaceId("nobody")) == []


async def test_the_same_version_from_many_is_one(store: Stores) -> None:
    """Starts of the same file at once do not get in each other's way [EN6]."""
    await asyncio.gather(*(store.versions.put(row("a")) for _ in range(20)))
    assert await store.versions.get(VersionHash("a" * 64)) == row("a")


async def test_publishing_at_once_gives_every_number_once(stores: MakeStores) -> None:
    """Several processes: no publication is lost or doubled [CL30, LG30]."""
    one, other = await stores("a"), await stores("b")
    made = await asyncio.gather(
        *(
            each.versions.publish(row(letter))
            for letter, each in zip("abcdef", [one, other] * 3, strict=True)
        )
    )
    assert sorted(each.number for each, _ in made) == [1, 2, 3, 4, 5, 6]
    assert len(await one.versions.publications(LOCAL, "report")) == 6


async def test_a_store_tells_how_it_does(store: Stores) -> None:
    """Its kind, its clock, a read and a write, and what makes a commit last [CL35, LG13]."""
    look = await store.lifecycle.look()
    assert look.took_ms >= 0
    settings = {
        "memory": {},
        "SQLite": {"journal_mode": "wal", "synchronous": "full"},
        "PostgreSQL": {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"},
    }
    assert look.durability == settings[look.kind]
    if look.kind != "memory":
        assert abs(look.now - SystemClock().now_ms()) < 60_000
