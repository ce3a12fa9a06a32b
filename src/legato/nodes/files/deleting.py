# SPDX-License-Identifier: Apache-2.0
"""files.delete: a file or a folder below a granted folder.

Idempotent: what is to go is journalled first, so a later attempt neither fails because it is gone
nor deletes what has come in its place. A folder with content vanishes at once, by a new name.

Rules: ND40, ND46.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

from pydantic import BaseModel, Field

from legato.nodes.fields import Config, Output, refused
from legato.nodes.files.disk import DRAFT_PREFIX, Spot, failing_as, in_thread
from legato.nodes.files.relocation import Mark
from legato.nodes.files.walk import DEPTH_MAX, ENTRIES_MAX, ROOT_HELP, Walk, too_many
from legato.nodes.safe_paths import (
    check_file,
    granted_root,
    names_of,
    open_folder,
    opened_folder,
    refuse,
)
from legato.ports.node import NodeContext, NodeFailure, node

Kind = Literal["file", "folder", "nothing"]
_KIND_WORDS: Final = {stat.S_IFREG: "file", stat.S_IFDIR: "folder"}


class DeleteConfig(Config):
    """`with` of files.delete."""

    path: str = Field(description="What, relative to the granted folder: inbox/a.pdf.")
    recursive: bool = Field(
        default=False, description="Delete a folder with all it holds; else only an empty one."
    )
    missing_ok: bool = Field(default=False, description="It is no failure if it is not there.")
    root: str | None = Field(default=None, description=ROOT_HELP)


class DeleteOutput(Output):
    """Output of files.delete."""

    path: str = Field(description="What was asked for.")
    deleted: bool = Field(description="False if it was not there in the first place.")
    kind: Kind = Field(description="What it was.")
    entries: int = Field(description="How many files and folders are gone.")


class Plan(BaseModel):
    """What is to go: the mark of a file or folder, and how many entries that are."""

    kind: Kind
    mark: Mark | None = None
    entries: int = 0


@node(
    "files.delete",
    title="Delete a file",
    group="files",
    icon="trash-2",
    effect="idempotent",
    timeout_ms=300_000,
    example="""\
uses: files.delete
with: {path: inbox/a.pdf, missing_ok: true}
""",
)
async def delete(ctx: NodeContext, config: DeleteConfig) -> DeleteOutput:
    """Delete a file, an empty folder, or with `recursive: true` a folder with all it holds.

    By default no folder is granted; the operator names them in `legato.toml`:
    `[grants.files] roots = ["/srv/reports"]`. A folder of more than 10 000 entries, or one that
    holds what nodes may not touch (links, hidden names, repositories), is left whole.

    Repeating it is harmless: what is to go is journalled first, and a file that has come to its
    place meanwhile is left alone.

    Fails with `not_granted`, `path_refused`, `not_found`, `not_empty`, `too_large`, `changed`,
    `read_only` or `file_error`.
    """
    root = granted_root(ctx.grants, config.root)
    *folders, name = names_of(config.path)

    @contextmanager
    def opened() -> Iterator[Spot]:
        with opened_folder(root, folders) as folder, failing_as(config.path):
            yield Spot(folder, name, config.path)

    def decide() -> dict[str, object]:
        try:
            with opened() as spot:
                return _plan(ctx, config, spot).model_dump()
        except NodeFailure as failure:
            if failure.error.kind == "not_found" and config.missing_ok:
                return Plan(kind="nothing").model_dump()
            raise

    def carry_out() -> None:
        try:
            with opened() as spot:
                _carry_out(ctx, plan, spot)
        except NodeFailure as failure:
            if failure.error.kind != "not_found":  # else its folder is gone as well
                raise

    written = config.model_dump(mode="json")
    plan = Plan.model_validate(await ctx.step("plan", lambda: in_thread(decide), input=written))
    if plan.mark is not None:
        await in_thread(carry_out)
    return DeleteOutput(
        path=config.path, deleted=plan.mark is not None, kind=plan.kind, entries=plan.entries
    )


def _plan(ctx: NodeContext, config: DeleteConfig, spot: Spot) -> Plan:
    found = spot.find()
    if found is None:
        raise refused(
            "not_found",
            f"{config.path!r:.200} is not there; with missing_ok: true that is no failure",
        )
    if not stat.S_ISDIR(found.st_mode):
        check_file(found, config.path)
        return Plan(kind="file", mark=Mark.of(found), entries=1)
    folder = open_folder(spot.folder, spot.name, spot.path)
    try:
        within = _count(ctx, folder, config)
        return Plan(kind="folder", mark=Mark.of(os.fstat(folder)), entries=within + 1)
    finally:
        os.close(folder)


def _count(ctx: NodeContext, folder: int, config: DeleteConfig) -> int:
    """Count what a folder holds, and refuse what may not go."""
    if not config.recursive:
        with os.scandir(folder) as entries:
            if next(entries, None) is None:
                return 0
        raise refused(
            "not_empty",
            f"{config.path!r:.200} is a folder that is not empty; recursive: true deletes it whole",
        )
    walk, count = Walk(ctx, DEPTH_MAX), 0
    for found, below in walk.entries(folder, config.path):
        count += 1
        if count > ENTRIES_MAX:
            raise too_many(f"more than {ENTRIES_MAX} entries")
        if below is not None and len(found.names) == DEPTH_MAX and os.listdir(below):
            raise too_many(f"more than {DEPTH_MAX} folders in each other")
    if walk.skipped:
        raise refuse(
            config.path, f"it holds {walk.skipped} entries that nodes may not touch, such as links"
        )
    return count


def _carry_out(ctx: NodeContext, plan: Plan, spot: Spot) -> None:
    assert plan.mark is not None
    digest = hashlib.sha256(f"{ctx.idempotency_key}\n{spot.path}".encode()).hexdigest()
    hidden = Spot(spot.folder, f"{DRAFT_PREFIX}{digest[:16]}.deleted", spot.path)
    if plan.kind == "folder" and hidden.find() is not None:
        shutil.rmtree(hidden.name, dir_fd=hidden.folder)  # an earlier attempt got as far as that
        return
    found = spot.find()
    if found is None:
        return
    if Mark.of(found) != plan.mark or _KIND_WORDS.get(stat.S_IFMT(found.st_mode)) != plan.kind:
        raise NodeFailure(
            "changed",
            f"{spot.path!r:.200} is not what it was when this node first looked; it stays",
            retryable=False,
        )
    if plan.kind == "file":
        os.unlink(spot.name, dir_fd=spot.folder)
    else:
        os.rename(spot.name, hidden.name, src_dir_fd=spot.folder, dst_dir_fd=spot.folder)
        os.fsync(spot.folder)
        shutil.rmtree(hidden.name, dir_fd=hidden.folder)
    os.fsync(spot.folder)
