# SPDX-License-Identifier: Apache-2.0
"""notify.webhook: what is signed, and what counts as told."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from legato.nodes import webhook
from legato.nodes.webhook import signature
from tests.unit.nodes.test_http_config import Sent, answered
from tests.unit.nodes.world import CANARY, EXECUTION, World

URL = "https://receiver.example/hook"
CONFIG: dict[str, Any] = {"url": URL, "payload": {"n": 1, "ü": None}, "key": {"secret": "token"}}


@pytest.fixture
def sent(world: World) -> Sent:
    """No network at all."""
    made = Sent()
    world.http = made
    return made


async def test_the_receiver_can_tell_who_sent_it(world: World, sent: Sent) -> None:
    """HMAC-SHA256 with the key over the time, a dot and the raw body [ND57]."""
    output = await world.output(webhook.webhook, CONFIG)
    asked = sent.outgoing[0]
    assert (asked.method, str(asked.url)) == ("POST", URL)
    assert isinstance(asked.body, bytes)
    assert json.loads(asked.body) == CONFIG["payload"]
    assert asked.headers["content-type"] == "application/json"
    timestamp = asked.headers["legato-timestamp"]
    assert timestamp == str(world.clock.ms // 1000)
    expected = hmac.new(CANARY.encode(), timestamp.encode() + b"." + asked.body, hashlib.sha256)
    assert asked.headers["legato-signature"] == f"v1={expected.hexdigest()}"
    assert asked.headers["idempotency-key"] == f"{EXECUTION}:step_one"
    assert output == {
        "status": 200, "timestamp": world.clock.ms // 1000,
        "idempotency_key": f"{EXECUTION}:step_one",
    }  # fmt: skip


def test_the_signature_depends_on_every_part() -> None:
    """Another key, time or body gives another signature; a known one is this [ND57]."""
    made = signature(b"key", 1700000000, b'{"a":1}')
    assert made == "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
    others = {
        signature(b"kez", 1700000000, b'{"a":1}'),
        signature(b"key", 1700000001, b'{"a":1}'),
        signature(b"key", 1700000000, b'{"a":2}'),
        made,
    }
    assert len(others) == 4


async def test_repeats_carry_the_same_key_and_a_fresh_time(world: World, sent: Sent) -> None:
    """A repeat is recognised, and is not old to a receiver that refuses old times [ND57, AT7]."""
    await world.output(webhook.webhook, CONFIG, attempt=1)
    world.clock.ms += 60_000
    await world.output(webhook.webhook, CONFIG, attempt=2)
    first, second = (each.headers for each in sent.outgoing)
    assert first["idempotency-key"] == second["idempotency-key"]
    assert int(second["legato-timestamp"]) - int(first["legato-timestamp"]) == 60
    assert first["legato-signature"] != second["legato-signature"]


def test_it_is_not_repeated_unless_the_file_says_so() -> None:
    """A webhook is non_idempotent by default [ND57]."""
    assert webhook.webhook.info.effect_of({}) == "non_idempotent"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 500, 503])
async def test_only_2xx_means_that_it_was_taken(world: World, sent: Sent, status: int) -> None:
    """A redirect is no success and is not followed: the signature is for one receiver [ND57]."""
    sent.answer = answered(status, b"no\0thanks", {"location": "https://evil.example/"})
    error = await world.error(webhook.webhook, CONFIG)
    assert (error.kind, error.may_have_happened) == (f"http.{status}", True)
    assert "thanks" in error.message
    assert len(sent.outgoing) == 1
    assert sent.outgoing[0].bounds.redirects_max == 0


async def test_a_busy_receiver_is_left_alone_for_a_while(world: World, sent: Sent) -> None:
    """429 certainly did not happen, and Retry-After is kept to [ND57, ND20]."""
    sent.answer = answered(429, b"", {"retry-after": "9"})
    error = await world.error(webhook.webhook, CONFIG)
    assert (error.kind, error.may_have_happened, error.at_least_ms) == ("http.429", False, 9_000)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"key": ""}, "invalid_argument"),
        ({"key": None}, "invalid_config"),
        ({"url": "ftp://x"}, "invalid_url"),
        ({"url": 5}, "invalid_config"),
        ({"headers": {"Host": "evil"}}, "invalid_request"),
        ({"headers": {"a": "b\r\nLegato-Signature: v1=0"}}, "invalid_request"),
        ({"more": 1}, "invalid_config"),
    ],
)
async def test_what_cannot_be_sent_is_named_before(
    world: World, sent: Sent, change: Any, kind: str
) -> None:
    """An empty key would let everybody sign [ND57, DO17]."""
    error = await world.error(webhook.webhook, {**CONFIG, **change})
    assert (error.kind, error.may_have_happened) == (kind, False)
    assert sent.outgoing == []


async def test_nobody_overrides_what_is_signed(world: World, sent: Sent) -> None:
    """Headers of the config are sent, but not in the place of the signature [ND57]."""
    headers = {"Legato-Signature": "v1=forged", "Idempotency-Key": "x", "X-Team": "a"}
    await world.output(webhook.webhook, {**CONFIG, "headers": headers})
    asked = sent.outgoing[0].headers
    assert asked["legato-signature"] != "v1=forged"
    assert asked["idempotency-key"] == f"{EXECUTION}:step_one"
    assert asked["x-team"] == "a"


async def test_the_key_is_never_said(world: World, sent: Sent) -> None:
    """A receiver that echoes what it got does not make the key public [ND10, ND57]."""
    sent.answer = answered(500, f"bad key {CANARY}".encode())
    report = await world.run(webhook.webhook, CONFIG)
    assert CANARY not in await world.everything_said(report)
