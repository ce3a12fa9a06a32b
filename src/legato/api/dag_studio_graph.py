# SPDX-License-Identifier: Apache-2.0
"""Graphs of DAG Studio as workflow documents: its phases become nodes, its edges needs.

A phase's id may be any text, a node's may not: one that cannot be kept gets another, and the run
remembers which (`names`), so that its client hears its own ids.

Rules: DS4-DS7.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any, Final

import orjson
from pydantic import BaseModel, Field

from legato.api.problems import Fault, InvalidBody
from legato.model.document.fields import CEL_RESERVED, NODE_ID, TITLE_LENGTH_MAX
from legato.model.policy import Limits

NODES_MAX: Final = Limits().max_nodes
EDGES_MAX: Final = 100_000
_ID_MAX: Final = 200
_KEPT_CHARS: Final = 50

Id = Annotated[str, Field(min_length=1, max_length=_ID_MAX)]


class Phase(BaseModel):
    """A phase: its id under one of two names, the type of its node, its title and settings.

    `position` is where it stands; `type` and `data` are a canvas's own and mean nothing here.
    """

    node_id: Id | None = None
    id: Id | None = None
    phase_type: Annotated[str, Field(min_length=1, max_length=_ID_MAX)]
    label: str | None = None
    config: dict[str, Any] | None = None
    position: dict[str, float] | None = None
    type: str | None = None
    data: dict[str, Any] | None = None


class Arrow(BaseModel):
    """From one phase to the one that needs it; what else a canvas keeps means nothing here."""

    source: Id
    target: Id
    id: str | None = None
    type: str | None = None
    source_handle: Annotated[str | None, Field(alias="sourceHandle")] = None
    target_handle: Annotated[str | None, Field(alias="targetHandle")] = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A graph as a document, and for each node that was renamed the id that was sent."""

    document: dict[str, Any]
    names: dict[str, str]

    def text(self, slug: str) -> bytes:
        """Return it as JSON text, as the document of a workflow with this slug."""
        return orjson.dumps({**self.document, "name": slug}, option=orjson.OPT_INDENT_2)


def drawn(title: str | None, phases: list[Phase], arrows: list[Arrow]) -> Drawn:
    """Return a graph as a document; its inputs may be anything.

    Raises:
        InvalidBody: A phase has no id, two have the same, or an edge leads from or to none.
    """
    ids = [each.node_id or each.id for each in phases]
    faults = [
        Fault(f"/nodes/{i}/node_id", "is required", "an id") for i, n in enumerate(ids) if not n
    ]
    twice = {name for name, count in Counter(filter(None, ids)).items() if count > 1}
    faults += [
        Fault(f"/nodes/{i}/node_id", "stands twice", "ids that differ")
        for i, name in enumerate(ids)
        if name in twice
    ]
    known = _named([name for name in ids if name])
    for i, arrow in enumerate(arrows):
        for end, name in (("source", arrow.source), ("target", arrow.target)):
            if name not in known:
                faults.append(Fault(f"/edges/{i}/{end}", "is no node", "the id of a node"))
    if faults:
        raise InvalidBody(faults)
    needs: dict[str, dict[str, None]] = {}
    for arrow in arrows:
        needs.setdefault(known[arrow.target], {})[known[arrow.source]] = None
    nodes: dict[str, Any] = {}
    layout: dict[str, list[float]] = {}
    for sent, phase in zip(ids, phases, strict=True):
        name = known[str(sent)]
        nodes[name] = _node(phase, list(needs.get(name, ())))
        if phase.position is not None and {"x", "y"} <= phase.position.keys():
            layout[name] = [round(phase.position["x"]), round(phase.position["y"])]
    document: dict[str, Any] = {"legato": 1, "name": ""}
    if title:
        document["title"] = title[:TITLE_LENGTH_MAX]
    document["inputs"] = {"type": "object", "additionalProperties": True}
    document["nodes"] = nodes
    if layout:
        document["layout"] = layout
    return Drawn(document, {own: sent for sent, own in known.items() if own != sent})


def _node(phase: Phase, needs: list[str]) -> dict[str, Any]:
    node: dict[str, Any] = {"uses": phase.phase_type}
    if phase.label:
        node["title"] = phase.label[:TITLE_LENGTH_MAX]
    if needs:
        node["needs"] = needs
    if phase.config:
        node["with"] = phase.config
    return node


def _named(ids: list[str]) -> dict[str, str]:
    """Return a node id for each id that was sent: the same if it can be."""
    known = {each: each for each in ids if _can_be(each)}
    taken = set(known)
    for each in ids:
        if each in known:
            continue
        plain = re.sub(r"[^a-z0-9]+", "_", each.lower()).strip("_")[:_KEPT_CHARS]
        base = plain if plain[:1].isalpha() else f"n_{plain}".rstrip("_")
        name, count = base, 1
        while name in taken or not _can_be(name):
            count += 1
            name = f"{base}_{count}"
        known[each] = name
        taken.add(name)
    return known


def _can_be(text: str) -> bool:
    return bool(NODE_ID.match(text)) and text not in CEL_RESERVED


__all__ = ["EDGES_MAX", "NODES_MAX", "Arrow", "Drawn", "Phase", "drawn"]
