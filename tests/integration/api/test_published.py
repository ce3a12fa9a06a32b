# SPDX-License-Identifier: Apache-2.0
"""What a workflow stands for, as routes ask for it."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from legato.adapters.sql.open import make_stores
from legato.api.parts import Api
from legato.api.published import published
from legato.api.workflow_cache import KEPT_BYTES_MAX, KEPT_MAX, Loaded, WorkflowCache
from legato.app import node_catalogue
from legato.errors import NotFound, Refused
from legato.model.document.validate import load_workflow
from legato.model.ids import LOCAL_WORKSPACE, VersionHash, WorkspaceId
from legato.model.policy import Limits
from legato.model.workflow import encode_workflow, version_hash
from legato.ports.catalogue import VersionRow
from legato.ports.workflows import NewWorkflow

CALLING = """
legato: 1
name: {name}
overlap: {{policy: skip, max: 2}}
nodes:
  call: {{uses: workflow.call, with: {{workflow: {called}}}}}
"""
PLAIN = """
legato: 1
name: {name}
nodes:
  say: {{uses: data.transform, with: {{value: hello}}}}
"""


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """Return what `published` asks, on a store in a file."""
    stores = make_stores(f"sqlite:///{tmp_path}/legato.db", "memory:", home=tmp_path)
    await stores.lifecycle.open()
    yield cast(Api, SimpleNamespace(stores=stores, workflow_cache=WorkflowCache()))
    await stores.lifecycle.close()


async def publish(api: Api, text: str, workspace: WorkspaceId = LOCAL_WORKSPACE) -> str:
    """Publish a document by its name; return the workflow's id."""
    workflow = load_workflow(
        text.encode(), file="x.yaml", catalogue=node_catalogue(), limits=Limits()
    )
    row = VersionRow(
        version=version_hash(workflow),
        workspace=workspace,
        name=workflow.name,
        compiled=encode_workflow(workflow),
        source=text.encode(),
    )
    made, _ = await api.stores.versions.publish(row)
    return made.workflow_id


async def test_what_is_published_comes_with_all_that_it_calls(api: Api) -> None:
    """Calls are followed by published slug, also in a circle, within the workspace [WF11]."""
    await publish(api, CALLING.format(name="b", called="c"))
    await publish(api, CALLING.format(name="c", called="b"))
    made = await publish(api, CALLING.format(name="a", called="b"))
    found = await published(api, LOCAL_WORKSPACE, made)
    assert (found.slug, found.number, found.workflow.name) == ("a", 1, "a")
    assert sorted(found.called) == ["b", "c"]
    assert (found.overlap.policy, found.overlap.max) == ("skip", 2)
    assert b'"object"' in found.inputs_schema
    with pytest.raises(NotFound):
        await published(api, WorkspaceId("elsewhere"), made)
    await publish(api, CALLING.format(name="a", called="nosuch"))
    with pytest.raises(Refused, match="not published") as refused:
        await published(api, LOCAL_WORKSPACE, "a")
    assert refused.value.code == "not_published"
    old = await published(api, LOCAL_WORKSPACE, "a", number=1)
    assert old.called.keys() == {"b", "c"}
    with pytest.raises(NotFound):
        await published(api, LOCAL_WORKSPACE, "a", number=3)


async def test_a_new_version_is_seen_at_once(api: Api) -> None:
    """Kept are versions, not what is published [WF10]."""
    await publish(api, PLAIN.format(name="a"))
    assert (await published(api, LOCAL_WORKSPACE, "a")).number == 1
    await publish(api, PLAIN.format(name="a") + "# changed\n")
    second = await published(api, LOCAL_WORKSPACE, "a")
    assert (second.number, second.source.endswith(b"# changed\n")) == (2, True)
    again = await published(api, LOCAL_WORKSPACE, "a")
    assert again.workflow is second.workflow


async def test_a_workflow_without_a_version_cannot_run(api: Api) -> None:
    """It says that nothing is published [WF11]."""
    new = NewWorkflow(id="w", workspace=LOCAL_WORKSPACE, slug="draft", source=b"", by="ann")
    await api.stores.workflows.create(new, [])
    with pytest.raises(Refused) as refused:
        await published(api, LOCAL_WORKSPACE, "draft")
    assert refused.value.code == "not_published"


async def test_only_so_many_versions_are_kept(api: Api) -> None:
    """The least used go first, by number and by size [WF10]."""
    await publish(api, PLAIN.format(name="a"))
    workflow = (await published(api, LOCAL_WORKSPACE, "a")).workflow

    def loaded(size: int) -> Loaded:
        version = VersionHash("a" * 64)
        return Loaded(number=1, version=version, workflow=workflow, source=b"", size=size)

    cache = WorkflowCache()
    for each in range(KEPT_MAX + 1):
        cache.put(str(each), loaded(1))
    assert cache.get("0", 1) is None
    assert cache.get("1", 1) is not None
    cache.put("large", loaded(KEPT_BYTES_MAX))
    assert cache.get("1", 1) is None
    assert cache.get("large", 1) is not None
