# SPDX-License-Identifier: Apache-2.0
"""What the parts of workflows share: rows as values, and steps that stand in several transactions.

Rules: WF1-WF6.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from legato.adapters.sql.script import Driver, Row, Script, step
from legato.errors import Internal
from legato.model.ids import WorkspaceId
from legato.ports.catalogue import Publication, VersionRow
from legato.ports.workflows import DraftRow, Pin, WorkflowRow

_ROW: Final = tuple(WorkflowRow.__struct_fields__)
_PUBLICATION: Final = tuple(Publication.__struct_fields__)


class Part:
    """A part of `SqlWorkflows`."""

    def __init__(self, driver: Driver) -> None:
        """Args: driver runs its statements and scripts."""
        self._driver = driver


class _Titled(msgspec.Struct):
    title: str | None = None


_TITLED: Final = msgspec.json.Decoder(_Titled)


def title_of(compiled: bytes) -> str:
    """Return the title in a compiled workflow; nothing if it has none."""
    try:
        return _TITLED.decode(compiled).title or ""
    except msgspec.MsgspecError:
        return ""


def folded(slug: str, title: str) -> str:
    """Return what a workflow is searched by."""
    return f"{slug}\n{title}".casefold()


def hash_of(source: bytes) -> str:
    """Return the hash of a text as it was written."""
    return hashlib.sha256(source).hexdigest()


def workflow_of(row: Row) -> WorkflowRow:
    """Return the workflow in a row."""
    return WorkflowRow(**{name: row[name] for name in _ROW})


def publication_of(row: Row) -> Publication:
    """Return the publication in a row."""
    return Publication(**{name: row[name] for name in _PUBLICATION})


def draft_of(row: Row) -> DraftRow:
    """Return the draft in a row."""
    values = {name: row[name] for name in DraftRow.__struct_fields__}
    return DraftRow(**{**values, "source": bytes(values["source"])})


def pin_of(row: Row) -> Pin:
    """Return the pin in a row."""
    values = {name: row[name] for name in Pin.__struct_fields__}
    return Pin(**{**values, "output": bytes(values["output"])})


def version_values(row: VersionRow) -> dict[str, Any]:
    """Return what is stored of a version."""
    return {name: getattr(row, name) for name in row.__struct_fields__}


def now() -> Script[int]:
    """Return the database's time."""
    (row,) = yield from step("workflows.now")
    return int(row["at"])


def locked(workspace: WorkspaceId, workflow: str) -> Script[WorkflowRow | None]:
    """Lock a workflow and return it, whether it is archived or not."""
    found = yield from step("workflows.lock", workspace=workspace, named=workflow)
    return workflow_of(found[0]) if found else None


def add_workflow(values: Mapping[str, Any]) -> Script[WorkflowRow | None]:
    """Make a workflow's row; None if its slug is taken. `at` is its time."""
    words = folded(values["slug"], values["title"])
    made = yield from step("workflows.add", **values, folded=words)
    return workflow_of(made[0]) if made else None


def add_draft(row: WorkflowRow, draft: DraftRow) -> Script[None]:
    """Add a revision and have it be the draft; forget what is too old."""
    names = ("workflow", "revision", "base_version", "source", "by", "at")
    yield from step(
        "workflows.draft_add",
        workspace=row.workspace,
        size=len(draft.source),
        hash=hash_of(draft.source),
        **{name: getattr(draft, name) for name in names},
    )
    yield from step("workflows.draft_set", workflow=row.id, revision=draft.revision)
    yield from step("workflows.drafts_prune", workflow=row.id, revision=draft.revision)


def first_draft(row: WorkflowRow, source: bytes) -> Script[None]:
    """Give a new workflow its draft."""
    made = DraftRow(
        workflow=row.id,
        revision=1,
        base_version=None,
        source=source,
        by=row.created_by,
        at=row.created_at,
    )
    yield from add_draft(row, made)


def draft_now(row: WorkflowRow) -> Script[DraftRow]:
    """Return the draft of a workflow.

    Raises:
        Internal: It has none.
    """
    found = yield from step("workflows.draft", workspace=row.workspace, workflow=row.id)
    if not found:
        raise Internal("a workflow has no draft")
    return draft_of(found[0])


def publication_now(row: WorkflowRow) -> Script[Publication | None]:
    """Return what a workflow stands for, or None."""
    if row.published is None:
        return None
    found = yield from step(
        "workflows.publication", workspace=row.workspace, workflow=row.id, number=row.published
    )
    return publication_of(found[0]) if found else None


def add_publication(
    row: WorkflowRow, version: VersionRow, made: Publication, title: str
) -> Script[None]:
    """Store a version and have a workflow stand for it; its draft grows out of it from now on.

    The draft must be the text of the version already.
    """
    yield from step("version_put", **version_values(version))
    names = ("workspace", "number", "version", "hash", "at", "by", "message", "restores")
    values = {name: getattr(made, name) for name in names}
    yield from step("workflows.publication_add", **values, workflow=row.id, source=version.source)
    yield from step(
        "workflows.published_set",
        id=row.id,
        number=made.number,
        title=title,
        folded=folded(row.slug, title),
        at=made.at,
    )
    yield from step(
        "workflows.draft_base", workflow=row.id, revision=row.draft, base_version=made.number
    )
