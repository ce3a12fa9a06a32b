# SPDX-License-Identifier: Apache-2.0
"""blob.put and blob.get: between values in a workflow and payloads in the blob store.

Rules: ND59.
"""

import asyncio
import base64
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from legato.errors import InvalidInput
from legato.model.values import decode, encode
from legato.nodes.fields import Config, Output, refused
from legato.ports.node import Blob, BlobAccess, NodeContext, node

GET_BYTES_MAX: Final = 8 * 1024 * 1024
"""A value is copied into events, expressions and views; what is larger stays a reference."""
_HERE_BYTES_MAX: Final = 64 * 1024
"""A larger payload is converted in a thread."""
_TYPES: Final = {
    "text": "text/plain; charset=utf-8",
    "base64": "application/octet-stream",
    "json": "application/json",
}


class PutConfig(Config):
    """`with` of blob.put: exactly one of `text`, `base64` and `json`."""

    text: str | None = Field(default=None, description="Stored as UTF-8.")
    base64: str | None = Field(default=None, description="Bytes in base64.")
    json_: Any = Field(default=None, alias="json", description="Stored as JSON text.")
    type: str | None = Field(
        default=None, min_length=1, max_length=200, description="Media type; else by the content."
    )
    name: str | None = Field(
        default=None, min_length=1, max_length=255, description="A file name for it."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.given) != 1:
            raise ValueError("exactly one of text, base64 and json is needed")
        return self

    @property
    def given(self) -> list[str]:
        """The contents that were given; null is a JSON text too."""
        found = [name for name in ("text", "base64") if getattr(self, name) is not None]
        return [*found, "json"] if "json_" in self.model_fields_set else found


class GetConfig(Config):
    """`with` of blob.get."""

    blob: Blob = Field(description="What another node put there: `${{ nodes.fetch.output.blob }}`.")
    as_: Literal["text", "base64", "json"] = Field(
        default="text", alias="as", description="text: it is UTF-8; base64: any bytes; json."
    )


class GetOutput(Output):
    """Output of blob.get: the one of `text`, `base64` and `json` that was asked for."""

    text: str | None = Field(default=None, description="The payload as text.")
    base64: str | None = Field(default=None, description="The payload in base64.")
    json_: Any = Field(default=None, alias="json", description="The payload's JSON value.")
    size: int = Field(description="Bytes.")
    type: str = Field(description="Its media type.")
    name: str | None = Field(default=None, description="Its file name.")


@node(
    "blob.put",
    title="Store a payload",
    group="data",
    icon="archive",
    effect="pure",
    timeout_ms=60_000,
    example="""\
uses: blob.put
with:
  text: ${{ nodes.report.output.text }}
  type: text/markdown
  name: report.md
""",
)
async def put(ctx: NodeContext, config: PutConfig) -> Blob:
    """Store text, bytes or a JSON value in the blob store.

    The output is a reference `{hash, size, type, name}` that other nodes take: to send it, to
    attach it, to write it. The same content is stored once, so a repeated attempt does no harm.
    What is stored is kept as long as the execution is.

    Fails with `invalid_argument` if `base64` is none.
    """
    what = config.given[0]
    ref = await ctx.blobs.put(await asyncio.to_thread(_bytes_of, config, what))
    return Blob.of(ref, config.type or _TYPES[what], config.name)


@node(
    "blob.get",
    title="Fetch a payload",
    group="data",
    icon="archive-restore",
    effect="pure",
    timeout_ms=60_000,
    example="""\
uses: blob.get
with:
  blob: ${{ nodes.fetch.output.blob }}
  as: json
""",
)
async def get(ctx: NodeContext, config: GetConfig) -> GetOutput:
    """Return a payload of up to 8 MiB from the blob store as text, base64 or JSON.

    Fails with `too_large`, `not_text` (it is no UTF-8, or holds NUL), `invalid_json`, or
    `not_found` when it is gone.
    """
    payload = await _read(ctx.blobs, config.blob)
    given = {"size": len(payload), "type": config.blob.type, "name": config.blob.name}
    if len(payload) <= _HERE_BYTES_MAX:
        value = _CONVERTED[config.as_](payload)
    else:
        value = await asyncio.to_thread(_CONVERTED[config.as_], payload)
    return GetOutput.model_validate({config.as_: value, **given})


def _bytes_of(config: PutConfig, what: str) -> bytes:
    if what == "json":
        return encode(config.json_, what="json")
    if config.text is not None:
        return config.text.encode()
    try:
        return base64.b64decode(config.base64 or "", validate=True)
    except ValueError as error:
        raise refused("invalid_argument", f"base64: it is not valid: {error}") from None


async def _read(blobs: BlobAccess, blob: Blob) -> bytes:
    """Read a payload; never more than the limit, whatever the reference says."""
    pieces: list[bytes] = []
    left = GET_BYTES_MAX - blob.size
    if left >= 0:
        left = GET_BYTES_MAX
        async for piece in blobs.stream(blob.ref):
            left -= len(piece)
            if left < 0:
                break
            pieces.append(piece)
    if left < 0:
        raise refused(
            "too_large",
            f"the payload has more than {GET_BYTES_MAX} bytes; hand the reference to a node that "
            "takes one",
        )
    return b"".join(pieces)


def _as_text(payload: bytes) -> str:
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        message = f"it is no UTF-8 from byte {error.start} on; use as: base64"
        raise refused("not_text", message) from None
    if "\0" in text:
        raise refused("not_text", "it holds a NUL character; use as: base64")
    return text


def _as_base64(payload: bytes) -> str:
    return base64.b64encode(payload).decode()


def _as_json(payload: bytes) -> Any:
    try:
        return decode(payload, what="the payload")
    except InvalidInput as error:
        raise refused("invalid_json", str(error)) from None


_CONVERTED: Final = {"text": _as_text, "base64": _as_base64, "json": _as_json}


NODE_TYPES: Final = (put, get)
