# SPDX-License-Identifier: Apache-2.0
"""Text -> data and places."""

import json
from typing import Any

import pytest

from legato.errors import InvalidDocument
from legato.model.document.problems import path_text
from legato.model.document.read import read_document
from legato.model.policy import Limits

LIMITS = Limits()


def read(text: str | bytes, file: str = "a.yaml", limits: Limits = LIMITS) -> Any:
    """Return the data of a document."""
    data = text.encode() if isinstance(text, str) else text
    return read_document(data, file=file, limits=limits).data


def refused(text: str | bytes, file: str = "a.yaml", limits: Limits = LIMITS) -> list[str]:
    """Return the problems of a document that cannot be read."""
    with pytest.raises(InvalidDocument) as caught:
        read(text, file, limits)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("Null", None),
        ("1", 1),
        ("-1", -1),
        ("+7", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("017", 17),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        ("1.", 1.0),
        ("-.5", -0.5),
        ("1.5e-3", 0.0015),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("1 2", "1 2"),
        ("é", "é"),
        ("9223372036854775807", 2**63 - 1),
        ("=", "="),
        ("- 1", [1]),
        (".", "."),
        ("-", [None]),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    """Plain scalars follow YAML 1.2: `on` and `yes` are texts [DO1]."""
    got = read(f"a:\n  {text}\n")["a"]
    assert got == value
    assert type(got) is type(value)


def test_yaml_and_json_give_the_same_data() -> None:
    """A document is YAML or JSON, by its name or its beginning [DO1]."""
    text = '{"b": [1, 2.5, null, true, "x\\u00e9\\ud83d\\ude00"], "a": {"c": {}}}'
    value = json.loads(text)
    assert read(text, "a.json") == read(text) == value
    assert list(read(text)) == ["b", "a"]
    assert read('b: [1, 2.5, ~, true, "x\\xe9😀"]\na: {c: {}}') == value
    assert read("{a: 1}") == {"a": 1}
    assert read('{"a": 1, b: 2}') == {"a": 1, "b": 2}
    assert read("\ufeffa: 1") == {"a": 1}
    assert read("%YAML 1.2\n---\na: 1\n...\n") == {"a": 1}
    assert read(" [1, 2] ", "x.JSON") == [1, 2]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &x 1\nb: *x", "a.yaml:1:4: anchors (&name) are not allowed"),
        ("a: &x 1\nb: *x", "a.yaml:2:4: aliases (*name) are not allowed"),
        ("a: !!str 1", "a.yaml:1:4: tags (!name) are not allowed"),
        ("a: !x {b: 1}", "a.yaml:1:4: tags (!name) are not allowed"),
        ("<<: {a: 1}", "a.yaml:1:1: merge keys (<<) are not allowed"),
        ("a: 1\n---\nb: 2", "a.yaml:2:1: there is more than one document"),
        ("%YAML 1.1\n---\na: 1", "directives are not allowed"),
        ("%TAG ! x\n---\na: 1", "directives are not allowed"),
        ("? [a]\n: 1", "a.yaml:1:3: a key must be text"),
        ("? {a: b}\n: 1", "a.yaml:1:3: a key must be text"),
    ],
)
def test_what_yaml_can_do_beyond_data_is_refused(text: str, problem: str) -> None:
    """Aliases, anchors, tags, merge keys and further documents are refused [DO1, DO5]."""
    assert any(problem in line for line in refused(text))


def test_a_bomb_of_aliases_is_refused_before_it_is_expanded() -> None:
    """Nine levels of nine aliases never become 387 million leaves [DO5]."""
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        lines.append(f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]")
    found = refused("\n".join(lines))
    assert "aliases" in found[-1]


def test_duplicate_keys_name_both_lines() -> None:
    """Duplicate keys are refused in YAML and JSON, all at once [DO2, DO6]."""
    assert refused("a: 1\nb: 2\na: 3\nc: {x: 1, x: 2}") == [
        "a.yaml:3:1: the key 'a' stands twice; first in line 1 (expected each key once)",
        "a.yaml:4:11: the key 'x' stands twice; first in line 4 (expected each key once)",
    ]
    assert refused('{"a": 1,\n "a": 2,\n "b": {"c": 1, "c": 2}}', "a.json") == [
        "a.json:2:2: the key 'a' stands twice; first in line 1 (expected each key once)",
        "a.json:3:16: the key 'c' stands twice; first in line 3 (expected each key once)",
    ]


