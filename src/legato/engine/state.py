# SPDX-License-Identifier: Apache-2.0
"""The folded state of one execution: owned by one owner, mutated in place by `evolve` only.

Counters and queues live here so that no event ever rescans all nodes: cost is O(nodes + edges)
per execution in total. Fields under "volatile" are not derived from events alone; `decide` uses
them inside the life of one owner, and what a fresh fold lacks of them it asks for again
(`decide.recover`). Nothing here does I/O.

Rules: ST, GR, AT.
"""

import heapq
from collections import deque
from typing import Final, Literal

from legato.errors import Internal
from legato.model.events import ExecutionStarted, NodeError, ParkReason, WaitKind
from legato.model.frames import FINAL_NODE, ExecutionStatus, NodeStatus
from legato.model.graph import Graph
from legato.model.ids import ExecutionId, NodeId
from legato.model.policy import ENGINE_DEATHS_BEFORE_ISOLATION, ITEM_CONCURRENCY_DEFAULT
from legato.model.values import NULL, Value
from legato.model.workflow import NodeSpec

EXECUTION: Final = -1
"""What `evolve` returns when the event is about the execution itself."""

Phase = Literal["idle", "when", "foreach", "ready", "config", "input", "until", "collect"]
"""Where an undecided node is inside its owner's memory (volatile)."""


class ItemsState:
    """Items of one foreach node.

    An item is in at most one of `running`, `children`, `retry_at`, `parked`, `errors` (exhausted)
    and the completed ones; else it is pending. In `children` an empty id means that its loop
    stands between two iterations.
    """

    __slots__ = (
        "asking", "attempts", "can_move", "child_until", "children", "completed", "count",
        "cursor", "deaths", "done", "errors", "evaluating", "failures", "hashes", "list_hash",
        "losses", "next_pending", "outputs", "parked", "pending", "previous", "retry_at",
        "retry_ready", "running",
    )  # fmt: skip

    def __init__(self, count: int, list_hash: str) -> None:
        """Args: count is the number of items; list_hash names the list."""
        self.count = count
        self.list_hash = list_hash
        self.outputs: list[Value | None] = [None] * count
        self.attempts: dict[int, int] = {}
        self.failures: dict[int, int] = {}
        self.losses: dict[int, int] = {}
        self.deaths: dict[int, int] = {}
        self.hashes: dict[int, str] = {}
        self.errors: dict[int, NodeError] = {}
        self.retry_at: dict[int, int] = {}
        self.parked: dict[int, ParkReason] = {}
        self.children: dict[int, tuple[ExecutionId, int]] = {}
        self.child_until: dict[int, int] = {}
        self.previous: dict[int, Value] = {}
        self.running: set[int] = set()
        self.done = bytearray(count)
        self.completed = 0
        self.pending = count
        self.next_pending = 0
        self.can_move = False
        # volatile
        self.evaluating: set[int] = set()
        self.asking: set[int] = set()
        self.retry_ready: deque[int] = deque()
        self.cursor = 0

    @property
    def in_flight(self) -> int:
        """Items that take one of the node's `concurrency` places, by the log."""
        return len(self.running) + len(self.children)

    def is_free(self, item: int) -> bool:
        """Tell whether nothing is under way for an item and it has not ended."""
        return not (
            self.done[item]
            or item in self.running
            or item in self.children
            or item in self.parked
            or item in self.evaluating
        )


