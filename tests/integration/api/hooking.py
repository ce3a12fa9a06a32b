# SPDX-License-Identifier: Apache-2.0
"""Workflows with triggers on a server, and who sends it signed messages."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import httpx2

from legato.auth.webhooks import sign
from tests.integration.api.house import House
from tests.integration.api.people import Town
from tests.integration.api.serving import PATIENCE_S, PLAIN
from tests.integration.api.visitor import Visitor

ECHO = {"say": {"uses": "data.transform", "with": {"value": "${{ trigger }}"}}}
SLOW = {"wait": {"uses": "delay", "with": {"for": "1h"}}}
SHORT = {"wait": {"uses": "delay", "with": {"for": "1s"}}}


def publish(
    who: Visitor, name: str, *triggers: dict[str, Any], nodes: dict[str, Any] = ECHO, **more: Any
) -> str:
    """Publish a workflow and return its id."""
    document = {"legato": 1, "name": name, "nodes": nodes, "triggers": list(triggers), **more}
    answer = who.call("POST", "/workflows", {"document": document})
    assert answer.status_code == 201, answer.text
    workflow = answer.json()["id"]
    answer = who.call("POST", f"/workflows/{workflow}/publish", {"revision": 1})
    assert answer.status_code == 201, answer.text
    return str(workflow)


def only(who: Visitor, kind: str, workflow: str) -> dict[str, Any]:
    """Return the one trigger of a workflow."""
    answer = who.call("GET", f"/{kind}?workflow={workflow}")
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["items"]
    return dict(found)


class Sender:
    """A program that knows address and secret of a webhook."""

    def __init__(self, who: Visitor, workflow: str) -> None:
        """Have a secret made."""
        found = only(who, "webhooks", workflow)
        self.id = found["id"]
        answer = who.call("POST", f"/webhooks/{self.id}/rotate", {})
        assert answer.status_code == 200, answer.text
        self.url = answer.json()["url"]
        self.key = key_of(answer.json()["secret"])

    def send(
        self,
        message: str,
        body: bytes = b'{"n": 1}',
        *,
        at_s: int | None = None,
        key: bytes | None = None,
        kind: str = "application/json",
        **headers: str,
    ) -> httpx2.Response:
        """Send a message."""
        at = int(time.time()) if at_s is None else at_s
        found = {
            "content-type": kind,
            "webhook-id": message,
            "webhook-timestamp": str(at),
            "webhook-signature": sign(key or self.key, message, at, body),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return httpx2.post(
            self.url, content=body, headers=found, timeout=PATIENCE_S + 10, verify=PLAIN
        )


def key_of(secret: str) -> bytes:
    """Return the bytes of a secret as it is shown."""
    return base64.b64decode(secret.removeprefix("whsec_"))


def until(town: Town, sql: str, is_so: Callable[[list[tuple[Any, ...]]], bool]) -> list[Any]:
    """Look into the database until it is so, and return what is there."""
    end = time.monotonic() + PATIENCE_S
    while not is_so(found := town.select(sql)):
        assert time.monotonic() < end, found
    return found


def executions(town: Town, workflow: str) -> str:
    """Return the query for id, status, trigger and tick of a workflow's executions."""
    return (
        'SELECT id, status, "trigger", trigger_id, scheduled_at FROM executions'
        f" WHERE workflow_id = '{workflow}' ORDER BY id"
    )


def outputs(house: House, execution: str) -> Any:
    """Return what a node of an execution saw as `trigger`."""
    bodies = house.town.select(
        f"SELECT body FROM events WHERE execution_id = '{execution}' ORDER BY seq"
    )
    (found,) = [
        value
        for value in (json.loads(bytes(body)) for (body,) in bodies)
        if value.get("type") == "NodeCompleted"
    ]
    return found["output"]["json"]
