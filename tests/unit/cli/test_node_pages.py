# SPDX-License-Identifier: Apache-2.0
"""What is written about a node type."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from legato.cli.node_pages import fields_of, file_of, index_of, page_of, type_of
from legato.model.policy import RetryPolicy
from legato.ports.node import NodeContext, Secret, node


class Row(BaseModel):
    """A part of a config."""

    key: str = Field(description="Its | key.", max_length=9)


class Config(BaseModel):
    """Everything that a field may be."""

    name: str = Field(description="Who,\n  over two lines.")
    mode: Literal["a", "b"] = "a"
    count: int = Field(default=3, ge=1, le=10, description="How <many>.")
    flag: bool = False
    on: bool = True
    tags: list[str] = Field(default_factory=list)
    codes: tuple[int, ...] = (0, 1)
    rows: list[Row] = []
    secret: Secret | None = None
    anything: Any = None


@node(
    "acme.do_it", title="Do it", group="acme", effect="idempotent", timeout_ms=90_000,
    retry=RetryPolicy(max_attempts=3, on=("timeout",)), secret_fields=("secret",),
    example="uses: acme.do_it\nwith: {name: x}\n",
)  # fmt: skip
async def do_it(ctx: NodeContext, config: Config) -> dict[str, int]:
    """Do <it> with [care](x); `a <b> [c](d)` is code."""
    return {}


def test_a_page_holds_all_that_a_reader_needs() -> None:
    """Title, text, effect, time-out, retry, fields with types, defaults, bounds; an example
    [CL48, ND2].
    """
    page = page_of(do_it.info)
    lines = page.splitlines()
    assert lines[2] == "# acme.do_it: Do it"
    assert lines[4] == "Do \\<it> with \\[care](x); `a <b> [c](d)` is code."
    for row in (
        "| effect | idempotent |",
        "| timeout | 1m 30s, per attempt |",
        "| retry | 3 attempts, exponential, on timeout |",
        "| `name` | text | required | Who, over two lines. |",
        "| `mode` | a or b | a |  |",
        "| `count` | integer | 3 | How \\<many>. At least 1, at most 10. |",
        "| `flag` | boolean | false |  |",
        "| `on` | boolean | true |  |",
        "| `tags` | list of text |  |  |",
        "| `codes` | list of integer | 0, 1 |  |",
        "| `rows` | list of Row |  |  |",
        "| `secret` | text or {secret: name} or null |  |  |",
        "| `anything` | any |  |  |",
        "### Config: Row",
        "| `key` | text | required | Its \\| key. At most 9 characters. |",
        "uses: acme.do_it",
    ):
        assert row in lines, row
    assert "## Output\n\nMap." in page


def test_pages_are_named_and_listed_by_group() -> None:
    """The index leads to every page [CL48]."""
    assert file_of(do_it.info) == "acme-do-it.md"
    assert "| [`acme.do_it`](acme-do-it.md) | Do it | acme | idempotent |" in index_of([do_it.info])


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": ["string", "null"]}, "text or null"),
        ({"const": 7}, "7"),
        ({"$ref": "#/$defs/Row"}, "Row"),
        ({"oneOf": [{"type": "string"}, {"type": "string"}]}, "text"),
        ({}, "any"),
    ],
)
def test_types_are_told_in_words(schema: dict[str, Any], words: str) -> None:
    """Whatever pydantic writes [CL7, CL48]."""
    assert type_of(schema) == words
    assert fields_of(schema) == []
