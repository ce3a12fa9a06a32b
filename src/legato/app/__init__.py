# SPDX-License-Identifier: Apache-2.0
"""The only place that chooses adapters and nodes: settings in, a running `App` out.

    async with build(settings, role="engine") as app: ...

Roles: `reader` looks at the store and sends signals; `submit` queues executions for engines of
other processes; `run` has an engine that owns only what it starts or resumes; `engine` has one that
adopts whatever needs an owner; `restore` looks at what nobody else may use yet. What a role does
not use is not imported. Rules: OW3, OW7, OW9, CL13, LG21.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import shutil
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar
from urllib.parse import urlsplit

import msgspec

from legato.errors import Conflict, Internal, InvalidInput
from legato.model.ids import EngineId
from legato.telemetry import logger

if TYPE_CHECKING:
    from legato.adapters.env_secrets import ServerSecrets
    from legato.model.node_type import NodeTypeInfo
    from legato.ports.attempt_logs import LogLine
    from legato.ports.bus import Bus
    from legato.ports.clock import Clock
    from legato.ports.credentials import Trials, Vault
    from legato.ports.exchanges import Exchanges
    from legato.ports.grants import Grants
    from legato.ports.http import HttpAccess
    from legato.ports.node import NodeType
    from legato.ports.secrets import Secrets
    from legato.ports.stores import Stores
    from legato.runtime.attempt.leftovers import PidFile
    from legato.runtime.attempt.log_sink import LogSink
    from legato.runtime.attempt.request import AttemptServices
    from legato.runtime.engine import Engine
    from legato.runtime.relay import Runner
    from legato.settings import GrantSettings, Settings

T = TypeVar("T")
Role = Literal["reader", "submit", "run", "engine", "restore"]
RESTORE_MARK: Final = "restoring"
"""File in a home: a restore into it is not finished, so nobody may use it."""

SWITCH_INTERVAL_S: Final = 0.0005
"""How long a thread may hold the interpreter while another waits. The store's writer thread does
many short things between the loop's long ones; with CPython's own 5 ms each would wait its turn."""

GC_THRESHOLDS: Final = (20_000, 20, 20)
"""When the interpreter looks for garbage in cycles. It counts objects that were made and not yet
freed: a busy engine makes thousands per commit that live until the next one, and CPython's own 700
spends a sixth of the time of `script/bench engine --only W3` on looking at them; this, a hundredth.
"""

GUARDED_HTTP: Final = "legato.nodes.http_access:GuardedHttp"
"""The HTTP client of nodes, as the processes of isolated attempts find it."""

_log = logger(__name__)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run one command's work in an event loop of its own and return its result."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.set_threshold(*GC_THRESHOLDS)
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)


def node_types(*, with_packages: bool = True) -> dict[str, NodeType]:
    """Return the node types of this installation; a broken package is named and left out.

    Args:
        with_packages: Also those that do not come with Legato.
    """
    from legato.nodes.registry import load_node_types

    def tell(problem: InvalidInput) -> None:
        _log.warning(problem.message, hint=problem.hint)

    return load_node_types(include_entry_points=with_packages, on_problem=tell)


def node_catalogue(*, with_packages: bool = True) -> Mapping[str, NodeTypeInfo]:
    """Return what validation needs to know of them."""
    from legato.nodes.registry import catalogue

    return catalogue(node_types(with_packages=with_packages))


@dataclass(frozen=True, slots=True, kw_only=True)
class Instead:
    """Parts that a caller puts in place of those that the settings would choose; None: as chosen.

    `stores` and `clock` may be a test's own, `secrets` and `vault` too. With `http` no request
    reaches the network: every answer is a recorded one. `around` is given the runner of attempts
    and returns what the engine calls in its place.
    """

    stores: Stores | None = None
    clock: Clock | None = None
    secrets: Secrets | None = None
    vault: Vault | None = None
    http: Exchanges | None = None
    around: Callable[[Runner], Runner] | None = None


def build(settings: Settings, *, role: Role, instead: Instead | None = None) -> App:
    """Choose the parts for these settings. Nothing is opened until the app is entered.

    Args:
        settings: What to use, and with which bounds.
        role: How much of it.
        instead: What a test brings along.
    """
    return App(settings, role, instead)


def system_clock() -> Clock:
    """Return the clock of this machine."""
    from legato.adapters.system_clock import SystemClock

    return SystemClock()


def memory_stores(clock: Clock, settings: Settings) -> Stores:
    """Make an empty store in the memory of this process, for tests: it ends with them."""
    from legato.adapters.memory.database import MemoryDatabase
    from legato.adapters.memory.stores import make_memory_stores

    database = MemoryDatabase(clock, limits=settings.limits.to_policy())
    return make_memory_stores(database, clock, process="test")


def make_stores(settings: Settings) -> Stores:
    """Make the store that the settings name; closed.

    Raises:
        InvalidInput: A URL names nothing that can be used.
    """
    from legato.adapters.blobs.obstore_blobs import make_blobs

    blobs = make_blobs(settings.blobs_url)
    limits = settings.limits.to_policy()
    if settings.database_url.startswith("sqlite:"):
        from legato.adapters.sql.sqlite.stores import make_sqlite_stores

        path = sqlite_path(settings.database_url)
        return make_sqlite_stores(path, blobs, home=settings.home, limits=limits)
    from legato.adapters.sql.postgres.stores import make_postgres_stores

    pool = settings.database
    return make_postgres_stores(
        settings.database_url, blobs, limits=limits,
        pool_max=pool.pool_max, pool_wait_s=pool.pool_wait_s,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema of a database: what was found (None: empty), and what this program brings."""

    place: str
    found: str | None
    newest: str
    state: Literal["empty", "old", "current"]


