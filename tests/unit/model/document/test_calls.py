# SPDX-License-Identifier: Apache-2.0
"""`workflow.call` and `loop.until`."""

import json

import pytest

from legato.model.policy import Limits
from legato.model.workflow import called_workflows, decode_workflow, encode_workflow
from tests.unit.model.document.types import check, good, node, nodes

LOOP = """
  start: {uses: delay}
  poll:
    needs: start
    uses: loop.until
    with:
      do:
        check: {uses: http.request, with: {url: "https://x/${{ inputs.id }}"}}
        pause: {uses: delay, needs: check}
        log: {uses: data.transform, needs: check, with: {value: "${{ nodes.check.output }}"}}
      input: {id: "${{ nodes.start.output }}", last: "${{ previous.?pause.orValue(null) }}"}
      until: ${{ previous.log.done }}
      max_iterations: 5
"""


def test_a_loop_with_inline_nodes() -> None:
    """The body of a loop is a workflow of its own, with the outputs of its last nodes [GR23]."""
    workflow = good(nodes(LOOP[1:]))
    poll = workflow.nodes[1]
    assert poll.kind == "loop"
    assert poll.refs == ("start",)
    assert bytes(poll.config) == b"{}"
    call = poll.call
    assert call is not None
    assert (call.workflow, call.max_iterations) == (None, 5)
    assert call.until == "${{ previous.log.done }}"
    assert json.loads(bytes(call.input))["id"] == "${{ nodes.start.output }}"
    body = call.body
    assert body is not None
    assert body.name == "test.poll"
    assert [each.id for each in body.nodes] == ["check", "pause", "log"]
    assert json.loads(bytes(body.outputs)) == {
        "pause": "${{ nodes.pause.output }}",
        "log": "${{ nodes.log.output }}",
    }
    assert body.outputs_refs == ("pause", "log")
    assert decode_workflow(encode_workflow(workflow)).nodes[1].call is not None


def test_a_loop_body_in_its_long_form() -> None:
    """`do: {nodes, outputs, concurrency}` names its own outputs [GR23]."""
    spec = node(
        "  a:\n    uses: loop.until\n    with:\n      do:\n        nodes: {b: {uses: delay}}\n"
        "        outputs: {x: '${{ nodes.b.output }}'}\n        concurrency: 2\n      until: "
        "false\n"
    )
    assert spec.call is not None
    assert spec.call.body is not None
    assert json.loads(bytes(spec.call.body.outputs)) == {"x": "${{ nodes.b.output }}"}
    assert spec.call.body.concurrency == 2
    assert spec.call.until == "${{ false }}"
    assert spec.call.max_iterations == 100


def test_a_node_of_a_body_may_be_called_nodes() -> None:
    """A body with a node called `nodes` is told from the long form by its `uses`."""
    spec = node("  a: {uses: loop.until, with: {do: {nodes: {uses: delay}}, until: true}}\n")
    assert spec.call is not None
    assert spec.call.body is not None
    assert [each.id for each in spec.call.body.nodes] == ["nodes"]


