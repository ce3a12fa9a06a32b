# SPDX-License-Identifier: Apache-2.0
"""One node of a document -> `NodeSpec`, with the defaults of its type filled in.

Edges, cycles and what is upstream are the business of `edges`; this sees one node at a time.

Rules: AT12, EX12, EX14, DO15-DO17, DO25, GR.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import msgspec

from legato.model.document.config import ConfigCheck
from legato.model.document.fields import (
    CEL_RESERVED,
    NODE_ID,
    NODE_ID_PATTERN,
    SLUG,
    SLUG_PATTERN,
    TITLE_LENGTH_MAX,
    Fields,
    shown,
)
from legato.model.document.problems import Path
from legato.model.document.reads import check_template, is_whole
from legato.model.document.scope import Read, Scope
from legato.model.document.secrecy import check_secrets
from legato.model.expressions.nearest import nearest_name
from legato.model.ids import NodeId
from legato.model.node_type import NodeTypeInfo
from legato.model.policy import EffectClass, RetryPolicy
from legato.model.values import encode
from legato.model.workflow import (
    KIND_OF_USES,
    KINDS_WITH_ITEMS,
    CallSpec,
    EdgeKind,
    JoinRule,
    Need,
    NodeKind,
    NodeSpec,
)

NODE_KEYS: Final = (
    "title", "uses", "needs", "when", "join", "foreach", "concurrency", "with", "retry", "timeout",
    "effect", "on_error", "pool", "notes",
)  # fmt: skip
RETRY_KEYS: Final = ("max_attempts", "backoff", "initial", "max", "jitter", "on")
JOINS: Final = ("all", "any", "all_done")
EFFECTS: Final = ("pure", "idempotent", "non_idempotent")
BACKOFFS: Final = ("constant", "linear", "exponential")
JITTERS: Final = ("none", "full")
RETRY_ATTEMPTS_MAX: Final = 1_000
FAILURE_KIND_PATTERN: Final = r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$"
_FAILURE_KIND: Final = re.compile(FAILURE_KIND_PATTERN[:-1] + r"\Z")

BuildCall = Callable[["Draft"], "CallSpec | None"]


@dataclass(slots=True)
class Draft:
    """A node on its way to a `NodeSpec`: what is written, and what its expressions read."""

    scope: Scope
    id: NodeId
    fields: Fields
    info: NodeTypeInfo | None = None
    kind: NodeKind = "task"
    needs: list[tuple[str, str | None, Path]] = field(default_factory=list)
    on_error: str = "fail"
    reads: list[Read] = field(default_factory=list)
    spec: NodeSpec | None = None

    @property
    def path(self) -> Path:
        """Where the node stands."""
        return self.fields.path

    @property
    def extra(self) -> tuple[str, ...]:
        """Variables that its `with` knows beside the usual ones."""
        return ("item", "index") if self.has_foreach else ()

    @property
    def has_foreach(self) -> bool:
        """Tell whether the node runs once per element."""
        return "foreach" in self.fields.data


def read_node(scope: Scope, key: str, value: object, path: Path) -> Draft | None:
    """Check the id and shape of a node and find its type.

    Args:
        scope: Where problems go.
        key: The id.
        value: What stands under it.
        path: Its place.

    Returns:
        What is known so far, or None if it is not even a map.
    """
    check_node_id(scope, key, path)
    if not isinstance(value, dict):
        scope.report.add(path, "a node is a map", expected="a map with `uses`", got=shown(value))
        return None
    fields = Fields(scope.report, value, path)
    fields.refuse_unknown(NODE_KEYS)
    draft = Draft(scope, NodeId(key), fields)
    if fields.require("uses", "the type of the node, such as http.request"):
        uses = fields.text("uses")
        if uses is not None:
            draft.info = _type_of(scope, uses, fields)
            draft.kind = KIND_OF_USES.get(uses, draft.info.kind if draft.info else "task")
    draft.needs = _read_needs(fields)
    draft.on_error = fields.text("on_error") or "fail"
    return draft


def check_node_id(scope: Scope, key: str, path: Path) -> None:
    """Report an id that expressions could not name."""
    if not NODE_ID.match(key):
        fixed = re.sub(r"[^a-z0-9_]+", "_", key.lower()).strip("_")[:63]
        near = fixed if NODE_ID.match(fixed) and fixed not in CEL_RESERVED else None
        expected = f"a name like {NODE_ID_PATTERN}"
        scope.report.add(
            path, f"{shown(key)} is no node id", expected=expected, nearest=near, at="key"
        )
    elif key in CEL_RESERVED:
        scope.report.add(
            path, f"{key!r} is a word of the expression language and cannot be a node id",
            expected="another name", at="key",
        )  # fmt: skip


def _type_of(scope: Scope, uses: str, fields: Fields) -> NodeTypeInfo | None:
    info = scope.catalogue.get(uses)
    if info is None:
        near = nearest_name(uses, scope.catalogue)
        expected = None if near else f"one of {', '.join(sorted(scope.catalogue))}"
        fields.report.add(
            fields.below("uses"), f"there is no node type {shown(uses)}", expected=expected,
            nearest=near,
        )  # fmt: skip
    return info


def _read_needs(fields: Fields) -> list[tuple[str, str | None, Path]]:
    """Return (node, case, place) of each need, as written; `route.urgent` is a case of route."""
    value = fields.data.get("needs", [])
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list):
        fields.wrong("needs", "needs is not a list", "a node id or a list of them")
        return []
    found: list[tuple[str, str | None, Path]] = []
    seen: set[str] = set()
    for index, name in enumerate(names):
        path = fields.below("needs") if isinstance(value, str) else fields.below("needs", index)
        if not isinstance(name, str):
            fields.report.add(path, "a need is a node id", expected="text", got=shown(name))
            continue
        if name in seen:
            fields.report.add(path, f"{shown(name)} is needed twice", expected="each node once")
            continue
        seen.add(name)
        node, dot, case = name.partition(".")
        found.append((node, case if dot else None, path))
    return found


def finish_node(draft: Draft, build_call: BuildCall) -> None:
    """Check the rest of a node and make its spec; the edges' kinds are set later.

    Args:
        draft: What `read_node` gave.
        build_call: Makes the `CallSpec` of a call or a loop; handed in because a body holds nodes.
    """
    fields, scope, info = draft.fields, draft.scope, draft.info
    when = _read_when(draft)
    foreach = _read_foreach(draft)
    retry = _read_retry(fields, info.retry if info is not None else RetryPolicy())
    effect = _read_effect(fields, info)
    _refuse_blind_retry(fields, effect)
    config = _read_config(draft)
    call = build_call(draft) if draft.kind in {"call", "loop"} else None
    default_timeout = info.timeout_ms if info is not None else None
    timeout = fields.duration_ms("timeout")
    # Left out if there is none: msgspec omits a default only if it is the very same object.
    listed: dict[str, Any] = {} if foreach is None else {"foreach": foreach}
    draft.spec = NodeSpec(
        **listed,
        id=draft.id,
        uses=str(fields.data.get("uses", "")),
        kind=draft.kind,
        title=fields.text("title", length_max=TITLE_LENGTH_MAX),
        join=cast("JoinRule", fields.choice("join", JOINS) or "all"),
        when=when,
        concurrency=fields.integer("concurrency", 1, scope.limits.max_foreach_items) or 0,
        config=msgspec.Raw(config),
        effect=effect,
        retry=retry,
        timeout_ms=default_timeout if timeout is None else timeout,
        on_error=draft.on_error,
        pool=_read_pool(fields),
        call=call,
    )
    fields.text("notes")


def with_edges(draft: Draft, failures: Mapping[str, str]) -> NodeSpec:
    """Return the finished spec with its needs and refs.

    Args:
        draft: A finished draft.
        failures: Node -> the node that its `on_error` names.
    """
    assert draft.spec is not None, "finish_node comes first"
    needs = []
    for node, case, _ in draft.needs:
        kind: EdgeKind = "case" if case is not None else "normal"
        if failures.get(node) == draft.id:
            kind = "failure"
        needs.append(Need(NodeId(node), kind, case))
    refs = tuple(dict.fromkeys(read.node for read in draft.reads))
    return msgspec.structs.replace(draft.spec, needs=tuple(needs), refs=refs)


def _read_when(draft: Draft) -> str | None:
    fields = draft.fields
    if "when" not in fields.data:
        return None
    value = fields.data["when"]
    path = fields.below("when")
    if isinstance(value, bool):
        return None if value else "${{ false }}"
    limit = draft.scope.limits.max_expression_bytes
    if not isinstance(value, str) or not is_whole(value, limit):
        fields.wrong("when", "when is not a condition", "${{ … }} that gives true or false")
        return None
    draft.reads += check_template(draft.scope, value, path)
    return value


def _read_foreach(draft: Draft) -> msgspec.Raw | None:
    fields, limits = draft.fields, draft.scope.limits
    if not draft.has_foreach:
        return None
    value = fields.data["foreach"]
    path = fields.below("foreach")
    if draft.kind not in KINDS_WITH_ITEMS:
        fields.report.add(
            path, f"{fields.data.get('uses')} cannot be repeated by foreach",
            expected="workflow.call of a workflow that holds it", at="key",
        )  # fmt: skip
    if isinstance(value, list):
        if len(value) > limits.max_foreach_items:
            expected = f"{limits.max_foreach_items} items at most"
            fields.report.add(path, "the list is too long", expected=expected)
    elif not isinstance(value, str) or not is_whole(value, limits.max_expression_bytes):
        fields.wrong("foreach", "foreach is not a list", "${{ … }} that gives a list, or a list")
        return None
    draft.reads += check_template(draft.scope, value, path)
    return msgspec.Raw(encode(value, what="foreach"))


def _read_retry(fields: Fields, base: RetryPolicy) -> RetryPolicy:
    inner = fields.mapping("retry")
    if inner is None:
        return base
    inner.refuse_unknown(RETRY_KEYS)
    given: dict[str, Any] = {
        "max_attempts": inner.integer("max_attempts", 1, RETRY_ATTEMPTS_MAX),
        "backoff": inner.choice("backoff", BACKOFFS),
        "initial_ms": inner.duration_ms("initial"),
        "max_ms": inner.duration_ms("max"),
        "jitter": inner.choice("jitter", JITTERS),
        "on": _read_kinds(inner),
    }
    known = {name: value for name, value in given.items() if value is not None}
    return msgspec.structs.replace(base, **known)


def _read_kinds(fields: Fields) -> tuple[str, ...] | None:
    value = fields.data.get("on")
    if "on" not in fields.data:
        return None
    kinds = [value] if isinstance(value, str) else value
    if not isinstance(kinds, list):
        fields.wrong("on", "on is not a list", "kinds of failure such as [timeout, http.5xx]")
        return None
    for index, kind in enumerate(kinds):
        if not isinstance(kind, str) or not _FAILURE_KIND.match(kind):
            fields.report.add(
                fields.below("on", index), "this is no kind of failure",
                expected="a kind such as timeout, http.429 or http.5xx", got=shown(kind),
            )  # fmt: skip
    return tuple(kind for kind in kinds if isinstance(kind, str))


def _read_effect(fields: Fields, info: NodeTypeInfo | None) -> EffectClass:
    written = fields.choice("effect", EFFECTS)
    if written is not None:
        return cast("EffectClass", written)
    config = fields.data.get("with", {})
    if info is None or not isinstance(config, dict):
        return "non_idempotent"
    try:
        return info.effect_of(config)
    except (KeyError, TypeError, ValueError, AttributeError):
        # Its shape is wrong, which is reported with the config.
        return "non_idempotent"


def _refuse_blind_retry(fields: Fields, effect: EffectClass) -> None:
    """Report `retry.on: [timeout]` where a timed-out attempt may have done its work."""
    retry = fields.data.get("retry")
    kinds = retry.get("on") if isinstance(retry, dict) else None
    names = [kinds] if isinstance(kinds, str) else kinds
    if effect == "non_idempotent" and isinstance(names, list) and "timeout" in names:
        fields.report.add(
            fields.below("retry", "on"),
            "a node that is not idempotent cannot be retried after a time-out: its first try may "
            "have done the work",
            expected="effect: idempotent, or retry.on without timeout",
        )


def _read_config(draft: Draft) -> bytes:
    """Return the `with` block; calls and loops have theirs in `CallSpec`."""
    fields, scope = draft.fields, draft.scope
    config = fields.data.get("with", {})
    if not isinstance(config, dict):
        fields.wrong("with", "with is not a map", "a map of the fields of the node type")
        return b"{}"
    if draft.kind in {"call", "loop"}:
        return b"{}"
    path = fields.below("with") if "with" in fields.data else fields.path
    draft.reads += check_template(scope, config, path, draft.extra)
    secret_fields = draft.info.secret_fields if draft.info is not None else ()
    check_secrets(scope, config, path, secret_fields)
    if draft.info is not None:
        check = ConfigCheck(scope.report, draft.info.config_schema, secret_fields)
        check.check(config, path)
    return encode(config, what="with")


def _read_pool(fields: Fields) -> str:
    pool = fields.text("pool")
    if pool is not None and not SLUG.match(pool):
        fields.wrong("pool", "this is no name of a pool", f"a name like {SLUG_PATTERN}")
    return pool or "default"
