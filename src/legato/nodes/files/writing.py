# SPDX-License-Identifier: Apache-2.0
"""files.write: text, bytes or a blob into a file below a granted folder, whole or not at all.

Rules: ND21, ND22, ND23, ND42.
"""

import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from legato.model.policy import EffectClass
from legato.nodes.fields import Config, Output, refused
from legato.nodes.files.disk import (
    Draft,
    Spot,
    failing_as,
    in_thread,
    pieces_of,
    stop_if_asked,
    write_all,
)
from legato.nodes.files.walk import ROOT_HELP
from legato.nodes.safe_paths import (
    granted_root,
    names_of,
    open_file,
    opened_folder,
    refuse_new_git,
)
from legato.ports.node import Blob, NodeContext, node

# O_NONBLOCK: opening a FIFO that nobody reads would wait for ever.
_APPEND_FLAGS: Final = (
    os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
)


def _checked_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"should be base64 ({error})") from None
    return text


class WriteConfig(Config):
    """`with` of files.write: exactly one of `text`, `base64` and `blob`."""

    path: str = Field(description="Where, relative to the granted folder: reports/weekly.md.")
    text: str | None = Field(default=None, description="What the file holds, written as UTF-8.")
    base64: Annotated[str, AfterValidator(_checked_base64)] | None = Field(
        default=None, description="What the file holds, as base64."
    )
    blob: Blob | None = Field(
        default=None, description="What the file holds: a blob from the output of another node."
    )
    mode: Literal["create", "overwrite", "append"] = Field(
        default="create",
        description="create: it must not exist with other content; overwrite: replace it; "
        "append: add at its end.",
    )
    make_parents: bool = Field(default=False, description="Make folders that are missing.")
    root: str | None = Field(default=None, description=ROOT_HELP)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [each for each in (self.text, self.base64, self.blob) if each is not None]
        if len(given) != 1:
            raise ValueError("exactly one of `text`, `base64` and `blob` is needed")
        return self


class WriteOutput(Output):
    """Output of files.write."""

    path: str = Field(description="The file's path with its granted folder.")
    bytes: int = Field(description="How many bytes were written.")
    sha256: str = Field(description="Hex SHA-256 of those bytes.")


def _effect(config: Mapping[str, Any]) -> EffectClass:
    return (
        "idempotent"
        if config.get("mode", "create") in {"create", "overwrite"}
        else "non_idempotent"
    )


@node(
    "files.write",
    title="Write a file",
    group="files",
    icon="file-pen",
    effect=_effect,
    timeout_ms=300_000,
    example="""\
uses: files.write
with:
  path: reports/weekly.md
  text: ${{ nodes.report.output.text }}
  mode: overwrite
  make_parents: true
""",
)
async def write(ctx: NodeContext, config: WriteConfig) -> WriteOutput:
    """Write text, bytes or a blob into a file below a folder that the operator granted.

    By default no folder is granted; the operator names them in `legato.toml`:
    `[grants.files] roots = ["/srv/reports"]`. Paths are relative to the granted folder. Links,
    `..`, names that begin with a dot, git's own folders, devices and files with several names are
    refused. `create` and `overwrite` are atomic: a reader sees the old content or the new one.
    Writing the same content again with `create` succeeds, so a repeated attempt does no harm.
    """
    if config.blob is None:
        return await in_thread(_write_inline, ctx, config)
    with ExitStack() as stack:
        target = await in_thread(stack.enter_context, _opened(ctx, config))
        async for piece in ctx.blobs.stream(config.blob.ref):
            await in_thread(target.draft.write, piece)
        return await in_thread(_finish, ctx, config, target)


@dataclass(frozen=True, slots=True)
class _Target:
    draft: Draft
    spot: Spot
    path: Path


@contextmanager
def _opened(ctx: NodeContext, config: WriteConfig) -> Iterator[_Target]:
    root = granted_root(ctx.grants, config.root)
    *folders, name = names_of(config.path)
    with (
        opened_folder(root, folders, make=config.make_parents) as folder,
        failing_as(config.path, may_have_happened=config.mode == "append"),
        Draft(folder) as draft,
    ):
        yield _Target(draft, Spot(folder, name, config.path), root.joinpath(*folders, name))


def _write_inline(ctx: NodeContext, config: WriteConfig) -> WriteOutput:
    data = (config.text or "").encode()
    if config.base64 is not None:
        data = base64.b64decode(config.base64)
    with _opened(ctx, config) as target:
        target.draft.write(data)
        return _finish(ctx, config, target)


def _finish(ctx: NodeContext, config: WriteConfig, target: _Target) -> WriteOutput:
    """Let the draft, which is whole now, become the file, or a part of it."""
    draft, spot = target.draft, target.spot
    if config.mode == "create":
        _create(ctx, draft, spot)
    elif config.mode == "overwrite":
        draft.replace(spot)
    else:
        _append(ctx, draft, spot)
    return WriteOutput(path=str(target.path), bytes=draft.size, sha256=draft.sha256)


def _create(ctx: NodeContext, draft: Draft, spot: Spot) -> None:
    if not draft.create_once(spot, stop=lambda: stop_if_asked(ctx)):
        raise refused(
            "exists",
            f"{spot.path!r:.200} exists with other content; use mode: overwrite to replace it",
        )


def _append(ctx: NodeContext, draft: Draft, spot: Spot) -> None:
    """Write at the end of an existing or new file."""
    refuse_new_git(spot.folder, spot.name, spot.path)
    file = open_file(spot.folder, spot.name, spot.path, flags=_APPEND_FLAGS)
    try:
        for piece in pieces_of(draft.file, stop=lambda: stop_if_asked(ctx)):
            write_all(file, piece)
        os.fsync(file)
    finally:
        os.close(file)
    os.fsync(spot.folder)
