# SPDX-License-Identifier: Apache-2.0
"""A version made ready to run: its graph and its compiled templates, shared by its executions.

Compiled lazily, once per version; the number of versions kept is bounded.

Rules: EX, EN.
"""

import hashlib
from collections import OrderedDict
from typing import Final

import msgspec
import orjson

from legato.errors import NotFound
from legato.model.expressions.template import Template, compile_template
from legato.model.graph import Graph
from legato.model.ids import VersionHash
from legato.model.policy import Limits
from legato.model.signals import EvaluateWhat
from legato.model.values import Value, inline
from legato.model.workflow import Workflow, decode_workflow
from legato.ports.catalogue import Versions

_PLANS_MAX: Final = 256
_NO_TEMPLATE: Final = b"null"


def digest(data: bytes) -> str:
    """Return the short content hash used for inputs and lists (128 bits, hex)."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class CompiledTemplate:
    """One template of one node, with what the hot path needs precomputed.

    `is_plain`: every hole is a reference (`nodes.x.output.a.b`), followed without CEL whatever its
    size. `static` is set when nothing varies.
    """

    __slots__ = ("is_plain", "refs", "source", "static", "static_hash", "template")

    def __init__(self, source: bytes, graph: Graph, limits: Limits) -> None:
        """Compile; the source has been validated before."""
        self.source = source
        self.template: Template = compile_template(source, limits=limits)
        self.refs: tuple[int, ...] = tuple(
            graph.index_of[ref] for ref in self.template.node_refs if ref in graph.index_of
        )
        self.is_plain = all(hole.is_reference for hole in self.template.holes)
        self.static: Value | None = None
        self.static_hash = ""
        if self.template.is_static:
            data = orjson.dumps(self.template.evaluate({}))
            self.static = inline(data)
            self.static_hash = digest(data)


class Plan:
    """A version's graph and templates."""

    __slots__ = ("_compiled", "_limits", "graph", "version", "workflow")

    def __init__(self, workflow: Workflow, version: VersionHash, limits: Limits) -> None:
        """Index the workflow; templates follow when first needed."""
        self.workflow = workflow
        self.version = version
        self.graph = Graph(workflow)
        self._limits = limits
        self._compiled: dict[tuple[int, EvaluateWhat], CompiledTemplate] = {}

    def template(self, index: int, what: EvaluateWhat) -> CompiledTemplate:
        """Return a node's template (index -1: the workflow's outputs)."""
        found = self._compiled.get((index, what))
        if found is None:
            found = CompiledTemplate(self._source(index, what), self.graph, self._limits)
            self._compiled[index, what] = found
        return found

    def _source(self, index: int, what: EvaluateWhat) -> bytes:
        if index < 0:
            return bytes(self.workflow.outputs)
        spec = self.graph.nodes[index]
        if what == "when":
            return msgspec.json.encode(spec.when)
        if what == "foreach":
            return bytes(spec.foreach)
        if what == "config":
            return bytes(spec.config)
        if spec.call is not None and what == "input":
            return bytes(spec.call.input)
        if spec.call is not None and what == "until":
            return msgspec.json.encode(spec.call.until)
        return _NO_TEMPLATE


class Plans:
    """Plans by version, least recently used first out."""

    def __init__(self, versions: Versions, limits: Limits) -> None:
        """Args: versions is where workflows are stored; limits bound expressions."""
        self._versions = versions
        self._limits = limits
        self._plans: OrderedDict[VersionHash, Plan] = OrderedDict()

    def put(self, workflow: Workflow, version: VersionHash) -> Plan:
        """Keep the plan of a workflow that is at hand."""
        plan = self._plans.get(version)
        if plan is None:
            plan = Plan(workflow, version, self._limits)
            self._plans[version] = plan
            while len(self._plans) > _PLANS_MAX:
                self._plans.popitem(last=False)
        else:
            self._plans.move_to_end(version)
        return plan

    async def get(self, version: VersionHash) -> Plan:
        """Return the plan of a stored version.

        Raises:
            NotFound: The version is not stored.
        """
        plan = self._plans.get(version)
        if plan is not None:
            self._plans.move_to_end(version)
            return plan
        row = await self._versions.get(version)
        if row is None:
            raise NotFound(f"the workflow version {version[:12]} is not stored")
        return self.put(decode_workflow(row.compiled), version)
