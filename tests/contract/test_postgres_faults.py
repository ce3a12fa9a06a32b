# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around a PostgreSQL store: lost connections, time-outs, a server that is away.

A clear error or a pause; nothing that was accepted is lost; the work goes on afterwards.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from legato.adapters.sql.open import make_stores
from legato.adapters.sql.postgres import database as databases
from legato.adapters.sql.postgres.committer import Job
from legato.adapters.sql.postgres.stores import PostgresLifecycle
from legato.errors import Internal, StoreUnavailable
from legato.ports.stores import Stores
from tests import services
from tests.contract.build import LEASE_MS, A, born, execution_id, new, signal, turn

pytestmark = pytest.mark.postgres
ONE = execution_id(1)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Stores]:
    """Open the store of a URL."""
    stores = make_stores(url, "memory:", home=Path("/nonexistent"))
    await stores.lifecycle.open()
    try:
        yield stores
    finally:
        await stores.lifecycle.close()


@pytest.fixture
async def admin(empty_postgres_url: str) -> AsyncIterator[Any]:
    """Return a connection of somebody else."""
    connection = await asyncpg.connect(empty_postgres_url)
    yield connection
    await connection.close()


def committer(stores: Stores) -> Any:
    """Return what holds the connection that commits."""
    assert isinstance(stores.lifecycle, PostgresLifecycle)
    return stores.lifecycle.committer


async def waits_for_lock(admin: Any) -> None:
    """Return when a statement of a store waits for a lock."""
    async with asyncio.timeout(10):
        while not await admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'legato'"
            " AND datname = current_database() AND wait_event_type = 'Lock'"
        ):
            pass


async def test_a_connection_that_dies_mid_way_leaves_the_outcome_unknown(
    empty_postgres_url: str, admin: Any
) -> None:
    """Who waited is told; who comes next is served by a new connection [LG6, LG27]."""
    async with opened(empty_postgres_url) as stores:
        await stores.log.append([born(1), born(2)])
        blocker = admin.transaction()
        await blocker.start()
        await admin.execute("SELECT * FROM executions WHERE id = $1 FOR UPDATE", ONE)
        waiting = asyncio.ensure_future(stores.log.append([turn(1, after=1)]))
        other = await asyncpg.connect(empty_postgres_url)
        await waits_for_lock(other)
        late = asyncio.ensure_future(stores.log.append([turn(2, after=1)]))
        pid = committer(stores)._connection.get_server_pid()
        await other.execute("SELECT pg_terminate_backend($1)", pid)
        await other.close()
        with pytest.raises(StoreUnavailable):
            await waiting
        assert list(await late) == [True]
        await blocker.rollback()
        assert await stores.log.heads([ONE]) == {ONE: 1}
        assert list(await stores.log.append([turn(1, after=1)])) == [True]


async def test_all_connections_may_die_while_nothing_happens(
    empty_postgres_url: str, admin: Any
) -> None:
    """A restarted server is not noticed by who asks afterwards [LG27]."""
    async with opened(empty_postgres_url) as stores:
        await stores.log.append([born()])
        for _ in range(2):
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'legato' AND datname = current_database()"
            )
            assert [row.seq for row in await stores.log.read(ONE)][:1] == [1]
            assert await stores.executions.get(ONE) is not None
        try:
            accepted = list(await stores.log.append([turn(after=1)]))
        except StoreUnavailable:  # it was sent before the end of the connection was noticed
            accepted = list(await stores.log.append([turn(after=1)]))
        assert accepted == [True]


async def test_hints_come_again_after_the_connection_was_lost(
    empty_postgres_url: str, admin: Any
) -> None:
    """Whoever waited is woken, since it may have missed something [EN10]."""
    async with opened(empty_postgres_url) as mine, opened(empty_postgres_url) as other:
        while await mine.changes.wait(0.1):
            pass
        waiting = asyncio.ensure_future(mine.changes.wait(10))
        await asyncio.sleep(0)
        pid = committer(mine)._connection.get_server_pid()
        await admin.execute("SELECT pg_terminate_backend($1)", pid)
        assert await waiting is True
        while await mine.changes.wait(0.1) and not committer(mine).is_listening:
            pass
        while await mine.changes.wait(0.1):
            pass
        await other.log.create([new(5)])
        assert await mine.changes.wait(10) is True


