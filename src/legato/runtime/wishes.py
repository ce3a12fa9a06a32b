# SPDX-License-Identifier: Apache-2.0
"""Wishes of people to an execution of any process: looked at, sent, and what came of them.

Every door uses this, so that all have the same rules. What is looked at before a wish is sent is
advice, for a better answer; the log decides. A wish has an id, and the event that it leads to names
it: of two people who answer at once each learns what became of their own answer.

Rules: XW1, XW4-XW6, CL1, CL6.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from msgspec.structs import replace

from legato.engine.state import ExecutionState, NodeState
from legato.engine.upcast import read_event
from legato.errors import Conflict, InvalidDocument, InvalidInput, LimitExceeded, NotFound
from legato.model.events import AnyEvent, ExecutionEnded, FinalStatus, SignalRejected
from legato.model.forms import fill_in
from legato.model.ids import ExecutionId, NodeId
from legato.model.misfits import Misfit, misfits
from legato.model.node_type import NodeTypeInfo
from legato.model.policy import INLINE_BYTES_MAX
from legato.model.signal_names import (
    CORRELATION_RULE,
    SIGNAL_NAME_RULE,
    is_correlation,
    is_signal_name,
)
from legato.model.signals import AnyWish, CancelExecution
from legato.model.values import Value, encode, inline
from legato.ports.bus import Bus
from legato.ports.log import LogRow
from legato.ports.stores import Stores
from legato.runtime.following import hint

S = TypeVar("S", bound=AnyWish)

EFFECT_WAIT_S: Final = 2.0
"""Promise P9 gives a cancel this long; every other wish is faster."""
LOOK_S: Final = 0.5
"""A look at the log behind every hint, which may be lost."""
_PAGE: Final = 1_000
_PARKED_NAMED_MAX: Final = 10


class AlreadyDecided(Conflict):
    """Somebody has answered already."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a wish.

    `open`: it is stored, and nobody has taken it so far. `refused`: `code` and `reason` say why.
    `ended`: the execution ended, as `status`, before it was considered.
    """

    kind: Literal["taken", "refused", "ended", "open"]
    code: str = ""
    reason: str = ""
    status: FinalStatus | None = None

    def check(self, execution_id: ExecutionId) -> None:
        """Raise what a person should hear; nothing if it was taken or is still open.

        Raises:
            AlreadyDecided: Somebody else was faster.
            LimitExceeded: There is no room for it.
            InvalidInput: What it carries does not fit.
            Conflict: The execution, or the node, is in no state for it.
        """
        if self.kind == "ended":
            raise Conflict(f"{execution_id} has ended already: it is {self.status}")
        if self.kind != "refused":
            return
        kinds = {"limit_exceeded": LimitExceeded, "invalid_answer": InvalidInput}
        kinds["already_decided"] = AlreadyDecided
        raise kinds.get(self.code, Conflict)(f"refused: {self.reason}")


def named(signal: S, wish: str) -> tuple[S, str]:
    """Return a signal as the wish of this id, and its dedupe key."""
    return replace(signal, wish=wish), f"{type(signal).__name__}:{wish}"


async def outcome_of(
    stores: Stores,
    bus: Bus,
    execution_id: ExecutionId,
    signal: AnyWish,
    *,
    after: int,
    wait_s: float = EFFECT_WAIT_S,
) -> Outcome:
    """Wait for what comes of a wish that was sent.

    Args:
        stores: Whose log is read.
        bus: Gives hints of an engine in this process; a look at the log stands behind them.
        execution_id: Whose wish.
        signal: The wish, `named`.
        after: Head seq of the log from before it was sent.
        wait_s: How long.
    """
    follower = _Follower(stores, execution_id, signal, after)
    try:
        async with asyncio.timeout(wait_s), bus.subscribe(execution_id) as frames:
            while (found := await follower.look()) is None:
                await hint(stores, frames)
    except TimeoutError:
        return Outcome("open")
    return found


class _Follower:
    """Reads on in a log until it says what became of one wish."""

    def __init__(
        self, stores: Stores, execution_id: ExecutionId, signal: AnyWish, after: int
    ) -> None:
        self._stores = stores
        self._execution_id = execution_id
        self._seq = after
        self._wish = signal.wish
        self._mark = signal.wish.encode()
        self._is_cancel = isinstance(signal, CancelExecution)

    async def look(self) -> Outcome | None:
        while True:
            rows = await self._stores.log.read(self._execution_id, after=self._seq, limit=_PAGE)
            told = (self._tell(row) for row in rows)
            found = next((each for each in told if each is not None), None)
            if found is not None or len(rows) < _PAGE:
                return found

    def _tell(self, row: LogRow) -> Outcome | None:
        self._seq = row.seq
        if self._mark not in row.body and b'"ExecutionEnded"' not in row.body:
            return None
        return self._judge(read_event(row.body))

    def _judge(self, event: AnyEvent) -> Outcome | None:
        if event.wish == self._wish:
            if isinstance(event, SignalRejected):
                return Outcome("refused", event.code, event.reason)
            return Outcome("taken")
        if not isinstance(event, ExecutionEnded):
            return None
        if self._is_cancel and event.status == "cancelled":  # somebody's earlier cancel did it
            return Outcome("taken")
        return Outcome("ended", status=event.status)


# --- before a wish is sent: advice ---------------------------------------------------------------


def find_node(state: ExecutionState, node: str) -> tuple[int, NodeState]:
    """Return a node by its id.

    Raises:
        NotFound: There is none.
    """
    index = state.graph.index_of.get(NodeId(node))
    if index is None:
        raise NotFound(f"there is no node {node} in {state.graph.workflow.name}")
    return index, state.nodes[index]


def check_parked(state: ExecutionState, node: str, item: int | None) -> None:
    """See that a node, or an item of it, needs a person.

    Raises:
        NotFound: There is no such node.
        Conflict: It does not need attention.
    """
    _, found = find_node(state, node)
    parked = sorted(found.items.parked) if found.items is not None else []
    if item is None and found.status != "needs_attention":
        named_items = parked[:_PARKED_NAMED_MAX]
        hint = f"Its parked items are {named_items}: name one." if parked else None
        raise Conflict(f"{node} does not need attention", hint=hint)
    if item is not None and item not in parked:
        raise Conflict(f"item {item} of {node} does not need attention")


def check_waiting(state: ExecutionState, node: str) -> NodeState:
    """Return a node that waits for the answer of a person.

    Raises:
        NotFound: There is no such node.
        AlreadyDecided: Somebody has answered it.
        Conflict: It does not wait for an answer.
    """
    index, found = find_node(state, node)
    is_question = state.spec(index).kind in {"approval", "form"}
    if found.status == "waiting" and is_question:
        return found
    if is_question and found.status == "completed" and found.by:
        raise AlreadyDecided(f"{node} has been answered already, by {found.by}")
    raise Conflict(f"{node} does not wait for an answer; it is {found.status}")


def check_signal(name: str, correlation: str | None, *, what: str = "the correlation") -> None:
    """See that a signal can be called that.

    Raises:
        InvalidInput: It cannot.
    """
    if not is_signal_name(name):
        raise InvalidInput(f"{name!r:.80} is no name of a signal", hint=SIGNAL_NAME_RULE)
    if correlation is not None and not is_correlation(correlation):
        raise InvalidInput(f"{what} is not one", hint=CORRELATION_RULE)


def small(value: object, *, what: str) -> Value:
    """Return a value that a wish carries.

    Raises:
        InvalidInput: It is no strict JSON.
        LimitExceeded: It is larger than a wish may carry.
    """
    return inline(encode(value, what=what, size_bytes_max=INLINE_BYTES_MAX))


def filled_in(config: object, data: object, *, what: str = "the answer") -> Value:
    """Return what a person fills into a form, with defaults.

    Args:
        config: The evaluated `with` block of the form.
        data: Values by the names of the fields.
        what: Names it where it is wrong.

    Raises:
        InvalidInput: It does not fit the fields; as `InvalidDocument` with every place.
        LimitExceeded: It is larger than a wish may carry.
    """
    return small(fill_in(config, data), what=what)


def forced_output(
    state: ExecutionState,
    node: str,
    output: object,
    types: Mapping[str, NodeTypeInfo],
    item: int | None,
) -> Value:
    """Return the output that a person states for a parked node, or one item of it.

    Args:
        state: Of the execution.
        node: Which node.
        output: What it is said to have given.
        types: Node types by `uses`; of one that is not there nothing is known.
        item: Which item: the output of one is what one attempt gives, that of a whole foreach node
            a list of them.

    Raises:
        NotFound: There is no such node.
        InvalidDocument: It is not what the node type gives.
        LimitExceeded: It is larger than a wish may carry.
    """
    index, _ = find_node(state, node)
    spec = state.spec(index)
    value = small(output, what="the output")
    kind = types.get(spec.uses)
    if kind is not None and spec.kind == "task":
        schema: dict[str, Any] = kind.output_schema
        if spec.has_foreach and item is None:
            # An item that was skipped, or whose failure was allowed, is null.
            defs = {"$defs": schema["$defs"]} if "$defs" in schema else {}
            schema = {**defs, "type": "array", "items": {"anyOf": [schema, {"type": "null"}]}}
        found = misfits(schema, output)
        if found:
            raise InvalidDocument(
                tuple(_told(spec.uses, each) for each in found), misfits=tuple(found)
            )
    return value


def _told(uses: str, misfit: Misfit) -> str:
    place = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in misfit.path)
    return f"output{place} {misfit.message}; {uses} gives {misfit.expected}"
