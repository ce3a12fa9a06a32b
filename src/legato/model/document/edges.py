# SPDX-License-Identifier: Apache-2.0
"""The nodes of one graph together: what they need, cycles, and what each may read.

Rules: EX15, DO13, DO14, GR7, GR10.
"""

from collections.abc import Mapping

from legato.model.document.fields import shown
from legato.model.document.nodes import Draft
from legato.model.document.problems import Path
from legato.model.document.scope import Read, Scope
from legato.model.expressions.nearest import nearest_name
from legato.model.expressions.template import has_hole
from legato.model.graph import find_cycle, topological_order
from legato.model.ids import NodeId
from legato.model.workflow import DEFAULT_CASE

_CYCLE_SHOWN = 20


def check_needs(scope: Scope, drafts: Mapping[str, Draft], known: Mapping[str, object]) -> None:
    """Report needs that name no node, and cases of nodes that have none.

    Args:
        scope: Where problems go.
        drafts: Nodes by id.
        known: Every id of the graph, also of nodes that could not be read.
    """
    for draft in drafts.values():
        for node, case, path in draft.needs:
            if node not in known:
                near = nearest_name(node, known)
                scope.report.add(path, f"there is no node {shown(node)}", nearest=near)
            elif node == draft.id:
                scope.report.add(path, f"{node} needs itself", expected="another node")
            elif case is not None:
                _check_case(scope, drafts.get(node), case, path)


def _check_case(scope: Scope, source: Draft | None, case: str, path: Path) -> None:
    if source is None:
        return
    if source.kind != "switch":
        scope.report.add(
            path, f"{source.id} has no cases, so {source.id}.{case} is no edge",
            expected=f"{source.id}, or a flow.switch node",
        )  # fmt: skip
        return
    cases = _cases_of(source)
    if cases is not None and case not in cases:
        near = nearest_name(case, cases)
        expected = None if near else f"one of {', '.join(cases)}"
        scope.report.add(
            path, f"{source.id} has no case {shown(case)}", expected=expected, nearest=near
        )


def _cases_of(source: Draft) -> list[str] | None:
    """Return the cases of a switch, or None if they are not written out."""
    config = source.fields.data.get("with")
    if not isinstance(config, dict) or not isinstance(config.get("cases"), dict):
        return None
    otherwise = config.get("default", DEFAULT_CASE)
    if not isinstance(otherwise, str) or has_hole(otherwise):
        return None
    return list(dict.fromkeys([*config["cases"], otherwise]))


def check_on_error(
    scope: Scope, drafts: Mapping[str, Draft], known: Mapping[str, object]
) -> dict[str, str]:
    """Return node -> the node of its `on_error`, and report targets that do not fit."""
    failures: dict[str, str] = {}
    for draft in drafts.values():
        target = draft.on_error
        if target in {"fail", "continue"}:
            continue
        path = draft.fields.below("on_error")
        if target not in known:
            near = nearest_name(target, [*known, "fail", "continue"])
            scope.report.add(
                path, f"there is no node {shown(target)}", nearest=near,
                expected=None if near else "fail, continue or a node",
            )  # fmt: skip
            continue
        failures[draft.id] = target
        needed = drafts[target].needs if target in drafts else []
        if target in drafts and draft.id not in [node for node, _, _ in needed]:
            scope.report.add(
                path, f"{target} does not need {draft.id}",
                expected=f"needs: [{draft.id}] in {target}, the node that runs on its failure",
            )  # fmt: skip
    return failures


def check_cycle(scope: Scope, drafts: Mapping[str, Draft]) -> None:
    """Report a cycle with its nodes in the order in which they would run."""
    cycle = find_cycle(needs_of(drafts))
    if cycle is None:
        return
    place = {name: at for at, name in enumerate(drafts)}
    start = min(range(len(cycle)), key=lambda at: place[cycle[at]])
    ordered = cycle[start:] + cycle[:start]
    names = ordered if len(ordered) <= _CYCLE_SHOWN else [*ordered[:_CYCLE_SHOWN], "…"]
    text = " -> ".join([*names, ordered[0]])
    scope.report.add(drafts[ordered[0]].path, f"the nodes need each other: {text}", at="key")


def needs_of(drafts: Mapping[str, Draft]) -> dict[NodeId, list[NodeId]]:
    """Return node -> the nodes it needs, those that exist."""
    return {
        draft.id: [
            NodeId(node) for node, _, _ in draft.needs if node in drafts and node != draft.id
        ]
        for draft in drafts.values()
    }


def check_reads(scope: Scope, drafts: Mapping[str, Draft], known: Mapping[str, object]) -> None:
    """Report expressions that read a node which does not exist or is not upstream of theirs.

    In a graph with a cycle nothing is upstream of anything, so only the first is looked at.

    Cost: O(nodes x edges / 64) by bit sets.
    """
    upstream = _upstream(needs_of(drafts))
    index = {NodeId(name): at for at, name in enumerate(drafts)}
    for draft in drafts.values():
        for read in draft.reads:
            if not check_exists(scope, read, known) or upstream is None:
                continue
            if not _has(upstream[draft.id], index, read.node):
                is_after = _has(upstream.get(read.node, 0), index, draft.id)
                _not_upstream(scope, draft, read, is_after=is_after)


def _upstream(needs: Mapping[NodeId, list[NodeId]]) -> dict[NodeId, int] | None:
    """Return node -> the set of nodes before it as bits of their place, or None in a cycle."""
    index = {name: at for at, name in enumerate(needs)}
    upstream: dict[NodeId, int] = {}
    try:
        order = topological_order(needs)
    except ValueError:
        return None
    for name in order:
        bits = 0
        for needed in needs[name]:
            bits |= upstream[needed] | 1 << index[needed]
        upstream[name] = bits
    return upstream


def _has(bits: int, index: Mapping[NodeId, int], name: NodeId) -> bool:
    # A node that could not be read is reported already.
    return name not in index or bits >> index[name] & 1 == 1


def _not_upstream(scope: Scope, draft: Draft, read: Read, *, is_after: bool) -> None:
    if read.node == draft.id:
        message, expected = f"{draft.id} reads itself", "a node that ends before it begins"
    elif is_after:
        message = f"{read.node} runs after {draft.id}, so it cannot be read here"
        expected = "a node upstream"
    else:
        message = f"{read.node} is not upstream of {draft.id}"
        expected = f"needs: [{read.node}] in {draft.id}, or in a node before it"
    scope.report.add(read.path, message, expected=expected, at=read.offset)


def check_exists(scope: Scope, read: Read, known: Mapping[str, object]) -> bool:
    """Report a read of a node that does not exist."""
    if read.node in known:
        return True
    near = nearest_name(read.node, known)
    scope.report.add(
        read.path, f"there is no node {shown(read.node)}", nearest=near, at=read.offset
    )
    return False