async def look_at_schema(settings: Settings) -> Schema:
    """Look at the database's schema without changing anything.

    Raises:
        Conflict: It was made by a newer program.
        StoreUnavailable: It cannot be read.
    """
    from legato.adapters.sql.look import postgres_revision, sqlite_revision
    from legato.adapters.sql.migrate import judge
    from legato.adapters.sql.revision import REVISION

    url = settings.database_url
    if url.startswith("sqlite:"):
        place = str(sqlite_path(url))
        found = await sqlite_revision(Path(place))
    else:
        parts = urlsplit(url)  # the place is shown: without user and password
        place = f"{parts.hostname or 'PostgreSQL'}{parts.path}"
        found = await postgres_revision(url)
    return Schema(place, found, REVISION, judge(found, REVISION))


class App:
    """Everything a command uses, opened on entry and closed in reverse order."""

    def __init__(self, settings: Settings, role: Role, instead: Instead | None = None) -> None:
        """Args: role says how much is opened; instead brings parts of the caller's own."""
        from legato.adapters.local_bus import LocalBus
        from legato.adapters.system_clock import SystemClock
        from legato.app.vault import AppVault

        self.settings = settings
        self.role = role
        self._instead = instead or Instead()
        self.clock: Clock = self._instead.clock or SystemClock()
        self.bus: Bus = LocalBus()
        self.stores: Stores = self._instead.stores or make_stores(settings)
        self.vault = AppVault(self.stores.credentials, settings, self.clock.monotonic)
        self.epoch = 0
        self.on_line: Callable[[LogLine], None] | None = None
        self._engine: Engine | None = None
        self._sink: LogSink | None = None
        self._pids: PidFile | None = None
        self._exit = contextlib.AsyncExitStack()

    @property
    def engine(self) -> Engine:
        """The engine of this process.

        Raises:
            Internal: The role has none.
        """
        if self._engine is None:
            raise Internal(f"the role {self.role} has no engine")
        return self._engine

    async def __aenter__(self) -> Self:
        """Open the store, bring its schema up to date, and start what the role needs.

        Raises:
            StoreUnavailable: The store cannot be opened or written.
            Conflict: Its schema is newer than this program.
            InvalidInput: Credentials need master keys that are not here.
        """
        if self.role != "restore" and (self.settings.home / RESTORE_MARK).exists():
            raise _unfinished(str(self.settings.home))
        async with contextlib.AsyncExitStack() as stack:
            await self.stores.lifecycle.open()
            stack.push_async_callback(self.stores.lifecycle.close)
            if self.role != "restore" and self._instead.stores is None:
                await self._refuse_unfinished()
            self.epoch = await self.stores.lifecycle.epoch()
            if self.role == "engine":  # before it takes up what would fail without them
                await self.vault.refuse_missing_keys()
            if self.role not in {"reader", "restore"}:
                await self._start_engine(stack)
            self._exit = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the engine without waiting for attempts, and close the store."""
        await self._exit.__aexit__(kind, error, trace)

    async def _refuse_unfinished(self) -> None:
        """Refuse a database into which a restore is not finished."""
        if await self.stores.keeping.is_restoring():
            raise _unfinished("the database")

    async def flush_logs(self) -> None:
        """Store and show every log line there is."""
        if self._sink is not None:
            await self._sink.flush()

    # --- the engine ----------------------------------------------------------------------------

    async def _start_engine(self, stack: contextlib.AsyncExitStack) -> None:
        from legato.adapters.local_queue import LocalQueue
        from legato.nodes.registry import close_node_types
        from legato.runtime.attempt.log_sink import LogSink
        from legato.runtime.engine import Engine
        from legato.runtime.evaluation_process import EvaluationProcesses
        from legato.runtime.parts import EngineOptions, EngineParts

        engine_id = EngineId(self.clock.new_id())
        limits = self.settings.limits.to_policy()
        if self.role == "submit":  # an engine without any room queues what it is given
            limits = msgspec.structs.replace(limits, max_running_executions=0)
        self._sink = LogSink(self.stores.attempt_logs, listener=self._tell_line)
        stack.push_async_callback(self._sink.close)
        stack.push_async_callback(close_node_types)
        runner = self._make_runner(engine_id, self._sink)
        if self._instead.around is not None:
            runner = self._instead.around(runner)
        if self._instead.http is not None:
            from legato.nodes.http_client import connect_through
            from legato.nodes.http_replay import ReplayedConnections

            connect_through(ReplayedConnections(self._instead.http))
        parts = EngineParts(
            stores=self.stores,
            bus=self.bus,
            clock=self.clock,
            queue=LocalQueue(),
            runner=runner,
            evaluations=EvaluationProcesses(output_bytes_max=limits.max_output_bytes),
        )
        chosen = self.settings.engine
        options = EngineOptions(
            adopts=self.role != "run",
            lease_ms=int(chosen.lease_s * 1000),
            poll_s=chosen.poll_s,
            evict_after_s=chosen.evict_after_s,
            drain_s=chosen.drain_s,
            pools=chosen.pools,
        )
        engine = Engine(engine_id, parts, limits, options)
        engine.before_adoption = lambda: end_leftovers(self.settings.home)
        self._engine = engine
        if self.role != "submit":
            self._hold_lock(engine_id, stack)
            stack.push_async_callback(self._stop_engine)
            await engine.start()

    def _hold_lock(self, engine_id: EngineId, stack: contextlib.AsyncExitStack) -> None:
        """Show others of this home that the engine lives, or they would end its programs.

        On SQLite its registration holds the lock.
        """
        if self.settings.database_url.startswith("sqlite:"):
            return
        from legato.adapters.sql.sqlite.engine_lock import EngineLocks

        locks = EngineLocks(self.settings.home / "engines")
        locks.take(engine_id)
        stack.callback(locks.give_up, engine_id)

    async def _stop_engine(self) -> None:
        """Stop whatever still runs; after a drain there is nothing left."""
        if self._engine is not None:
            await self._engine.stop(drain=False)
            if self._pids is not None:
                self._pids.remove()
            shutil.rmtree(_scratch(self.settings.home, self._engine.engine_id), ignore_errors=True)

    def _make_runner(self, engine_id: EngineId, sink: LogSink) -> Runner:
        from legato.runtime.attempt.isolated import Isolation, IsolationOptions
        from legato.runtime.attempt.leftovers import PidFile
        from legato.runtime.attempt.processes import Launcher
        from legato.runtime.attempt.request import AttemptServices, RunnerOptions
        from legato.runtime.attempt.runner import AttemptRunner
        from legato.runtime.attempt.sandbox import Sandbox, SandboxOptions

        settings, home = self.settings, self.settings.home
        given = settings.grants
        self._pids = PidFile(home / "engines" / f"{engine_id}.pids")
        hidden = tuple(dict.fromkeys((home, *_folder_of(settings.secrets_file))))
        sandbox = Sandbox(SandboxOptions(hidden=hidden, writable=given.files.roots))
        grants = operator_grants(given)
        services: AttemptServices = AttemptServices(
            journal=self.stores.journal,
            logs=sink,
            blobs=self.stores.blobs,
            secrets=self._instead.secrets or open_secrets(settings),
            vault=self._instead.vault or self.vault,
            clock=self.clock,
            programs=Launcher(sandbox=sandbox, pids=self._pids),
            http=guarded_http(grants),
            grants=grants,
        )
        options = RunnerOptions(
            limits=settings.limits.to_policy(),
            cancel_grace_s=settings.engine.cancel_grace_s,
            scratch_root=_scratch(home, engine_id),
        )
        launcher = Launcher(pids=self._pids)
        apart = IsolationOptions(hidden=hidden, http=GUARDED_HTTP)
        isolation = Isolation(launcher, services, options, apart)
        return AttemptRunner(node_types(), services, options, isolation)

    def _tell_line(self, line: LogLine) -> None:
        if self.on_line is not None:
            self.on_line(line)


def _unfinished(place: str) -> Conflict:
    return Conflict(
        f"a restore into {place} was begun and is not finished.",
        hint="Run legato restore again: it begins anew.",
    )


def guarded_http(grants: Grants) -> HttpAccess:
    """Return the HTTP client that nodes get; it reaches what is public or granted."""
    from legato.nodes.http_access import GuardedHttp

    return GuardedHttp(grants)


def credential_trials(settings: Settings) -> Trials:
    """Return what tries credentials, within the same grants as nodes."""
    from legato.nodes.credential_trial import CredentialTrials

    grants = operator_grants(settings.grants)
    return CredentialTrials(guarded_http(grants), grants)


def open_secrets(settings: Settings) -> Secrets:
    """Return where secrets are looked up by name."""
    from legato.adapters.env_secrets import EnvSecrets

    return EnvSecrets(os.environ, settings.secrets_file or settings.home / "secrets.toml")


def open_server_secrets(settings: Settings) -> ServerSecrets:
    """Return where the server's own secrets are, which no workflow can name."""
    from legato.adapters.env_secrets import ServerSecrets

    return ServerSecrets(os.environ, settings.secrets_file or settings.home / "secrets.toml")


