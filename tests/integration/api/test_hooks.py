# SPDX-License-Identifier: Apache-2.0
"""Webhooks over HTTP: who is let in, once, with what, and what they are answered."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.integration.api.hooking import (
    SLOW,
    Sender,
    executions,
    key_of,
    only,
    outputs,
    publish,
    until,
)
from tests.integration.api.house import House, house_in
from tests.integration.api.serving import PATIENCE_S, PLAIN

HOOK: dict[str, Any] = {"uses": "webhook"}
RESULT = {"uses": "webhook", "with": {"respond": "result"}}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for all tests here; each has names of its own."""
    names = ("WRITES", "READS", "STARTS", "REQUESTS")
    rates = {f"LEGATO_SERVER__RATES__{name}_PER_MINUTE": "100000" for name in names}
    with house_in(tmp_path_factory.mktemp("house"), **rates) as made:
        yield made


def test_a_signed_message_starts_one_execution(house: House) -> None:
    """It is answered at once; its parts are `trigger`, of headers only those allowed [TR24]."""
    hook = {"uses": "webhook", "with": {"headers": ["X-Event", "content-type"]}}
    workflow = publish(house.owner, "hooked", hook)
    sender = Sender(house.owner, workflow)
    sender.url += "?a=1&a=2&b=x"
    answer = sender.send("m1", b'{"n": [1, "\\u00e9"]}', X_Event="push", X_Other="no")
    assert answer.status_code == 202, answer.text
    execution = answer.json()["execution_id"]
    (row,) = until(
        house.town, executions(house.town, workflow), lambda rows: rows[0][1] == "completed"
    )
    assert row[:4] == (execution, "completed", "webhook", "webhook1")
    assert outputs(house, execution) == {
        "kind": "webhook",
        "id": "webhook1",
        "scheduled_at": None,
        "headers": {"x-event": "push", "content-type": "application/json"},
        "query": {"a": ["1", "2"], "b": "x"},
        "body": {"n": [1, "é"]},
    }
    again = sender.send("m1", b'"something else, signed again"')
    assert (again.status_code, again.json()) == (200, {"execution_id": execution})
    assert len(house.town.select(executions(house.town, workflow))) == 1


def test_the_same_message_many_times_at_once_starts_one(house: House) -> None:
    """Of those that race one has 202, the others are given the same execution [TR26]."""
    workflow = publish(house.owner, "raced", HOOK)
    sender = Sender(house.owner, workflow)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: sender.send("same"), range(16)))
    assert sorted(each.status_code for each in answers) == [200] * 15 + [202]
    assert len({each.json()["execution_id"] for each in answers}) == 1
    assert len(house.town.select(executions(house.town, workflow))) == 1


def test_nobody_is_let_in_without_a_fresh_signature(house: House) -> None:
    """Forged, changed, stale, early, unsigned: 401 in the same words, nothing starts [TR23]."""
    workflow = publish(house.owner, "guarded", HOOK)
    sender = Sender(house.owner, workflow)
    now = int(time.time())
    good = sender.send("never").request.headers
    start = len(house.town.select(executions(house.town, workflow)))
    refused = [
        sender.send("m", key=b"k" * 32),
        sender.send("m", at_s=now - 400),
        sender.send("m", at_s=now + 400),
        httpx2.post(sender.url, content=b"{}", timeout=PATIENCE_S, verify=PLAIN),
        httpx2.post(
            sender.url,
            content=b'{"n": 2}',
            timeout=PATIENCE_S,
            verify=PLAIN,
            headers={
                name: good[name]
                for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
            },
        ),
    ]
    assert {each.status_code for each in refused} == {401}
    said = [{**each.json(), "request_id": ""} for each in refused]
    assert said == [said[0]] * len(said)
    assert said[0]["code"] == "signature_invalid"
    assert len(house.town.select(executions(house.town, workflow))) == start


