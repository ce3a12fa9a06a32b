# SPDX-License-Identifier: Apache-2.0
"""Random workflows by seed: every kind of node, join, edge, retry and wait that the engine knows.

Expressions come from a small set of texts, so that their programs stay compiled between runs.

Rules: SM2.
"""

import random
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from legato.model.ids import NodeId
from legato.model.policy import EffectClass, RetryPolicy
from legato.model.workflow import Budget, CallSpec, JoinRule, Need, NodeKind, NodeSpec, Workflow

POOL: Final = "gpu"
_EFFECTS: Final[tuple[EffectClass, ...]] = ("pure", "idempotent", "non_idempotent")
_JOINS: Final[tuple[JoinRule, ...]] = ("all", "all", "all", "any", "all_done")
_BACKOFFS: Final[tuple[Literal["constant", "linear", "exponential"], ...]] = (
    "constant", "linear", "exponential",
)  # fmt: skip
_CHOICES: Final = (
    b'{"cases": {"yes": "${{ inputs.k > 5 }}", "no": "${{ inputs.k < 3 }}"}}',
    b'{"cases": {"yes": "${{ inputs.no }}"}, "default": "no"}',
    b'{"case": "${{ inputs.yes ? \'yes\' : null }}"}',
    b'{"case": "${{ inputs.k }}"}',
)
_NO_LIST: Final = NodeSpec(id=NodeId("none"), uses="none").foreach
"""The very default: `Raw` is left out of JSON only if it is this object."""
_KINDS: Final[tuple[tuple[NodeKind, int], ...]] = (
    ("task", 70), ("delay", 7), ("approval", 4), ("form", 3), ("signal", 5), ("call", 7),
    ("loop", 5), ("switch", 5),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """A workflow to run, what it calls, and its inputs."""

    workflow: Workflow
    called: dict[str, Workflow]
    inputs: dict[str, Any]


@dataclass(slots=True)
class _Draft:
    """A graph in the making: what each node needs, and everything before it."""

    needs: list[list[Need]] = field(default_factory=list)
    above: list[set[int]] = field(default_factory=list)


def make_wish(chance: random.Random, name: str) -> Wish:
    """Return a random workflow with the workflows that it calls, and inputs for it."""
    leaf = _make_workflow(chance, "leaf", size=chance.choice((1, 1, 2)), calls=())
    middle = _make_workflow(chance, "middle", size=chance.choice((1, 2)), calls=("leaf",))
    size = chance.choice((1, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 10, 12, 16, 20))
    root = _make_workflow(chance, name, size=size, calls=("leaf", "middle"))
    return Wish(root, {"leaf": leaf, "middle": middle}, _inputs(chance))


def _inputs(chance: random.Random) -> dict[str, Any]:
    length = chance.choice((0, 1, 2, 3, 4, 5, 8, 8, 30))
    return {
        "yes": True,
        "no": False,
        "k": chance.randrange(10),
        "list": [{"k": index, "done": True} for index in range(length)],
        "pad": "x" * chance.choice((0, 0, 10, 2_000)),
    }


def _make_workflow(
    chance: random.Random, name: str, *, size: int, calls: tuple[str, ...]
) -> Workflow:
    draft = _draw(chance, size)
    on_error = _failure_edges(chance, draft)
    nodes = tuple(
        _make_node(chance, index, draft, on_error.get(index), calls) for index in range(size)
    )
    nodes = _with_cases(chance, nodes)
    budget = Budget(duration_ms=chance.randrange(2_000, 20_000)) if chance.random() < 0.1 else None
    return Workflow(
        name=name,
        nodes=nodes,
        outputs=msgspec.Raw(_outputs(chance, size)),
        budget=budget or Budget(),
        concurrency=chance.choice((0, 0, 0, 1, 2, 4)),
    )


def _outputs(chance: random.Random, size: int) -> bytes:
    last = f"n{size - 1}"
    return msgspec.json.encode(
        chance.choice(
            (
                {},
                {"done": True},
                {"done": f"${{{{ nodes.{last}.output.?done.orValue(false) }}}}", "k": 1},
                {"done": f"${{{{ nodes.{last}.output.done }}}}"},
                {"done": True, "all": f"${{{{ [nodes.{last}.output].map(o, o) }}}}"},
            )
        )
    )


def _draw(chance: random.Random, size: int) -> _Draft:
    """Draw the edges: from a chain to a bush, mostly in between."""
    draft = _Draft()
    density = chance.choice((0.5, 1.0, 1.5, 2.5))
    for index in range(size):
        wanted = min(index, int(chance.random() * density * 2 + 0.5))
        near = range(max(0, index - 6), index)
        sources = sorted(chance.sample(near, min(wanted, len(near))))
        draft.needs.append([Need(NodeId(f"n{source}")) for source in sources])
        above = set(sources)
        for source in sources:
            above |= draft.above[source]
        draft.above.append(above)
    return draft


def _failure_edges(chance: random.Random, draft: _Draft) -> dict[int, str]:
    """Choose what each failure means; some lead to a node of their own."""
    found: dict[int, str] = {}
    size = len(draft.needs)
    for index in range(size):
        lot = chance.random()
        if lot < 0.35:
            found[index] = "continue"
        elif lot < 0.45 and index + 1 < size:
            target = chance.randrange(index + 1, size)
            name = NodeId(f"n{index}")
            if any(need.node == name for need in draft.needs[target]):
                continue
            found[index] = f"n{target}"
            draft.needs[target].append(Need(name, "failure"))
            draft.above[target] |= {index}
    return found


def _make_node(
    chance: random.Random, index: int, draft: _Draft, on_error: str | None, calls: tuple[str, ...]
) -> NodeSpec:
    kinds = [each for each in _KINDS if calls or each[0] not in {"call", "loop"}]
    kind = chance.choices([name for name, _ in kinds], [weight for _, weight in kinds])[0]
    above = sorted(draft.above[index])
    is_task = kind == "task"
    foreach = _NO_LIST
    if chance.random() < (0.2 if is_task else 0.25 if kind == "call" else 0):
        foreach = msgspec.Raw(_foreach(chance, above))
    has_items = foreach is not _NO_LIST
    return NodeSpec(
        id=NodeId(f"n{index}"),
        uses="sim.work" if is_task else f"sim.{kind}",
        kind=kind,
        needs=tuple(draft.needs[index]),
        join=chance.choice(_JOINS),
        when=_when(chance, above),
        foreach=foreach,
        concurrency=chance.choice((0, 1, 2, 3, 8)) if has_items else 0,
        config=msgspec.Raw(_config(chance, kind, above, has_items)),
        effect=chance.choice(_EFFECTS) if is_task else "pure",
        retry=_retry(chance) if is_task else RetryPolicy(),
        timeout_ms=_timeout(chance, kind),
        on_error=on_error or "fail",
        pool=POOL if is_task and chance.random() < 0.15 else "default",
        call=_call(chance, kind, calls, has_items),
    )


def _with_cases(chance: random.Random, nodes: tuple[NodeSpec, ...]) -> tuple[NodeSpec, ...]:
    """Have most edges out of a switch follow one of its cases."""
    switches = {node.id for node in nodes if node.kind == "switch"}

    def follow(need: Need) -> Need:
        if need.node not in switches or need.kind != "normal" or chance.random() < 0.2:
            return need
        return Need(need.node, "case", chance.choice(("yes", "no", "default")))

    return tuple(
        msgspec.structs.replace(node, needs=tuple(follow(need) for need in node.needs))
        for node in nodes
    )


def _retry(chance: random.Random) -> RetryPolicy:
    return RetryPolicy(
        max_attempts=chance.choice((1, 2, 3, 4)),
        backoff=chance.choice(_BACKOFFS),
        initial_ms=chance.choice((1, 50, 400)),
        max_ms=1_500,
        jitter=chance.choice(("none", "full")),
        on=chance.choice(((), (), ("http.5xx", "exit"), ("network",))),
    )


def _timeout(chance: random.Random, kind: NodeKind) -> int | None:
    if kind == "delay" or chance.random() < 0.6:
        return None
    return chance.choice((200, 1_000, 4_000))


def _when(chance: random.Random, above: list[int]) -> str | None:
    lot = chance.random()
    if lot < 0.75:
        return None
    if above and lot < 0.85:
        return f"${{{{ nodes.n{chance.choice(above)}.output.?k.orValue(1) > 2 }}}}"
    return chance.choice(("${{ inputs.yes }}", "${{ inputs.yes }}", "${{ inputs.no }}"))


def _foreach(chance: random.Random, above: list[int]) -> bytes:
    if above and chance.random() < 0.3:
        return b'"${{ nodes.n%d.output.items }}"' % chance.choice(above)
    return chance.choice(
        (
            b'"${{ inputs.list }}"',
            b'"${{ inputs.list.map(each, each) }}"',
            b'[{"k": 1}, {"k": 2}]',
            b"[]",
            b'"${{ inputs.k }}"',
        )[: 3 if chance.random() < 0.9 else 5]
    )


def _config(chance: random.Random, kind: NodeKind, above: list[int], has_items: bool) -> bytes:
    if kind == "delay":
        return msgspec.json.encode({"for": chance.choice(("1ms", "40ms", "700ms", "3s"))})
    if kind == "signal":
        about = chance.choice(({}, {}, {"correlation": "7"}))
        return msgspec.json.encode({"name": chance.choice(("go", "on")), **about})
    if kind == "switch":
        return chance.choice(_CHOICES)
    if kind == "form":
        return b'{"message": "how many?", "schema": {"k": {"type": "integer"}}}'
    if kind != "task":
        return b'{"message": "may it?"}'
    choices = [b'{"v": 1}', b'{"v": "${{ inputs.k }}"}', b'{"v": "${{ inputs }}"}']
    if above:
        source = chance.choice(above)
        choices += [
            b'{"v": "${{ nodes.n%d.output }}"}' % source,
            b'{"v": "${{ nodes.n%d.status }}"}' % source,
            b'{"v": "${{ [nodes.n%d.output].map(o, o) }}"}' % source,
        ]
        if chance.random() < 0.1:
            choices.append(b'{"v": "${{ nodes.n%d.output.k }}"}' % source)
    if has_items:
        choices = [
            b'{"v": "${{ item }}"}', b'{"v": "${{ index }}"}', b'{"v": "${{ item.k }}"}',
            b'{"v": "${{ [item].map(i, i) }}"}',
        ]  # fmt: skip
    return chance.choice(choices)


def _call(
    chance: random.Random, kind: NodeKind, calls: tuple[str, ...], has_items: bool
) -> CallSpec | None:
    inputs = b'{"k": "${{ item.k }}", "list": []}' if has_items else b'"${{ inputs }}"'
    if kind == "call":
        # A child that is called once per item must stay small.
        name = "leaf" if has_items else chance.choice(calls)
        return CallSpec(workflow=name, input=msgspec.Raw(inputs))
    if kind != "loop":
        return None
    body = None
    if chance.random() < 0.5:
        node = NodeSpec(
            id=NodeId("n0"), uses="sim.work", effect=chance.choice(_EFFECTS), on_error="continue"
        )
        outputs = msgspec.Raw(b'{"done": "${{ nodes.n0.output.?done.orValue(false) }}"}')
        body = Workflow(name="body", nodes=(node,), outputs=outputs)
    return CallSpec(
        workflow=None if body else "leaf",
        body=body,
        input=msgspec.Raw(chance.choice((inputs, b'"${{ previous }}"'))),
        until=chance.choice(("${{ previous.done }}", "${{ previous.?done.orValue(true) }}")),
        max_iterations=chance.choice((1, 2, 3)),
    )
