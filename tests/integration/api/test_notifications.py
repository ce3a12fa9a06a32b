# SPDX-License-Identifier: Apache-2.0
"""Notices of troubles, as a receiver on this machine gets them."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from legato.auth.webhooks import is_signed, read_message
from tests.integration.api.hooking import Sender, key_of, publish, until
from tests.integration.api.house import House, house_in
from tests.integration.api.serving import PATIENCE_S, Serving

FAILING = {"a": {"uses": "data.transform", "with": {"value": "${{ trigger.body.no }}"}}}
HOOK: dict[str, Any] = {"uses": "webhook"}


class Receiver:
    """A program that takes notices, and answers with what it is told to."""

    def __init__(self) -> None:
        """Listen."""
        receiver = self
        self.got: Queue[tuple[dict[str, str], bytes]] = Queue()
        self.status = 204

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = receiver.status
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.got.put((headers, body))

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/told"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self, key: bytes) -> tuple[str, dict[str, Any]]:
        """Return id and content of the next notice, whose signature must be good."""
        headers, body = self.got.get(timeout=PATIENCE_S)
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        message = read_message(*(headers[name] for name in names))
        assert message is not None
        assert is_signed(message, body, [key])
        return message.id, json.loads(body)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """One for all tests here."""
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def house(tmp_path: Path, receiver: Receiver) -> Iterator[House]:
    """A server that may reach the receiver."""
    grant = {"LEGATO_GRANTS__HTTP__ALLOW_PRIVATE": receiver.url.split("/")[2]}
    with house_in(tmp_path, **grant) as made:
        yield made


def tell(house: House, url: str | None) -> bytes:
    """Have somebody be told; return the key."""
    answer = house.owner.call("PUT", "/notifications", {"url": url})
    assert answer.status_code == 200, answer.text
    answer = house.owner.call("POST", "/notifications/rotate", {})
    return key_of(answer.json()["secret"])


def test_a_failure_is_told_and_signed(house: House, receiver: Receiver) -> None:
    """With ids, state and error, no value; what succeeds is told to nobody [TR41, TR43]."""
    key = tell(house, receiver.url)
    workflow = publish(house.owner, "failing", HOOK, nodes=FAILING)
    fine = publish(house.owner, "fine", HOOK)
    Sender(house.owner, fine).send("1")
    execution = Sender(house.owner, workflow).send("1", b'{"n": "canary"}').json()["execution_id"]
    _, told = receiver.next(key)
    data = told["data"]
    assert told["type"] == "execution.failed"
    assert (data["execution_id"], data["workflow_id"], data["workflow_slug"], data["status"]) == (
        execution,
        workflow,
        "failing",
        "failed",
    )
    assert data["error"]
    assert "canary" not in json.dumps(told)
    until(house.town, "SELECT count(*) FROM notices", lambda rows: rows == [(0,)])
    assert receiver.got.empty()


def test_who_does_not_take_it_is_told_again(house: House, receiver: Receiver) -> None:
    """With the same id, after a pause, by the next server if this one is killed [TR42, TR44]."""
    key = tell(house, receiver.url)
    receiver.status = 500
    workflow = publish(house.owner, "again", HOOK, nodes=FAILING)
    Sender(house.owner, workflow).send("1")
    first, _ = receiver.next(key)
    until(house.town, "SELECT tries FROM notices", lambda rows: rows == [(1,)])
    house.town.serving.process.send(9)
    house.town.serving.process.finish()
    receiver.status = 204
    house.town.execute("UPDATE notices SET due_at = 1")
    again = Serving(house.site.start("serve", "--port", 0, "--json").unwatched())
    second, _ = receiver.next(key)
    assert first == second
    until(house.town, "SELECT count(*) FROM notices", lambda rows: rows == [(0,)])
    again.stop()


def test_a_receiver_that_is_gone_hears_nothing_more(house: House, receiver: Receiver) -> None:
    """410 ends it at once; a private address without a grant is never reached [TR44, TR45]."""
    key = tell(house, receiver.url)
    receiver.status = 410
    workflow = publish(house.owner, "told-off", HOOK, nodes=FAILING)
    Sender(house.owner, workflow).send("1")
    receiver.next(key)
    until(house.town, "SELECT count(*) FROM notices", lambda rows: rows == [(0,)])
    receiver.status = 204
    private = publish(
        house.owner, "private", HOOK, nodes=FAILING, notify={"url": "http://169.254.169.254/x"}
    )
    Sender(house.owner, private).send("1")
    until(house.town, "SELECT tries FROM notices", lambda rows: rows == [(1,)])


def test_a_workflow_says_otherwise(house: House, receiver: Receiver) -> None:
    """Its own address, and only of what it names; nothing at all with an empty list [TR46]."""
    key = tell(house, None)
    silent = publish(house.owner, "silent", HOOK, nodes=FAILING, notify={"on": []})
    loud = publish(
        house.owner, "loud", HOOK, nodes=FAILING, notify={"url": receiver.url, "on": ["failed"]}
    )
    for each in (silent, loud):
        Sender(house.owner, each).send("1")
    _, told = receiver.next(key)
    assert told["data"]["workflow_id"] == loud
    until(house.town, "SELECT count(*) FROM notices", lambda rows: rows == [(0,)])
    assert receiver.got.empty()


def test_settings_of_notices_are_an_admin_s(house: House) -> None:
    """Read and changed by admins, audited, and an address that is none is refused [TR47]."""
    admin, editor = house.member("admin"), house.member("editor")
    assert editor.code("GET", "/notifications") == (403, "forbidden")
    before = admin.call("GET", "/notifications").json()
    assert before == {
        "url": None,
        "on": ["failed", "needs_attention", "missed"],
        "has_secret": False,
        "changed_at": None,
    }
    assert admin.code("POST", "/notifications/rotate", {}) == (404, "not_found")
    for url in ("ftp://x", "https://", "https://u:p@x/", "x"):
        assert admin.code("PUT", "/notifications", {"url": url}) == (422, "invalid")
    wish = {"url": "https://example.org/x", "on": ["missed", "missed"]}
    after = admin.call("PUT", "/notifications", wish).json()
    assert (after["url"], after["on"], after["has_secret"]) == (wish["url"], ["missed"], True)
