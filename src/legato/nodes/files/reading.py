# SPDX-License-Identifier: Apache-2.0
"""files.read: what a file below a granted folder holds, in the output or in the blob store.

Rules: ND40, ND43.
"""

import base64
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final, Literal

from pydantic import Field

from legato.errors import InvalidInput, LimitExceeded
from legato.model.values import decode
from legato.nodes.fields import Config, Output, refused
from legato.nodes.files.disk import (
    PIECE_BYTES,
    Spot,
    failing_as,
    in_thread,
    pieces_of,
    stop_if_asked,
    time_text,
)
from legato.nodes.files.walk import ROOT_HELP
from legato.nodes.safe_paths import granted_root, names_of, opened_folder
from legato.ports.node import BLOB_BYTES_MAX, Blob, NodeContext, NodeFailure, node

INLINE_BYTES_MAX: Final = 8 * 1024 * 1024
"""What a text or JSON output may come from; larger files belong into the blob store."""

Charset = Literal[
    "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "ascii", "iso-8859-1",
    "iso-8859-2", "iso-8859-15", "windows-1250", "windows-1251", "windows-1252", "cp437", "cp850",
    "koi8-r", "macroman", "shift_jis", "euc-jp", "iso-2022-jp", "gb18030", "big5", "euc-kr",
]  # fmt: skip
"""A closed list: Python knows codecs that are no charsets, and some that take quadratic time."""


class ReadConfig(Config):
    """`with` of files.read."""

    path: str = Field(description="Which file, relative to the granted folder: inbox/list.csv.")
    into: Literal["text", "base64", "json", "blob"] = Field(
        default="text",
        description="text: as text; base64: any bytes; json: parsed; blob: into the blob store.",
    )
    charset: Charset = Field(default="utf-8", description="How text and json are encoded.")
    max_bytes: int | None = Field(
        default=None,
        ge=0,
        le=BLOB_BYTES_MAX,
        description="A larger file fails; by default 8 MiB, and 2 GiB for a blob.",
    )
    type: str = Field(
        default="application/octet-stream", max_length=200, description="Media type of the blob."
    )
    root: str | None = Field(default=None, description=ROOT_HELP)


class ReadOutput(Output):
    """Output of files.read; of `text`, `base64`, `json` and `blob` the one that was asked for."""

    path: str = Field(description="The file's path, as given.")
    size: int = Field(description="Bytes.")
    modified: str = Field(description="When the file was last changed, in UTC.")
    sha256: str = Field(description="Hex SHA-256 of the bytes.")
    text: str | None = Field(default=None, description="What it holds, as text.")
    base64: str | None = Field(default=None, description="What it holds, as base64.")
    json_: Any = Field(default=None, alias="json", description="What it holds, parsed.")
    blob: Blob | None = Field(default=None, description="What it holds, in the blob store.")


@node(
    "files.read",
    title="Read a file",
    group="files",
    icon="file-input",
    effect="pure",
    timeout_ms=300_000,
    example="""\
uses: files.read
with: {path: inbox/customers.json, into: json}
""",
)
async def read(ctx: NodeContext, config: ReadConfig) -> ReadOutput:
    """Read a file below a folder that the operator granted.

    By default no folder is granted; the operator names them in `legato.toml`:
    `[grants.files] roots = ["/srv/reports"]`. Up to 8 MiB come as text, base64 or parsed JSON; up
    to 2 GiB go into the blob store piece by piece. Links, hidden names, hard links, FIFOs and
    devices are refused.

    Fails with `not_granted`, `path_refused`, `not_found`, `too_large`, `invalid_content` (bytes
    that the charset does not have, NUL, or no strict JSON; the message says where), `file_error`.
    """
    if config.into == "blob":
        return await _into_blob(ctx, config)
    return await in_thread(_inline, ctx, config)


@contextmanager
def _opened(ctx: NodeContext, config: ReadConfig) -> Iterator[tuple[int, int]]:
    """Open the file; yields its descriptor and how many bytes it may have."""
    root = granted_root(ctx.grants, config.root)
    *folders, name = names_of(config.path)
    limit = BLOB_BYTES_MAX if config.into == "blob" else INLINE_BYTES_MAX
    if config.max_bytes is not None:
        limit = min(limit, config.max_bytes)
    with opened_folder(root, folders) as folder, failing_as(config.path):
        file = Spot(folder, name, config.path).open()
        try:
            if os.fstat(file).st_size > limit:
                raise _too_large(config, os.fstat(file).st_size, limit)
            yield file, limit
        finally:
            os.close(file)


def _inline(ctx: NodeContext, config: ReadConfig) -> ReadOutput:
    with _opened(ctx, config) as (file, limit):
        modified_ns, data = os.fstat(file).st_mtime_ns, bytearray()
        for piece in pieces_of(file, stop=partial(stop_if_asked, ctx)):
            data += piece
            if len(data) > limit:  # it grows while it is read
                raise _too_large(config, len(data), limit)
    return ReadOutput(
        path=config.path,
        size=len(data),
        modified=time_text(modified_ns),
        sha256=hashlib.sha256(data).hexdigest(),
        **_content(config, bytes(data)),
    )


def _content(config: ReadConfig, data: bytes) -> dict[str, Any]:
    if config.into == "base64":
        return {"base64": base64.b64encode(data).decode()}
    try:
        text = data.decode(config.charset)
    except UnicodeDecodeError as error:
        got = f"0x{data[error.start]:02x}" if error.start < len(data) else "its end"
        raise _no_content(
            config, f"byte {error.start} ({got}) is no {config.charset}; name its charset, or read "
            "it into base64 or blob"
        ) from None  # fmt: skip
    if config.into == "json":
        try:
            return {"json": decode(text, what=f"{config.path:.200}")}
        except InvalidInput as error:
            raise _no_content(config, str(error)) from None
    nul = text.find("\0")
    if nul >= 0:
        raise _no_content(config, f"character {nul} is NUL; read it into base64 or blob")
    return {"text": text}


async def _into_blob(ctx: NodeContext, config: ReadConfig) -> ReadOutput:
    with ExitStack() as stack:
        file, limit = await in_thread(stack.enter_context, _opened(ctx, config))
        found = os.fstat(file)

        async def pieces() -> AsyncIterator[bytes]:
            while piece := await in_thread(os.read, file, PIECE_BYTES):
                yield piece

        try:
            ref = await ctx.blobs.put_stream(pieces(), size_max=limit)
        except LimitExceeded:  # it grows while it is read
            raise _too_large(config, os.fstat(file).st_size, limit) from None
    return ReadOutput(
        path=config.path,
        size=ref.size,
        modified=time_text(found.st_mtime_ns),
        sha256=ref.hash,
        blob=Blob.of(ref, config.type, names_of(config.path)[-1]),
    )


def _too_large(config: ReadConfig, size: int, limit: int) -> NodeFailure:
    more = "raise max_bytes" if config.max_bytes is not None else "read it into: blob"
    return refused(
        "too_large", f"{config.path!r:.200} has {size} bytes, at most {limit} are read; {more}"
    )


def _no_content(config: ReadConfig, why: str) -> NodeFailure:
    return refused("invalid_content", f"{config.path!r:.200}: {why}")
