# SPDX-License-Identifier: Apache-2.0
"""`triggers` and `notify` of a document, checked whole.

Rules: TR1, TR7-TR9.
"""

import re
from typing import Any, Final

import msgspec

from legato.errors import InvalidDocument, InvalidInput
from legato.model.cron import Cron, zone_of
from legato.model.document.fields import Fields, shown
from legato.model.document.inputs import check_inputs
from legato.model.document.problems import Path, Problem
from legato.model.document.scope import Scope
from legato.model.document.secrecy import check_texts
from legato.model.expressions.template import has_hole
from legato.model.triggers import KINDS
from legato.model.values import encode
from legato.model.workflow import AS_ELSEWHERE, Notify

TRIGGER_KEYS: Final = ("id", "uses", "with")
TRIGGERS_MAX: Final = 100
TRIGGER_ID_PATTERN: Final = r"^[a-z][a-z0-9_-]{0,62}$"
_TRIGGER_ID: Final = re.compile(TRIGGER_ID_PATTERN[:-1] + r"\Z")
CRON_KEYS: Final = ("expression", "timezone", "missed", "inputs")
MISSED: Final = ("skip", "run_once", "run_all")
WEBHOOK_KEYS: Final = ("respond", "headers", "inputs")
RESPONDS: Final = ("ack", "result")
HEADERS_MAX: Final = 50
HEADER_PATTERN: Final = r"^[A-Za-z0-9-]{1,100}$"
_HEADER: Final = re.compile(HEADER_PATTERN[:-1] + r"\Z")
HEADERS_REFUSED: Final = frozenset(
    {"authorization", "cookie", "proxy-authorization", "webhook-signature"}
)
"""They let somebody in: an input of an execution is shown to all its viewers."""
NOTIFY_KEYS: Final = ("on", "url")
NOTICES: Final = ("failed", "needs_attention", "missed")
URL_MAX: Final = 2_000
_URL: Final = re.compile(r"https?://[^\s/?#@]+(?:[/?#]\S*)?\Z")


def read_triggers(scope: Scope, fields: Fields, inputs: dict[str, Any] | None) -> msgspec.Raw:
    """Return the triggers as written.

    Args:
        scope: Where problems go.
        fields: The document.
        inputs: The schema of its inputs; None if that is not known to be one.
    """
    value = fields.data.get("triggers", [])
    if not isinstance(value, list) or len(value) > TRIGGERS_MAX:
        fields.wrong("triggers", "triggers is not a list", f"a list of {TRIGGERS_MAX} at most")
        return msgspec.Raw(b"[]")
    for index, trigger in enumerate(value):
        path = fields.below("triggers", index)
        if not isinstance(trigger, dict):
            scope.report.add(path, "a trigger is a map", expected="a map with `uses`")
            continue
        _read_trigger(scope, Fields(scope.report, trigger, path), inputs)
        check_texts(scope, trigger, path)
    _check_ids(scope, value, fields.below("triggers"))
    return msgspec.Raw(encode(value, what="triggers"))


def read_notify(fields: Fields) -> Notify:
    """Return who is told what; None in it: what the workspace says."""
    inner = fields.mapping("notify")
    if inner is None:
        return AS_ELSEWHERE
    inner.refuse_unknown(NOTIFY_KEYS)
    url = inner.text("url", length_max=URL_MAX)
    if url is not None and _URL.match(url) is None:
        inner.report.add(
            inner.below("url"), "this is no address", expected="https://HOST/PATH, written out"
        )
    on = inner.data.get("on")
    if "on" not in inner.data:
        return Notify(url=url)
    if isinstance(on, list) and all(isinstance(each, str) and each in NOTICES for each in on):
        return Notify(url=url, on=tuple(dict.fromkeys(on)))
    inner.wrong("on", "these are no notices", f"a list of {', '.join(NOTICES)}")
    return Notify(url=url)


