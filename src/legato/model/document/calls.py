# SPDX-License-Identifier: Apache-2.0
"""`workflow.call` and `loop.until`: what they start, with inline bodies as workflows of their own.

Rules: GR19, GR23, GR25.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from legato.model.document.fields import SLUG, SLUG_PATTERN, Fields, shown
from legato.model.document.nodes import Draft
from legato.model.document.problems import Path
from legato.model.document.reads import check_template, is_whole
from legato.model.document.scope import Scope
from legato.model.document.secrecy import check_secrets
from legato.model.values import encode
from legato.model.workflow import CallSpec, Workflow

CALL_KEYS: Final = ("workflow", "input")
LOOP_KEYS: Final = ("workflow", "do", "input", "until", "max_iterations")
BODY_KEYS: Final = ("nodes", "outputs", "concurrency")
LOOP_ITERATIONS_DEFAULT: Final = 100

BuildBody = Callable[[Scope, Fields, Path], "Workflow | None"]


class CallReader:
    """Makes `CallSpec` of the `with` block of a call or loop node."""

    def __init__(self, build_body: BuildBody) -> None:
        """Args: build_body makes a workflow of the keys of an inline body."""
        self._build_body = build_body

    def read(self, draft: Draft) -> CallSpec | None:
        """Return what the node starts, or None if something is wrong with it."""
        fields = draft.fields
        if not fields.require("with", "a map with `workflow` or `do`"):
            return None
        config = fields.mapping("with")
        if config is None:
            return None
        is_loop = draft.kind == "loop"
        config.refuse_unknown(LOOP_KEYS if is_loop else CALL_KEYS)
        check_secrets(draft.scope, _without_body(config), config.path, ())
        workflow = _read_name(config)
        body = self._read_body(draft, config) if is_loop and "do" in config.data else None
        if "workflow" in config.data and "do" in config.data:
            config.report.add(
                config.below("do"),
                "there are both workflow and do",
                expected="one of them",
                at="key",
            )
        elif "workflow" not in config.data and not (is_loop and "do" in config.data):
            expected = "workflow or do" if is_loop else "the name of a workflow"
            config.report.add(config.path, "it is not said what to run", expected=expected)
        extra = (*draft.extra, "previous") if is_loop else draft.extra
        return CallSpec(
            workflow=workflow,
            body=body,
            input=_read_input(draft, config, extra),
            until=_read_until(draft, config) if is_loop else None,
            max_iterations=_read_iterations(draft, config) if is_loop else 1,
        )

    def _read_body(self, draft: Draft, config: Fields) -> Workflow | None:
        scope = draft.scope
        inner = config.mapping("do")
        if inner is None:
            return None
        if scope.depth + 1 >= scope.limits.max_call_depth:
            expected = f"{scope.limits.max_call_depth} levels at most"
            scope.report.add(inner.path, "loops are nested too deep", expected=expected)
            return None
        body_scope = Scope(
            scope.report, scope.catalogue, scope.limits, f"{scope.name}.{draft.id}",
            scope.depth + 1, None, scope.node_count,
        )  # fmt: skip
        nodes = inner.data.get("nodes")
        # `do: {nodes: {…}, outputs: {…}}`, or the nodes alone. A node called `nodes` has `uses`.
        if isinstance(nodes, dict) and "uses" not in nodes:
            inner.refuse_unknown(BODY_KEYS)
            return self._build_body(body_scope, inner, inner.below("nodes"))
        alone = Fields(scope.report, {"nodes": dict(inner.data)}, inner.path)
        return self._build_body(body_scope, alone, inner.path)


def _without_body(config: Fields) -> dict[str, object]:
    """Return the block without its inner nodes, which check their own secrets."""
    return {key: value for key, value in config.data.items() if key != "do"}


def _read_name(config: Fields) -> str | None:
    name = config.text("workflow")
    if name is not None and not SLUG.match(name):
        config.wrong("workflow", "this is no name of a workflow", f"a name like {SLUG_PATTERN}")
        return None
    return name


def _read_input(draft: Draft, config: Fields, extra: tuple[str, ...]) -> msgspec.Raw:
    value = config.data.get("input", {})
    limit = draft.scope.limits.max_expression_bytes
    if not isinstance(value, dict) and not (isinstance(value, str) and is_whole(value, limit)):
        config.wrong("input", "input is not a map", "a map, or ${{ … }} that gives one")
        return msgspec.Raw(b"{}")
    draft.reads += check_template(draft.scope, value, config.below("input"), extra)
    return msgspec.Raw(encode(value, what="input"))


def _read_until(draft: Draft, config: Fields) -> str | None:
    if not config.require("until", "${{ … }} that gives true or false"):
        return None
    value = config.data["until"]
    limit = draft.scope.limits.max_expression_bytes
    if isinstance(value, bool):
        return "${{ true }}" if value else "${{ false }}"
    if not isinstance(value, str) or not is_whole(value, limit):
        config.report.add(
            config.below("until"), "until is not a condition", got=shown(value),
            expected="${{ … }} that gives true or false",
        )  # fmt: skip
        return None
    path = config.below("until")
    draft.reads += check_template(draft.scope, value, path, (*draft.extra, "previous"))
    return value


def _read_iterations(draft: Draft, config: Fields) -> int:
    most = draft.scope.limits.max_loop_iterations
    given = config.integer("max_iterations", 1, most)
    return min(LOOP_ITERATIONS_DEFAULT, most) if given is None else given
