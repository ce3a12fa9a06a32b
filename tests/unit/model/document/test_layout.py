# SPDX-License-Identifier: Apache-2.0
"""Places on the canvas, apart from the logic."""

import difflib
from collections.abc import Mapping

import pytest

from legato.errors import InvalidDocument, InvalidInput
from legato.model.document.layout import read_layout, set_layout
from legato.model.document.read import read_document
from legato.model.policy import Limits

LIMITS = Limits()
PLACES = {"a": (1, 2), "b": (9, 9.5)}


def put(text: str, places: Mapping[str, tuple[float, float]], file: str = "w.yaml") -> str:
    """Return a text with a new layout, checking that nothing else of it has changed."""
    made = set_layout(text.encode(), places, file=file, limits=LIMITS)
    before = read_document(text.encode(), file=file, limits=LIMITS).data
    after = read_document(made, file=file, limits=LIMITS)
    assert read_layout(after) == places
    before.pop("layout", None)
    after.data.pop("layout", None)
    assert after.data == before
    assert list(after.data) == list(before)
    return made.decode()


def test_moving_a_node_changes_one_pair() -> None:
    """Moving a node changes only its pair; comments and order stay [DO21, DO22]."""
    text = (
        "# head\nname: x # n\nlayout:\n  # left\n  a: [1, 2]   # first\n  b: [ 3,4 ]\n\n# tail\n"
        "legato: 1\n"
    )
    moved = put(text, {"a": (1, 2), "b": (9, 9.5)})
    assert moved == text.replace("[ 3,4 ]", "[9, 9.5]")
    flow = "layout: {a: [1, 2], b: [3, 4]} # where\nname: x\n"
    assert put(flow, {"a": (5.0, 2), "b": (3, 4)}) == flow.replace("[1, 2]", "[5, 2]")
    as_json = '{\n  "layout": {"a": [1,2], "b": [3,4]},\n  "name": "x"\n}\n'
    assert put(as_json, PLACES, "w.json") == as_json.replace("[3,4]", "[9, 9.5]")


