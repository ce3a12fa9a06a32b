# SPDX-License-Identifier: Apache-2.0
"""Needs, cycles, failure and case edges, and what an expression may read."""

import pytest

from legato.model.ids import NodeId
from legato.model.workflow import Need, NodeSpec
from tests.unit.model.document.types import check, good, node, nodes


def test_kinds_of_edges() -> None:
    """An edge from a failing node and an edge of a case are told apart [GR7, GR10]."""
    text = nodes(
        "  a: {uses: delay, on_error: mend}\n"
        "  mend: {uses: delay, needs: [a]}\n"
        "  b: {uses: delay, needs: a}\n"
        "  route: {uses: flow.switch, needs: [a], with: {cases: {urgent: true}}}\n"
        "  c: {uses: delay, needs: [route.urgent, route.default, b]}\n"
    )
    workflow = good(text)
    by_id: dict[str, NodeSpec] = {spec.id: spec for spec in workflow.nodes}
    assert by_id["mend"].needs == (Need(NodeId("a"), "failure"),)
    assert by_id["b"].needs == (Need(NodeId("a")),)
    assert by_id["a"].on_error == "mend"
    assert by_id["c"].needs == (
        Need(NodeId("route"), "case", "urgent"),
        Need(NodeId("route"), "case", "default"),
        Need(NodeId("b")),
    )
    assert by_id["route"].kind == "switch"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "  fetch: {uses: delay}\n  b: {uses: delay, needs: [fetsh, x]}\n",
            [
                "5:28: nodes.b.needs[0]: there is no node 'fetsh' (did you mean fetch?)",
                "5:35: nodes.b.needs[1]: there is no node 'x'",
            ],
        ),
        (
            "  a: {uses: delay, needs: a}\n",
            [
                "4:27: nodes.a.needs: a needs itself (expected another node)",
            ],
        ),
        (
            "  a: {uses: delay}\n  b: {uses: delay, needs: [a, a]}\n",
            ["5:31: nodes.b.needs[1]: 'a' is needed twice (expected each node once)"],
        ),
        (
            "  a: {uses: delay}\n  b: {uses: delay, needs: [a.yes]}\n",
            [
                "5:28: nodes.b.needs[0]: a has no cases, so a.yes is no edge (expected a, or a "
                "flow.switch "
                "node)"
            ],
        ),
        (
            "  a: {uses: flow.switch, with: {cases: {urgent: true, calm: false}}}\n"
            "  b: {uses: delay, needs: [a.urgnt, a.zzz, a.calm]}\n",
            [
                "5:28: nodes.b.needs[0]: a has no case 'urgnt' (did you mean urgent?)",
                "5:37: nodes.b.needs[1]: a has no case 'zzz' (expected one of urgent, calm, "
                "default)",
            ],
        ),
        (
            "  a: {uses: flow.switch, with: {cases: '${{ inputs.x }}'}}\n"
            "  b: {uses: delay, needs: [a.any]}\n",
            [],
        ),
        (
            "  a: {uses: flow.switch, with: {cases: {b: true}, default: other}}\n"
            "  b: {uses: delay, needs: [a.other, a.b, a.default]}\n",
            ["5:42: nodes.b.needs[2]: a has no case 'default' (expected one of b, other)"],
        ),
        (
            "  a: {uses: flow.switch, with: {cases: {b: true}, default: '${{ inputs.x }}'}}\n"
            "  b: {uses: delay, needs: [a.any]}\n",
            [],
        ),
        (
            "  a: 1\n  b: {uses: delay, needs: [a.any]}\n",
            ["4:6: nodes.a: a node is a map (expected a map with `uses`, got 1)"],
        ),
        (
            "  a: {uses: delay, on_error: mnd}\n  mend: {uses: delay, needs: a}\n",
            ["4:30: nodes.a.on_error: there is no node 'mnd' (did you mean mend?)"],
        ),
        (
            "  a: {uses: delay, on_error: continu}\n",
            ["4:30: nodes.a.on_error: there is no node 'continu' (did you mean continue?)"],
        ),
        (
            "  a: {uses: delay, on_error: zzz}\n",
            ["4:30: nodes.a.on_error: there is no node 'zzz' (expected fail, continue or a node)"],
        ),
        (
            "  a: {uses: delay, on_error: mend}\n  mend: {uses: delay}\n",
            [
                "4:30: nodes.a.on_error: mend does not need a (expected needs: [a] in mend, the "
                "node that "
                "runs on its failure)"
            ],
        ),
        (
            "  a: {uses: delay, on_error: mend}\n  mend: 5\n",
            ["5:9: nodes.mend: a node is a map (expected a map with `uses`, got 5)"],
        ),
    ],
)
def test_names_of_nodes_must_exist(text: str, lines: list[str]) -> None:
    """A name in `needs` or `on_error` that is no node is refused with the nearest [DO14, GR10]."""
    assert check(nodes(text)) == lines


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        ({"a": "b", "b": "a"}, "nodes.a: the nodes need each other: a -> b -> a"),
        ({"a": "c", "b": "a", "c": "b"}, "nodes.a: the nodes need each other: a -> b -> c -> a"),
        (
            {"z": "y", "y": "x", "x": "z", "w": ""},
            "nodes.z: the nodes need each other: z -> x -> y -> z",
        ),
    ],
)
def test_a_cycle_is_named_in_order(needs: dict[str, str], words: str) -> None:
    """A cycle is refused with its nodes in the order in which they would run [DO13]."""
    text = "".join(f"  {name}: {{uses: delay, needs: [{need}]}}\n" for name, need in needs.items())
    (line,) = check(nodes(text))
    assert line == f"4:3: {words}"


