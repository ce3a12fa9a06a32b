# SPDX-License-Identifier: Apache-2.0
"""data.markdown: HTML fragment and plain text."""

import pytest

from legato.nodes import data_markdown
from tests.unit.nodes.world import World

TEXT = """\
# Title

A *word* and **more**, `code`, ~~gone~~ and a [link](https://example.org/x).
A second line.

- one
- two
  1. inner

> quoted

| a | b |
|---|--:|
| 1 | 2 |

```py
x < 1
```
"""


async def test_markdown_becomes_html(world: World) -> None:
    """CommonMark with tables and strikethrough [ND66]."""
    html = (await world.output(data_markdown.run, {"text": TEXT}))["html"]
    for part in (
        "<h1>Title</h1>", "<em>word</em>", "<strong>more</strong>", "<code>code</code>",
        "<s>gone</s>", '<a href="https://example.org/x" rel="noopener noreferrer">link</a>',
        "<li>one</li>", "<blockquote>", '<td style="text-align:right">2</td>', "x &lt; 1",
    ):  # fmt: skip
        assert part in html, part


async def test_markdown_becomes_plain_text(world: World) -> None:
    """The words without the marks; links keep their address [ND66]."""
    text = (await world.output(data_markdown.run, {"text": TEXT}))["text"]
    assert text == (
        "Title\n\nA word and more, code, gone and a link (https://example.org/x).\n"
        "A second line.\n\n- one\n- two\n  1. inner\nquoted\n\na\tb\t\n1\t2\t\n\nx < 1"
    )


@pytest.mark.parametrize(
    ("text", "remote"),
    [
        ("![a <b>](https://example.org/x.png)",
         '<img src="https://example.org/x.png" alt="a &lt;b&gt;">'),
        ("![a](/local.png)", "[a]"),
        ("![a](data:image/png;base64,AAAA)", "[a]"),
        ("![](chart:x)", None),
    ],
)  # fmt: skip
async def test_images_are_described_unless_wanted(
    world: World, text: str, remote: str | None
) -> None:
    """No image is fetched by default; others than http(s) never are [ND66]."""
    if remote is None:
        error = await world.error(data_markdown.run, {"text": text})
        assert error.kind == "unknown_chart"
        return
    plain = (await world.output(data_markdown.run, {"text": text}))["html"]
    assert "<img" not in plain
    shown = await world.output(data_markdown.run, {"text": text, "images": "remote"})
    assert remote in shown["html"]


async def test_empty_text_is_empty(world: World) -> None:
    """Nothing gives nothing [ND66]."""
    assert await world.output(data_markdown.run, {"text": " \n"}) == {"html": "", "text": ""}
    assert (await world.error(data_markdown.run, {"text": None})).kind == "invalid_config"
