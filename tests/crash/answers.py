# SPDX-License-Identifier: Apache-2.0
"""The person of the tests: approves what waits, and settles what is parked as a careful one would.

It is another process than the engine: it reads the database with the bare driver and sends
signals through the inbox of Legato's own store.
"""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any, Final

from legato.app import build
from legato.errors import Conflict, NotFound
from legato.model.ids import ExecutionId, NodeId
from legato.model.signals import (
    AnswerApproval,
    AnySignal,
    ForceNode,
    RetryNode,
    SkipNode,
    encode_signal,
)
from legato.model.values import inline
from legato.settings import load_settings
from tests.crash.ledger import Effect
from tests.crash.records import Records
from tests.crash.site import Site

BY: Final = "person of the tests"


class Person:
    """Answers for one site. The store is opened when the first answer is due, not before."""

    def __init__(self, site: Site) -> None:
        """Begin with nothing open."""
        self._site = site
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._app: Any = None
        self._context: Any = None
        self._sent: set[tuple[str, str]] = set()
        self._answering = threading.Lock()
        self.answers = 0
        self.leaves: frozenset[str] = frozenset()
        """Workflows whose parked nodes are left to themselves."""

    def leave(self) -> None:
        """Close the store; the next answer opens it again."""
        context, self._context = self._context, None
        if context is not None:
            self._wait(context.__aexit__(None, None, None))

    def close(self) -> None:
        """Close the store and the thread."""
        self.leave()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def look(self) -> int:
        """Answer everything that needs a person now; return how many answers were new."""
        records = self._site.records()
        effects = self._site.ledger.effects(records.executions)
        wishes = _approvals(records)
        wishes += [
            wish
            for wish in _settlements(records, effects)
            if records.executions[wish[0]].workflow not in self.leaves
        ]
        with self._answering:
            fresh = [wish for wish in wishes if wish[:2] not in self._sent]
            for execution_id, key, signal in fresh:
                self._wait(self._send(execution_id, key, signal))
                self._sent.add((execution_id, key))
            self.answers += len(fresh)
            return len(fresh)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Answer whenever the store changes, for a process that does not say what it does."""
        following = asyncio.run_coroutine_threadsafe(self._follow(), self._loop)
        try:
            yield
        finally:
            following.cancel()
            with contextlib.suppress(CancelledError):
                following.result(60)

    async def _follow(self) -> None:
        await self._open()
        while True:
            await asyncio.to_thread(self.look)
            await self._app.stores.changes.wait(1.0)

    async def _open(self) -> None:
        if self._context is None:
            self._context = build(load_settings(self._site.env()), role="reader")
            self._app = await self._context.__aenter__()

    async def _send(self, execution_id: str, key: str, signal: AnySignal) -> None:
        await self._open()
        try:
            await self._app.stores.inbox.send(ExecutionId(execution_id), key, encode_signal(signal))
        except (Conflict, NotFound):
            return  # it ended in the meantime

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(60)


Wish = tuple[str, str, AnySignal]


def _approvals(records: Records) -> list[Wish]:
    return [
        (execution_id, f"approve:{node}", AnswerApproval(NodeId(node), approved=True, by=BY))
        for execution_id, node in records.asking()
    ]


def _settlements(records: Records, effects: list[Effect]) -> list[Wish]:
    """Look into the ledger: what did not happen is tried again, what happened is not."""
    had = {(each.execution_id, *each.place) for each in effects}
    begun = {
        (each.execution_id, each.node, None if each.item < 0 else each.item)
        for each in records.steps
        if not each.is_done
    }
    wishes: list[Wish] = []
    for execution_id, node, item, seq in records.parked():
        place = (execution_id, node, item)
        is_stepped = any(each.step for each in effects if (each.execution_id, *each.place) == place)
        signal: AnySignal
        if place not in begun and (place not in had or is_stepped):
            signal = RetryNode(NodeId(node), BY, "it did not happen", item)
        elif item is not None:
            signal = SkipNode(NodeId(node), BY, "it happened", item)
        else:
            output = inline(b'{"value": null, "count": 1, "text": ""}')
            signal = ForceNode(NodeId(node), "completed", output, BY, "it happened", item)
        wishes.append((execution_id, f"settle:{node}:{item}:{seq}", signal))
    return wishes
