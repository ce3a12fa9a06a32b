# SPDX-License-Identifier: Apache-2.0
"""What a submission becomes before anything is stored."""

import msgspec
import pytest

from legato.errors import InvalidInput
from legato.model.ids import ExecutionId, NodeId
from legato.model.policy import Limits
from legato.model.values import inline
from legato.model.workflow import CallSpec, NodeSpec, Workflow, version_hash
from legato.runtime.submission import Submission, prepare

ID = ExecutionId("00000000-0000-7000-8000-000000000001")
INPUTS = inline(b"{}")


def calling(name: str, *called: str) -> Workflow:
    """Return a workflow that calls others by name."""
    nodes = tuple(
        NodeSpec(
            id=NodeId(f"n{i}"), uses="workflow.call", kind="call", call=CallSpec(workflow=target)
        )
        for i, target in enumerate(called)
    )
    leaf = (NodeSpec(id=NodeId("leaf"), uses="test.task"),)
    return Workflow(name=name, nodes=nodes or leaf)


def test_every_workflow_that_can_be_called_is_pinned() -> None:
    """Pins reach through calls of calls; each version is stored [GR24, LG20]."""
    leaf, middle, root = calling("leaf"), calling("middle", "leaf"), calling("root", "middle")
    prepared = prepare(
        Submission(root, {}, called={"leaf": leaf, "middle": middle}), ID, INPUTS, 1, Limits()
    )
    assert prepared.start.started.pins == {
        "middle": version_hash(middle),
        "leaf": version_hash(leaf),
    }
    assert {row.name for row in prepared.versions} == {"root", "middle", "leaf"}
    assert prepared.start.started.version == version_hash(root)


def test_a_missing_called_workflow_is_named() -> None:
    """A call of something unknown is refused before anything starts [GR24]."""
    with pytest.raises(InvalidInput, match="gone"):
        prepare(Submission(calling("root", "gone"), {}), ID, INPUTS, 1, Limits())


def test_a_workflow_that_calls_itself_is_accepted() -> None:
    """Recursion is bounded when it runs, not by refusing the document [GR25]."""
    root = calling("root", "root")
    prepared = prepare(Submission(root, {}, called={"root": root}), ID, INPUTS, 1, Limits())
    assert prepared.start.started.pins == {"root": version_hash(root)}


def test_calls_deeper_than_the_bound_are_refused() -> None:
    """A chain of calls longer than the bound is named as such [GR25]."""
    chain = {f"w{i}": calling(f"w{i}", f"w{i + 1}") for i in range(12)}
    chain["w12"] = calling("w12")
    with pytest.raises(InvalidInput, match="10 levels"):
        prepare(Submission(chain["w0"], {}, called=chain), ID, INPUTS, 1, Limits())


def test_an_inline_body_is_a_version_of_its_own() -> None:
    """The nodes of a loop are stored under their own hash [GR19]."""
    body = calling("root.loop")
    loop = NodeSpec(
        id=NodeId("loop"),
        uses="loop.until",
        kind="loop",
        call=CallSpec(body=body, until="${{ true }}"),
    )
    root = Workflow(name="root", nodes=(loop,), triggers=msgspec.Raw(b"[]"))
    prepared = prepare(Submission(root, {}), ID, INPUTS, 1, Limits())
    assert {row.version for row in prepared.versions} == {
        version_hash(root),
        version_hash(body),
    }
