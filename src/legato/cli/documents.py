# SPDX-License-Identifier: Apache-2.0
"""Where a workflow comes from: a file and those beside it, or the store by name.

A called workflow NAME is NAME.yaml, NAME.yml or NAME.json beside the calling file; else what the
store has under the name: the published version, or the newest that was run. Reading executes
nothing. Rules: CL2, CL5, DO4, GR24.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from legato.cli.inputs import read_bytes
from legato.errors import InvalidInput, NotFound
from legato.model.document.validate import load_workflow
from legato.model.ids import LOCAL_WORKSPACE
from legato.model.workflow import Workflow, called_workflows, decode_workflow
from legato.ports.executions import ExecutionFilter

if TYPE_CHECKING:
    from legato.model.node_type import NodeTypeInfo
    from legato.model.policy import Limits
    from legato.ports.catalogue import Publication
    from legato.ports.stores import Stores

ENDINGS: Final = (".yaml", ".yml", ".json")
CALLED_MAX: Final = 1_000


@dataclass(slots=True)
class Loaded:
    """A workflow, its file's text, and what it calls. `missing`: names not found so far.

    `publication` is what was looked up by name, if that is published.
    """

    workflow: Workflow
    source: bytes = b""
    called: dict[str, Workflow] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    publication: Publication | None = None


def is_file_name(text: str) -> bool:
    """Tell whether a person means a file rather than a name in the store."""
    return "/" in text or text.endswith(ENDINGS) or Path(text).is_file()


def load_file(file: Path, catalogue: Mapping[str, NodeTypeInfo], limits: Limits) -> Loaded:
    """Read and check a file and the files beside it that it calls.

    Raises:
        InvalidInput: It cannot be read.
        InvalidDocument: With every problem of the first file that has any.
    """
    workflow, source = read_workflow(file, catalogue, limits)
    loaded = Loaded(workflow, source)
    wanted = list(called_workflows(workflow))
    while wanted:
        name = wanted.pop(0)
        if name in loaded.called or name in loaded.missing:
            continue
        if len(loaded.called) >= CALLED_MAX:
            raise InvalidInput(f"{file} calls more than {CALLED_MAX} workflows")
        beside = _beside(file, name)
        if beside is None:
            loaded.missing.append(name)
            continue
        loaded.called[name], _ = read_workflow(beside, catalogue, limits)
        wanted.extend(called_workflows(loaded.called[name]))
    return loaded


async def load_name(stores: Stores, name: str) -> Loaded:
    """Return a stored workflow by name.

    Raises:
        NotFound: The store has none, and there is no such file.
    """
    past = await stores.versions.publications(LOCAL_WORKSPACE, name, limit=1)
    publication = past[0] if past else None
    workflow = await _stored(stores, name)
    if workflow is None:
        raise NotFound(
            f"there is no file {name} and no workflow of that name in the store",
            hint=f"Give a file, for example {name}.yaml.",
        )
    missing = list(called_workflows(workflow))
    loaded = Loaded(workflow, missing=missing, publication=publication)
    await complete(stores, loaded)
    return loaded


async def complete(stores: Stores, loaded: Loaded) -> None:
    """Find the missing workflows, and what those call, in the store.

    Raises:
        InvalidInput: One is nowhere.
    """
    wanted, loaded.missing = loaded.missing, []
    while wanted:
        name = wanted.pop(0)
        if name in loaded.called:
            continue
        workflow = await _stored(stores, name) if len(loaded.called) < CALLED_MAX else None
        if workflow is None:
            raise InvalidInput(
                f"{loaded.workflow.name} calls the workflow {name}, which is neither beside it "
                "nor in the store",
                hint=f"Put {name}.yaml into the same folder.",
            )
        loaded.called[name] = workflow
        wanted.extend(called_workflows(workflow))


def read_workflow(
    file: Path, catalogue: Mapping[str, NodeTypeInfo], limits: Limits
) -> tuple[Workflow, bytes]:
    """Read and check one file; return its workflow and its text.

    Raises:
        InvalidInput: It cannot be read.
        InvalidDocument: With every problem.
    """
    text = read_bytes(file, limits.max_document_bytes)
    return load_workflow(text, file=str(file), catalogue=catalogue, limits=limits), text


def _beside(file: Path, name: str) -> Path | None:
    for ending in ENDINGS:
        found = file.with_name(name + ending)
        if found.is_file():
            return found
    return None


async def _stored(stores: Stores, name: str) -> Workflow | None:
    version = await stores.versions.published(LOCAL_WORKSPACE, name)
    if version is None:
        wanted = ExecutionFilter(
            workspace=LOCAL_WORKSPACE, workflow=name, with_children=True, limit=1
        )
        rows = await stores.executions.find(wanted)
        version = rows[0].version if rows else None
    row = await stores.versions.get(version) if version is not None else None
    return decode_workflow(row.compiled) if row is not None else None