def test_an_address_that_is_none_is_not_found(house: House) -> None:
    """Unknown, short, of an archived workflow: all the same [TR23]."""
    workflow = publish(house.owner, "gone", HOOK)
    sender = Sender(house.owner, workflow)
    found = house.owner.call("GET", f"/workflows/{workflow}")
    headers = {"If_Match": found.headers["etag"]}
    assert house.owner.call("DELETE", f"/workflows/{workflow}", **headers).status_code < 300
    base = house.owner.serving.url
    for url in (sender.url, f"{base}/hooks/{'x' * 43}", f"{base}/hooks/x"):
        answer = httpx2.post(url, content=b"", timeout=PATIENCE_S, verify=PLAIN)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_secret_follows_another_with_an_overlap(house: House) -> None:
    """The one before is good as long as was asked for, and not a moment without [TR22]."""
    workflow = publish(house.owner, "rotated", HOOK)
    sender = Sender(house.owner, workflow)
    old = sender.key
    path = f"/webhooks/{sender.id}/rotate"
    sender.key = key_of(house.owner.call("POST", path, {"overlap_s": 60}).json()["secret"])
    assert sender.send("a", key=old).status_code == 202
    assert sender.send("b").status_code == 202
    last = key_of(house.owner.call("POST", path, {}).json()["secret"])
    assert sender.send("c").status_code == 401
    assert sender.send("c", key=old).status_code == 401
    assert sender.send("c", key=last).status_code == 202
    audited = [row[0] for row in house.audit(sender.id)]
    assert audited == ["webhook.change"] * 3


def test_a_body_may_be_anything_of_a_mebibyte(house: House) -> None:
    """Text as text, other bytes in base64; more than 1 MiB, or JSON that is none, is not [TR25]."""
    workflow = publish(house.owner, "bodies", RESULT, outputs={"got": "${{ trigger.body }}"})
    sender = Sender(house.owner, workflow)

    def got(message: str, body: bytes, kind: str) -> Any:
        answer = sender.send(message, body, kind=kind)
        assert answer.status_code == 200, answer.text
        return answer.json()["outputs"]["got"]

    assert got("1", b"plain", "text/plain") == "plain"
    assert got("2", b"a=1&b=2", "application/x-www-form-urlencoded") == "a=1&b=2"
    assert got("3", b"\xff\x00", "application/octet-stream") == {"base64": "/wA="}
    assert got("4", b"", "application/json") is None
    assert got("5", b'{"a": 1}', "application/cloudevents+json") == {"a": 1}
    large = b'"' + b"x" * (1024 * 1024 - 2) + b'"'
    assert sender.send("6", large).status_code in {200, 202}
    assert sender.send("7", large + b" ").status_code == 413
    for bad in (b"{", b'{"a": NaN}', b'{"a": 1, "a": 2}', b'"\\ud800"'):
        assert sender.send("8", bad).status_code == 422
    assert sender.send("8").status_code == 200


