# SPDX-License-Identifier: Apache-2.0
"""Where order must not matter, it does not."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from legato.engine.state import NodeState
from tests.property.engine.flows import Flow, flows
from tests.property.engine.promises import check_log, check_state
from tests.property.engine.world import World
from tests.support.build import unval

SEEDS = st.integers(0, 2**32)


def _outcome(flow: Flow, seed: int, actions: dict[str, int], steps: int) -> Any:
    world = World(flow, seed, lambda each: check_state(each.drive))
    world.start()
    for _ in range(steps):
        if world.drive.state.ended is not None:
            break
        world.step(actions)
    world.finish()
    check_log(flow.workflow, world.drive.log)
    state = world.drive.state
    nodes = [(node.status, _output(node), node.errors, node.case) for node in state.nodes]
    return state.status, unval(state.outputs), nodes


def _output(node: NodeState) -> Any:
    """Return a node's output without the time at which a person answered."""
    output = unval(node.output)
    return {**output, "at": None} if isinstance(output, dict) else output


@settings(max_examples=120)
@given(flows(is_calm=True), SEEDS, SEEDS)
def test_the_order_of_results_does_not_matter(flow: Flow, one: int, other: int) -> None:
    """Reports in any order, batch and number give the same end and outputs [EN4, EN5, GR12]."""
    actions = {"mail": 8, "double": 2, "wait": 2, "people": 1, "squeeze": 1}
    assert _outcome(flow, one, actions, 30) == _outcome(flow, other, actions, 30)


@settings(max_examples=120)
@given(flows(is_calm=True), SEEDS, SEEDS)
def test_neither_do_pauses_reloads_and_evictions(flow: Flow, one: int, other: int) -> None:
    """An owner may pause, fold again or lose its memory between results [EN4, LG6, AT20]."""
    calm = {"mail": 8, "wait": 2, "people": 1}
    stormy = {**calm, "pause": 3, "reload": 3, "squeeze": 1}
    assert _outcome(flow, one, calm, 30) == _outcome(flow, other, stormy, 30)


@settings(max_examples=120)
@given(flows(is_calm=True), SEEDS, SEEDS)
def test_neither_do_crashes_where_effects_may_be_repeated(flow: Flow, one: int, other: int) -> None:
    """Dead engines, workers and processes change no end of pure work [EN4, AT5, AT14, OW6]."""
    nodes = tuple(
        replace(spec, effect="pure" if spec.effect == "non_idempotent" else spec.effect)
        for spec in flow.workflow.nodes
    )
    safe = Flow(replace(flow.workflow, nodes=nodes), flow.script)
    calm = {"mail": 8, "wait": 2, "people": 1}
    # At most so many steps that no attempt is lost often enough to be parked as poison.
    stormy = {**calm, "die": 3}
    assert _outcome(safe, one, calm, 30) == _outcome(safe, other, stormy, 18)
