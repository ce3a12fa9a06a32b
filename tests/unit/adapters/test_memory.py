# SPDX-License-Identifier: Apache-2.0
"""What the store in memory offers to tests and the simulation."""

import pytest

from legato.adapters.memory import MemoryDatabase, make_memory_stores
from legato.adapters.system_clock import SystemClock
from legato.errors import NotFound, StoreUnavailable, Unavailable
from tests.contract.build import A, born, execution_id, new, turn

ONE = execution_id(1)


class FailNext:
    """Faults that fail one operation, before or after it is applied."""

    def __init__(self) -> None:
        """Fail nothing yet."""
        self.before_of: str | None = None
        self.after_of: str | None = None
        self.seen: list[tuple[str, str]] = []

    async def before(self, process: str, operation: str) -> None:
        """Keep `Faults.before`."""
        self.seen.append((process, operation))
        if self.before_of == operation:
            self.before_of = None
            raise StoreUnavailable("before")

    async def after(self, process: str, operation: str) -> None:
        """Keep `Faults.after`."""
        del process
        if self.after_of == operation:
            self.after_of = None
            raise StoreUnavailable("after")


async def test_a_fault_before_leaves_nothing_behind() -> None:
    """The operation did not happen [SM2, LG6]."""
    faults = FailNext()
    store = make_memory_stores(MemoryDatabase(faults=faults), SystemClock(), process="a")
    faults.before_of = "append"
    with pytest.raises(StoreUnavailable, match="before"):
        await store.log.append([born()])
    assert await store.log.heads([ONE]) == {}
    assert faults.seen == [("a", "append"), ("a", "heads")]


async def test_a_fault_after_hides_what_happened() -> None:
    """The outcome is unknown to the caller, and it did happen [SM2, LG6]."""
    faults = FailNext()
    store = make_memory_stores(MemoryDatabase(faults=faults), SystemClock(), process="a")
    faults.after_of = "append"
    with pytest.raises(StoreUnavailable, match="after"):
        await store.log.append([born()])
    assert await store.log.heads([ONE]) == {ONE: 1}
    assert list(await store.log.append([born()])) == [False]
    assert list(await store.log.append([turn(after=1)])) == [True]


async def test_a_claim_whose_answer_was_lost_is_given_again() -> None:
    """An execution that is ours although we do not know it would wait for ever [EN13, OW5]."""
    faults = FailNext()
    store = make_memory_stores(MemoryDatabase(faults=faults), SystemClock(), process="a")
    await store.owners.register(A, lease_ms=1_000, adopts=True)
    await store.log.create([new()])
    for operation in ("before_of", "after_of"):
        setattr(faults, operation, "claim")
        with pytest.raises(StoreUnavailable):
            await store.owners.claim(A, limit=5)
    (claim,) = await store.owners.claim(A, limit=5)
    assert (claim.execution_id, claim.fence) == (ONE, 1)
    assert list(await store.log.append([turn(fence=1)])) == [True]


async def test_an_operation_that_refuses_is_no_commit() -> None:
    """Others are told of changes only [EN10]."""
    database = MemoryDatabase()
    store = make_memory_stores(database, SystemClock(), process="a")
    with pytest.raises(NotFound):
        await store.inbox.send(ONE, "k", b"{}")
    assert database.commits == {}


async def test_a_store_in_memory_keeps_no_accounts() -> None:
    """It says so at the first use instead of forgetting them [AC13]."""
    store = make_memory_stores(MemoryDatabase(), SystemClock(), process="a")
    with pytest.raises(Unavailable, match="memory keeps no accounts"):
        await store.accounts.is_set_up()
    with pytest.raises(Unavailable, match="memory keeps no accounts"):
        await store.audit.seal()