def test_the_same_layout_changes_nothing() -> None:
    """Writing what is there already gives the same bytes [DO21]."""
    for text in ("layout: {a: [1.0,  2]}", "name: x", "layout:\n  a:\n  - 1\n  - 2\n"):
        data = text.encode()
        places = read_layout(read_document(data, file="w.yaml", limits=LIMITS))
        assert set_layout(data, places, file="w.yaml", limits=LIMITS) is data


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("name: x\n", "name: x\nlayout:\n  a: [1, 2]\n  b: [9, 9.5]\n"),
        ("name: x", "name: x\nlayout:\n  a: [1, 2]\n  b: [9, 9.5]\n"),
        ("name: x\r\n", "name: x\r\nlayout:\r\n  a: [1, 2]\r\n  b: [9, 9.5]\r\n"),
        ("name: x # c", "name: x # c\nlayout:\n  a: [1, 2]\n  b: [9, 9.5]\n"),
        ("name: x\n...\n", "name: x\nlayout:\n  a: [1, 2]\n  b: [9, 9.5]\n...\n"),
        ("n: |\n  t", "layout:\n  a: [1, 2]\n  b: [9, 9.5]\nn: |\n  t"),
        ("m: 1\nn: |\n  t", "m: 1\nlayout:\n  a: [1, 2]\n  b: [9, 9.5]\nn: |\n  t"),
        ("n: |+\n  t\n\n\n", "n: |+\n  t\n\n\nlayout:\n  a: [1, 2]\n  b: [9, 9.5]\n"),
        ("layout:\nname: x\n", "layout: {a: [1, 2], b: [9, 9.5]}\nname: x\n"),
        ("name: x\nlayout:", "name: x\nlayout: {a: [1, 2], b: [9, 9.5]}"),
        ("layout: # c\nname: x\n", "layout: {a: [1, 2], b: [9, 9.5]} # c\nname: x\n"),
        ("layout: ~ # c\nname: x\n", "layout: {a: [1, 2], b: [9, 9.5]} # c\nname: x\n"),
        ("'layout' : {}\nname: x\n", "'layout' : {a: [1, 2], b: [9, 9.5]}\nname: x\n"),
        ("layout: {z: [1, 2]}\n", "layout: {a: [1, 2], b: [9, 9.5]}\n"),
        ("layout:\n- 1\nname: x\n", "layout: {a: [1, 2], b: [9, 9.5]}\nname: x\n"),
        ("layout: |\n  x\n  # y\nname: x\n", "layout: {a: [1, 2], b: [9, 9.5]}\n  # y\nname: x\n"),
        (
            "layout:\n  z: [0, 0]\n  # c\n\n# d\nname: x\n",
            "layout:\n  a: [1, 2]\n  b: [9, 9.5]\n  # c\n\n# d\nname: x\n",
        ),
        (
            "layout:\n    b: [0, 0]\n    a:\n    - 1\n    - 2\nname: x\n",
            "layout:\n    a: [1, 2]\n    b: [9, 9.5]\nname: x\n",
        ),
        ("{name: x}\n", "{name: x, layout: {a: [1, 2], b: [9, 9.5]}}\n"),
        ("{name: x,}\n", "{name: x, layout: {a: [1, 2], b: [9, 9.5]}}\n"),
        ("{\n  name: x\n}\n", "{\n  name: x,\n  layout: {a: [1, 2], b: [9, 9.5]}\n}\n"),
        ("{\n  name: x # c\n}\n", "{layout: {a: [1, 2], b: [9, 9.5]}, \n  name: x # c\n}\n"),
        ("{}", '{"layout": {"a": [1, 2], "b": [9, 9.5]}}'),
        ('{"name": 1}', '{"name": 1, "layout": {"a": [1, 2], "b": [9, 9.5]}}'),
        ('{\n\t"name": 1\n}', '{\n\t"name": 1,\n\t"layout": {"a": [1, 2], "b": [9, 9.5]}\n}'),
        ('{"layout": null}', '{"layout": {"a": [1, 2], "b": [9, 9.5]}}'),
        ('{"layout":null}', '{"layout": {"a": [1, 2], "b": [9, 9.5]}}'),
    ],
)
def test_a_layout_is_added_or_replaced_in_the_style_of_the_text(text: str, after: str) -> None:
    """A layout that is new or has other nodes is written without touching the rest [DO21, DO22]."""
    got = put(text, PLACES)
    assert got == after, "".join(difflib.ndiff(after.splitlines(True), got.splitlines(True)))


def test_an_empty_layout_and_odd_names() -> None:
    """No places and names that need quotes are written, too [DO22]."""
    assert put("name: x\nlayout: {a: [1, 2]}\n", {}) == "name: x\nlayout: {}\n"
    assert put("name: x\nlayout:\n  a: [1, 2]\nb: 1\n", {}) == "name: x\nlayout: {}\nb: 1\n"
    assert put("name: x\n", {"a b: c": (1, 2)}) == 'name: x\nlayout:\n  "a b: c": [1, 2]\n'
    text = b"\xef\xbb\xbfname: x\n"
    assert set_layout(text, {"a": (1, 2)}, file="w.yaml", limits=LIMITS).startswith(text)


def test_what_cannot_be_a_layout_is_refused() -> None:
    """Places are pairs of finite numbers, texts can be read [DO7]."""
    with pytest.raises(InvalidInput):
        set_layout(b"name: x", {"a": (float("nan"), 1)}, file="w.yaml", limits=LIMITS)
    with pytest.raises(InvalidDocument):
        set_layout(b"a: [", {"a": (1, 1)}, file="w.yaml", limits=LIMITS)


def test_a_layout_that_is_none_reads_as_empty() -> None:
    """Entries that are no places are left out [DO22]."""
    for text in (b"[]", b"layout: 5", b"layout: {a: [1], b: x, c: [true, 1], d: [1, x]}"):
        assert read_layout(read_document(text, file="w.yaml", limits=LIMITS)) == {}