def operator_grants(given: GrantSettings) -> Grants:
    """Return what nodes may reach, as the plain value that they get."""
    from legato.ports.grants import Grants, MailServer, SqlConnection

    connections, servers = given.sql.connections, given.mail.servers
    return Grants(
        programs=given.shell.programs,
        roots=given.files.roots,
        hosts=given.http.allow_private,
        connections={k: SqlConnection(**each.model_dump()) for k, each in connections.items()},
        mail_servers={k: MailServer(**each.model_dump()) for k, each in servers.items()},
        python=given.code.python,
        credential_writes=given.sql.credential_writes,
    )


def end_leftovers(home: Path) -> None:
    """Kill what engines that are gone left running here, and remove their scratch folders.

    An engine of this machine holds the lock of its file for as long as it lives.
    """
    from legato.adapters.sql.sqlite.engine_lock import EngineLocks
    from legato.runtime.attempt.leftovers import kill_leftovers

    locks = EngineLocks(home / "engines")
    for file in sorted((home / "engines").glob("*.pids")):
        engine_id = EngineId(file.stem)
        if locks.is_dead(engine_id):
            count = kill_leftovers(file)
            shutil.rmtree(_scratch(home, engine_id), ignore_errors=True)
            if count:
                _log.warning("killed what a dead engine left running", processes=count)


def _scratch(home: Path, engine_id: EngineId) -> Path:
    return home / "scratch" / engine_id


def _folder_of(file: Path | None) -> tuple[Path, ...]:
    return () if file is None else (file.parent,)


def sqlite_path(url: str) -> Path:
    """Return the file of `sqlite:///PATH`.

    Raises:
        InvalidInput: There is no path, or it names a host.
    """
    prefix = "sqlite:///"
    path = url.removeprefix(prefix).partition("?")[0]
    if not url.startswith(prefix) or not path.startswith("/"):
        raise InvalidInput(f"database_url: should be sqlite:///ABSOLUTE/PATH, got {url[:80]}")
    return Path(path)
