# SPDX-License-Identifier: Apache-2.0
"""The versions port on every store."""

import asyncio

from legato.model.ids import VersionHash, WorkspaceId
from legato.ports.catalogue import VersionRow
from legato.ports.stores import Stores
from tests.contract.build import LOCAL


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
    await store.versions.put(row("a"), publish=False)
    assert await store.versions.get(VersionHash("a" * 64)) == row("a")
    assert await store.versions.get(VersionHash("b" * 64)) is None


async def test_a_version_is_immutable(store: Stores) -> None:
    """Putting it again changes nothing [LG20]."""
    await store.versions.put(row("a"), publish=False)
    again = VersionRow(
        version=VersionHash("a" * 64), workspace=LOCAL, name="other", compiled=b"{}", created_at=9
    )
    await store.versions.put(again, publish=False)
    assert await store.versions.get(VersionHash("a" * 64)) == row("a")


async def test_a_name_stands_for_what_was_published_last(store: Stores) -> None:
    """Publishing moves the name; storing alone does not [LG20, LG26]."""
    await store.versions.put(row("a"), publish=True)
    await store.versions.put(row("b"), publish=False)
    assert await store.versions.published(LOCAL, "report") == "a" * 64
    await store.versions.put(row("b"), publish=True)
    assert await store.versions.published(LOCAL, "report") == "b" * 64
    await store.versions.put(row("a"), publish=True)
    assert await store.versions.published(LOCAL, "report") == "a" * 64
    assert await store.versions.published(LOCAL, "nosuch") is None
    assert await store.versions.published(WorkspaceId("other"), "report") is None


async def test_names_are_listed_per_workspace(store: Stores) -> None:
    """Only published names, sorted [LG26]."""
    for letter, name in (("a", "zebra"), ("b", "ant"), ("c", "middle")):
        await store.versions.put(row(letter, name), publish=name != "middle")
    await store.versions.put(row("d", "foreign", WorkspaceId("other")), publish=True)
    assert await store.versions.names(LOCAL) == ["ant", "zebra"]
    assert await store.versions.names(WorkspaceId("nobody")) == []


async def test_the_same_version_from_many_is_one(store: Stores) -> None:
    """Starts of the same file at once do not get in each other's way [EN6]."""
    await asyncio.gather(*(store.versions.put(row("a"), publish=True) for _ in range(20)))
    assert await store.versions.names(LOCAL) == ["report"]
