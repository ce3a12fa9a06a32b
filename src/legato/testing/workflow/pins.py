# SPDX-License-Identifier: Apache-2.0
"""Nodes that do not run in a test: their pinned output, or failure, is reported in their place.

Expressions of a pinned node (`when`, `foreach`, `with`) are evaluated as ever; its code, its
secrets and its grants are not touched. Rules: TK8, TK9.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from legato.errors import LegatoError
from legato.model.events import NodeError
from legato.model.ids import ExecutionId
from legato.model.values import encode
from legato.model.workflow import NodeSpec, Workflow
from legato.ports.blobs import Blobs, keep_value
from legato.runtime.attempt.request import AttemptKey, AttemptRequest, Report
from legato.runtime.relay import Runner
from legato.testing.workflow.suite import Case, Failure, prefix_of

NOT_PINNED: Final = "not_pinned"


class PinnedRunner:
    """Keeps `legato.runtime.relay.Runner`: pins first, the real runner for everything else."""

    def __init__(
        self,
        case: Case,
        runner: Runner,
        name_of: Callable[[ExecutionId], str],
        store: tuple[Blobs, int],
    ) -> None:
        """Make a runner.

        Args:
            case: What is pinned.
            runner: Runs what is not.
            name_of: Tells the prefix of an execution's nodes.
            store: Where outputs go that have more bytes than this.
        """
        self._case = case
        self._runner = runner
        self._name_of = name_of
        self._blobs, self._inline_bytes_max = store
        self._used: dict[tuple[str, int | None, int], int] = {}
        self.misses: list[str] = []

    async def run(self, request: AttemptRequest) -> Report:
        """Keep `Runner.run`."""
        name = f"{self._name_of(request.execution_id)}{request.node.id}"
        failure = self._failure(name, request.item)
        if failure is not None:
            return request.failure(
                NodeError(
                    failure.kind, failure.message, failure.may_have_happened, failure.retryable
                )
            )
        if name not in self._case.pins:
            return await self._runner.run(request)
        output = self._case.pins[name]
        if request.item is not None:
            if request.item >= len(output):
                miss = (
                    f"{name} has {len(output)} pinned items, and item {request.item} was asked for"
                )
                self.misses.append(miss)
                return request.failure(_missing(miss))
            output = output[request.item]
        return await self._report(request, output)

    def stop(self, key: AttemptKey) -> object:
        """Keep `Runner.stop`."""
        return self._runner.stop(key)

    def _failure(self, name: str, item: int | None) -> Failure | None:
        """Return the failure that is next for this attempt, and count it."""
        for index, failure in enumerate(self._case.failures.get(name, ())):
            if failure.item not in {None, item}:
                continue
            place = (name, item, index)
            used = self._used.get(place, 0)
            if failure.times is None or used < failure.times:
                self._used[place] = used + 1
                return failure
        return None

    async def _report(self, request: AttemptRequest, output: object) -> Report:
        try:
            data = encode(output, what=f"the pinned output of {request.node.id}")
            blobs, workspace = self._blobs, request.workspace
            value = await keep_value(blobs, workspace, data, self._inline_bytes_max)
        except LegatoError as error:
            self.misses.append(str(error))
            return request.failure(_missing(str(error)))
        return request.success(value)


def with_pins(workflow: Workflow, case: Case, root: str) -> Workflow:
    """Return a workflow in which the calls and loops that a case replaces are plain nodes.

    Args:
        workflow: The one under test, or one that it calls.
        case: What is replaced.
        root: Name of the workflow under test.
    """
    prefix = prefix_of(workflow.name, root)

    def replaced(node: NodeSpec) -> NodeSpec:
        if node.call is None:
            return node
        if f"{prefix}{node.id}" in case.replaced:
            return msgspec.structs.replace(node, kind="task", call=None)
        if node.call.body is None:
            return node
        body = with_pins(node.call.body, case, root)
        return msgspec.structs.replace(node, call=msgspec.structs.replace(node.call, body=body))

    return msgspec.structs.replace(workflow, nodes=tuple(map(replaced, workflow.nodes)))


def all_with_pins(workflows: Mapping[str, Workflow], case: Case, root: str) -> dict[str, Workflow]:
    """Return the same of several workflows by name."""
    return {name: with_pins(each, case, root) for name, each in workflows.items()}


def _missing(message: str) -> NodeError:
    return NodeError(NOT_PINNED, message, may_have_happened=False, retryable=False)
