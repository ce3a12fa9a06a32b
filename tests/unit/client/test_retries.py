# SPDX-License-Identifier: Apache-2.0
"""What is asked again, and what is not."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from legato.client import Away, OtherState, RetryPolicy, ServerFailed, TooOften, Unreachable
from legato.client.calls import Call, Upload
from legato.client.generated import models
from tests.unit.client.server import Cut, Told, answer, client, problem

ME = {
    "id": "u1", "email": "ada@example.org", "display_name": "Ada", "is_instance_admin": False,
    "has_totp": False, "workspace": None,
}  # fmt: skip
WANTED = models.WantedKey(name="one", scopes=[])
REFUSED = httpx2.ConnectError("refused")
RESET = httpx2.ReadError("reset")
WITH_KEY = Call(method="POST", path="/x", takes_key=True)
WITHOUT_KEY = Call(method="POST", path="/x")


@pytest.mark.parametrize(
    "failure",
    [
        problem(503, "unavailable"), problem(429, "rate_limited"), httpx2.Response(502), RESET,
        REFUSED, httpx2.ReadTimeout("slow"),
        httpx2.Response(200, headers={"content-length": "99"}, stream=Cut(b'{"id"')),
    ],
    ids=["503", "429", "502", "reset", "refused", "timeout", "half a body"],
)  # fmt: skip
async def test_what_only_reads_is_asked_again(failure: httpx2.Response | Exception) -> None:
    """After an outage, a limit, a connection that broke, half a body [CC15]."""
    told = Told(failure, answer(ME))
    legato, waits = client(told)
    assert (await legato.read_me()).email == "ada@example.org"
    assert (len(told.asked), len(waits.pauses)) == (2, 1)


async def test_what_is_sent_with_a_key_is_sent_again_with_the_same_key() -> None:
    """The server knows it is the same [CC16]."""
    told = Told(
        RESET, problem(503, "unavailable"), problem(409, "idempotency_in_progress"), answer({})
    )
    legato, _ = client(told)
    await legato.transport.send(WITH_KEY)
    await legato.transport.send(WITH_KEY)
    keys = [each.headers["idempotency-key"] for each in told.asked]
    assert len(keys) == 5
    assert len(set(keys[:4])) == 1
    assert keys[4] != keys[0]


async def test_a_key_that_is_given_is_the_one_that_is_sent() -> None:
    """A program that keeps its keys may be started again itself [CC16]."""
    told = Told(answer({}))
    legato, _ = client(told)
    call = Call(method="POST", path="/x", takes_key=True, headers={"Idempotency-Key": "mine"})
    await legato.transport.send(call)
    assert told.asked[0].headers["idempotency-key"] == "mine"


@pytest.mark.parametrize(
    ("failure", "kind"),
    [(RESET, Unreachable), (problem(503, "unavailable"), Away), (httpx2.Response(502), Away),
     (httpx2.ReadTimeout("slow"), Unreachable), (problem(500, "internal"), ServerFailed)],
    ids=["reset", "503", "502", "timeout", "500"],
)  # fmt: skip
async def test_what_may_have_happened_is_not_sent_again_without_a_key(
    failure: httpx2.Response | Exception, kind: type[Exception]
) -> None:
    """It may have had its effect [CC15]."""
    told = Told(failure, answer({}))
    legato, waits = client(told)
    with pytest.raises(kind):
        await legato.transport.send(WITHOUT_KEY)
    assert (len(told.asked), waits.pauses) == (1, [])


@pytest.mark.parametrize(
    "failure", [REFUSED, problem(429, "rate_limited"), problem(503, "draining")],
    ids=["refused", "429", "draining"],
)  # fmt: skip
async def test_what_was_certainly_not_done_is_sent_again(
    failure: httpx2.Response | Exception,
) -> None:
    """Nobody was there, or it was turned away at the door [CC15]."""
    told = Told(failure, answer({}))
    legato, _ = client(told)
    await legato.transport.send(WITHOUT_KEY)
    assert len(told.asked) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
async def test_an_answer_that_will_be_the_same_is_not_asked_for_again(status: int) -> None:
    """A refusal is one, and a defect does not go away [CC15]."""
    told = Told(problem(status, "illegal_state" if status == 409 else "invalid"))
    legato, waits = client(told)
    with pytest.raises(Exception, match="It is"):
        await legato.read_me()
    assert (len(told.asked), waits.pauses) == (1, [])


async def test_the_server_says_how_long_to_wait() -> None:
    """`Retry-After` is the least; more than the patience is an error at once [CC17]."""
    told = Told(problem(429, "rate_limited", retry_after="7"), answer(ME))
    legato, waits = client(told)
    await legato.read_me()
    assert waits.pauses == [7.2]
    told = Told(problem(429, "rate_limited", retry_after="600"), answer(ME))
    legato, waits = client(told)
    with pytest.raises(TooOften) as caught:
        await legato.read_me()
    assert (caught.value.retry_after_s, waits.pauses) == (600, [])


async def test_pauses_grow_and_end() -> None:
    """Each may be twice as long, up to a bound; then the error is the caller's [CC17]."""
    told = Told(RESET)
    legato, waits = client(told, retry=RetryPolicy(attempts_max=8, pause_s_max=1.0))
    with pytest.raises(Unreachable, match="did not answer to the end"):
        await legato.read_me()
    assert waits.pauses == [0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0]
    legato, waits = client(told, retry=RetryPolicy(attempts_max=100, patience_s=2.0))
    with pytest.raises(Unreachable):
        await legato.read_me()
    assert sum(waits.pauses) <= 2.0


async def test_a_server_that_is_down_is_not_asked_many_times_by_everybody() -> None:
    """All calls of a client share a budget of retries, which answers fill up [CC18]."""
    told = Told(RESET)
    legato, _ = client(told, retry=RetryPolicy(budget=5.0, refill=0.5))
    for _ in range(10):
        with pytest.raises(Unreachable):
            await legato.read_me()
    assert len(told.asked) == 10 + 5
    told.replies = [answer(ME)]
    for _ in range(4):
        await legato.read_me()
    told.replies = [RESET]
    with pytest.raises(Unreachable):
        await legato.read_me()
    assert len(told.asked) == 15 + 4 + 3


async def test_a_body_that_was_given_piece_by_piece_is_sent_once() -> None:
    """It is gone [CC15]."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"a"

    told = Told(problem(503, "draining"), answer({}))
    legato, _ = client(told)
    call = Call(method="POST", path="/x", body=Upload("a", parts()), takes_key=True)
    with pytest.raises(Away):
        await legato.transport.send(call)
    assert len(told.asked) == 1


async def test_a_conflict_is_not_asked_again() -> None:
    """Only the first of two with one key is waited for [CC16]."""
    told = Told(problem(409, "illegal_state"), answer({}))
    legato, _ = client(told)
    with pytest.raises(OtherState):
        await legato.transport.send(WITH_KEY)
    assert len(told.asked) == 1