@pytest.mark.parametrize(
    ("text", "file", "words"),
    [
        ("a: .nan", "a.yaml", "1:4: .nan is no JSON number"),
        ("a: -.inf", "a.yaml", "1:4: -.inf is no JSON number"),
        ("a: 1e999", "a.yaml", "1:4: 1e999 is too large"),
        ("a: 9223372036854775808", "a.yaml", "1:4: an integer beyond 64 bits"),
        ("a: 0xffffffffffffffff", "a.yaml", "beyond 64 bits"),
        ('a: "\\0"', "a.yaml", "1:4: the text holds a NUL"),
        ('a: "\\ud800"', "a.yaml", "lone surrogate"),
        ('"\\ud800": 1', "a.yaml", "lone surrogate"),
        ("a: \x01", "a.yaml", "not allowed"),
        ("a: b\x00", "a.yaml", "1:5: the document holds a NUL"),
        ('{"a": NaN}', "a.json", "1:7: this is no JSON"),
        ('{"a": -Infinity}', "a.json", "no JSON number"),
        ('{"a": 1e999}', "a.json", "too large"),
        ('{"a": 9223372036854775808}', "a.json", "beyond 64 bits"),
        ('{"a": "\\ud800"}', "a.json", "lone surrogate"),
        ('{"a": "\\u0000"}', "a.json", "NUL"),
        ('{"a": "\n"}', "a.json", "no JSON text"),
        ('{"a": 01}', "a.json", "goes on without a comma"),
        ('{"a": 1,}', "a.json", "this is no key"),
        ('{"a" 1}', "a.json", "no value for this key"),
        ("[1 2]", "a.json", "without a comma"),
        ("[1,", "a.json", "ends too early"),
        ("[1] 2", "a.json", "behind the end"),
        ("{'a': 1}", "a.json", "no key"),
        ("[" + "1" * 500 + "]", "a.json", "no JSON number"),
        ("nul", "a.json", "this is no JSON"),
        ("[]", "a.json", ""),
    ],
)
def test_what_is_no_strict_data_is_refused(text: str, file: str, words: str) -> None:
    """NaN, infinities, NUL, lone surrogates and loose JSON are refused at their place [DO7]."""
    if not words:
        assert read(text, file) == []
        return
    assert any(words in line for line in refused(text, file))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "a.yaml:1:1: the document is empty"),
        (b"  \n\n", "the document is empty"),
        (b"# only a comment\n", "the document is empty"),
        (b"a: 1\nb: \xff\n", "a.yaml:2:4: the document is not UTF-8 (got the byte 0xff)"),
        (b"a: b: c", "a.yaml:1:5: mapping values are not allowed here"),
        (b"a: [1, 2", "a.yaml:1:9:"),
        (b"a:\n\t- b", "a.yaml:2:1: a tab indents this line"),
        (b'a: "\\q"', "unknown escape"),
        (b'a: "\\U99999999"', "a.yaml:1:1: this is not valid YAML"),
    ],
)
def test_unreadable_text_is_refused_at_its_place(text: bytes, words: str) -> None:
    """What cannot be read at all is one problem with its place [DO3]."""
    assert words in refused(text)[0]


def test_size_depth_and_number_of_values_are_bounded() -> None:
    """Each bound is a setting: size, depth, number of values [DO8, DO9, DO24]."""
    assert "10485760 bytes (expected 2097152 at most)" in refused(b"a" * 10 * 1024 * 1024)[0]
    assert "3 bytes (expected 2 at most)" in refused("a: ", limits=Limits(max_document_bytes=2))[0]
    for file in ("a.yaml", "a.json"):
        assert read("[" * 64 + "]" * 64, file)
        assert "nested too deep (expected 64 levels)" in refused("[" * 65 + "]" * 65, file)[0]
        assert "nested too deep" in refused("[" * 100_000, file)[0]
        assert "nested too deep" in refused('{"a":' * 100_000, file)[0]
        small = Limits(max_document_values=10)
        assert (
            "too many values (expected 10 at most)"
            in refused("[1,1,1,1,1,1,1,1,1,1]", file, small)[0]
        )
        assert read("[1,1,1,1,1,1,1,1,1]", file, small)
    assert "nested too deep" in refused("- " * 100_000)[0]


