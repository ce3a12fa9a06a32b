# SPDX-License-Identifier: Apache-2.0
"""The practice service: slow work, done once for each Idempotency-Key, and counted.

Listens on loopback, for programs and not for web pages. Rules: PR3-PR8, PR10.
"""

import asyncio
import hashlib
import json
import re
import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, NoReturn

from legato.errors import InvalidInput, Unavailable
from legato.practice import letters
from legato.practice.exchange import Answer, Exchange, Refusal, Request
from legato.practice.ledger import PAGE_BYTES_MAX, PAGE_ROWS_MAX, Ledger, Row
from legato.practice.tally import CUT_OFF, DONE, FIRST, HANDED_OVER, RECEIVED, Tally, Work

SORT_S: Final = 2.5
DRAFT_S: Final = 4.0
KEYS_MAX: Final = 20_000
_KEY: Final = re.compile(r"[!-~]{1,200}")
_NUMBER: Final = re.compile(r"[0-9]{1,12}")

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class Bounds:
    """What the service takes at once."""

    connections: int = 64
    works: int = 64
    """In progress; also those whose caller has gone."""
    keys: int = KEYS_MAX


@dataclass(frozen=True)
class Job:
    """What a path does, and how long it takes."""

    make: Callable[[dict[str, Any]], dict[str, Any]]
    takes_s: float


JOBS: Final = {"/sort": Job(letters.sort, SORT_S), "/draft": Job(letters.draft, DRAFT_S)}
_METHODS: Final = {**dict.fromkeys(JOBS, "POST"), "/counts": "GET", "/ledger": "GET"}


class Service:
    """Answers requests from a ledger."""

    def __init__(
        self, ledger: Ledger, *, pause: Pause = asyncio.sleep, bounds: Bounds | None = None
    ) -> None:
        """Read the ledger back; requests that its last writer left open were cut off.

        Args:
            ledger: Stays the caller's, who closes it after the loop.
            pause: Takes the seconds that a piece of work takes.
            bounds: Smaller in tests.

        Raises:
            Unavailable: The ledger holds what no practice service writes, or cannot be written.
        """
        self._ledger = ledger
        self._pause = pause
        self._bounds = bounds or Bounds()
        self._tally = Tally()
        self._running: set[asyncio.Task[None]] = set()
        self._in_progress = 0
        self._order = asyncio.Lock()
        try:
            for row in ledger.rows():
                self._tally.take(row)
        except (KeyError, TypeError) as error:
            raise Unavailable(f"the ledger is none of a practice service: {error}") from None
        for request, key in list(self._tally.open_requests.items()):
            self._tally.take(ledger.append(CUT_OFF, key=key, request=request))

    async def serve(self, listening: socket.socket) -> None:
        """Accept connections until cancelled; then nothing is left running.

        Args:
            listening: Bound to loopback, does not block.
        """
        loop = asyncio.get_running_loop()
        room = asyncio.Semaphore(self._bounds.connections)
        self._port = listening.getsockname()[1]
        try:
            while True:
                await room.acquire()
                connection = await _accepted(loop, listening)
                self._keep(self._attend(connection)).add_done_callback(lambda _: room.release())
        finally:
            running = list(self._running)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _keep(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _attend(self, connection: socket.socket) -> None:
        """Answer the one request of a connection, and close it."""
        with connection:
            exchange = Exchange(connection)
            try:
                request = await exchange.read()
                await self._answer(exchange, request)
            except Refusal as refusal:
                await exchange.hand_over(refusal.answer)
            except Unavailable as error:
                failed = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error), Retry_After="1")
                await exchange.hand_over(failed.answer)
            except ConnectionError:
                return

    async def _answer(self, exchange: Exchange, request: Request) -> None:
        self._check_source(request)
        method = _METHODS.get(request.path)
        if method is None:
            paths = ", ".join(_METHODS)
            raise Refusal(HTTPStatus.NOT_FOUND, f"there are only {paths}")
        if request.method != method:
            message = f"{request.path} takes {method}"
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, message, Allow=method)
        if request.path in JOBS:
            await self._do(exchange, request)
        elif request.path == "/counts":
            _check_fields(request, {"group"})
            await exchange.hand_over(_ok(self._tally.counts(request.query.get("group"))))
        else:
            await exchange.hand_over(_ok(await self._page(request)))

    def _check_source(self, request: Request) -> None:
        """Refuse web pages: one that is no friend could reach loopback by a name of its own."""
        host = request.headers.get("host", "").lower()
        if host not in {f"{name}:{self._port}" for name in ("127.0.0.1", "localhost")}:
            raise Refusal(HTTPStatus.FORBIDDEN, "Host is not this service")
        if "origin" in request.headers:
            raise Refusal(HTTPStatus.FORBIDDEN, "web pages may not ask this service")

    async def _do(self, exchange: Exchange, request: Request) -> None:
        """Have the work done, or find it done, and hand over its answer."""
        key, work, number = await self._receive(request)
        caller_gone = asyncio.create_task(exchange.wait_gone())
        try:
            if work.done_row is None:
                assert work.task is not None, "received, not done: it is being done"
                await asyncio.wait({work.task, caller_gone}, return_when="FIRST_COMPLETED")
        finally:
            caller_gone.cancel()
            await asyncio.wait({caller_gone})
        if work.done_row is None:
            await self._write(CUT_OFF, key=key, request=number)
            # Whoever has gone does not hear it; who is still there may come again.
            raise Unavailable("the work could not be written into the ledger")
        done = await asyncio.to_thread(self._ledger.read, work.done_row)
        is_taken = await exchange.hand_over(_ok(done["answer"]))
        await self._write(HANDED_OVER if is_taken else CUT_OFF, key=key, request=number)

    async def _receive(self, request: Request) -> tuple[str, Work, int]:
        """Check a request, write it down, and see to it that its work goes on.

        Returns:
            Its key, its work, and the number of its row.
        """
        key = _key_of(request)
        asked = _object_of(request)
        job = JOBS[request.path]
        try:
            answer = job.make(asked)
        except InvalidInput as error:
            _refuse(HTTPStatus.BAD_REQUEST, str(error))
        fingerprint = _fingerprint(request.path, asked)
        async with self._order:
            work = self._tally.works.get(key)
            if work is not None and work.fingerprint != fingerprint:
                _refuse(HTTPStatus.UNPROCESSABLE_ENTITY, "this key belongs to another request")
            self._check_room(work)
            row = await self._append(
                RECEIVED, key=key, path=request.path, fingerprint=fingerprint,
                asked=FIRST if work is None else work.asked,
            )  # fmt: skip
            work = self._tally.works[key]
            if work.done_row is None and not work.is_in_progress:
                self._in_progress += 1
                work.task = self._keep(self._finish(key, answer, job.takes_s))
        return key, work, row["row"]

    def _check_room(self, work: Work | None) -> None:
        if self._ledger.is_full or (work is None and len(self._tally.works) >= self._bounds.keys):
            message = "the ledger is full; stop Legato and move the practice folder away"
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, message)
        if work is not None and (work.done_row is not None or work.is_in_progress):
            return
        if self._in_progress >= self._bounds.works:
            message = f"{self._in_progress} pieces of work are in progress"
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, message, Retry_After="1")

    async def _finish(self, key: str, answer: dict[str, Any], takes_s: float) -> None:
        """Do the work, whether or not somebody still waits for it."""
        try:
            await self._pause(takes_s)
            await self._write(DONE, key=key, answer=answer)
        except Unavailable:
            return  # it is not done, and whoever waits says so
        finally:
            self._in_progress -= 1
        self._tally.works[key].task = None

    async def _write(self, event: str, **fields: Any) -> Row:
        async with self._order:
            return await self._append(event, **fields)

    async def _append(self, event: str, **fields: Any) -> Row:
        """Write a row; the caller holds the order, so that rows are counted as they stand."""
        row = await asyncio.to_thread(self._ledger.append, event, **fields)
        self._tally.take(row)
        return row

    async def _page(self, request: Request) -> dict[str, Any]:
        _check_fields(request, {"after", "limit", "group"})
        after = _number(request, "after", 0)
        limit = min(_number(request, "limit", 100), PAGE_ROWS_MAX)
        group = request.query.get("group")
        numbers: Sequence[int] = range(after + 1, self._ledger.count + 1)
        if group is not None:
            numbers = [each for each in self._tally.rows_of(group) if each > after]
        rows = await asyncio.to_thread(self._rows, numbers[:limit])
        return {"rows": rows, "has_more": len(rows) < len(numbers)}

    def _rows(self, numbers: Sequence[int]) -> list[Row]:
        """Return as many of the rows as one answer holds, at least one."""
        rows: list[Row] = []
        size = 0
        for number in numbers:
            rows.append(self._ledger.read(number))
            size += len(json.dumps(rows[-1]))
            if size >= PAGE_BYTES_MAX:
                break
        return rows