class NodeState:
    """One node. `unmet` counts needs that are not final, `met` those whose edge is satisfied."""

    __slots__ = (
        "attempt", "by", "case", "cause", "child", "edited", "ended_at", "engine_deaths", "error",
        "errors", "failures", "input_hash", "is_due", "isolated", "items", "iteration", "losses",
        "met", "outcome_unknown", "output", "park", "phase", "previous", "process_deaths",
        "retry_at", "reused", "started_at", "status", "unmet", "wait", "wait_config",
        "wait_expires", "wait_until",
    )  # fmt: skip

    def __init__(self, unmet: int) -> None:
        """Args: unmet is the number of needs."""
        self.status: NodeStatus = "pending"
        self.unmet = unmet
        self.met = 0
        self.is_due = False
        self.attempt = 0
        self.failures = 0
        self.losses = 0
        self.engine_deaths = 0
        self.process_deaths = 0
        self.isolated = False
        self.input_hash = ""
        self.output: Value = NULL
        self.errors: Value | None = None
        self.case: str | None = None
        self.error: NodeError | None = None
        self.cause: str | None = None
        self.by = ""
        self.retry_at: int | None = None
        self.wait: WaitKind | None = None
        self.wait_until: int | None = None
        self.wait_expires = False
        self.wait_config: Value = NULL
        self.park: ParkReason | None = None
        self.child: ExecutionId | None = None
        self.iteration = 0
        self.previous: Value = NULL
        self.items: ItemsState | None = None
        self.started_at: int | None = None
        self.ended_at: int | None = None
        self.reused = False
        self.edited = False
        self.outcome_unknown = False
        # volatile
        self.phase: Phase = "idle"

    @property
    def is_final(self) -> bool:
        """Tell whether the node has ended."""
        return self.status in FINAL_NODE

    @property
    def needs_process(self) -> bool:
        """Tell whether the next attempt gets a process of its own (AT15)."""
        return self.engine_deaths >= ENGINE_DEATHS_BEFORE_ISOLATION or self.process_deaths > 0


