# SPDX-License-Identifier: Apache-2.0
"""Uploaded files in the inputs of executions, on a real store."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from legato.adapters.sql.open import make_stores
from legato.errors import InvalidDocument, LimitExceeded
from legato.model.events import ExecutionStarted, Source
from legato.model.ids import LOCAL_WORKSPACE, ExecutionId, UserId, WorkspaceId
from legato.nodes.blob import GetConfig
from legato.ports.admission import Terms
from legato.ports.files import FileId, StoredFile
from legato.ports.stores import Stores
from legato.runtime.file_inputs import FILES_MAX
from legato.runtime.submission import Submission
from tests.integration.runtime.harness import Rig, rig, task, workflow

ONE = workflow(task("a"))
ELSEWHERE = WorkspaceId("elsewhere")
CONTENT = b"content"
ID = "01930000-0000-7000-8000-00000000f11e"


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    """Return an open SQLite store."""
    url = f"sqlite:///{tmp_path}/legato.db"
    made = make_stores(url, f"file://{tmp_path}/blobs", home=tmp_path)
    await made.lifecycle.open()
    yield made
    await made.lifecycle.close()


async def add(
    stores: Stores, name: str = ID, workspace: WorkspaceId = LOCAL_WORKSPACE
) -> dict[str, Any]:
    """Upload a file and return what inputs hold of it."""
    ref = await stores.blobs.put(workspace, CONTENT)
    made = StoredFile(
        id=FileId(name), workspace=workspace, name="a.txt", content_type="text/plain",
        size=ref.size, hash=ref.hash, by=UserId("u"), created_at=1,
    )  # fmt: skip
    await stores.files.add(made, (), quota_bytes=10**9)
    return {
        "$file": name,
        "hash": ref.hash,
        "size": ref.size,
        "type": "text/plain",
        "name": "a.txt",
    }


async def start(r: Rig, inputs: Mapping[str, Any], **more: Any) -> ExecutionId:
    """Start an execution and let it end."""
    admitted = await r.engine.admit(Submission(ONE, inputs, **more), Terms())
    assert admitted.execution_id is not None
    assert await r.engine.wait_final(admitted.execution_id) == "completed"
    return admitted.execution_id


async def inputs_of(r: Rig, execution_id: ExecutionId) -> Any:
    """Return the inputs that it began with."""
    (started, *_) = await r.events(execution_id)
    assert isinstance(started, ExecutionStarted)
    return json.loads(bytes(started.inputs.json))


async def kept(stores: Stores, execution_id: ExecutionId) -> list[str]:
    """Return the payloads that an execution keeps."""
    return [each.hash for each in await stores.executions.blobs(execution_id)]


async def test_a_file_becomes_a_payload_that_nodes_take(stores: Stores) -> None:
    """Anywhere in the inputs, with what the server knows of it and nothing else [FI40]."""
    async with rig(stores=stores) as r:
        known = await add(stores)
        posed = {"$file": ID, "hash": "0" * 64, "size": 10**9, "type": "text/html", "name": "/etc"}
        given = {"doc": {"$file": ID}, "deep": [1, {"x": [posed]}], "plain": {"file": ID}}
        made = await start(r, given)
        assert await inputs_of(r, made) == {
            "doc": known,
            "deep": [1, {"x": [known]}],
            "plain": {"file": ID},
        }
        assert await kept(stores, made) == [known["hash"]]
        blob = GetConfig.model_validate_json(json.dumps({"blob": known})).blob
        assert await stores.blobs.get(LOCAL_WORKSPACE, blob.ref) == CONTENT
        assert (blob.name, blob.type) == ("a.txt", "text/plain")
        assert "$file" not in blob.model_dump()


@pytest.mark.parametrize(
    "reference",
    [
        *({"$file": value} for value in ("", "unknown", "x" * 65, None, 7, ["a"], {"$file": ID})),
        *({"$file": ID, "path": "/etc/passwd"}, {"$file": "foreign"}, {"$file": "no\u0001id"}),
    ],
)
async def test_what_is_no_file_of_the_workspace_is_named_by_its_place(
    stores: Stores, reference: object
) -> None:
    """Unknown, foreign and malformed look the same; nothing starts [FI42]."""
    async with rig(stores=stores) as r:
        await add(stores)
        await add(stores, "foreign", ELSEWHERE)
        with pytest.raises(InvalidDocument) as caught:
            inputs = {"a": {"$file": ID}, "b": {"c": [0, reference]}}
            await r.engine.admit(Submission(ONE, inputs), Terms())
        (problem,) = caught.value.problems
        assert (problem.path, problem.message) == ("b.c[1]", "there is no such file")  # type: ignore[attr-defined]
        assert "$file" in str(problem.expected)  # type: ignore[attr-defined]
        assert await stores.executions.counts(LOCAL_WORKSPACE) == {}


async def test_the_schema_sees_what_was_sent(stores: Stores) -> None:
    """A document may ask for a file and nothing else [FI43]."""
    only = {
        "type": "object",
        "properties": {"$file": {"type": "string"}},
        "required": ["$file"],
        "additionalProperties": False,
    }
    schema = json.dumps({"type": "object", "properties": {"doc": only}}).encode()
    strict = workflow(task("a"), inputs_schema=schema)
    async with rig(stores=stores) as r:
        known = await add(stores)
        wish = Submission(strict, {"doc": {"$file": ID}})
        admitted = await r.engine.admit(wish, Terms())
        assert admitted.execution_id is not None
        source = admitted.execution_id
        assert await r.engine.wait_final(source) == "completed"
        assert await inputs_of(r, source) == {"doc": known}
        fork = Submission(
            strict, {"doc": known}, forked_from=Source(source, seq=1), blobs_of=(source,)
        )
        again = await r.engine.admit(fork, Terms())
        assert again.execution_id is not None
        assert await r.engine.wait_final(again.execution_id) == "completed"
        assert await inputs_of(r, again.execution_id) == {"doc": known}


async def test_a_fork_keeps_a_file_that_was_deleted(stores: Stores) -> None:
    """Its source has the payload; what was never there is not there for a fork [FI44]."""
    async with rig(stores=stores) as r:
        known = await add(stores)
        source = await start(r, {"doc": {"$file": ID}})
        await stores.files.remove(LOCAL_WORKSPACE, ID, ())
        with pytest.raises(InvalidDocument):
            await start(r, {"doc": {"$file": ID}})
        with pytest.raises(InvalidDocument):
            await start(r, {"doc": known})
        of = {"forked_from": Source(source, seq=1), "blobs_of": (source,)}
        again = await start(r, await inputs_of(r, source), **of)
        assert await inputs_of(r, again) == {"doc": known}
        assert await kept(stores, again) == [known["hash"]]
        with pytest.raises(InvalidDocument):
            await start(r, {"doc": {**known, "hash": "0" * 64}}, **of)


async def test_what_is_submitted_without_terms_keeps_its_files_too(stores: Stores) -> None:
    """The command line starts executions that way [FI41]."""
    async with rig(stores=stores) as r:
        known = await add(stores)
        made = await r.engine.submit(Submission(ONE, {"doc": {"$file": ID}}))
        assert await r.engine.wait_final(made) == "completed"
        assert await kept(stores, made) == [known["hash"]]


async def test_files_of_one_start_are_bounded(stores: Stores) -> None:
    """A thousand are enough [FI42]."""
    async with rig(stores=stores) as r:
        await add(stores)
        with pytest.raises(LimitExceeded):
            await start(r, {"many": [{"$file": ID}] * (FILES_MAX + 1)})
