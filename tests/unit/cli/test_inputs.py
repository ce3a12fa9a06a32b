# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path
from typing import Any

import pytest

from legato.cli.inputs import read_inputs
from legato.errors import InvalidInput

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "count": {"type": "integer", "default": 3},
        "exact": {"type": "boolean"},
        "ratio": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "folder": {"type": "string", "format": "path", "default": "."},
    },
}


def read(*given: str, file: Path | None = None, schema: Any = SCHEMA) -> dict[str, Any]:
    """Read inputs for a workflow with this schema."""
    return read_inputs(json.dumps(schema).encode(), given, file)


def test_values_are_read_as_the_declared_type() -> None:
    """A number stays a text where a text is declared, and the other way round [CL14]."""
    found = read("name=12", "count=12", "exact=true", "ratio=0.5", 'tags=["a","b"]')
    assert found["name"] == "12"
    assert (found["count"], found["exact"], found["ratio"]) == (12, True, 0.5)
    assert found["tags"] == ["a", "b"]


def test_a_value_may_hold_an_equals_sign() -> None:
    """Only the first one separates [CL14]."""
    assert read("name=a=b")["name"] == "a=b"
    assert read("name=")["name"] == ""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["name=x", "count=many"], "count"),
        (["name=x", "nmae=y"], "did you mean name"),
        ([], "name"),
        (["name"], "NAME=VALUE"),
        (["=x"], "NAME=VALUE"),
        (["name=x", "name=y"], "twice"),
        (["name=x", "tags=a,b"], "tags"),
    ],
)
def test_a_wrong_input_is_named(given: list[str], said: str) -> None:
    """Unknown, missing, mistyped or doubled: the message says which [CL10, DO18]."""
    with pytest.raises(InvalidInput, match=said) as caught:
        read(*given)
    assert "1:1" not in str(caught.value)


def test_a_file_gives_inputs_and_the_command_line_wins(tmp_path: Path) -> None:
    """Both may be used together [CL14]."""
    file = tmp_path / "inputs.json"
    file.write_text('{"name": "file", "count": 7}')
    found = read("name=line", file=file)
    assert (found["name"], found["count"]) == ("line", 7)


@pytest.mark.parametrize("content", ["[1]", "{", '{"name": 1, "name": 2}', '{"name": NaN}'])
def test_a_file_that_is_no_strict_object_is_refused(tmp_path: Path, content: str) -> None:
    """The file is named [CL10]."""
    file = tmp_path / "inputs.json"
    file.write_text(content)
    with pytest.raises(InvalidInput, match=r"inputs\.json"):
        read("name=x", file=file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """And a folder is no file [CL10]."""
    with pytest.raises(InvalidInput, match="there is no file"):
        read(file=tmp_path / "none.json")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read(file=tmp_path)


def test_a_path_is_taken_from_where_the_person_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes run in folders of their own: what is a path is made absolute, default too [CL14]."""
    monkeypatch.chdir(tmp_path)
    assert read("name=x")["folder"] == str(tmp_path)
    assert read("name=./x", "folder=a/b")["folder"] == str(tmp_path / "a" / "b")
    assert read("name=./x")["name"] == "./x"


def test_every_fault_of_the_inputs_is_said_at_once() -> None:
    """Nobody corrects one input only to hear of the next [CL14, DO18, DO2]."""
    with pytest.raises(InvalidInput) as caught:
        read("count=x", "exact=maybe", "nmae=3", "ratio=high", "name=a", "name=b", "odd")
    lines = str(caught.value).splitlines()
    assert len(lines) == 6
    for word in ("count", "exact", "nmae", "ratio", "name: given twice", "odd: expected"):
        assert any(word in line for line in lines), word
