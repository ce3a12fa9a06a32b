# SPDX-License-Identifier: Apache-2.0
"""What a case came to: what an expectation may read, and whether the case passed.

Rules: TK14.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from legato.model.events import NodeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An execution at its end, or where it stood still. `trouble`: why the case failed anyway.

    `nodes` map an id to output, status, error, errors and attempts; those of foreach nodes count
    the attempts of all items. `elapsed_ms` is by the case's own clock.
    """

    status: str
    inputs: Mapping[str, Any]
    outputs: Any
    nodes: Mapping[str, Mapping[str, Any]]
    error: NodeError | None = None
    error_node: str | None = None
    elapsed_ms: int = 0
    trouble: tuple[str, ...] = ()

    def variables(self, workflow: str) -> dict[str, Any]:
        """Return what expectations read."""
        return {
            "status": self.status,
            "inputs": dict(self.inputs),
            "outputs": self.outputs,
            "nodes": {name: dict(node) for name, node in self.nodes.items()},
            "execution": {
                "workflow": workflow,
                "elapsed_ms": self.elapsed_ms,
                "error": error_value(self.error),
                "error_node": self.error_node,
            },
        }

    @property
    def failure(self) -> str:
        """One line on why the execution failed; empty if it did not."""
        if self.error is None:
            return ""
        where = f"{self.error_node}: " if self.error_node else ""
        return f"{where}{self.error.kind}: {self.error.message}"


def error_value(error: NodeError | None) -> dict[str, Any] | None:
    """Return an error as an expression reads it."""
    return None if error is None else {"kind": error.kind, "message": error.message}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The end of one case. `failures` are texts of several lines; none means that it passed."""

    file: str
    name: str
    line: int
    seconds: float
    status: str = ""
    failures: tuple[str, ...] = ()
    updated: str | None = None

    @property
    def ok(self) -> bool:
        """Tell whether it passed."""
        return not self.failures
