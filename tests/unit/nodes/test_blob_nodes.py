# SPDX-License-Identifier: Apache-2.0
"""blob.put and blob.get."""

import base64
import hashlib
from typing import Any

import pytest

from legato.nodes import blob
from legato.nodes.blob import GET_BYTES_MAX
from tests.unit.nodes.world import World


@pytest.mark.parametrize(
    ("config", "payload", "media_type"),
    [
        ({"text": "hä"}, "hä".encode(), "text/plain; charset=utf-8"),
        ({"text": ""}, b"", "text/plain; charset=utf-8"),
        ({"base64": "AAH/"}, b"\x00\x01\xff", "application/octet-stream"),
        ({"json": {"a": [1, None]}}, b'{"a":[1,null]}', "application/json"),
        ({"json": None}, b"null", "application/json"),
        ({"text": "a,b", "type": "text/csv", "name": "t.csv"}, b"a,b", "text/csv"),
    ],
)
async def test_what_is_put_can_be_got(
    world: World, config: Any, payload: bytes, media_type: str
) -> None:
    """Text, bytes and JSON become a reference with type and name, and come back [ND59]."""
    made = await world.output(blob.put, config)
    assert made == {
        "hash": hashlib.sha256(payload).hexdigest(), "size": len(payload), "type": media_type,
        "name": config.get("name"),
    }  # fmt: skip
    got = await world.output(blob.get, {"blob": made, "as": "base64"})
    assert base64.b64decode(got["base64"]) == payload
    assert (got["size"], got["type"], got["text"], got["json"]) == (
        len(payload), media_type, None, None,
    )  # fmt: skip


async def test_a_payload_comes_as_it_is_asked_for(world: World) -> None:
    """Text unless the config says base64 or json [ND59]."""
    made = await world.output(blob.put, {"json": {"n": 1}})
    assert (await world.output(blob.get, {"blob": made}))["text"] == '{"n":1}'
    assert (await world.output(blob.get, {"blob": made, "as": "json"}))["json"] == {"n": 1}


@pytest.mark.parametrize(
    ("content", "wanted", "kind"),
    [
        (b"\xff\xfe", "text", "not_text"),
        (b"a\0b", "text", "not_text"),
        (b"{", "json", "invalid_json"),
        (b'{"a": 1, "a": 2}', "json", "invalid_json"),
        (b"NaN", "json", "invalid_json"),
        (b"[" * 100_000, "json", "invalid_json"),
    ],
)
async def test_a_payload_that_is_something_else_is_a_failure(
    world: World, content: bytes, wanted: str, kind: str
) -> None:
    """Bytes are never bent into text or JSON that they are not [ND59]."""
    made = await world.output(blob.put, {"base64": base64.b64encode(content).decode()})
    error = await world.error(blob.get, {"blob": made, "as": wanted})
    assert (error.kind, error.may_have_happened, error.retryable) == (kind, False, False)


async def test_a_large_payload_stays_in_the_store(world: World) -> None:
    """More than 8 MiB is refused, also if the reference lies about its size [ND59]."""
    ref = await world.blobs.put(None, b"x" * (GET_BYTES_MAX + 1))  # type: ignore[arg-type]
    for size in (ref.size, 5):
        error = await world.error(blob.get, {"blob": {"hash": ref.hash, "size": size}})
        assert (error.kind, error.retryable) == ("too_large", False)
        assert str(GET_BYTES_MAX) in error.message
    most = await world.blobs.put(None, b"x" * GET_BYTES_MAX)  # type: ignore[arg-type]
    config = {"blob": {"hash": most.hash, "size": most.size}}
    assert len((await world.output(blob.get, config))["text"]) == GET_BYTES_MAX


@pytest.mark.parametrize(
    ("node_type", "config", "kind"),
    [
        (blob.put, {}, "invalid_config"),
        (blob.put, {"text": "a", "json": 1}, "invalid_config"),
        (blob.put, {"text": "a", "base64": "YQ=="}, "invalid_config"),
        (blob.put, {"text": 5}, "invalid_config"),
        (blob.put, {"base64": "Y Q=="}, "invalid_argument"),
        (blob.put, {"base64": "YQ"}, "invalid_argument"),
        (blob.put, {"text": "a", "type": ""}, "invalid_config"),
        (blob.get, {}, "invalid_config"),
        (blob.get, {"blob": "0" * 64}, "invalid_config"),
        (blob.get, {"blob": {"hash": "../" + "0" * 61, "size": 1}}, "invalid_config"),
        (blob.get, {"blob": {"hash": "0" * 64, "size": -1}}, "invalid_config"),
        (blob.get, {"blob": {"hash": "0" * 64, "size": 1}, "as": "xml"}, "invalid_config"),
        (blob.get, {"blob": {"hash": "0" * 64, "size": 1}}, "not_found"),
    ],
)
async def test_what_means_nothing_is_named(
    world: World, node_type: Any, config: Any, kind: str
) -> None:
    """Wrong types, two contents, broken base64, a payload that is gone [ND59, DO17]."""
    assert (await world.error(node_type, config)).kind == kind


async def test_what_was_put_is_kept_with_the_execution(world: World) -> None:
    """The report names the payload, so that it lives as long as the execution [ND59, LG15]."""
    report = await world.run(blob.put, {"text": "kept"})
    assert [each.hash for each in report.blobs] == [  # type: ignore[union-attr]
        hashlib.sha256(b"kept").hexdigest()
    ]
