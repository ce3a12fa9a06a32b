# SPDX-License-Identifier: Apache-2.0
"""Where secrets may stand in a config."""

from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict

from legato.ports.node import NodeContext, Secret, node
from legato.runtime.attempt.config import ConfigReader, with_secrets


class Deep(BaseModel):
    """Fields at several depths."""

    headers: dict[str, Secret] = {}
    list: tuple[Secret, ...] = ()
    rest: Any = None


@node("test.deep", title="Deep", secret_fields=("headers.*", "list.*", "rest.inner.key"))
async def deep(ctx: NodeContext, config: Deep) -> None:
    """Take a config."""


class Open(BaseModel):
    """Takes any key, because its author says so."""

    model_config = ConfigDict(extra="allow")


@node("test.open", title="Open")
async def open_node(ctx: NodeContext, config: Open) -> None:
    """Take anything."""


def test_references_are_found_at_marked_places_only() -> None:
    """A pattern names the field; `*` stands for any key or index [EX14]."""
    a = {"secret": "a"}
    block = {
        "headers": {"X": a, "Y": "text", "Z": {"secret": "z", "more": 1}},
        "list": [{"secret": "b"}, "text", {"secret": 5}],
        "rest": {"inner": {"key": {"secret": "c"}, "other": a}, "key": a, "inner2": [a]},
    }
    found = ConfigReader(deep).references(msgspec.json.encode(block))
    assert found == [
        (("headers", "X"), "a"),
        (("list", 0), "b"),
        (("rest", "inner", "key"), "c"),
    ]


def test_a_name_that_is_computed_is_no_reference() -> None:
    """The name of a secret stands in the document, plainly [EX14]."""
    block = b'{"headers": {"X": {"secret": "${{ inputs.name }}"}}}'
    assert ConfigReader(deep).references(block) == []


def test_values_are_put_only_where_the_reference_still_stands() -> None:
    """What an expression made of that place is left alone [EX14]."""
    references = [(("headers", "X"), "a"), (("headers", "Y"), "b")]
    evaluated = b'{"headers": {"X": {"secret": "a"}, "Y": {"secret": "other"}}}'
    values = dict(zip(references, ["va", "vb"], strict=True))
    assert msgspec.json.decode(with_secrets(evaluated, values)) == {  # type: ignore[arg-type]
        "headers": {"X": "va", "Y": {"secret": "other"}}
    }


def test_a_model_may_say_that_it_takes_any_key() -> None:
    """Unknown keys are refused unless the model allows them [ND1]."""
    config = ConfigReader(open_node).read(b'{"anything": 1}')
    assert config.model_extra == {"anything": 1}
