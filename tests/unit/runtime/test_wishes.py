# SPDX-License-Identifier: Apache-2.0
"""Wishes: what is looked at before they are sent, and what is said of what came of them."""

from typing import Any

import pytest

from legato.errors import Conflict, InvalidDocument, InvalidInput, LimitExceeded, NotFound
from legato.model.ids import NodeId
from legato.model.misfits import Misfit
from legato.model.node_type import NodeTypeInfo
from legato.model.policy import INLINE_BYTES_MAX
from legato.model.signals import AnswerApproval, CancelExecution
from legato.runtime.wishes import (
    AlreadyDecided,
    Outcome,
    check_parked,
    check_signal,
    check_waiting,
    filled_in,
    forced_output,
    named,
    small,
)
from tests.support.build import EXECUTION_ID, node, unval, workflow
from tests.support.drive import Drive

SCHEMA = {"type": "object", "properties": {"sent": {"type": "boolean"}}, "required": ["sent"]}
TYPES = {
    "test.work": NodeTypeInfo(
        uses="test.work", title="Work", config_schema={}, output_schema=SCHEMA,
        effect_of=lambda _config: "pure",
    )
}  # fmt: skip


def _parked(**fields: Any) -> Drive:
    drive = Drive(workflow(node("a", effect="non_idempotent", **fields), node("b", "a")))
    drive.start()
    drive.fail("a", kind="timeout")
    return drive


def test_a_wish_and_its_key_have_one_id() -> None:
    """By which the log names it [XW1]."""
    wish, key = named(CancelExecution("ann"), "id-1")
    assert (wish.wish, key) == ("id-1", "CancelExecution:id-1")


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (Outcome("taken"), None),
        (Outcome("open"), None),
        (Outcome("ended", status="failed"), Conflict),
        (Outcome("refused", "illegal_state", "no"), Conflict),
        (Outcome("refused", "already_decided", "no"), AlreadyDecided),
        (Outcome("refused", "invalid_answer", "no"), InvalidInput),
        (Outcome("refused", "limit_exceeded", "no"), LimitExceeded),
    ],
    ids=lambda each: str(each)[:40],
)
def test_what_came_of_a_wish_is_said_as_the_error_that_it_is(
    outcome: Outcome, error: type[Exception] | None
) -> None:
    """Nothing is said of what was taken, or may still be [XW4]."""
    if error is None:
        outcome.check(EXECUTION_ID)
        return
    with pytest.raises(error) as raised:
        outcome.check(EXECUTION_ID)
    assert type(raised.value) is error


def test_only_a_parked_node_or_item_is_settled() -> None:
    """A node that is not there is not found [XW5]."""
    drive = _parked()
    check_parked(drive.state, "a", None)
    with pytest.raises(Conflict):
        check_parked(drive.state, "b", None)
    with pytest.raises(Conflict):
        check_parked(drive.state, "a", 0)
    with pytest.raises(NotFound):
        check_parked(drive.state, "q", None)


def test_only_a_node_that_waits_for_a_person_is_answered_and_once() -> None:
    """Who comes second hears who was first; what ended by itself was not answered [XW5]."""
    flow = workflow(node("ask", uses="human.approval"), node("b"), node("x", uses="human.approval"))
    drive = Drive(flow)
    drive.start()
    assert check_waiting(drive.state, "ask").wait == "approval"
    with pytest.raises(Conflict):
        check_waiting(drive.state, "b")
    drive.turn(AnswerApproval(NodeId("ask"), True, "ann"))
    with pytest.raises(AlreadyDecided, match="by ann"):
        check_waiting(drive.state, "ask")
    drive.fail("b")
    with pytest.raises(Conflict) as refused:
        check_waiting(drive.state, "x")
    assert not isinstance(refused.value, AlreadyDecided)


def test_a_forced_output_is_one_that_the_node_type_gives() -> None:
    """Of an item one of its outputs, of a whole foreach node a list of them [XW5, XW7]."""
    drive = _parked()
    state = drive.state
    assert unval(forced_output(state, "a", {"sent": True}, TYPES, None)) == {"sent": True}
    assert unval(forced_output(state, "a", 1, {}, None)) == 1
    with pytest.raises(InvalidDocument) as refused:
        forced_output(state, "a", {"sent": 1}, TYPES, None)
    assert refused.value.misfits == (Misfit(("sent",), "has another type", "boolean"),)
    each = Drive(workflow(node("a", foreach="x")), {("a", "foreach"): [1]})
    each.start()
    assert unval(forced_output(each.state, "a", {"sent": True}, TYPES, 0)) == {"sent": True}
    assert unval(forced_output(each.state, "a", [{"sent": True}, None], TYPES, None))
    with pytest.raises(InvalidDocument):
        forced_output(each.state, "a", {"sent": True}, TYPES, None)


def test_what_a_wish_carries_is_small_and_strict() -> None:
    """A form's data has its fields; a signal a name [XW5]."""
    with pytest.raises(LimitExceeded):
        small("x" * INLINE_BYTES_MAX, what="it")
    form = {"schema": {"amount": "integer"}}
    assert unval(filled_in(form, {"amount": 1})) == {"amount": 1}
    with pytest.raises(InvalidDocument):
        filled_in(form, {"amount": "x"})
    check_signal("go", None)
    for name, correlation in (("", None), ("go", "")):
        with pytest.raises(InvalidInput):
            check_signal(name, correlation)
