# SPDX-License-Identifier: Apache-2.0
"""What a test file says, once it has been read and checked against its workflow.

A node is named as in the file (`fetch`); one of a called workflow as `other-name/fetch`, one of the
inline body of the loop `again` as `again/fetch`. Rules: TK7, TK8.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from legato.model.expressions.compile import Compiled
from legato.model.expressions.environment import Names
from legato.model.workflow import NodeSpec, Workflow
from legato.ports.exchanges import Answer

FORMAT: Final = 1
BY: Final = "test"
"""Who starts the run of a case, and answers unless the case says who."""
ENDINGS: Final = (".test.yaml", ".test.yml", ".test.json")
CASE_S: Final = 60.0
"""Real time that a case may take unless it says otherwise: its waits take none."""

NAMES: Final = Names(
    ("status", "inputs", "outputs", "nodes", "execution"),
    ("output", "status", "error", "errors", "attempts"),
)
"""What an expectation may read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How a node fails instead of running.

    `item`: only that foreach item. `times`: that many attempts, then what is next; None: every one.
    """

    kind: str
    message: str
    item: int | None = None
    times: int | None = None
    may_have_happened: bool = True
    retryable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request that may come, and its answer.

    `body` None: any. `times` None: as often as it is asked for.
    """

    method: str
    url: str
    body: bytes | None = None
    json: Any = None
    has_json: bool = False
    times: int | None = 1
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a person answers: yes or no to an approval, `data` to a form."""

    approved: bool = True
    by: str = BY
    comment: str = ""
    data: Any = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expression that must be true, and its line in the file."""

    source: str
    compiled: Compiled
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run and what is expected of it. `replies` and `signals` are used up in order."""

    name: str
    line: int
    inputs: Mapping[str, Any]
    pins: Mapping[str, Any] = field(default_factory=dict)
    failures: Mapping[str, tuple[Failure, ...]] = field(default_factory=dict)
    exchanges: tuple[Exchange, ...] = ()
    replies: Mapping[str, tuple[Reply, ...]] = field(default_factory=dict)
    signals: tuple[tuple[str, Any], ...] = ()
    expectations: tuple[Expectation, ...] = ()
    golden: Path | None = None
    timeout_s: float = CASE_S

    @property
    def replaced(self) -> frozenset[str]:
        """Nodes that do not run themselves, at least not always."""
        return frozenset((*self.pins, *self.failures))


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One test file: its workflow, what that calls, its cases, and what it may reach."""

    file: Path
    workflow: Workflow
    called: Mapping[str, Workflow] = field(default_factory=dict)
    cases: tuple[Case, ...] = ()
    programs: tuple[str, ...] = ()
    roots: tuple[Path, ...] = ()


def nodes_by_name(workflow: Workflow, called: Mapping[str, Workflow]) -> dict[str, NodeSpec]:
    """Return every node that a run of the workflow may reach, by the name it has in a test."""
    found = dict(_nodes(workflow, workflow.name))
    for each in called.values():
        found.update(_nodes(each, workflow.name))
    return found


def prefix_of(name: str, root: str) -> str:
    """Return what stands before the ids of a workflow's nodes in a test of the workflow `root`."""
    return "" if name == root else f"{name.removeprefix(f'{root}.')}/"


def _nodes(workflow: Workflow, root: str) -> Iterator[tuple[str, NodeSpec]]:
    prefix = prefix_of(workflow.name, root)
    for node in workflow.nodes:
        yield f"{prefix}{node.id}", node
        if node.call is not None and node.call.body is not None:
            yield from _nodes(node.call.body, root)
