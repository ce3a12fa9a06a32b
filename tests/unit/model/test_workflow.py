# SPDX-License-Identifier: Apache-2.0
"""Workflows as the engine sees them: one canonical form, hashes, what they call."""

from msgspec.structs import replace

from legato.model.frames import FINAL_EXECUTION, FINAL_NODE
from legato.model.ids import LOCAL_WORKSPACE
from legato.model.workflow import (
    CallSpec,
    NodeSpec,
    Workflow,
    called_workflows,
    decode_workflow,
    encode_workflow,
    node_hash,
    version_hash,
)
from tests.support.build import call, loop, node, raw, workflow

FLOW = workflow(
    node("a", retry=3, foreach="x", concurrency=2),
    node("route", "a", uses="flow.switch"),
    node("b", "route.hot", "a!", join="any", when="y", timeout_ms=5, on_error="continue"),
    loop("c", "b"),
    duration_ms=9,
    outputs={"x": "y"},
)


def test_a_stored_workflow_comes_back_as_it_was() -> None:
    """Encoding and decoding is the identity, inline bodies included [LG20]."""
    assert decode_workflow(encode_workflow(FLOW)) == FLOW
    assert encode_workflow(decode_workflow(encode_workflow(FLOW))) == encode_workflow(FLOW)


def test_the_version_is_the_hash_of_the_content() -> None:
    """The same content has the same name; any change has another [LG20, DO23]."""
    assert version_hash(FLOW) == version_hash(decode_workflow(encode_workflow(FLOW)))
    assert len(version_hash(FLOW)) == 64
    changed = replace(FLOW, nodes=(replace(FLOW.nodes[0], effect="idempotent"), *FLOW.nodes[1:]))
    assert version_hash(changed) != version_hash(FLOW)


def test_a_nodes_hash_covers_its_whole_definition() -> None:
    """A fork keeps a node only if nothing of it has changed [GR29]."""
    one = node("a", "b")
    same = node("a", "b")
    others = [
        node("a"), node("a", "c"), node("a", "b!"), node("a", "b", when="x"),
        node("a", "b", retry=2), node("a", "b", config=raw({"v": 1})), node("z", "b"),
    ]  # fmt: skip
    assert node_hash(one) == node_hash(same)
    assert node_hash(one) not in {node_hash(other) for other in others}


def test_the_order_of_nodes_in_the_file_is_kept() -> None:
    """It breaks ties and so belongs to the version [VW7]."""
    one, other = workflow(node("a"), node("b")), workflow(node("b"), node("a"))
    assert [each.id for each in decode_workflow(encode_workflow(other)).nodes] == ["b", "a"]
    assert version_hash(one) != version_hash(other)


def test_a_node_has_a_list_or_not() -> None:
    """A `foreach` may be any template, also a literal list [GR11]."""
    assert not node("a").has_foreach
    assert node("a", foreach=[]).has_foreach
    assert node("a", foreach="${{ inputs.list }}").has_foreach


def test_called_workflows_are_named_once_in_order_and_at_any_depth() -> None:
    """Inline bodies count, so that everything can be pinned at the start [GR24]."""
    inner = Workflow(name="body", nodes=(call("x", workflow="deep"), call("y", workflow="first")))
    nested = CallSpec(body=inner, until="u", max_iterations=2)
    flow = workflow(
        node("n"), call("a", workflow="first"), call("b", workflow="second"),
        node("l", uses="loop.until", call=nested), call("c", workflow="first"),
    )  # fmt: skip
    assert called_workflows(flow) == ("first", "second", "deep")
    assert called_workflows(workflow(node("n"))) == ()


def test_finals_and_the_local_workspace_have_fixed_names() -> None:
    """They are in stores and on the wire [ST1, ST2]."""
    assert sorted(FINAL_EXECUTION) == ["cancelled", "completed", "failed", "timed_out"]
    assert sorted(FINAL_NODE) == ["cancelled", "completed", "failed", "skipped"]
    assert LOCAL_WORKSPACE == "01900000-0000-7000-8000-000000000001"
    assert NodeSpec.__struct_fields__[0] == "id"
