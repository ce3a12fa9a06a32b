# SPDX-License-Identifier: Apache-2.0
"""files.move and files.copy: one file to another place, within and between granted folders.

Both are idempotent. What they decide - which file, under which name, whether at all - is
journalled before anything is changed, so a later attempt does the same or sees that it was done.

Rules: ND40, ND45.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from legato.nodes.fields import Config, Output
from legato.nodes.files.disk import Spot, failing_as, hash_of, in_thread, stop_if_asked
from legato.nodes.files.relocation import Mark, copy, found_spot, free_name, relocate, taken
from legato.nodes.safe_paths import granted_roots, names_of, opened_folder, refuse
from legato.ports.node import NodeContext, NodeFailure, node

Conflict = Literal["fail", "overwrite", "rename", "skip"]


class TransferConfig(Config):
    """`with` of files.move and files.copy."""

    path: str = Field(description="Which file, relative to the granted folder: inbox/a.pdf.")
    to: str = Field(description="Where, with its name there: archive/2027/a.pdf.")
    root: str | None = Field(
        default=None, description="Which granted folder it is in, if there are several."
    )
    to_root: str | None = Field(
        default=None, description="Which granted folder it goes to; else the same."
    )
    on_conflict: Conflict = Field(
        default="fail",
        description="If the name is taken: fail, overwrite that file, rename to `name (1).ext`, or "
        "skip, which leaves all as it is.",
    )
    make_parents: bool = Field(default=False, description="Make folders that are missing.")


class TransferOutput(Output):
    """Output of files.move and files.copy."""

    path: str = Field(description="Where the file is now, relative to its granted folder.")
    done: bool = Field(description="False if the name was taken and the file was skipped.")
    bytes: int = Field(description="The file's size.")


class Plan(BaseModel):
    """What was decided: the file, its name there, and whether anything is to be done."""

    name: str
    skip: bool
    mark: Mark


@dataclass(frozen=True, slots=True)
class Ends:
    """Where a file comes from and goes to, checked."""

    root: Path
    folders: tuple[str, ...]
    name: str
    to_root: Path
    to_folders: tuple[str, ...]
    to_name: str

    @classmethod
    def of(cls, ctx: NodeContext, config: TransferConfig) -> "Ends":
        """Check grants and paths.

        Raises:
            NodeFailure: `not_granted` or `path_refused`.
        """
        root, to_root = granted_roots(ctx.grants, config.root, config.to_root)
        *folders, name = names_of(config.path)
        *to_folders, to_name = names_of(config.to)
        if (to_root, config.to) == (root, config.path):
            raise refuse(config.to, "it is the same file")
        return cls(root, tuple(folders), name, to_root, tuple(to_folders), to_name)


@node(
    "files.move",
    title="Move a file",
    group="files",
    icon="file-output",
    effect="idempotent",
    timeout_ms=600_000,
    example="""\
uses: files.move
with: {path: inbox/a.pdf, to: archive/2027/a.pdf, make_parents: true, on_conflict: rename}
""",
)
async def move(ctx: NodeContext, config: TransferConfig) -> TransferOutput:
    """Move or rename a file below folders that the operator granted.

    By default no folder is granted; the operator names them in `legato.toml`:
    `[grants.files] roots = ["/srv/reports"]`. The file appears at its new place as a whole; between
    disks it is copied first. Only with `on_conflict: overwrite` is another file replaced.

    Repeating it is harmless: which file is moved is journalled first, and an attempt after a crash
    goes on from there. A file that has come to the old place meanwhile is left alone.

    Fails with `not_granted`, `path_refused`, `not_found`, `exists`, `changed`, `disk_full`,
    `read_only` or `file_error`.
    """
    return await _transfer(ctx, config, _move)


@node(
    "files.copy",
    title="Copy a file",
    group="files",
    icon="files",
    effect="idempotent",
    timeout_ms=600_000,
    example="""\
