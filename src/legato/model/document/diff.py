# SPDX-License-Identifier: Apache-2.0
"""What differs between two texts of a workflow: its logic, apart from where nodes stand. Pure.

Rules: CL32, DO22.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from legato.model.document.layout import read_layout
from legato.model.document.problems import Path, path_text
from legato.model.document.read import read_document
from legato.model.policy import Limits
from legato.model.values import load
from legato.model.workflow import Workflow, encode_workflow

_NAMES: Final = {"config": "with", "call": "with"}
"""Fields of a compiled workflow that are written under another name."""
_DERIVED: Final = frozenset({"refs", "outputs_refs", "kind"})
"""They follow from the rest."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference in the logic. `path` is a JSON path such as `nodes.log.with.args[1]`."""

    path: str
    what: Literal["added", "removed", "changed"]
    old: Any = None
    new: Any = None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Two texts side by side. `moved`: nodes that stand elsewhere on the canvas."""

    logic: tuple[Change, ...] = ()
    moved: tuple[str, ...] = ()
    is_same_text: bool = False


def difference(
    old: tuple[Workflow, bytes], new: tuple[Workflow, bytes], limits: Limits
) -> Difference:
    """Compare two workflows with the texts that they were read from.

    Args:
        old: The one before, and its text; an empty text has no layout.
        new: The one after, and its text.
        limits: Bounds for reading.

    Raises:
        InvalidDocument: A text cannot be read.
    """
    return Difference(
        logic=tuple(_logic(old[0], new[0])),
        moved=_moved(old[1], new[1], limits),
        is_same_text=old[1] == new[1],
    )


def _logic(old: Workflow, new: Workflow) -> Iterator[Change]:
    before, after = _plain(old), _plain(new)
    yield from _changes(before, after, ())
    both = [name for name in before["nodes"] if name in after["nodes"]]
    if both != [name for name in after["nodes"] if name in before["nodes"]]:
        yield Change(path="nodes", what="changed", old="order", new="another order")


def _plain(workflow: Workflow) -> dict[str, Any]:
    """Return a workflow as plain data under the names of the file, its nodes by their ids."""
    return _renamed(load(encode_workflow(workflow)))


def _renamed(workflow: dict[str, Any]) -> dict[str, Any]:
    nodes = {node["id"]: _renamed_node(node) for node in workflow["nodes"]}
    rest = {name: inner for name, inner in workflow.items() if name not in _DERIVED}
    inputs = rest.pop("inputs_schema", {})
    return {**rest, "inputs": inputs, "nodes": nodes}


def _renamed_node(node: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, inner in node.items():
        if name in _DERIVED or name == "id":
            continue
        written = _NAMES.get(name, name)
        if name == "call":
            found[written] = _renamed_call(inner)
        elif name == "needs":
            found[written] = [_need(*need) for need in inner]
        elif written not in found:  # a call's own config is empty
            found[written] = inner
    return found


def _renamed_call(call: dict[str, Any]) -> dict[str, Any]:
    body = call.get("body")
    rest = {name: inner for name, inner in call.items() if name != "body"}
    return rest if body is None else {**rest, "do": _renamed(body)}


def _need(node: str, kind: str = "normal", case: str | None = None) -> str:
    if kind == "case":
        return f"{node}.{case}"
    return f"{node} (on failure)" if kind == "failure" else node


def _changes(old: Any, new: Any, path: Path) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            place = (*path, name)
            if name not in new:
                yield Change(path=path_text(place), what="removed", old=old[name])
            elif name not in old:
                yield Change(path=path_text(place), what="added", new=new[name])
            else:
                yield from _changes(old[name], new[name], place)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (left, right) in enumerate(zip(old, new, strict=True)):
            yield from _changes(left, right, (*path, index))
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield Change(path=path_text(path), what="changed", old=old, new=new)


def _moved(old: bytes, new: bytes, limits: Limits) -> tuple[str, ...]:
    before, after = _places(old, limits), _places(new, limits)
    names = [*before, *(name for name in after if name not in before)]
    return tuple(name for name in names if before.get(name) != after.get(name))


def _places(text: bytes, limits: Limits) -> Mapping[str, tuple[float, float]]:
    if not text:
        return {}
    return read_layout(read_document(text, file="", limits=limits))