@pytest.mark.parametrize(
    "text",
    [
        "!" * 100_000,
        "&a " * 50_000,
        "? " * 50_000,
        "'" * 100_001,
        "%" * 100_000,
        "-\n" * 50_000,
        "a: |\n" + " x\n" * 50_000,
        "[" + "a," * 50_000 + "]",
        "# " * 50_000,
        ":" * 100_000,
        "a: " * 50_000,
        "\t" * 100_000,
        "|" * 100_000,
    ],
)
def test_odd_text_is_read_or_refused_in_linear_time(text: str) -> None:
    """No short text keeps the reader busy for long [DO8]."""
    try:
        read(text)
    except InvalidDocument as error:
        assert error.problems


def test_places_of_values_and_keys() -> None:
    """Every value and key of a document has a place in its text [DO3]."""
    text = "a: 1\nb:\n  - x\n  - {c: 'd', e: [1, 2]}\n"
    document = read_document(text.encode(), file="a.yaml", limits=LIMITS)

    def place(*path: str | int, at_key: bool = False) -> tuple[int, int]:
        return document.place(document.offset(path, at_key=at_key))

    assert place("a") == (1, 4)
    assert place("a", at_key=True) == (1, 1)
    assert place("b", 1, "e", 1) == (4, 21)
    assert place("b", 1, "e", at_key=True) == (4, 14)
    assert place("b", 1, "nope", 7) == (4, 5), "the nearest place above"
    assert place("b", "x") == place("b", 9) == (3, 3)
    assert place("b", 0, at_key=True) == (3, 5)
    as_json = read_document(b'{"a": [1,\r\n {"b": 2}]}', file="a.json", limits=LIMITS)
    assert as_json.place(as_json.offset(("a", 1, "b"))) == (2, 8)
    assert as_json.is_json


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("a: one @two", "@"),
        ("a: 'it''s @two'", "@"),
        ('a: "t\\tq\\"u\\u00e9\\x41 @two"', "@"),
        ("a: |\n  one\n    two\n\n  @three", "@"),
        ("a: >-\n  one\n  two\n\n  three @four", "@"),
        ("a: >\n    one\n    @two", "@"),
        ("a: one\n  two\n  @three", "@"),
        ("a: 'one\n  two\n  @three'", "@"),
        ('a: "one\n  two \\\n  @three"', "@"),
        ("a: |\n  @one", "@"),
        ("a: @one".replace("@", "x@"), "@"),
        ("a: |2\n   one @two", "@"),
        ("a: |-\n  # one\n  @two", "@"),
        ('{"a": "x\\n\\u0041@"}', "@"),
        ('a: "\\\n  @x"', "@"),
    ],
)
def test_places_inside_texts(text: str, mark: str) -> None:
    """A character of a text has a place, whatever the style of the text [DO3]."""
    document = read_document(text.encode(), file="a.yaml", limits=LIMITS)
    value = document.data["a"]
    assert document.offset_in_text(("a",), value.index(mark)) == text.index(mark)
    assert document.offset_in_text(("a",), 10_000) <= len(text)


def test_a_place_in_something_that_is_no_text() -> None:
    """Asking for a character of a number gives the number's place."""
    document = read_document(b"a: 12", file="a.yaml", limits=LIMITS)
    assert document.offset_in_text(("a",), 5) == 3


def test_paths_as_people_write_them() -> None:
    """Paths are written with dots, indices and quotes [DO3]."""
    assert path_text(("nodes", "a", "with", "args", 1)) == "nodes.a.with.args[1]"
    assert path_text(("headers", "X-A b", "c")) == "headers['X-A b'].c"
    assert path_text((0, "a")) == "[0].a"
    assert path_text(()) == ""
