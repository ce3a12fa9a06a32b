# SPDX-License-Identifier: Apache-2.0
"""data.markdown: Markdown to an HTML fragment and to plain text.

Rules: ND66.
"""

import asyncio
from typing import Any, Final, Literal

from pydantic import Field

from legato.nodes import apart, markup
from legato.nodes.fields import Config, Output
from legato.ports.node import NodeContext, node

TEXT_CHARACTERS_MAX: Final = 1024 * 1024
_NEAR_CHARACTERS: Final = 32 * 1024
"""What is longer is rendered in a process of its own: a megabyte of brackets takes a minute."""


class MarkdownConfig(Config):
    """`with` of data.markdown."""

    text: str = Field(
        max_length=TEXT_CHARACTERS_MAX, description="Markdown: CommonMark with tables and ~~."
    )
    images: Literal["none", "remote"] = Field(
        default="none",
        description="none: an image becomes its description; remote: http(s) images are shown, so "
        "their server learns who reads.",
    )


class MarkdownOutput(Output):
    """Output of data.markdown."""

    html: str = Field(description="An HTML fragment without scripts, styles and forms.")
    text: str = Field(description="The words alone, as plain text.")


@node(
    "data.markdown",
    title="Render Markdown",
    group="data",
    icon="file-text",
    effect="pure",
    timeout_ms=60_000,
    example="""\
uses: data.markdown
with:
  text: "# Week 12\\n\\nAll is **well**."
""",
)
async def run(ctx: NodeContext, config: MarkdownConfig) -> MarkdownOutput:
    """Turn Markdown into an HTML fragment, and into plain text.

    HTML inside the Markdown stays text. Links go to http, https and mailto only. The fragment is
    sanitised, so that text of others (answers, mails, model output) can be shown as it is.

    Fails with `timeout` only.
    """
    made = await rendered(ctx, {"text": config.text, "images": config.images, "charts": {}})
    return MarkdownOutput(html=made["html"], text=made["text"])


async def rendered(ctx: NodeContext, asked: dict[str, Any]) -> dict[str, Any]:
    """Return what `markup.render` makes, where it takes long from a process of its own."""
    if len(asked["text"]) <= _NEAR_CHARACTERS:
        return await asyncio.to_thread(markup.render, asked)
    made: dict[str, Any] = await apart.run(ctx, markup.MODULE, asked)
    return made
