# SPDX-License-Identifier: Apache-2.0

import pytest

from legato.adapters.memory import MemoryDatabase, make_memory_stores
from legato.adapters.system_clock import SystemClock
from legato.cli.publications import find_publication, load_publication, split_name
from legato.errors import InvalidInput, NotFound
from legato.model.ids import LOCAL_WORKSPACE
from legato.model.workflow import encode_workflow, version_hash
from legato.ports.catalogue import VersionRow
from legato.ports.stores import Stores
from tests.support.build import node, workflow


@pytest.fixture
async def stores() -> Stores:
    """Three publications of `test`: two versions, the first one twice."""
    made = make_memory_stores(MemoryDatabase(), SystemClock(), process="p")
    for names in (("a",), ("a", "b"), ("a",)):
        flow = workflow(*(node(name) for name in names))
        row = VersionRow(
            version=version_hash(flow), workspace=LOCAL_WORKSPACE, name="test",
            compiled=encode_workflow(flow), source=b"text", created_at=1,
        )  # fmt: skip
        await made.versions.publish(row)
    return made


def test_a_name_may_have_a_version() -> None:
    """`NAME@VERSION` [CL33]."""
    assert split_name("report") == ("report", None)
    assert split_name("report@3") == ("report", "3")
    assert split_name("report@") == ("report", "")


async def test_a_publication_is_found_by_number_and_hash(stores: Stores) -> None:
    """Without a version the newest; of equal versions the newest [CL33]."""
    first = await find_publication(stores, "test", "1")
    assert (await find_publication(stores, "test", None)).number == 3
    assert (await find_publication(stores, "test", "2")).number == 2
    assert (await find_publication(stores, "test", first.version[:10].upper())).number == 3


@pytest.mark.parametrize("version", ["0", "4", "abc", "zzzz", "", "ffffffffffff"])
async def test_a_version_that_is_not_there_is_named(stores: Stores, version: str) -> None:
    """With where to look [CL33, CL10]."""
    with pytest.raises(NotFound, match="versions test"):
        await find_publication(stores, "test", version)
    with pytest.raises(NotFound, match="Published: test"):
        await find_publication(stores, "nobody", version)


async def test_a_beginning_of_several_hashes_is_refused(stores: Stores) -> None:
    """They are listed by number [CL33]."""
    twins = [f"abcd{letter * 60}" for letter in "01"]
    for number, version in enumerate(twins):
        row = VersionRow(
            version=version, workspace=LOCAL_WORKSPACE, name="twins",  # type: ignore[arg-type]
            compiled=b"{}", created_at=number,
        )  # fmt: skip
        await stores.versions.publish(row)
    with pytest.raises(InvalidInput, match="2, 1"):
        await find_publication(stores, "twins", "abcd")


async def test_a_version_that_was_only_run_is_found_by_its_whole_hash(stores: Stores) -> None:
    """A fork may go back to it [CL22]."""
    flow = workflow(node("only"))
    row = VersionRow(
        version=version_hash(flow), workspace=LOCAL_WORKSPACE, name="test",
        compiled=encode_workflow(flow), created_at=1,
    )  # fmt: skip
    await stores.versions.put(row)
    loaded = await load_publication(stores, "test", row.version)
    assert [each.id for each in loaded.workflow.nodes] == ["only"]
    with pytest.raises(NotFound):
        await load_publication(stores, "other", row.version)