def test_a_long_cycle_is_shortened_and_found_without_recursion() -> None:
    """A cycle of thousands of nodes is found and named by its beginning [DO13]."""
    count = 3_000
    text = "".join(
        f"  n{at}: {{uses: delay, needs: [n{(at - 1) % count}]}}\n" for at in range(count)
    )
    (line,) = check(nodes(text))
    assert "n0 -> n1 -> n2 -> " in line
    assert line.endswith(" -> … -> n0")


READS = """
  a: {uses: delay}
  b: {uses: delay, needs: [a]}
  c: {uses: data.transform, needs: [b], with: {value: "HERE"}}
  d: {uses: delay, needs: [c]}
  other: {uses: delay}
"""


@pytest.mark.parametrize(
    ("expression", "at", "words"),
    [
        ("${{ nodes.b.output }}", "", ""),
        ("${{ nodes.a.status }} and ${{ nodes['b'].error }}", "", ""),
        ("${{ inputs.x + run.id + trigger.y }}", "", ""),
        (
            "x ${{ nodes.other.output }}",
            "nodes",
            "other is not upstream of c (expected needs: [other] in c, or in a node before it)",
        ),
        (
            "${{ nodes.c.output }}",
            "nodes",
            "c reads itself (expected a node that ends before it begins)",
        ),
        (
            "${{ 1 + nodes.d.output }}",
            "nodes",
            "d runs after c, so it cannot be read here (expected a node upstream)",
        ),
        ("${{ nodes.othr.output }}", "nodes", "there is no node 'othr' (did you mean other?)"),
        ("${{ nodes.?zzz.output }}", "nodes", "there is no node 'zzz'"),
        ("${{ item }}", "item", "item is known only in the `with` of a node with `foreach`"),
        (
            "${{ 'x' + index }}",
            "index",
            "index is known only in the `with` of a node with `foreach`",
        ),
        (
            "${{ previous }}",
            "previous",
            "previous is known only in `input` and `until` of loop.until",
        ),
        (
            "${{ secrets.x }}",
            "secrets",
            "expression: an expression cannot read secrets. Write "
            "{secret: name} in a field that takes one.",
        ),
        ("${{ 1 + }}", " }}", "expression: the expression ends too early (expected a value)"),
        (
            "a ${{ 1",
            "$",
            "expression: `${{` is not closed within 4096 bytes (expected }} at the end of "
            "the expression)",
        ),
    ],
)
def test_an_expression_reads_only_what_is_upstream(expression: str, at: str, words: str) -> None:
    """Reading a node that is not upstream, or no node, is refused at its column [EX15, EX3]."""
    text = nodes(READS[1:])
    line = text.splitlines()[5]
    column = line.index("HERE") + 1 + expression.index(at)
    expected = [f"6:{column}: nodes.c.with.value: {words}"] if words else []
    assert check(text.replace("HERE", expression)) == expected


def test_items_are_known_in_with_only() -> None:
    """`item` and `index` belong to the `with` of a foreach node [EX3]."""
    text = (
        "  a: {uses: data.transform, foreach: [1], with: {value: '${{ item }}s${{ index }}'}}\n"
        "  b: {uses: data.transform, foreach: '${{ item }}', when: '${{ index > 1 }}',"
        " with: {value: 1}}\n"
    )
    found = check(nodes(text))
    assert [line.split(": ")[1] for line in found] == ["nodes.b.foreach", "nodes.b.when"]


def test_what_a_node_reads_is_noted() -> None:
    """All templates of a node together tell which nodes it reads [EX15]."""
    spec = node(
        "  x: {uses: delay}\n  y: {uses: delay}\n  z: {uses: delay}\n"
        "  a:\n    needs: [x, y, z]\n    uses: data.transform\n"
        "    when: ${{ nodes.z.output }}\n    foreach: ${{ nodes.y.output }}\n"
        "    with: {value: ['${{ nodes.x.output }}', '${{ nodes.z.status }}']}\n"
    )
    assert spec.refs == ("z", "y", "x")


def test_outputs_read_any_node_that_exists() -> None:
    """`outputs` may read every node, and only nodes [EX15]."""
    text = nodes(
        "  a: {uses: delay}\n", "outputs: {x: '${{ nodes.b.output }}', y: '${{ item }}'}\n"
    )
    assert check(text) == [
        "3:19: outputs.x: there is no node 'b'",
        "3:47: outputs.y: item is known only in the `with` of a node with `foreach`",
    ]


def test_keys_hold_no_expressions() -> None:
    """An expression in a key is refused, at any depth [EX1]."""
    text = "  a: {uses: data.transform, with: {value: [{'${{ x }}': 1, '$${{ y }}': 1}]}}\n"
    (line,) = check(nodes(text))
    assert line.endswith("a key cannot hold an expression")


def test_unused_nodes_and_inputs_are_allowed() -> None:
    """What nothing reads is no problem [DO2]."""
    assert check(nodes("  a: {uses: delay}\n  b: {uses: delay}\n", "inputs: {x: string}\n")) == []


def test_a_wide_graph_is_checked_fast() -> None:
    """Many nodes that all read a far ancestor stay linear [EX15]."""
    text = "  root: {uses: delay}\n" + "".join(
        f"  n{at}: {{uses: delay, needs: [{f'n{at - 1}' if at else 'root'}], "
        f"with: {{for: '${{{{ nodes.root.output }}}}'}}}}\n"
        for at in range(1_500)
    )
    assert check(nodes(text)) == []
