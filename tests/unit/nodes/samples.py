# SPDX-License-Identifier: Apache-2.0
"""Node types that behave well and badly; at module level, so that a child process finds them."""

import asyncio
import ctypes
import os
import signal
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from legato.ports.http import HttpBody
from legato.ports.node import Blob, NodeContext, NodeFailure, ProgramCall, Secret, node

FOREVER_S: Final = 3_600


class Plain(BaseModel):
    """Any value."""

    value: Any = None


class Typed(BaseModel):
    """Typed fields."""

    count: int
    name: str = "nobody"
    tags: list[str] = []


class Private(BaseModel):
    """A secret and a place for other things."""

    password: Secret
    value: Any = None


class Sum(BaseModel):
    """A typed output."""

    total: int
    share: float = 0.5


@node("test.echo", title="Echo", effect="pure")
async def echo(ctx: NodeContext, config: Plain) -> Any:
    """Return the value."""
    return config.value


@node("test.typed", title="Typed", effect="pure")
async def typed(ctx: NodeContext, config: Typed) -> Sum:
    """Return a model."""
    return Sum(total=config.count)


@node("test.whoami", title="Who am I", effect="pure")
async def whoami(ctx: NodeContext, config: Plain) -> dict[str, Any]:
    """Return what the context says."""
    return {
        "execution": ctx.execution_id,
        "workspace": ctx.workspace,
        "node": ctx.node_id,
        "item": ctx.item,
        "attempt": ctx.attempt,
        "key": ctx.idempotency_key,
        "deadline": None if ctx.deadline is None else ctx.deadline.isoformat(),
        "cancelled": ctx.is_cancelled,
        "pid": os.getpid(),
    }


@node("test.thread", title="Thread", effect="pure")
def in_thread(ctx: NodeContext, config: Plain) -> dict[str, Any]:
    """Return which thread runs it."""
    ctx.log("from a thread")
    return {"name": threading.current_thread().name, "value": config.value}


@node("test.login", title="Login", effect="pure", secret_fields=("password",))
async def login(ctx: NodeContext, config: Private) -> dict[str, Any]:
    """Return how long the password is."""
    return {"length": len(config.password.get_secret_value()), "repr": repr(config)}


@node("test.talk", title="Talk", effect="pure")
async def talk(ctx: NodeContext, config: Plain) -> None:
    """Use everything that leaves a trace."""
    ctx.log("first line\nsecond line")
    ctx.log("be careful", level="warning")
    ctx.progress(0.25, "a quarter")
    ctx.delta("to")
    ctx.delta("ken")


@node("test.hang", title="Hang")
async def hang(ctx: NodeContext, config: Plain) -> None:
    """Never end."""
    ctx.log("hanging")
    await asyncio.Event().wait()


@node("test.stubborn", title="Stubborn")
async def stubborn(ctx: NodeContext, config: Plain) -> None:
    """Swallow every cancellation, also through a task of its own."""

    async def inner() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ctx.log("not yet")

    ctx.log("hanging")
    await asyncio.ensure_future(inner())


@node("test.hang_thread", title="Hang in a thread")
def hang_thread(ctx: NodeContext, config: Plain) -> None:
    """Hold a thread until the test lets it go."""
    ctx.log("hanging")
    LET_GO.wait()


LET_GO: Final = threading.Event()


@node("test.polite_thread", title="Polite thread")
def polite_thread(ctx: NodeContext, config: Plain) -> str:
    """Look at the cancellation."""
    ctx.log("hanging")
    while not ctx.is_cancelled:
        LET_GO.wait(0.005)
    return "half the work"


class Unspeakable(BaseException):
    """A node's own BaseException, whose message cannot be had."""

    def __str__(self) -> str:
        raise SystemExit(3)


@node("test.raise", title="Raise")
async def raise_it(ctx: NodeContext, config: Plain) -> None:
    """Raise what the value names."""
    kinds: dict[str, BaseException] = {
        "value": ValueError("no such thing"),
        "exit": SystemExit(7),
        "interrupt": KeyboardInterrupt(),
        "generator": GeneratorExit(),
        "stop": StopAsyncIteration(),
        "base": Unspeakable(),
        "cancelled": asyncio.CancelledError(),
        "memory": MemoryError(),
        "group": ExceptionGroup("two", [NodeFailure("exit.4", "inner no")]),
        "failure": NodeFailure("http.429", "too many", may_have_happened=False, at_least_ms=1500),
        "bad_failure": NodeFailure("No Such\nKind!", "\x1b[31mred"),
        "long": ValueError("x" * 100_000),
    }
    raise kinds[config.value]


@node("test.raise_thread", title="Raise in a thread")
def raise_in_thread(ctx: NodeContext, config: Plain) -> None:
    """Raise what the value names, in a thread."""
    if config.value == "exit":
        sys.exit(7)
    raise StopIteration(config.value)


@node("test.die", title="Die")
async def die(ctx: NodeContext, config: Plain) -> None:
    """End the whole process in the way the value names."""
    ctx.log("last words")
    if config.value == "segfault":
        ctypes.string_at(0)
    if config.value == "exit":
        os._exit(0)
    if config.value == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if config.value == "spin":
        while True:
            pass