class ExecutionState:
    """Everything that `decide` may know about one execution.

    `moving` counts what goes on without anybody's help although no attempt runs: nodes that are to
    be decided, foreach nodes that can start an item or close, loops between two iterations.
    """

    __slots__ = (
        "budget_since", "budget_used_ms", "cancel", "closing", "decidable", "ended", "ended_at",
        "epoch_fence", "error", "error_node", "evaluating", "execution_id", "final_count",
        "foreach_open", "graph", "holding", "is_fresh", "is_halted", "items_reused", "kept",
        "last_at", "moving", "nodes", "open_waits", "outputs", "outputs_pending", "parked",
        "paused", "paused_by", "pumps", "ready", "rejections", "restored", "retrying", "running",
        "seq",
        "signal_waits", "signals", "started", "stopping", "timers", "waiting",
    )  # fmt: skip

    def __init__(self, execution_id: ExecutionId, graph: Graph) -> None:
        """Begin empty, at seq 0.

        Args:
            execution_id: Whose state.
            graph: The topology of the pinned version.
        """
        self.execution_id = execution_id
        self.graph = graph
        self.seq = 0
        self.last_at = 0
        self.started: ExecutionStarted | None = None
        self.nodes: list[NodeState] = [NodeState(count) for count in graph.needs_count]
        self.ended: Literal["completed", "failed", "cancelled", "timed_out"] | None = None
        self.ended_at: int | None = None
        self.outputs: Value = NULL
        self.error: NodeError | None = None
        self.error_node: NodeId | None = None
        self.cancel: Literal["cancelled", "timed_out"] | None = None
        self.stopping: Literal["failed", "cancelled", "timed_out"] | None = None
        self.paused = False
        self.paused_by = ""
        # Paused, too: it came with a backup and waits for consent.
        self.restored = False
        self.rejections = 0
        self.running = 0
        self.waiting = 0
        self.retrying = 0
        self.parked = 0
        self.moving = 0
        self.final_count = 0
        self.budget_used_ms = 0
        self.budget_since: int | None = None
        self.epoch_fence = 0
        self.signals: dict[str, deque[tuple[Value, str]]] = {}
        self.kept = 0
        self.signal_waits: dict[str, dict[int, None]] = {}
        self.items_reused: dict[int, tuple[str, tuple[int, ...], tuple[Value, ...]]] = {}
        self.open_waits: dict[int, None] = {}
        self.foreach_open: dict[int, None] = {}
        # Queues that events fill and `decide` empties: a fresh fold holds them in full.
        self.timers: list[tuple[int, int, int]] = []
        self.decidable: deque[int] = deque()
        self.pumps: dict[str, dict[int, None]] = {}
        self.closing: dict[int, None] = {}
        # volatile
        self.is_fresh = True
        self.is_halted = False
        self.ready: dict[str, deque[int]] = {}
        self.holding: dict[int, None] = {}
        self.evaluating = 0
        self.outputs_pending = False

    def spec(self, index: int) -> NodeSpec:
        """Return the definition of a node."""
        return self.graph.nodes[index]

    @property
    def status(self) -> ExecutionStatus:
        """The execution's status, from its counters."""
        if self.ended is not None:
            return self.ended
        if self.started is None:
            return "queued"
        if self.paused and self.stopping is None:
            return "needs_attention" if self.restored else "paused"
        if self.running or self.retrying or self.stopping is not None:
            return "running"
        if self.moving:
            return "running"
        if self.parked:
            return "needs_attention"
        if self.waiting:
            return "waiting"
        return "running"

    @property
    def is_busy(self) -> bool:
        """Tell whether an owner has something to do right now without any signal."""
        if self.ended is not None:
            return False
        if self.running or self.evaluating or self.outputs_pending or self.stopping is not None:
            return True
        if self.paused:
            return False
        return bool(
            self.decidable
            or any(self.ready.values())
            or any(self.pumps.values())
            or not (self.waiting or self.parked or self.retrying)
        )

    def items(self, index: int) -> ItemsState:
        """Return the items of a foreach node.

        Raises:
            Internal: Its list has not been planned: the history is broken.
        """
        items = self.nodes[index].items
        if items is None:
            raise Internal(f"{self.spec(index).id} has no items yet")
        return items

    def open_children(self) -> list[ExecutionId]:
        """Return the children that have not reported their end."""
        found = [node.child for node in self.nodes if node.status == "waiting" and node.child]
        for node in self.nodes:
            if node.items is not None and not node.is_final:
                found.extend(child for child, _ in node.items.children.values() if child)
        return found

    def pump(self, index: int) -> None:
        """Put a foreach node up for a look: whether it may start items, and whether it is over."""
        spec = self.graph.nodes[index]
        pool = spec.pool if spec.kind == "task" else ""
        self.pumps.setdefault(pool, {})[index] = None
        self.closing[index] = None

    def item_bound(self, index: int) -> int:
        """Return how many items of a foreach node may be in flight at once."""
        return self.graph.nodes[index].concurrency or ITEM_CONCURRENCY_DEFAULT

    def is_failing(self, index: int) -> bool:
        """Tell whether an exhausted item fails the foreach node once its running items ended."""
        return bool(self.items(index).errors) and self.graph.nodes[index].on_error != "continue"

    def add_timer(self, due: int, index: int, item: int = -1) -> None:
        """Remember that a node (or item) has to be looked at when time reaches `due` (ms)."""
        heapq.heappush(self.timers, (due, index, item))

    def is_timer_live(self, due: int, index: int, item: int) -> bool:
        """Tell whether a timer still means something; old ones are dropped when met."""
        node = self.nodes[index]
        if item >= 0:
            items = self.items(index)
            return due in {items.retry_at.get(item), items.child_until.get(item)}
        return (node.status == "waiting" and node.wait_until == due) or (
            node.status == "retrying" and node.retry_at == due
        )

    def next_timer(self) -> int | None:
        """Return the earliest live timer in ms, dropping dead ones."""
        while self.timers:
            due, index, item = self.timers[0]
            if self.is_timer_live(due, index, item):
                return due
            heapq.heappop(self.timers)
        return None

    def _next_wait(self) -> int | None:
        """Return the earliest live timer (ms) that is no retry. Cost: O(timers)."""
        waits = [
            due
            for due, index, item in self.timers
            if self.is_timer_live(due, index, item) and not self._is_retry(due, index, item)
        ]
        return min(waits, default=None)

    def _is_retry(self, due: int, index: int, item: int) -> bool:
        if item < 0:
            return self.nodes[index].status == "retrying"
        return self.items(index).retry_at.get(item) == due

    def deadline(self) -> int | None:
        """Return when `budget.duration` is used up (ms), None while the clock stands still."""
        limit = self.graph.workflow.budget.duration_ms
        if limit is None or self.budget_since is None:
            return None
        return self.budget_since + limit - self.budget_used_ms

    def wake_at(self) -> int | None:
        """Return the next instant (ms) at which something is due without any signal.

        While it stops nothing is: its running attempts report their end. While it is paused no
        retry is: it would be woken again and again for what may not start. While it waits for
        consent after a restore, time stands still.
        """
        if self.ended is not None or self.stopping is not None or self.restored:
            return None
        timer = self._next_wait() if self.paused else self.next_timer()
        deadline = self.deadline()
        if timer is None:
            return deadline
        return timer if deadline is None else min(timer, deadline)
