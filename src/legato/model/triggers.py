# SPDX-License-Identifier: Apache-2.0
"""What starts a workflow by itself, what happens if it runs still, and who is told of its troubles.

A document's `triggers` stay in the workflow as written; `triggers_of` reads them with every default
filled in. They were checked when the document was.

Rules: TR1, TR7-TR9.
"""

from typing import Any, Final, Literal

import msgspec

from legato.model.cron import Missed
from legato.model.workflow import Workflow

Kind = Literal["schedule.cron", "webhook"]
Respond = Literal["ack", "result"]

KINDS: Final[tuple[Kind, ...]] = ("schedule.cron", "webhook")
DEFAULT_ID: Final[dict[str, str]] = {"schedule.cron": "cron", "webhook": "webhook"}
"""The first of a kind without an id is `cron1`, `webhook1`, and so on."""
HEADERS_DEFAULT: Final = ("content-type", "user-agent")
"""Headers that `trigger.headers` has unless the document names others."""


class CronConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`with` of schedule.cron."""

    expression: str
    timezone: str = "UTC"
    missed: Missed = "run_once"
    inputs: dict[str, Any] = {}


class WebhookConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`with` of webhook. Names of headers are in small letters."""

    respond: Respond = "ack"
    headers: tuple[str, ...] = HEADERS_DEFAULT
    inputs: dict[str, Any] = {}


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """One trigger of a workflow."""

    id: str
    kind: Kind
    config: CronConfig | WebhookConfig


class _Written(msgspec.Struct, frozen=True, kw_only=True):
    uses: str
    id: str | None = None
    config: dict[str, Any] = msgspec.field(name="with", default_factory=dict)


class _Part(msgspec.Struct, frozen=True):
    triggers: msgspec.Raw = msgspec.Raw(b"[]")


_part_decoder: Final = msgspec.json.Decoder(_Part)
_decoder: Final = msgspec.json.Decoder(list[_Written])


def triggers_of(workflow: Workflow) -> tuple[Trigger, ...]:
    """Return the triggers of a workflow in the order of its document.

    What this program cannot read, of a document that another one has checked, is left out.
    """
    return _read(workflow.triggers)


def written_triggers(compiled: bytes) -> tuple[Trigger, ...]:
    """Return the same of a workflow's compiled form, of which nothing else is read."""
    return _read(_part_decoder.decode(compiled).triggers)


def _read(text: bytes | msgspec.Raw) -> tuple[Trigger, ...]:
    try:
        written = _decoder.decode(text)
    except msgspec.MsgspecError:
        return ()
    ids = given_ids([(each.uses, each.id) for each in written])
    found = (_trigger(each, id_) for each, id_ in zip(written, ids, strict=True))
    return tuple(each for each in found if each is not None)


def given_ids(written: list[tuple[str, str | None]]) -> list[str]:
    """Return the id of each trigger, made of its kind's name and a number where it has none.

    Args:
        written: What each uses, and its own id.
    """
    taken = {own for _, own in written if own is not None}
    count: dict[str, int] = {}
    found: list[str] = []
    for uses, own in written:
        name = own
        while name is None:
            count[uses] = count.get(uses, 0) + 1
            made = f"{DEFAULT_ID.get(uses, 'trigger')}{count[uses]}"
            name = None if made in taken else made
        found.append(name)
    return found


def read_config(kind: Kind, config: object) -> CronConfig | WebhookConfig:
    """Return a trigger's `with`.

    Raises:
        msgspec.ValidationError: It has not that form.
    """
    if kind == "schedule.cron":
        return msgspec.convert(config, CronConfig)
    hook = msgspec.convert(config, WebhookConfig)
    names = tuple(dict.fromkeys(name.lower() for name in hook.headers))
    return msgspec.structs.replace(hook, headers=names)


def _trigger(written: _Written, id_: str) -> Trigger | None:
    if written.uses not in KINDS:
        return None
    kind: Kind = "webhook" if written.uses == "webhook" else "schedule.cron"
    try:
        return Trigger(id=id_, kind=kind, config=read_config(kind, written.config))
    except msgspec.ValidationError:
        return None
