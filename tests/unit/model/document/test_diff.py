# SPDX-License-Identifier: Apache-2.0
"""What differs between two texts of a workflow."""

import pytest

from legato.model.document.diff import Difference, difference
from legato.model.policy import Limits
from tests.unit.model.document.types import good

BASE = """\
legato: 1
name: test
inputs: {n: {type: integer, default: 1}}
nodes:
  a: {uses: data.transform, with: {value: [1, "${{ inputs.n }}"]}}
  b: {needs: [a], uses: data.transform, with: {value: 2}, timeout: 5s}
outputs: {b: "${{ nodes.b.output }}"}
layout: {a: [0, 0], b: [10, 0]}
"""


def differs(new: str, old: str = BASE) -> Difference:
    """Compare two texts."""
    before, after = old.encode(), new.encode()
    return difference((good(before), before), (good(after), after), Limits())


def lines(found: Difference) -> list[str]:
    """Return changes in short."""
    return [f"{each.what} {each.path}" for each in found.logic]


def test_equal_texts_do_not_differ() -> None:
    """Neither in logic, nor in layout, nor in spelling [CL32]."""
    assert differs(BASE) == Difference(is_same_text=True)


def test_moving_a_node_is_no_change_of_logic() -> None:
    """It is named as moved [CL32, DO22]."""
    found = differs(BASE.replace("b: [10, 0]", "b: [10, 7], c: [1, 1]"))
    assert (found.logic, found.moved) == ((), ("b", "c"))


def test_comments_and_spelling_are_neither() -> None:
    """The text differs, nothing else [CL32, DO23]."""
    found = differs(BASE.replace("  b: {needs: [a],", "  # second\n  b: {needs: a,"))
    assert found == Difference()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[1, ", "[3, ", ["changed nodes.a.with.value[0]"]),
        ("[1, ", "[1, 2, ", ["changed nodes.a.with.value"]),
        ("[1, ", "[true, ", ["changed nodes.a.with.value[0]"]),
        ("timeout: 5s", "timeout: 6s", ["changed nodes.b.timeout_ms"]),
        (", timeout: 5s", "", ["removed nodes.b.timeout_ms"]),
        ("default: 1", "default: 2", ["changed inputs.properties.n.default"]),
        ('{b: "', '{c: 1, b: "', ["added outputs.c"]),
        ("needs: [a], ", "", ["removed nodes.b.needs"]),
        ("name: test", "name: test\ntitle: T", ["added title"]),
        (
            "outputs:",
            "  z: {uses: delay, with: {for: 5s}, needs: [b]}\noutputs:",
            ["added nodes.z"],
        ),
    ],
)
def test_every_change_of_logic_is_named_by_its_place(old: str, new: str, said: list[str]) -> None:
    """Under the names of the file [CL32]."""
    assert lines(differs(BASE.replace(old, new))) == said


def test_the_order_of_nodes_and_kinds_of_edges_count() -> None:
    """They are part of what runs [CL32]."""
    swapped = BASE.splitlines()
    swapped[4], swapped[5] = swapped[5], swapped[4]
    assert lines(differs("\n".join(swapped))) == ["changed nodes"]
    old = (
        "legato: 1\nname: test\nnodes:\n  s: {uses: flow.switch, with: {cases: {x: true}}}\n"
        "  e: {uses: delay, needs: [s.x]}\n"
    )
    (change,) = differs(old.replace("s.x]", "s.default]"), old).logic
    assert (change.path, change.old, change.new) == ("nodes.e.needs[0]", "s.x", "s.default")


def test_bodies_of_loops_are_compared_node_by_node() -> None:
    """Inside of what is written in place [CL32]."""
    old = (
        "legato: 1\nname: test\nnodes:\n  r:\n    uses: loop.until\n    with:\n      do:\n"
        "        nodes: {x: {uses: data.transform, with: {value: 1}}}\n"
        "      until: ${{ previous.x == 1 }}\n      max_iterations: 2\n"
    )
    found = differs(old.replace("value: 1", "value: 2"), old)
    assert lines(found) == ["changed nodes.r.with.do.nodes.x.with.value"]


def test_a_version_without_a_text_has_no_layout() -> None:
    """One that was only called, say [CL32]."""
    text = BASE.encode()
    found = difference((good(text), b""), (good(text), text), Limits())
    assert (found.logic, found.moved, found.is_same_text) == ((), ("a", "b"), False)