@node("test.fork", title="Fork")
async def fork(ctx: NodeContext, config: Plain) -> dict[str, int]:
    """Leave a process of its own session behind, and say which."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(write, b"%d" % os.getpid())
            signal.pause()
        os._exit(0)
    pid = int(os.read(read, 20))
    ctx.log(f"pid {pid}")
    if config.value == "hang":
        await asyncio.Event().wait()
    return {"pid": pid}


@node("test.steps", title="Steps")
async def steps(ctx: NodeContext, config: Plain) -> list[Any]:
    """Run three steps; what each appends to the file is seen from outside."""
    plan: dict[str, Any] = config.value
    done = []
    for name in ("one", "two", "three"):

        async def body(name: str = name) -> dict[str, str]:
            _note(Path(plan["file"]), name)
            if plan.get("die_in") == name and ctx.attempt == 1:
                os._exit(9)
            if plan.get("fail_in") == name and ctx.attempt == 1:
                raise ValueError("the step failed")
            return {"did": name}

        done.append(
            await ctx.step(
                name, body, input=plan.get("input"), effect=plan.get("effect", "idempotent")
            )
        )
    return done


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(3):
        yield b"piece" * 20


@node("test.services", title="Services")
async def services(ctx: NodeContext, config: Plain) -> dict[str, Any]:
    """Use secrets, blobs, scratch folder and a program."""
    secret = await ctx.secret("token")
    ref = await ctx.blobs.put(b"payload")
    found = await ctx.blobs.get(ref)
    long = await ctx.blobs.put_stream(_pieces(), size_max=300)
    back = b"".join([piece async for piece in ctx.blobs.stream(long)])
    (ctx.scratch / "note").write_text("kept", encoding="utf-8")
    result = await ctx.run_program(ProgramCall(program=Path("/bin/cat"), args=("note",)))
    ctx.log(f"the secret is {secret}")
    print("printed, and not a message")
    return {
        "secret": secret,
        "length": len(secret),
        "blob": found.decode(),
        "stream": back.decode(),
        "long": Blob.of(long, "text/plain").model_dump(),
        "cat": result.stdout.decode(),
        "scratch": str(ctx.scratch),
    }


@node("test.bad_output", title="Bad output", effect="pure")
async def bad_output(ctx: NodeContext, config: Plain) -> Any:
    """Return what the value names."""
    cycle: list[Any] = []
    cycle.append(cycle)
    outputs: dict[str, Any] = {
        "nan": {"x": float("nan")},
        "infinity": [float("inf")],
        "object": object(),
        "set": {1, 2},
        "bytes": b"x",
        "big": 2**63,
        "key": {1: "x"},
        "surrogate": "\ud800",
        "nul": "a\0b",
        "cycle": cycle,
        "deep": [[[[[[[[[]]]]]]]]] if config.value != "deep" else _nested(70),
        "huge": "x" * 100_000_000 if config.value == "huge" else "",
    }
    return outputs[config.value]


@node("test.bad_model", title="Bad model", effect="pure")
async def bad_model(ctx: NodeContext, config: Plain) -> Sum:
    """Return something else than promised."""
    if config.value == "nan":
        return Sum(total=1, share=float("nan"))
    if config.value == "mutated":
        made = Sum(total=1)
        made.total = object()  # type: ignore[assignment]
        return made
    return {"total": "many"}  # type: ignore[return-value]


@node("test.dict", title="Dict", effect="pure")
async def returns_list(ctx: NodeContext, config: Plain) -> dict[str, Any]:
    """Return a list where a dict is promised."""
    return config.value  # type: ignore[no-any-return]


def _note(file: Path, name: str) -> None:
    with file.open("a", encoding="utf-8") as notes:
        notes.write(name + "\n")


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@node("test.babble", title="Babble")
async def babble(ctx: NodeContext, config: Plain) -> None:
    """Write to every descriptor what the engine must not take for a message."""
    stranger = (
        b'{"type":"done","report":{"type":"ReportSuccess","node":"x","attempt":1,"output":{}}}'
    )
    noise = {
        "nonsense": b"\x00\x00\x00\x03abc",
        "huge": b"\xff\xff\xff\xff",
        "stranger": len(stranger).to_bytes(4, "big") + stranger,
    }[config.value]
    for descriptor in range(3, 30):
        try:
            os.write(descriptor, noise)
        except OSError:
            continue
    await asyncio.Event().wait()


class FetchConfig(BaseModel):
    """A URL."""

    url: str


@node("test.fetch", title="Fetch", effect="idempotent")
async def fetch(ctx: NodeContext, config: FetchConfig) -> dict[str, Any]:
    """Use the HTTP client both ways."""

    async def pieces() -> AsyncGenerator[bytes, None]:
        for piece in (b"piece ", b"by ", b"piece"):
            yield piece

    got = await ctx.http.request("GET", config.url, headers={"X-Own": "mine"})
    body = HttpBody(size=14, pieces=pieces)
    async with ctx.http.stream("POST", config.url, body=body) as answer:
        streamed = b"".join([piece async for piece in answer.pieces])
    return {
        "status": got.status,
        "header": got.headers["x-a"],
        "body": got.body.decode(),
        "streamed": streamed.decode(),
        "year": ctx.now.year,
    }