async def test_a_lock_that_is_held_too_long_is_said(
    empty_postgres_url: str, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody's long transaction is an error in time, and a pause for the rest [LG27]."""
    monkeypatch.setitem(databases.SETTINGS, "lock_timeout", "100")
    async with opened(empty_postgres_url) as stores:
        await stores.log.append([born()])
        async with admin.transaction():
            await admin.execute("SELECT * FROM executions FOR UPDATE")
            with pytest.raises(StoreUnavailable, match="lock"):
                await stores.log.append([turn(after=1)])
        assert list(await stores.log.append([turn(after=1)])) == [True]


async def test_a_statement_that_takes_too_long_is_ended(
    empty_postgres_url: str, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends it: it certainly did not happen [LG27]."""
    monkeypatch.setitem(databases.SETTINGS, "statement_timeout", "100")
    async with opened(empty_postgres_url) as stores:
        await stores.log.append([born()])
        async with admin.transaction():
            await admin.execute("SELECT * FROM executions FOR UPDATE")
            with pytest.raises(StoreUnavailable, match="in time"):
                await stores.log.append([turn(after=1)])
        assert list(await stores.log.append([turn(after=1)])) == [True]


async def test_one_turn_that_cannot_be_written_takes_no_other_along(
    empty_postgres_url: str,
) -> None:
    """Its batch fails, the batches that shared the group are kept [LG11]."""
    async with opened(empty_postgres_url) as stores:
        await stores.log.append([born(each) for each in (1, 2, 3)])
        batches = [[turn(1, after=1)], [turn(2, after=1)], [turn(3, after=1)]]
        batches[1] = [turn(2, after=1, project={"nodes_done": 2**40})]
        results = await asyncio.gather(
            *(stores.log.append(batch) for batch in batches), return_exceptions=True
        )
        assert results[0] == [True]
        assert isinstance(results[1], Internal)
        assert results[2] == [True]
        assert await stores.log.heads([execution_id(2)]) == {execution_id(2): 1}


class Unlucky:
    """A kind that the server rolls back some times before it succeeds."""

    def __init__(self, times: int) -> None:
        """Fail so many times."""
        self.left = times

    async def run(self, connection: Any, jobs: Sequence[Job]) -> list[Any]:
        """Keep `Kind.run`."""
        del connection
        if self.left:
            self.left -= 1
            raise asyncpg.DeadlockDetectedError("deadlock detected")
        return [job.what for job in jobs]


async def test_a_deadlock_is_tried_again(empty_postgres_url: str) -> None:
    """The server rolled it back for certain: the same is sent once more, but not for ever [LG6]."""
    async with opened(empty_postgres_url) as stores:
        assert await committer(stores).submit(Unlucky(2), "done") == "done"
        with pytest.raises(StoreUnavailable, match="deadlock"):
            await committer(stores).submit(Unlucky(3), "never")


async def test_a_commit_is_flushed_whatever_the_database_prefers(postgres_server: str) -> None:
    """A default of `synchronous_commit = off` does not weaken the log [LG13]."""
    with services.database(postgres_server) as url:
        connection = await asyncpg.connect(url)
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        await connection.close()
        async with opened(url) as stores:
            found = await committer(stores)._connection.fetchval("SHOW synchronous_commit")
            assert found == "on"


async def test_a_database_of_another_encoding_is_refused(postgres_server: str) -> None:
    """Text would not come back as it was written [LG13]."""
    server = await asyncpg.connect(postgres_server)
    name = "legato_test_ascii"
    await server.execute(f"DROP DATABASE IF EXISTS {name}")
    await server.execute(
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII'"
        " LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    try:
        with pytest.raises(StoreUnavailable, match="SQL_ASCII"):
            async with opened(services.with_database(postgres_server, name)):
                pass
    finally:
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await server.close()


async def test_a_server_that_is_not_there_is_said_without_its_password() -> None:
    """Opening fails at once and names the place [LG27, LG24]."""
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1") as caught:
        async with opened("postgresql://legato:topsecret@127.0.0.1:1/legato"):
            pass
    assert "topsecret" not in str(caught.value)


async def test_an_unknown_database_is_said(postgres_server: str) -> None:
    """A wrong name is a clear error [LG27]."""
    with pytest.raises(StoreUnavailable, match="nosuchdatabase"):
        async with opened(services.with_database(postgres_server, "nosuchdatabase")):
            pass


class Line:
    """A connection to the server that a test can cut, and hold still."""

    def __init__(self, url: str) -> None:
        """Stand before a server."""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 5432
        self._parts = parts
        self._server: asyncio.Server | None = None
        self._port_here = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()

    @property
    def url(self) -> str:
        """Return the URL that goes through here."""
        user = f"{self._parts.username}@" if self._parts.username else ""
        return urlunsplit(self._parts._replace(netloc=f"{user}127.0.0.1:{self._port_here}"))

    async def open(self) -> None:
        """Let connections through."""
        self._flows.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port_here)
        self._port_here = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End all connections and refuse new ones."""
        if self._server is not None:
            self._server.close()
        await asyncio.sleep(0)  # one that was accepted just now has its task by then
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def hold(self) -> None:
        """Let nothing through any more, without a word."""
        self._flows.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:  # it may be cut while it still connects
            with suppress(asyncio.CancelledError, OSError):
                there, back = await asyncio.open_connection(self._host, self._port)
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self._pass_on(reader, back))
                        group.create_task(self._pass_on(there, writer))
                finally:
                    back.transport.abort()
        finally:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


@pytest.fixture
async def line(empty_postgres_url: str) -> AsyncIterator[Line]:
    """Return a line to the server; skipped where it has no TCP port."""
    if not urlsplit(empty_postgres_url).hostname:
        pytest.skip("SKIP the server is reached by a socket only")
    line = Line(empty_postgres_url)
    await line.open()
    yield line
    await line.cut()


async def test_a_server_that_is_away_for_a_while_is_waited_for(line: Line) -> None:
    """What was not sent waits; nothing is lost and nothing has to be restarted [LG27]."""
    async with opened(line.url) as stores:
        await stores.owners.register(A, lease_ms=LEASE_MS, adopts=True)
        await stores.log.append([born()])
        await line.cut()
        with pytest.raises(StoreUnavailable):
            await stores.log.read(ONE)
        waiting = asyncio.ensure_future(stores.log.append([turn(after=1)]))
        await asyncio.sleep(0)
        await line.open()
        try:
            accepted = list(await waiting)
        except StoreUnavailable:
            heads = await stores.log.heads([ONE])
            accepted = list(await stores.log.append([turn(after=heads[ONE])]))
        assert accepted == [True]
        assert await stores.inbox.send(ONE, "k", b"{}") is True
        assert len(await stores.inbox.pending(A)) == 1


async def test_a_server_that_stays_away_is_said_in_time(line: Line) -> None:
    """After some seconds of trying the caller is told, and may come again [LG27]."""
    async with opened(line.url) as stores:
        await stores.log.append([born()])
        await line.cut()
        async with asyncio.timeout(10):
            with pytest.raises(StoreUnavailable):
                await stores.log.append([turn(after=1)])
            with pytest.raises(StoreUnavailable):
                await stores.owners.renew(A, lease_ms=LEASE_MS)
        await line.open()
        heads = await stores.log.heads([ONE])
        assert list(await stores.log.append([turn(after=heads[ONE])])) == [True]


async def test_a_server_that_says_nothing_is_not_waited_for(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped server neither answers nor refuses: the client's own time-out ends it [LG27]."""
    monkeypatch.setattr(databases, "COMMAND_TIMEOUT_S", 0.3)
    monkeypatch.setattr(databases, "CONNECT_TIMEOUT_S", 0.3)
    async with opened(line.url) as stores:
        await stores.log.append([born()])
        line.hold()
        async with asyncio.timeout(20):
            with pytest.raises(StoreUnavailable):
                await stores.log.append([turn(after=1)])
            with pytest.raises(StoreUnavailable):
                await stores.log.read(ONE)
        await line.cut()
        await line.open()
        heads = await stores.log.heads([ONE])
        assert list(await stores.log.append([turn(after=heads[ONE])])) == [True]


async def test_a_changed_event_is_noticed(empty_postgres_url: str, admin: Any) -> None:
    """Whatever changed it, a wrong history is never given as the right one [LG28]."""
    async with opened(empty_postgres_url) as stores:
        await stores.log.append([born(events=3)])
        await admin.execute("UPDATE events SET body = '{}' WHERE seq = 2")
        with pytest.raises(StoreUnavailable, match=r"damaged.*seq 3"):
            await stores.log.read(ONE)
        await admin.execute("DELETE FROM events WHERE seq = 2")
        with pytest.raises(StoreUnavailable, match="seq 3 where 2"):
            await stores.log.read_many([ONE])


async def test_a_signal_that_crosses_with_the_end_is_cleared_away(
    empty_postgres_url: str, admin: Any
) -> None:
    """What nobody will consider is not kept for ever [LG14]."""
    async with opened(empty_postgres_url) as stores:
        await stores.log.append([born(1), born(2)])
        end = turn(1, after=1, status="completed", project={"ended_at": 9})
        await stores.log.append([turn(2, after=1, outbox=(signal(1, "late"),)), end])
        assert await stores.inbox.pending_for([ONE]) == []
        assert isinstance(stores.lifecycle, PostgresLifecycle)
        await stores.lifecycle.indexer.run_now()
        assert await admin.fetchval("SELECT count(*) FROM inbox") == 0


async def test_a_claim_whose_answer_was_lost_is_given_again(
    empty_postgres_url: str, admin: Any
) -> None:
    """An execution that is ours although we do not know it would wait for ever [EN13, OW5]."""
    async with opened(empty_postgres_url) as stores:
        await stores.owners.register(A, lease_ms=LEASE_MS, adopts=True)
        await stores.log.create([new(1)])
        stores.owners._doubtful[ONE] = 1  # type: ignore[attr-defined]
        await admin.execute("UPDATE executions SET owner = $1, fence = 1", A)
        (claim,) = await stores.owners.claim(A, limit=5)
        assert (claim.execution_id, claim.fence) == (ONE, 1)
        assert list(await stores.log.append([turn(fence=1)])) == [True]
        assert await stores.owners.claim(A, limit=5) == []
