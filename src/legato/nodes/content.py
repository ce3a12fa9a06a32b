# SPDX-License-Identifier: Apache-2.0
"""Text that comes in a field or as a payload, and goes out the same way.

Rules: ND64-ND66, ND69.
"""

from typing import Literal

from legato.nodes.fields import refused
from legato.ports.node import Blob, NodeContext


async def content_of(
    ctx: NodeContext, text: str | None, blob: Blob | None, *, size_max: int
) -> bytes:
    """Return the bytes of whichever is given.

    Raises:
        NodeFailure: `too_large`, before anything is fetched.
    """
    size = blob.size if blob is not None else len(text or "")
    if size > size_max:
        raise refused("too_large", f"it has {size} bytes; the limit is {size_max}")
    return await ctx.blobs.get(blob.ref) if blob is not None else (text or "").encode()


async def kept(
    ctx: NodeContext, data: bytes, *, to: Literal["text", "blob"], media_type: str
) -> tuple[str | None, Blob | None]:
    """Return written text as it is wanted: itself, or as a payload."""
    if to == "text":
        return data.decode(), None
    return None, Blob.of(await ctx.blobs.put(data), media_type)