uses: files.copy
with: {path: reports/weekly.md, to: published/weekly.md, on_conflict: overwrite}
""",
)
async def copy_file(ctx: NodeContext, config: TransferConfig) -> TransferOutput:
    """Copy a file below folders that the operator granted.

    By default no folder is granted; the operator names them in `legato.toml`:
    `[grants.files] roots = ["/srv/reports"]`. The copy appears as a whole, is never executable and
    has a new date. A file of the same content at the target counts as the copy. Repeating it is
    harmless: the name that it gets is journalled first.

    Fails with `not_granted`, `path_refused`, `not_found`, `exists`, `disk_full`, `read_only` or
    `file_error`.
    """
    return await _transfer(ctx, config, _copy)


CarryOut = Callable[[NodeContext, TransferConfig, Ends, Plan], int]


async def _transfer(
    ctx: NodeContext, config: TransferConfig, carry_out: CarryOut
) -> TransferOutput:
    ends = Ends.of(ctx, config)
    lenient = carry_out is _copy

    async def decide() -> dict[str, object]:
        plan = await in_thread(partial(_decide, ctx, config, ends, lenient=lenient))
        return plan.model_dump()

    written = config.model_dump(mode="json")
    plan = Plan.model_validate(await ctx.step("plan", decide, input=written))
    size = plan.mark.size
    if not plan.skip:
        size = await in_thread(carry_out, ctx, config, ends, plan)
    return TransferOutput(
        path="/".join([*ends.to_folders, plan.name]), done=not plan.skip, bytes=size
    )


def _decide(ctx: NodeContext, config: TransferConfig, ends: Ends, *, lenient: bool) -> Plan:
    """Look at both ends; nothing is changed.

    Args:
        ctx: The attempt.
        config: Its config.
        ends: The same, checked.
        lenient: A taken name is no failure yet: the content may turn out to be the same.
    """
    with _source(ends, config) as source, failing_as(config.path):
        file = source.open()
        try:
            device, names = _at_target(ends)
            elsewhere = os.fstat(file).st_dev != device
            sha256 = hash_of(file, stop=lambda: stop_if_asked(ctx)) if elsewhere else None
            mark = Mark.of(os.fstat(file), sha256)
        finally:
            os.close(file)
    name, skip = ends.to_name, False
    if name in names:
        skip = config.on_conflict == "skip"
        if config.on_conflict == "rename":
            name = free_name(Spot(-1, name, config.to), names.__contains__)
        if config.on_conflict == "fail" and not lenient:
            raise taken(config.to)
    return Plan(name=name, skip=skip, mark=mark)


def _move(ctx: NodeContext, config: TransferConfig, ends: Ends, plan: Plan) -> int:
    with ExitStack() as stack:
        source = found_spot(stack, _source(ends, config))
        target = stack.enter_context(_target(ends, config, plan))
        replace = config.on_conflict == "overwrite"
        relocate(source, target, plan.mark, replace=replace, stop=lambda: stop_if_asked(ctx))
    return plan.mark.size


def _copy(ctx: NodeContext, config: TransferConfig, ends: Ends, plan: Plan) -> int:
    with (
        _source(ends, config) as source,
        _target(ends, config, plan) as target,
        failing_as(config.path),
    ):
        file = source.open()
        try:
            copy(
                file,
                target,
                replace=config.on_conflict == "overwrite",
                keep_time=False,
                stop=lambda: stop_if_asked(ctx),
            )
            return os.fstat(file).st_size
        finally:
            os.close(file)


@contextmanager
def _source(ends: Ends, config: TransferConfig) -> Iterator[Spot]:
    with opened_folder(ends.root, list(ends.folders)) as folder:
        yield Spot(folder, ends.name, config.path)


@contextmanager
def _target(ends: Ends, config: TransferConfig, plan: Plan) -> Iterator[Spot]:
    names = list(ends.to_folders)
    with opened_folder(ends.to_root, names, make=config.make_parents) as folder:
        yield Spot(folder, plan.name, "/".join([*names, plan.name]))


def _at_target(ends: Ends) -> tuple[int, set[str]]:
    """Return the device of the target's folder, or of the nearest one there is, and its names."""
    names = list(ends.to_folders)
    while True:
        try:
            with opened_folder(ends.to_root, names) as folder:
                whole = len(names) == len(ends.to_folders)
                return os.fstat(folder).st_dev, set(os.listdir(folder) if whole else ())
        except NodeFailure as failure:
            if failure.error.kind != "not_found" or not names:
                raise
            names.pop()
