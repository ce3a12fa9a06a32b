# SPDX-License-Identifier: Apache-2.0
"""Reads what stands for the world outside of a case: pins, failures, exchanges, answers, signals.

Rules: TK7-TK10, TK13.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast, get_args

from legato.model.document.fields import Fields, shown
from legato.model.document.nodes import FAILURE_KIND_PATTERN
from legato.model.document.problems import Path as Place
from legato.model.expressions.nearest import nearest_name
from legato.model.workflow import NodeKind, NodeSpec
from legato.ports.exchanges import Answer, Trouble
from legato.testing.workflow.suite import BY, Exchange, Failure, Reply

FAILURE_KEYS: Final = ("kind", "message", "item", "times", "may_have_happened", "retryable")
EXCHANGE_KEYS: Final = ("request", "response", "times")
REQUEST_KEYS: Final = ("method", "url", "body", "json")
RESPONSE_KEYS: Final = ("status", "headers", "body", "json", "trouble")
REPLY_KEYS: Final = ("approved", "by", "comment")
SIGNAL_KEYS: Final = ("name", "payload")
METHODS: Final = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
TROUBLES: Final[tuple[str, ...]] = get_args(Trouble)
TIMES_MAX: Final = 100_000

_NOT_PINNED: Final[Mapping[NodeKind, str]] = {
    "delay": "a delay takes no time in a test and needs no pin",
    "approval": "an approval is answered with `approve`",
    "form": "a form is answered with `answer`",
    "signal": "a signal is given with `signals`",
    "switch": "a switch follows its own expressions; pin what they read",
}

_KIND: Final = re.compile(FAILURE_KIND_PATTERN[:-1] + r"\Z")

CheckPin = Callable[[NodeSpec, Any, Place], None]


class OutsideReader:
    """Reads one case; problems go to the report of its fields."""

    def __init__(self, fields: Fields, nodes: Mapping[str, NodeSpec], *, known: bool) -> None:
        """Args: nodes by their name in a test; known is False if there is no workflow to ask."""
        self._fields = fields
        self._report = fields.report
        self._nodes = nodes
        self._known = known

    def pins(self, check: CheckPin) -> dict[str, Any]:
        """Return the outputs of nodes that do not run."""
        inner = self._fields.mapping("pin")
        if inner is None:
            return {}
        for name, value in inner.data.items():
            node = self._replaceable(inner, name)
            if node is not None:
                check(node, value, inner.below(name))
        return dict(inner.data)

    def failures(self) -> dict[str, tuple[Failure, ...]]:
        """Return how nodes fail instead of running."""
        inner = self._fields.mapping("fail")
        found: dict[str, tuple[Failure, ...]] = {}
        for name, value in inner.data.items() if inner is not None else ():
            assert inner is not None, "there are failures"
            self._replaceable(inner, name)
            each = value if isinstance(value, list) else [value]
            places = [
                inner.below(name, index) if isinstance(value, list) else inner.below(name)
                for index in range(len(each))
            ]
            found[name] = tuple(
                failure for one, place in zip(each, places, strict=True)
                if (failure := self._failure(one, place)) is not None
            )  # fmt: skip
        return found

    def exchanges(self) -> tuple[Exchange, ...]:
        """Return the recorded HTTP exchanges, in order."""
        return tuple(
            exchange for fields in self._maps("http", "an exchange")
            if (exchange := self._exchange(fields)) is not None
        )  # fmt: skip

    def signals(self) -> tuple[tuple[str, Any], ...]:
        """Return signals by name with their payload, in order."""
        found: list[tuple[str, Any]] = []
        for fields in self._maps("signals", "a signal"):
            fields.refuse_unknown(SIGNAL_KEYS)
            if fields.require("name", "the name that wait.signal waits for"):
                found.append((fields.text("name") or "", fields.data.get("payload")))
        return tuple(found)

    def replies(self) -> dict[str, tuple[Reply, ...]]:
        """Return what people answer, by node: to approvals and to forms."""
        found: dict[str, tuple[Reply, ...]] = {}
        for key, read in (("approve", self._approval), ("answer", self._form)):
            inner = self._fields.mapping(key)
            for name, value in inner.data.items() if inner is not None else ():
                assert inner is not None, "there are answers"
                at, node = inner.below(name), self._node(inner, name)
                each = value if isinstance(value, list) else [value]
                replies = tuple(read(one, at) for one in each)
                if name in found:
                    self._report.add(at, f"{name} is answered twice", at="key")
                elif node is not None:
                    self._check_kind(key, node, replies, at)
                found[name] = replies
        return found

    def _check_kind(self, key: str, node: NodeSpec, replies: tuple[Reply, ...], at: Place) -> None:
        """Report an answer that does not fit its node; a form can be declined under `approve`."""
        if node.kind == "form" and key == "approve":
            if any(reply.approved for reply in replies):
                expected = "false, or what is filled in under `answer`"
                self._report.add(at, "a form cannot be approved", expected=expected)
            return
        kind = "approval" if key == "approve" else "form"
        if node.kind != kind:
            what = f"{node.id} is {node.uses}"
            self._report.add(at, what, expected=f"human.{kind}", at="key")

    # --- one of each ---------------------------------------------------------------------------

    def _failure(self, value: Any, place: Place) -> Failure | None:
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, dict):
            expected = "a kind such as http.503, or a map with `kind`"
            self._report.add(place, "this is no failure", expected=expected, got=shown(value))
            return None
        fields = Fields(self._report, value, place)
        fields.refuse_unknown(FAILURE_KEYS)
        fields.require("kind", "a kind of failure such as http.503")
        kind = fields.text("kind") or "error"
        if _KIND.match(kind) is None:
            fields.wrong("kind", "this is no kind of failure", "a kind such as timeout or http.503")
        return Failure(
            kind=kind,
            message=fields.text("message") or f"{kind}, as the test says",
            item=fields.integer("item", 0, TIMES_MAX),
            times=fields.integer("times", 1, TIMES_MAX),
            may_have_happened=_flag(fields, "may_have_happened", default=True),
            retryable=_flag(fields, "retryable", default=True),
        )

    def _exchange(self, fields: Fields) -> Exchange | None:
        fields.refuse_unknown(EXCHANGE_KEYS)
        fields.require("request", "a map with `url`")
        fields.require("response", "a map with `status`")
        request, response = fields.mapping("request"), fields.mapping("response")
        if request is None or response is None:
            return None
        request.refuse_unknown(REQUEST_KEYS)
        request.require("url", "an absolute URL")
        _one_of(request, "body", "json")
        body = request.text("body")
        return Exchange(
            method=request.choice("method", METHODS) or "GET",
            url=request.text("url") or "",
            body=None if body is None else body.encode(),
            json=request.data.get("json"),
            has_json="json" in request.data,
            times=_times(fields),
            answer=_answer(response),
        )

    def _approval(self, value: Any, place: Place) -> Reply:
        if isinstance(value, bool):
            return Reply(approved=value)
        if not isinstance(value, dict):
            self._report.add(
                place, "this is no answer", expected="true, false, or a map with `approved`",
                got=shown(value),
            )  # fmt: skip
            return Reply()
        fields = Fields(self._report, value, place)
        fields.refuse_unknown(REPLY_KEYS)
        fields.require("approved", "true or false")
        return Reply(
            approved=_flag(fields, "approved", default=True),
            by=fields.text("by") or BY,
            comment=fields.text("comment") or "",
        )

    def _form(self, value: Any, place: Place) -> Reply:
        return Reply(data=value)

    # --- names ---------------------------------------------------------------------------------

    def _node(self, fields: Fields, name: str) -> NodeSpec | None:
        """Return a node by name; report a name that is none."""
        node = self._nodes.get(name)
        if node is None and self._known:
            near = nearest_name(name, self._nodes)
            self._report.add(fields.below(name), f"there is no node {name}", at="key", nearest=near)
        return node

    def _replaceable(self, fields: Fields, name: str) -> NodeSpec | None:
        node = self._node(fields, name)
        if node is not None and node.kind in _NOT_PINNED:
            self._report.add(fields.below(name), _NOT_PINNED[node.kind], at="key")
            return None
        return node

    def _maps(self, key: str, what: str) -> list[Fields]:
        """Return the elements of a list of maps."""
        value = self._fields.data.get(key, [])
        if not isinstance(value, list):
            self._fields.wrong(key, f"{key} is not a list", "a list of maps")
            return []
        found: list[Fields] = []
        for index, each in enumerate(value):
            place = self._fields.below(key, index)
            if isinstance(each, dict):
                found.append(Fields(self._report, each, place))
            else:
                self._report.add(place, f"{what} is a map", expected="a map", got=shown(each))
        return found


def _flag(fields: Fields, key: str, *, default: bool) -> bool:
    value = fields.data.get(key, default)
    if not isinstance(value, bool):
        fields.wrong(key, f"{key} is neither true nor false", "true or false")
        return default
    return value


def _times(fields: Fields) -> int | None:
    if fields.data.get("times") == "any":
        return None
    return fields.integer("times", 1, TIMES_MAX) or 1


def _one_of(fields: Fields, one: str, other: str) -> None:
    if one in fields.data and other in fields.data:
        message = f"there are both {one} and {other}"
        fields.report.add(fields.below(other), message, expected="one of them", at="key")


def _answer(fields: Fields) -> Answer:
    fields.refuse_unknown(RESPONSE_KEYS)
    if "trouble" in fields.data:
        return Answer(trouble=cast("Trouble | None", fields.choice("trouble", TROUBLES)))
    _one_of(fields, "body", "json")
    headers: dict[str, str] = {}
    inner = fields.mapping("headers")
    for name, value in inner.data.items() if inner is not None else ():
        assert inner is not None, "there are headers"
        headers[name.lower()] = inner.text(name) or str(value)
    body = (fields.text("body") or "").encode()
    if "json" in fields.data:
        body = json.dumps(fields.data["json"], ensure_ascii=False, allow_nan=False).encode()
        headers.setdefault("content-type", "application/json")
    return Answer(status=fields.integer("status", 100, 599) or 200, headers=headers, body=body)
