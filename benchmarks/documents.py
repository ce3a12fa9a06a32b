# SPDX-License-Identifier: Apache-2.0
"""The workflow documents of the benchmarks, as JSON text. Every node reads an upstream output."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

Node = dict[str, Any]


def _hole(expression: str) -> str:
    return "${{ " + expression + " }}"


def _document(name: str, nodes: Mapping[str, Node], last: str) -> bytes:
    document = {
        "legato": 1,
        "name": name,
        "inputs": {"type": "object", "properties": {"start": {"type": "integer", "default": 0}}},
        "nodes": nodes,
        "outputs": {"result": _hole(f"nodes.{last}.output.value")},
    }
    return json.dumps(document).encode()


def _add(needs: Sequence[str] = (), uses: str = "bench.add") -> Node:
    """A node that adds one to the output of the first node that it needs, or to the input."""
    source = f"nodes.{needs[0]}.output.value" if needs else "inputs.start"
    node: Node = {"uses": uses, "with": {"value": _hole(source)}}
    return {"needs": list(needs), **node} if needs else node


def chain(nodes: int) -> bytes:
    """Nodes in a row; the result is their number."""
    each = {"n0": _add()}
    each.update({f"n{i}": _add([f"n{i - 1}"]) for i in range(1, nodes)})
    return _document(f"chain-{nodes}", each, f"n{nodes - 1}")


def fan(nodes: int) -> bytes:
    """One node, then many at once, then one that needs them all; the result is 3."""
    middle = {f"m{i}": _add(["first"]) for i in range(nodes)}
    each = {"first": _add(), **middle, "last": _add(list(middle))}
    return _document(f"fan-{nodes}", each, "last")


def diamond(middle: str = "bench.add") -> bytes:
    """Five nodes: one, three at once, one; the result is 3. `middle` is the type of the three."""
    sides = {name: _add(["first"], middle) for name in ("left", "centre", "right")}
    return _document("diamond", {"first": _add(), **sides, "last": _add(list(sides))}, "last")


def layers(count: int, width: int) -> bytes:
    """Layers of equal width; each node needs two of the layer above. The result is `count` + 1."""
    each: dict[str, Node] = {}
    for layer in range(count):
        for place in range(width):
            above = [f"l{layer - 1}_{place}", f"l{layer - 1}_{(place + 1) % width}"]
            each[f"l{layer}_{place}"] = _add(above if layer else ())
    each["last"] = _add([f"l{count - 1}_{place}" for place in range(width)])
    return _document(f"layers-{count}x{width}", each, "last")


def waiting() -> bytes:
    """One node, then an approval that nobody gives, then one node."""
    each = {
        "first": _add(),
        "ask": {
            "needs": ["first"],
            "uses": "human.approval",
            "with": {"message": "Go on from ${{ nodes.first.output.value }}?"},
        },
        "last": {**_add(["first"]), "needs": ["first", "ask"]},
    }
    return _document("waiting", each, "last")


def interrupted() -> bytes:
    """Three nodes in a row of which the second has to be interrupted once; the result is 3."""
    each = {"first": _add(), "stuck": _add(["first"], "bench.stuck"), "last": _add(["stuck"])}
    return _document("interrupted", each, "last")


def foreach(items: int, concurrency: int | None = None) -> bytes:
    """A list, then one node once per element, then one node; the result is `items` + 1."""
    each: Node = {
        "needs": ["list"],
        "uses": "bench.add",
        "foreach": "${{ nodes.list.output.values }}",
        "with": {"value": "${{ item }}"},
    }
    if concurrency is not None:
        each["concurrency"] = concurrency
    nodes = {
        "list": {"uses": "bench.numbers", "with": {"size": items}},
        "each": each,
        "last": {
            "needs": ["each"],
            "uses": "bench.add",
            "with": {"value": "${{ size(nodes.each.output) }}"},
        },
    }
    return _document(f"foreach-{items}", nodes, "last")