def test_the_result_is_the_answer_if_it_comes_soon(house: House) -> None:
    """Outputs or error of the end, as JSON that no browser takes for a page [TR28]."""
    workflow = publish(house.owner, "asked", RESULT, outputs={"html": "<b>${{ trigger.body }}</b>"})
    sender = Sender(house.owner, workflow)
    answer = sender.send("1", b'"x"')
    assert (answer.status_code, answer.json()["status"]) == (200, "completed")
    assert answer.json()["outputs"] == {"html": "<b>x</b>"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox;")
    failing = publish(
        house.owner,
        "asked-in-vain",
        RESULT,
        nodes={"a": {"uses": "data.transform", "with": {"value": "${{ trigger.body.no }}"}}},
    )
    answer = Sender(house.owner, failing).send("1", b"{}")
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    assert answer.json()["outputs"] is None
    assert answer.json()["error"]


def test_what_overlaps_is_skipped_or_waits(house: House) -> None:
    """Skipped: 202 without an id, also when it comes again; queued: it is there and held [TR29]."""
    skipping = publish(
        house.owner, "skipping", HOOK, nodes=SLOW, overlap={"policy": "skip", "max": 1}
    )
    sender = Sender(house.owner, skipping)
    assert sender.send("1").json()["execution_id"]
    second = sender.send("2")
    assert (second.status_code, second.json()) == (202, {"execution_id": None, "skipped": True})
    again = sender.send("2")
    assert (again.status_code, again.json()) == (200, {"execution_id": None, "skipped": True})
    queueing = publish(house.owner, "queueing", HOOK, nodes=SLOW, overlap={"policy": "queue"})
    sender = Sender(house.owner, queueing)
    ids = [sender.send(str(number)).json()["execution_id"] for number in range(3)]
    rows = house.town.select(
        f"SELECT id, held_below FROM executions WHERE workflow_id = '{queueing}' ORDER BY id"
    )
    assert rows == list(zip(ids, [None, 1, 1], strict=True))


def test_webhooks_are_listed_paused_tried_by_role(house: House) -> None:
    """Address and secret are an admin's; an operator pauses; an editor tries [TR30, TR31]."""
    workflow = publish(house.owner, "roles", HOOK)
    sender = Sender(house.owner, workflow)
    viewer, operator = house.member("viewer"), house.member("operator")
    editor, admin = house.member("editor"), house.member("admin")
    shown = {who: only(who, "webhooks", workflow)["url"] for who in (viewer, editor, admin)}
    assert shown == {viewer: None, editor: None, admin: sender.url}
    path = f"/webhooks/{sender.id}"
    assert viewer.code("POST", f"{path}/pause") == (403, "forbidden")
    assert editor.code("POST", f"{path}/rotate", {}) == (403, "forbidden")
    assert operator.code("POST", f"{path}/test", {}) == (403, "forbidden")
    assert operator.call("POST", f"{path}/pause").json()["paused"] is True
    assert sender.send("1").status_code == 409
    assert sender.send("1", key=b"k" * 32).status_code == 401
    tried = editor.call("POST", f"{path}/test", {"body": {"n": 5}}, Idempotency_Key="once")
    assert tried.status_code == 202, tried.text
    repeat = editor.call("POST", f"{path}/test", {"body": {"n": 5}}, Idempotency_Key="once")
    assert repeat.json() == tried.json()
    assert repeat.headers["idempotency-replayed"] == "true"
    rows = until(
        house.town, executions(house.town, workflow), lambda rows: rows[0][1] == "completed"
    )
    assert [row[0] for row in rows] == [tried.json()["execution_id"]]
    assert outputs(house, rows[0][0])["body"] == {"n": 5}
    assert operator.call("POST", f"{path}/resume").json()["paused"] is False
    assert sender.send("1").status_code == 202
    delivered = viewer.call("GET", f"{path}/deliveries").json()["items"]
    assert [(each["webhook_id"], each["outcome"]) for each in delivered] == [("1", "started")]


def test_a_token_is_limited_by_itself(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Who sends too much is told to wait, before anything is verified [TR23]."""
    rates = {
        "LEGATO_SERVER__RATES__STARTS_PER_MINUTE": "1",
        "LEGATO_SERVER__RATES__STARTS_AT_ONCE": "3",
    }
    with house_in(tmp_path_factory.mktemp("limited"), **rates) as house:
        sender = Sender(house.owner, publish(house.owner, "limited", HOOK))
        statuses = [sender.send(str(number)).status_code for number in range(5)]
        assert statuses == [202, 202, 202, 429, 429]
        assert json.loads(sender.send("x").text)["code"] == "rate_limited"


def test_a_large_body_is_a_payload_that_a_fork_reads_too(house: House) -> None:
    """It is beside the log, and what goes on from there reads the same trigger [TR33, TR34]."""
    nodes = {"size": {"uses": "data.transform", "with": {"value": "${{ size(trigger.body.pad) }}"}}}
    workflow = publish(
        house.owner, "large", RESULT, nodes=nodes, outputs={"kind": "${{ trigger.kind }}"}
    )
    sender = Sender(house.owner, workflow)
    answer = sender.send("1", json.dumps({"pad": "x" * 300_000}).encode())
    assert (answer.status_code, answer.json()["outputs"]) == (200, {"kind": "webhook"})
    execution = answer.json()["execution_id"]
    assert outputs(house, execution) == 300_000
    sizes = house.town.select(
        f"SELECT max(length(body)) FROM events WHERE execution_id = '{execution}'"
    )
    assert sizes[0][0] < 10_000
    wish = {"from_node": "size"}
    forked = house.owner.call("POST", f"/executions/{execution}/fork", wish)
    assert forked.status_code == 202, forked.text
    fork = forked.json()["id"]
    until(
        house.town,
        f"SELECT status, \"trigger\" FROM executions WHERE id = '{fork}'",
        lambda rows: rows == [("completed", "fork")],
    )
    assert outputs(house, fork) == 300_000