def test_a_call_of_another_workflow() -> None:
    """A call names a workflow and its inputs; foreach over calls is allowed [GR19]."""
    workflow = good(
        nodes(
            "  b: {uses: delay}\n"
            "  a: {uses: workflow.call, needs: b, foreach: '${{ nodes.b.output }}', with: "
            "{workflow: "
            "other-one, input: {x: '${{ item }}', y: '${{ nodes.b.output }}'}}}\n"
            "  c: {uses: loop.until, with: {workflow: again, until: '${{ previous.done }}', input: "
            "'${{ "
            "inputs }}'}}\n"
        )
    )
    call = workflow.nodes[1].call
    assert call is not None
    assert (call.workflow, call.body, call.until, call.max_iterations) == (
        "other-one",
        None,
        None,
        1,
    )
    assert workflow.nodes[1].refs == ("b",)
    assert called_workflows(workflow) == ("other-one", "again")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "uses: workflow.call",
            ["4:6: nodes.a: with is missing (expected a map with `workflow` or `do`)"],
        ),
        (
            "uses: workflow.call, with: 5",
            [
                "4:34: nodes.a.with: with is not a map (expected a map of the fields of the node "
                "type, got 5)",
                "4:34: nodes.a.with: with is not a map (expected a map, got 5)",
            ],
        ),
        (
            "uses: workflow.call, with: {}",
            ["4:34: nodes.a.with: it is not said what to run (expected the name of a workflow)"],
        ),
        (
            "uses: workflow.call, with: {workflow: '${{ inputs.w }}', inputs: {}}",
            [
                "4:45: nodes.a.with.workflow: this is no name of a workflow (expected a name like "
                "^[a-z][a-z0-9-]{0,62}$, got '${{ inputs.w }}')",
                "4:64: nodes.a.with.inputs: unknown key 'inputs' (did you mean input?)",
            ],
        ),
        (
            "uses: workflow.call, with: {workflow: x, input: 5}",
            [
                "4:55: nodes.a.with.input: input is not a map (expected a map, or ${{ … }} that "
                "gives one, "
                "got 5)"
            ],
        ),
        (
            "uses: workflow.call, with: {workflow: x, input: {a: '${{ previous }}'}}",
            [
                "4:64: nodes.a.with.input.a: previous is known only in `input` and `until` of "
                "loop.until"
            ],
        ),
        (
            "uses: workflow.call, with: {workflow: x, input: {password: hunter2, b: {secret: n}}}",
            [
                "4:66: nodes.a.with.input.password: a secret must not stand in a document "
                "(expected {secret: "
                "name}, got its text)",
                "4:78: nodes.a.with.input.b: this field takes no secret (expected a value, or a "
                "field that "
                "takes a secret, got {secret: name})",
            ],
        ),
        (
            "uses: loop.until, with: {until: true}",
            ["4:31: nodes.a.with: it is not said what to run (expected workflow or do)"],
        ),
        (
            "uses: loop.until, with: {workflow: x}",
            ["4:31: nodes.a.with: until is missing (expected ${{ … }} that gives true or false)"],
        ),
        (
            "uses: loop.until, with: {workflow: x, until: soon}",
            [
                "4:52: nodes.a.with.until: until is not a condition (expected ${{ … }} that gives "
                "true or "
                "false, got 'soon')"
            ],
        ),
        (
            "uses: loop.until, with: {workflow: x, until: true, max_iterations: 1001}",
            [
                "4:74: nodes.a.with.max_iterations: max_iterations is out of bounds (expected an "
                "integer from "
                "1 to 1000, got 1001)"
            ],
        ),
        (
            "uses: loop.until, with: {workflow: x, do: {b: {uses: delay}}, until: true}",
            ["4:45: nodes.a.with.do: there are both workflow and do (expected one of them)"],
        ),
        (
            "uses: loop.until, with: {do: 5, until: true}",
            ["4:36: nodes.a.with.do: do is not a map (expected a map, got 5)"],
        ),
        (
            "uses: loop.until, with: {do: {}, until: true}",
            ["4:36: nodes.a.with.do: there are no nodes (expected a map of nodes, got a map)"],
        ),
        (
            "uses: loop.until, with: {do: {b: {uses: dlay}}, until: true}",
            ["4:47: nodes.a.with.do.b.uses: there is no node type 'dlay' (did you mean delay?)"],
        ),
        (
            "uses: loop.until, with: {do: {nodes: {b: {uses: dlay}}, output: {}}, until: true}",
            [
                "4:55: nodes.a.with.do.nodes.b.uses: there is no node type 'dlay' (did you mean "
                "delay?)",
                "4:63: nodes.a.with.do.output: unknown key 'output' (did you mean outputs?)",
            ],
        ),
        (
            "uses: loop.until, with: {do: {b: {uses: data.transform, with: {value: '${{ previous "
            "}}'}}}, "
            "until: true}",
            [
                "4:82: nodes.a.with.do.b.with.value: previous is known only in `input` and `until` "
                "of "
                "loop.until"
            ],
        ),
        (
            "uses: loop.until, with: {do: {b: {uses: data.transform, with: {value: '${{ "
            "nodes.a.output }}'}}"
            "}, until: true}",
            ["4:82: nodes.a.with.do.b.with.value: there is no node 'a'"],
        ),
        (
            "uses: loop.until, with: {do: {b: {uses: delay, needs: c}, c: {uses: delay, needs: "
            "b}}, "
            "until: true}",
            ["4:37: nodes.a.with.do.b: the nodes need each other: b -> c -> b"],
        ),
    ],
)
def test_problems_of_calls(text: str, lines: list[str]) -> None:
    """What a call or loop starts, and how often, is checked; bodies like any graph [GR23, DO2]."""
    assert check(nodes(f"  a: {{{text}}}\n")) == lines


def test_loops_nest_within_a_bound() -> None:
    """Inline bodies nest as deep as calls may, not deeper [GR25]."""
    inner = "{b: {uses: delay}}"
    for _ in range(2):
        inner = f"{{b: {{uses: loop.until, with: {{do: {inner}, until: true}}}}}}"
    text = nodes(f"  a: {{uses: loop.until, with: {{do: {inner}, until: true}}}}\n")
    assert check(text, limits=Limits(max_call_depth=4)) == []
    (line,) = check(text, limits=Limits(max_call_depth=3))
    assert "loops are nested too deep (expected 3 levels at most)" in line