def _read_trigger(scope: Scope, fields: Fields, inputs: dict[str, Any] | None) -> None:
    fields.refuse_unknown(TRIGGER_KEYS)
    uses = None
    if fields.require("uses", "the type of the trigger, such as schedule.cron"):
        uses = fields.choice("uses", KINDS)
    id_ = fields.text("id")
    if id_ is not None and _TRIGGER_ID.match(id_) is None:
        fields.wrong("id", "this is no id of a trigger", f"a name like {TRIGGER_ID_PATTERN}")
    config = fields.mapping("with")
    if config is None:
        if "with" in fields.data:
            return
        config = Fields(scope.report, {}, fields.path)
    if uses == "schedule.cron":
        config.refuse_unknown(CRON_KEYS)
        config.choice("missed", MISSED)
        _read_schedule(config)
    elif uses == "webhook":
        config.refuse_unknown(WEBHOOK_KEYS)
        config.choice("respond", RESPONDS)
        _read_headers(config)
    if uses is not None:
        _read_inputs(config, inputs)


def _read_schedule(config: Fields) -> None:
    expression = None
    if config.require("expression", 'five fields such as "0 9 * * MON"'):
        expression = config.text("expression")
    zone = config.text("timezone")
    if zone is not None:
        try:
            zone_of(zone)
        except InvalidInput as error:
            config.wrong("timezone", error.message, "a name of the IANA database")
            zone = None
    if expression is None:
        return
    try:
        Cron(expression, zone or "UTC")
    except InvalidInput as error:
        config.wrong("expression", error.message, 'minute hour day month weekday, as "0 9 * * MON"')


def _read_headers(config: Fields) -> None:
    headers = config.data.get("headers", [])
    if not isinstance(headers, list) or len(headers) > HEADERS_MAX:
        config.wrong("headers", "headers is not a list", f"a list of {HEADERS_MAX} names at most")
        return
    for index, name in enumerate(headers):
        path = config.below("headers", index)
        if not isinstance(name, str) or _HEADER.match(name) is None:
            config.report.add(
                path, "this is no name of a header", expected="a name such as x-event"
            )
        elif name.lower() in HEADERS_REFUSED:
            config.report.add(
                path,
                f"{name.lower()} lets somebody in and is never kept",
                expected="another header",
            )


def _read_inputs(config: Fields, schema: dict[str, Any] | None) -> None:
    given = config.mapping("inputs")
    if given is None and "inputs" in config.data:
        return
    values = {} if given is None else dict(given.data)
    path = config.path if given is None else given.path
    if _has_hole(values):
        config.report.add(
            path, "the inputs of a trigger hold an expression",
            expected="values that are written out; nodes read `trigger`",
        )  # fmt: skip
        return
    if schema is None or not (values or schema.get("required")):
        return
    try:
        check_inputs(schema, values)
    except InvalidDocument as error:
        for problem in error.problems:
            assert isinstance(problem, Problem), "of an input"
            notes = {"expected": problem.expected, "nearest": problem.nearest}
            place = _nearest_place(values, path, problem.path)
            config.report.add(place, f"{problem.path}: {problem.message}", **notes)
    except InvalidInput as error:
        config.report.add(path, error.message)


def _nearest_place(values: dict[str, Any], path: Path, named: str) -> Path:
    name = named.partition(".")[0].partition("[")[0]
    return (*path, name) if name in values else path


def _has_hole(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_has_hole, value.values()))
    if isinstance(value, list):
        return any(map(_has_hole, value))
    return isinstance(value, str) and has_hole(value)


def _check_ids(scope: Scope, triggers: list[Any], path: Path) -> None:
    """Report an id that stands twice; ids that are made keep clear of those that are written."""
    seen: set[str] = set()
    for index, trigger in enumerate(triggers):
        own = trigger.get("id") if isinstance(trigger, dict) else None
        if not isinstance(own, str):
            continue
        if own in seen:
            scope.report.add(
                (*path, index, "id"),
                f"two triggers have the id {shown(own)}",
                expected="another id",
            )
        seen.add(own)
