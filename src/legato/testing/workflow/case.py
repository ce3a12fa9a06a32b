# SPDX-License-Identifier: Apache-2.0
"""Runs one case: the real engine over stores in memory, with a clock that skips every wait.

Nobody is asked and nothing is waited for: when the engine has nothing left to do, approvals are
answered, signals given, and then the clock is moved to the next timer.

Rules: TK10-TK13, TK16, TK18.
"""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

from legato.app import App, Instead, build, memory_stores
from legato.engine.evolve import evolve
from legato.engine.state import ExecutionState
from legato.engine.upcast import read_event
from legato.errors import InvalidInput, LegatoError
from legato.model.events import AttemptStarted, ItemsStarted, SignalRejected
from legato.model.frames import FINAL_EXECUTION, ExecutionStatus
from legato.model.graph import Graph
from legato.model.ids import LOCAL_WORKSPACE, ExecutionId, NodeId, WorkspaceId
from legato.model.signals import AnswerApproval, AnySignal, DeliverSignal, FireTimers
from legato.model.values import Value, encode, inline, load
from legato.model.workflow import called_workflows
from legato.ports.blobs import json_of
from legato.ports.credentials import OpenCredential
from legato.ports.executions import ExecutionFilter
from legato.runtime.relay import Runner
from legato.runtime.submission import Submission
from legato.settings import (
    GrantSettings,
    LimitsSettings,
    Settings,
)
from legato.testing.clock import FakeClock
from legato.testing.workflow.judge import compare_golden, failures_of, write_golden
from legato.testing.workflow.outcome import Outcome, Verdict, error_value
from legato.testing.workflow.pins import PinnedRunner, all_with_pins, with_pins
from legato.testing.workflow.replay import Replay
from legato.testing.workflow.suite import BY, Case, Reply, Suite, prefix_of

QUIET_PASSES: Final = 64
"""Passes of the event loop without a change after which the engine has nothing to do: its own steps
over stores in memory take a few passes each and never wait."""
MOVES_MAX: Final = 100_000
"""Answers, signals and moves of the clock in one case; a workflow that needs more never ends."""
EXECUTIONS_MAX: Final = 10_000
"""Executions of one tree that are open at once and looked after."""
_OPEN: Final[tuple[ExecutionStatus, ...]] = tuple(
    each for each in get_args(ExecutionStatus) if each not in FINAL_EXECUTION
)


def run_case(suite: Suite, case: Case, limits: LimitsSettings, *, update: bool = False) -> Verdict:
    """Run one case in an event loop of its own and judge it.

    Args:
        suite: Where it stands.
        case: What to run.
        limits: Bounds of the run.
        update: Take the outputs for the golden ones where they differ.
    """
    begin = time.perf_counter()
    status, updated = "", None
    try:
        outcome = asyncio.run(run_outcome(suite, case, limits))
        status = outcome.status
        failures = failures_of(case, outcome, suite.workflow.name)
        if case.golden is not None and not failures:
            differs = compare_golden(case.golden, outcome.outputs)
            if differs is not None and update:
                write_golden(case.golden, outcome.outputs)
                updated = str(case.golden)
            elif differs is not None:
                failures.append(differs)
    except TimeoutError:
        failures = [f"it took longer than {case.timeout_s:g} s (`timeout` of the case)"]
    except LegatoError as error:
        failures = [str(error)]
    return Verdict(
        file=str(suite.file), name=case.name, line=case.line, status=status,
        seconds=time.perf_counter() - begin, failures=tuple(failures), updated=updated,
    )  # fmt: skip


async def run_outcome(suite: Suite, case: Case, limits: LimitsSettings) -> Outcome:
    """Run one case and return what it came to.

    Raises:
        TimeoutError: It took too long in real time.
        LegatoError: It could not be run.
    """
    with tempfile.TemporaryDirectory(prefix="legato-test-") as home:
        settings = Settings(
            home=Path(home),
            limits=limits,
            grants=GrantSettings.model_validate(
                {"shell": {"programs": suite.programs}, "files": {"roots": suite.roots}}
            ),
        )
        async with asyncio.timeout(case.timeout_s):
            return await _Driver(suite, case, settings).run()


class MadeUpCredential(OpenCredential, frozen=True, kw_only=True):
    """Goes to every host: the answers are recorded ones."""

    @property
    def is_host_bound(self) -> bool:
        """It is not."""
        return False


