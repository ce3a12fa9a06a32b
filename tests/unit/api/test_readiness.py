# SPDX-License-Identifier: Apache-2.0
"""Whether the parts answer."""

import asyncio

from legato.api.readiness import Readiness


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_every_part_has_to_answer() -> None:
    """One that fails is enough, whatever it raises [HT21]."""

    async def well() -> None: ...

    async def ill() -> None:
        raise RuntimeError

    assert await Readiness({"a": well, "b": well}, Clock()).look() is True
    assert await Readiness({"a": well, "b": ill}, Clock()).look() is False
    assert await Readiness({}, Clock()).look() is True


async def test_a_part_that_hangs_is_not_waited_for_and_not_asked_twice() -> None:
    """Each part has its own time; when it answers at last, that is heard [HT21]."""
    clock, release, asked = Clock(), asyncio.Event(), []

    async def hangs() -> None:
        asked.append("hangs")
        await release.wait()

    async def well() -> None:
        asked.append("well")

    readiness = Readiness({"a": hangs, "b": well}, clock, timeout_s=0.01)
    assert await readiness.look() is False
    clock.now += 2
    assert await readiness.look() is False
    assert asked.count("hangs") == 1
    assert asked.count("well") == 2
    release.set()
    clock.now += 2
    assert await readiness.look() is True
    await readiness.close()


async def test_many_questions_are_one_round_trip() -> None:
    """The question is public and a round trip writes [HT21]."""
    clock, asked = Clock(), []

    async def well() -> None:
        asked.append(1)
        await asyncio.sleep(0)

    readiness = Readiness({"a": well}, clock)
    assert all(await asyncio.gather(*(readiness.look() for _ in range(50))))
    assert await readiness.look() is True
    assert len(asked) == 1
    clock.now += 1
    assert await readiness.look() is True
    assert len(asked) == 2


async def test_closing_gives_up_what_hangs() -> None:
    """The process can end [HT21]."""
    readiness = Readiness({"a": asyncio.Event().wait}, Clock(), timeout_s=0.01)
    assert await readiness.look() is False
    await readiness.close()
    assert len(asyncio.all_tasks()) == 1
