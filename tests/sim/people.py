# SPDX-License-Identifier: Apache-2.0
"""People at the door: they start executions, send signals at bad moments, and tidy up at the end.

Rules: SM2.
"""

import random
from typing import Final

from legato.engine.state import ExecutionState
from legato.errors import Conflict, LegatoError, LimitExceeded, NotFound
from legato.model.frames import FINAL_EXECUTION
from legato.model.ids import ExecutionId, NodeId
from legato.model.signals import (
    AnswerApproval,
    AnySignal,
    CancelExecution,
    DeliverSignal,
    ForceNode,
    PauseExecution,
    ResumeExecution,
    RetryNode,
    SkipNode,
    encode_signal,
)
from legato.model.values import inline
from legato.runtime.engine import Engine, Submission
from tests.sim.host import Host, NoAnswer, World
from tests.sim.workflows import make_wish

PAUSE_BETWEEN_TRIES_S: Final = 0.7
_ANSWERS: Final = (b'{"k":1}', b'{"k":"one"}', b"null")
"""What people fill in: the first fits the fields of a form, the others do not."""
_ABOUT: Final = ("", "7")
"""What signals are about."""


class People:
    """Everybody who asks for something."""

    def __init__(self, world: World) -> None:
        """Args: world is where they ask."""
        self._world = world
        self._chance = random.Random(f"{world.seed}/people")
        self._sent = 0

    # --- starting ------------------------------------------------------------------------------

    async def start(self, number: int) -> None:
        """Start one execution and insist until it is accepted; sometimes wait for its end."""
        world = self._world
        chance = random.Random(f"{world.seed}/execution {number}")
        wish = make_wish(chance, f"flow{number}")
        execution_id = ExecutionId(world.database_clock.new_id())
        submission = Submission(
            wish.workflow, wish.inputs, called=wish.called, execution_id=execution_id
        )
        while True:
            up = [host for host in world.hosts if host.is_up]
            if not up:
                await world.loop.passing(PAUSE_BETWEEN_TRIES_S)
                continue
            host = chance.choice(up)
            if await self._submit(host, submission):
                break
            await world.loop.passing(PAUSE_BETWEEN_TRIES_S)
        world.invariants.accept(execution_id)
        world.trace.note("client", "accepted", execution_id)
        if not host.adopts:
            host.resumes.append(execution_id)
        if chance.random() < 0.5:
            await self._wait(host, execution_id)

    async def _submit(self, host: Host, submission: Submission) -> bool:
        async def submit(engine: Engine) -> ExecutionId:
            return await engine.submit(submission)

        try:
            await host.ask(submit)
        except Conflict:
            return True  # an earlier try went through although nobody heard of it
        except (NoAnswer, LegatoError) as error:
            self._world.trace.note("client", "not yet", submission.execution_id, repr(error))
            return False
        return True

    async def _wait(self, host: Host, execution_id: ExecutionId) -> None:
        async def wait(engine: Engine) -> str:
            return await engine.wait_final(execution_id)

        try:
            status = await host.ask(wait, patience_s=20.0)
        except (NoAnswer, LegatoError):
            return
        record = self._world.database.records[execution_id]
        if record.status != status:
            self._world.invariants.complain(
                "P7", f"{execution_id} was said to be {status}, it is {record.status}"
            )

    # --- bad moments ---------------------------------------------------------------------------

    async def interfere(self) -> None:
        """Send a random signal to a random execution, now and then twice."""
        world = self._world
        live = [
            each
            for each in world.database.records.values()
            if each.status not in FINAL_EXECUTION and each.head_seq > 0
        ]
        if not live:
            return
        record = self._chance.choice(live)
        signal = self._draw(world.invariants.state(record.execution_id))
        self._sent += 1
        key = f"person:{self._sent}"
        world.trace.note("person", "sends", record.execution_id, signal)
        for _ in range(self._chance.choice((1, 1, 2))):
            await self._send(record.execution_id, signal, key)

    def _draw(self, state: ExecutionState) -> AnySignal:
        chance = self._chance
        node = chance.choice(state.nodes)
        name = NodeId(state.spec(state.nodes.index(node)).id)
        item = None if node.items is None else chance.randrange(max(1, node.items.count))
        return chance.choice(
            (
                CancelExecution("p"), PauseExecution("p"), PauseExecution("p"),
                ResumeExecution("p"), RetryNode(name, "p", item=item),
                SkipNode(name, "p", item=item), _answer(name, chance.choice(_ANSWERS)),
                ForceNode(name, "completed", by="p", reason="r", item=item), self._named("go"),
                self._named("on", chance.choice(_ABOUT)),
            )
        )  # fmt: skip

    def _named(self, name: str, about: str = "") -> DeliverSignal:
        self._sent += 1
        return DeliverSignal(name, inline(b'"signal-%d"' % self._sent), "p", about)

    async def _send(self, execution_id: ExecutionId, signal: AnySignal, key: str) -> None:
        """Send at the door of some engine, or straight into the inbox as another process would."""

        async def send(engine: Engine) -> bool:
            return await engine.send(execution_id, signal, key)

        up = [host for host in self._world.hosts if host.is_up]
        try:
            if up and self._chance.random() < 0.5:
                await self._chance.choice(up).ask(send, patience_s=1.0)
            else:
                await self._world.outside.inbox.send(execution_id, key, encode_signal(signal))
        except (NoAnswer, LegatoError):
            return

    # --- the end -------------------------------------------------------------------------------

    async def tidy_up(self) -> None:
        """Do whatever a person has to do for every execution that waits for one."""
        world = self._world
        for execution_id, record in list(world.database.records.items()):
            if record.status in FINAL_EXECUTION or record.head_seq == 0:
                continue
            for signal in self._due(world.invariants.state(execution_id)):
                self._sent += 1
                try:
                    await world.outside.inbox.send(
                        execution_id, f"tidy:{self._sent}", encode_signal(signal)
                    )
                except (Conflict, LimitExceeded, NotFound):
                    break

    def _due(self, state: ExecutionState) -> list[AnySignal]:
        if state.ended is not None or state.stopping is not None:
            return []
        if state.paused:
            return [ResumeExecution("p")]
        found: list[AnySignal] = []
        for index, node in enumerate(state.nodes):
            name = NodeId(state.spec(index).id)
            if node.status == "needs_attention":
                found.append(self._settle(name, None))
            elif node.wait in {"approval", "form"} and node.status == "waiting":
                found.append(_answer(name, _ANSWERS[0]))
            elif node.wait == "signal" and node.status == "waiting":
                found.extend(self._named(each, about) for each in ("go", "on") for about in _ABOUT)
            if node.items is not None:
                found.extend(self._settle(name, item) for item in sorted(node.items.parked))
        return found

    def _settle(self, name: NodeId, item: int | None) -> AnySignal:
        return self._chance.choice(
            (
                RetryNode(name, "p", item=item),
                SkipNode(name, "p", item=item),
                ForceNode(name, "completed", inline(b'{"i":null}'), "p", "r", item),
                ForceNode(name, "failed", by="p", reason="r", item=item),
            )
        )


def _answer(name: NodeId, payload: bytes) -> AnswerApproval:
    return AnswerApproval(name, approved=True, by="p", payload=inline(payload))
