# SPDX-License-Identifier: Apache-2.0
"""data.json: JSON text to a value, and a value to JSON text.

Rules: ND65.
"""

import asyncio
import json
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from legato.errors import InvalidInput
from legato.model.values import decode, encode
from legato.nodes.content import content_of, kept
from legato.nodes.fields import Config, Output, refused
from legato.ports.node import Blob, NodeContext, node

TEXT_BYTES_MAX: Final = 64 * 1024 * 1024


class JsonConfig(Config):
    """`with` of data.json: exactly one of `text`, `blob` and `value`."""

    text: str | None = Field(default=None, description="JSON text to read.")
    blob: Blob | None = Field(default=None, description="A payload that holds JSON text to read.")
    value: Any = Field(default=None, description="A value to write as JSON text.")
    pretty: bool = Field(default=False, description="Write with line breaks and indents.")
    sort_keys: bool = Field(default=False, description="Write keys in the order of their names.")
    to: Literal["text", "blob"] = Field(
        default="text", description="Where written text goes: into the output, or a payload."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.text is not None) + (self.blob is not None) + self.is_writing != 1:
            raise ValueError("exactly one of `text`, `blob` and `value` is needed")
        return self

    @property
    def is_writing(self) -> bool:
        """Tell whether a value is given; null is one."""
        return "value" in self.model_fields_set


class JsonOutput(Output):
    """Output of data.json."""

    value: Any = Field(default=None, description="What was read.")
    text: str | None = Field(default=None, description="What was written.")
    blob: Blob | None = Field(default=None, description="What was written, with `to: blob`.")


@node(
    "data.json",
    title="Read or write JSON",
    group="data",
    icon="braces",
    effect="pure",
    timeout_ms=60_000,
    example="""\
uses: data.json
with:
  value: {week: 12, authors: [Ada, Grace]}
  pretty: true
  sort_keys: true
""",
)
async def run(ctx: NodeContext, config: JsonConfig) -> JsonOutput:
    """Read JSON text into a value, or write a value as JSON text.

    Reading is strict: NaN, a key twice in one object, NUL, lone surrogates, integers beyond 64
    bits and more than 64 levels are refused, and the message says where. Up to 64 MiB are read.

    Fails with `invalid_data` or `too_large`.
    """
    if config.is_writing:
        data = await asyncio.to_thread(_written, config)
        text, blob = await kept(ctx, data, to=config.to, media_type="application/json")
        return JsonOutput(text=text, blob=blob)
    content = await content_of(ctx, config.text, config.blob, size_max=TEXT_BYTES_MAX)
    try:
        return JsonOutput(value=await asyncio.to_thread(decode, content, what="the text"))
    except InvalidInput as error:
        raise refused("invalid_data", error.message) from None


def _written(config: JsonConfig) -> bytes:
    if not config.pretty and not config.sort_keys:
        return encode(config.value)
    text = json.dumps(
        config.value,
        ensure_ascii=False,
        allow_nan=False,
        sort_keys=config.sort_keys,
        indent=2 if config.pretty else None,
        separators=None if config.pretty else (",", ":"),
    )
    return f"{text}\n".encode() if config.pretty else text.encode()
