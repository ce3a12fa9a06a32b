# SPDX-License-Identifier: Apache-2.0

import pytest

from legato.cli.form import field_lines, read_fields
from legato.errors import InvalidInput

FORM = {
    "message": "?",
    "schema": {
        "amount": {"type": "integer", "description": "in euros"},
        "kind": {"enum": ["tools", "travel"]},
        "note": {"type": ["string", "null"], "default": "none"},
        "anything": True,
    },
}


def test_each_field_is_described_in_a_line() -> None:
    """Its type or choices, its default, what it is about, and whether it is needed [CL25]."""
    assert field_lines(FORM) == [
        "amount (integer), in euros",
        "kind (one of tools, travel)",
        "note (string or null, default none), may be left out",
        "anything",
    ]
    assert field_lines({"message": "?"}) == []


def test_fields_are_read_as_the_type_that_the_form_wants() -> None:
    """As `--input` is [CL25, CL14]."""
    given = ["amount=5", "kind=travel", "note=null", "anything=x=y"]
    assert read_fields(FORM, given) == {
        "amount": 5, "kind": "travel", "note": None, "anything": "x=y",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["amount"], "expected NAME=VALUE"),
        (["=5"], "expected NAME=VALUE"),
        (["amount=1", "amount=2"], "given twice"),
        (["amount=many"], "must be integer"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(given: list[str], said: str) -> None:
    """Before anything is sent [CL25]."""
    with pytest.raises(InvalidInput, match=said):
        read_fields(FORM, given)
