# SPDX-License-Identifier: Apache-2.0
"""The name in a document, changed in its text."""

import pytest

from legato.errors import InvalidInput
from legato.model.document.naming import set_name
from legato.model.document.read import read_document
from tests.unit.model.document.types import LIMITS


def renamed(text: str, name: str = "new") -> str:
    """Return a document with another name."""
    return set_name(text.encode(), name, file="w", limits=LIMITS).decode()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("legato: 1\nname: old  # why\nnodes: {}\n", "legato: 1\nname: new  # why\nnodes: {}\n"),
        ("name: 'old'\n", "name: 'new'\n"),
        ('name: "old"\r\nx: 1\r\n', 'name: "new"\r\nx: 1\r\n'),
        ("{legato: 1, name: old}", "{legato: 1, name: new}"),
        ('{"name": "old", "nodes": {"name": 1}}', '{"name": "new", "nodes": {"name": 1}}'),
        ("\ufeffname: old\n", "\ufeffname: new\n"),
        ("x: 1\nname: old", "x: 1\nname: new"),
        ("name: new\n", "name: new\n"),
    ],
)
def test_only_the_name_changes(text: str, wanted: str) -> None:
    """Comments, quotes and line ends stay [WF20]."""
    assert renamed(text) == wanted


def test_a_name_that_is_no_text_in_yaml_is_quoted() -> None:
    """`null` and `true` are slugs, too [WF20]."""
    for name in ("null", "true", "false"):
        text = renamed("name: old\n", name)
        assert read_document(text.encode(), file="w", limits=LIMITS).data == {"name": name}


def test_what_cannot_be_changed_in_one_line_is_told() -> None:
    """No name, a block, or nothing that can be read [WF20]."""
    for text in ("x: 1\n", "name: |\n  old\n", "name: 1\n", "- 1\n", "a: [", "name: a\nname: b\n"):
        with pytest.raises(InvalidInput):
            renamed(text)