async def _accepted(loop: asyncio.AbstractEventLoop, listening: socket.socket) -> socket.socket:
    while True:
        try:
            connection, _ = await loop.sock_accept(listening)
        except ConnectionError:
            continue  # it was gone before it was looked at
        return connection


def _ok(value: Any) -> Answer:
    return Answer(HTTPStatus.OK, value, {})


def _refuse(status: HTTPStatus, message: str) -> NoReturn:
    raise Refusal(status, message) from None


def _key_of(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if not _KEY.fullmatch(key):
        message = "Idempotency-Key: 1 to 200 visible ASCII characters are needed"
        raise Refusal(HTTPStatus.BAD_REQUEST, message)
    return key


def _object_of(request: Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
    try:
        value = json.loads(request.body.decode(), parse_constant=_not_json)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        raise Refusal(HTTPStatus.BAD_REQUEST, "the body is no JSON") from None
    if not isinstance(value, dict):
        raise Refusal(HTTPStatus.BAD_REQUEST, "the body is no JSON object")
    return value


def _not_json(text: str) -> NoReturn:
    raise ValueError(text)


def _fingerprint(path: str, asked: dict[str, Any]) -> str:
    text = json.dumps([path, asked], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _check_fields(request: Request, known: set[str]) -> None:
    unknown = sorted(set(request.query) - known)
    if unknown:
        message = f"{request.path} takes only {', '.join(sorted(known))}"
        raise Refusal(HTTPStatus.BAD_REQUEST, message)


def _number(request: Request, name: str, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text):
        raise Refusal(HTTPStatus.BAD_REQUEST, f"{name}: expected a whole number")
    return int(text)