class MadeUpVault:
    """Keeps `legato.ports.credentials.Vault`: every name is a bearer token, and none a real one."""

    async def use(
        self, workspace: WorkspaceId, name: str, execution_id: ExecutionId
    ) -> OpenCredential | None:
        """Keep `Vault.use`."""
        return MadeUpCredential(
            id=name, name=name, type="http_bearer", hosts=(), version=1,
            data={"token": f"made-up-{name}"},
        )  # fmt: skip


class MadeUpSecrets:
    """Keeps `legato.ports.secrets.Secrets`: every name has a value, and none is a real one."""

    async def get(self, workspace: WorkspaceId, name: str) -> str:
        """Keep `Secrets.get`."""
        return f"made-up-{name}"


class _Driver:
    """One case under way."""

    def __init__(self, suite: Suite, case: Case, settings: Settings) -> None:
        self._suite = suite
        self._case = case
        self._settings = settings
        self._clock = FakeClock()
        self._replay = Replay(case.exchanges)
        self._stores = memory_stores(self._clock, settings)
        self._pinned: PinnedRunner | None = None
        self._app: App | None = None
        self._replies = {name: list(replies) for name, replies in case.replies.items()}
        self._signals = list(case.signals)
        self._refused: list[str] = []
        self._moves = 0

    @property
    def app(self) -> App:
        """The app of this case."""
        assert self._app is not None, "it is made before anything is asked of it"
        return self._app

    async def run(self) -> Outcome:
        instead = Instead(
            stores=self._stores, clock=self._clock, secrets=MadeUpSecrets(),
            vault=MadeUpVault(), http=self._replay, around=self._around,
        )  # fmt: skip
        self._app = build(self._settings, role="run", instead=instead)
        submission = self._submission()
        begin = self._clock.now_ms()
        async with self._app as app:
            root = await app.engine.submit(submission)
            trouble = await self._drive(root)
            return await self._outcome(root, trouble, begin)

    def _around(self, runner: Runner) -> Runner:
        limit = self._settings.limits.max_inline_bytes
        store = (self._stores.blobs, limit)
        self._pinned = PinnedRunner(self._case, runner, self._prefix, store)
        return self._pinned

    def _prefix(self, execution_id: ExecutionId) -> str:
        state = self.app.engine.state(execution_id)
        assert state is not None, "an attempt runs only while its execution is here"
        return prefix_of(state.graph.workflow.name, self._suite.workflow.name)

    def _submission(self) -> Submission:
        root = self._suite.workflow.name
        workflow = with_pins(self._suite.workflow, self._case, root)
        called = all_with_pins(self._suite.called, self._case, root)
        for each in (workflow, *called.values()):
            for name in called_workflows(each):
                if name not in called:
                    raise InvalidInput(f"{each.name} calls {name}, which is not beside it")
        return Submission(workflow=workflow, inputs=self._case.inputs, by=BY, called=called)

    # --- moving on -----------------------------------------------------------------------------

    async def _drive(self, root: ExecutionId) -> list[str]:
        """Move the case on until it has ended or stands still; return why it stands still."""
        while True:
            await self._until_quiet()
            if self.app.engine.state(root) is None:
                return []
            self._moves += 1
            if self._moves > MOVES_MAX:
                return [f"it did not end within {MOVES_MAX} answers and moves of the clock"]
            live = await self._live()
            if await self._answer(live) or await self._skip_time(live):
                continue
            return self._standstill(live)

    async def _until_quiet(self) -> None:
        """Return when the engine has had nothing to do for some passes of the event loop."""
        quiet = 0
        while quiet < QUIET_PASSES:
            is_busy = self.app.engine.busy > 0
            quiet = 0 if is_busy else quiet + 1
            # A thread, a program or a helper may take its time: waiting for it must not spin.
            await asyncio.sleep(0.001 if is_busy else 0)

    async def _live(self) -> list[ExecutionState]:
        """Return the states of the execution and its children that have not ended."""
        wanted = ExecutionFilter(
            workspace=LOCAL_WORKSPACE, statuses=_OPEN, with_children=True, limit=EXECUTIONS_MAX
        )
        rows = await self._stores.executions.find(wanted)
        states = (self.app.engine.state(row.execution_id) for row in reversed(rows))
        return [state for state in states if state is not None]

    async def _answer(self, live: list[ExecutionState]) -> bool:
        """Give every answer and signal that is waited for and that the case has."""
        acted = False
        for state in live:
            for signal in list(self._due(state)):
                await self._send(state.execution_id, signal)
                acted = True
        return acted

    def _due(self, state: ExecutionState) -> Iterator[AnySignal]:
        prefix = prefix_of(state.graph.workflow.name, self._suite.workflow.name)
        for index in state.open_waits:
            spec = state.spec(index)
            replies = self._replies.get(f"{prefix}{spec.id}", [])
            if state.nodes[index].wait in {"approval", "form"} and replies:
                yield _reply(spec.id, replies.pop(0))
        for name, waits in state.signal_waits.items():
            for _ in range(len(waits)):
                found = next((each for each in self._signals if each[0] == name), None)
                if found is not None:
                    self._signals.remove(found)
                    yield DeliverSignal(name, _value(found[1]), BY)

    async def _skip_time(self, live: list[ExecutionState]) -> bool:
        """Move the clock to the next timer, if there is one."""
        due = {state.execution_id: at for state in live if (at := state.wake_at()) is not None}
        if not due:
            return False
        first = min(due.values())
        self._clock.advance(max(0, first - self._clock.now_ms()) / 1000)
        for execution_id, at in due.items():
            if at <= self._clock.now_ms():
                await self._send(execution_id, FireTimers())
        return True

    async def _send(self, execution_id: ExecutionId, signal: AnySignal) -> None:
        self._moves += 1
        await self.app.engine.send(execution_id, signal, f"test:{self._moves}")

    def _standstill(self, live: list[ExecutionState]) -> list[str]:
        """Say what is waited for and was not given; a parked node is an outcome, no trouble."""
        found: list[str] = []
        for state in live:
            prefix = prefix_of(state.graph.workflow.name, self._suite.workflow.name)
            for index in state.open_waits:
                name = f"{prefix}{state.spec(index).id}"
                wait = state.nodes[index].wait
                if wait == "approval":
                    found.append(f"nobody answers {name}; add  approve: {{{name}: true}}")
                elif wait == "form":
                    found.append(f"nobody answers {name}; add  answer: {{{name}: {{…}}}}")
            found += [
                f"the signal {name} never comes; add  signals: [{{name: {name}}}]"
                for name in state.signal_waits
            ]
        return found

    # --- the end -------------------------------------------------------------------------------

    async def _outcome(self, root: ExecutionId, trouble: list[str], begin: int) -> Outcome:
        state, attempts = await self._folded(root)
        nodes: dict[str, dict[str, object]] = {}
        for spec, node in zip(state.graph.nodes, state.nodes, strict=True):
            nodes[spec.id] = {
                "output": await self._fetch(node.output) if node.status == "completed" else None,
                "status": node.status,
                "error": error_value(node.error),
                "errors": [] if node.errors is None else await self._fetch(node.errors),
                "attempts": attempts[spec.id],
            }
        assert self._pinned is not None, "the runner was made with the app"
        elapsed_ms = self._clock.now_ms() - begin
        misses = [*self._pinned.misses, *self._replay.misses]
        return Outcome(
            status=state.status, inputs=self._case.inputs, outputs=await self._fetch(state.outputs),
            nodes=nodes, error=state.error, error_node=state.error_node, elapsed_ms=elapsed_ms,
            trouble=tuple(dict.fromkeys([*misses, *self._refused, *trouble])),
        )  # fmt: skip

    async def _folded(self, root: ExecutionId) -> tuple[ExecutionState, Counter[NodeId]]:
        """Return what the log tells: the state, and how many attempts each node had.

        The engine forgets an execution when it ends.
        """
        attempts: Counter[NodeId] = Counter()
        workflow = with_pins(self._suite.workflow, self._case, self._suite.workflow.name)
        state = ExecutionState(root, Graph(workflow))
        while rows := await self._stores.log.read(root, after=state.seq, limit=1_000):
            for row in rows:
                event = read_event(row.body)
                evolve(state, event, row.at)
                if isinstance(event, AttemptStarted):
                    attempts[event.node] += 1
                elif isinstance(event, ItemsStarted):
                    attempts[event.node] += len(event.items)
                elif isinstance(event, SignalRejected):
                    self._refused.append(f"an answer or signal was refused: {event.reason}")
        return state, attempts

    async def _fetch(self, value: Value) -> object:
        data = await json_of(self._stores.blobs, LOCAL_WORKSPACE, value)
        return load(data) if data else None


def _reply(node: NodeId, reply: Reply) -> AnswerApproval:
    return AnswerApproval(
        node=node, approved=reply.approved, by=reply.by, comment=reply.comment,
        payload=_value(reply.data),
    )  # fmt: skip


def _value(data: object) -> Value:
    return inline(encode(data, what="the answer"))
