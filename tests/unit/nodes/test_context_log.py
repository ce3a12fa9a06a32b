# SPDX-License-Identifier: Apache-2.0
"""What a node says while it runs: bounds, control characters, progress, streams."""

from legato.ports.node import NodeContext, node
from legato.runtime.attempt.context import LOG_LINE_BYTES_MAX, Lines
from legato.runtime.attempt.live import DELTA_BYTES_MAX
from tests.unit.nodes.samples import Plain
from tests.unit.nodes.world import CANARY, World


async def test_an_attempt_keeps_a_bounded_number_of_lines(world: World) -> None:
    """After the limit one line says that the rest is not kept [LG17, EN19]."""
    world.limit(max_log_lines_per_attempt=5)

    @node("test.chatty", title="Chatty")
    async def chatty(ctx: NodeContext, config: Plain) -> None:
        """Log many lines, one by one and at once."""
        for number in range(3):
            ctx.log(f"line {number}")
        ctx.log("\n".join(f"more {number}" for number in range(100)))

    await world.output(chatty, {})
    assert world.logs.texts[:5] == ["line 0", "line 1", "line 2", "more 0", "more 1"]
    assert world.logs.texts[5].startswith("more than 5 lines")
    assert len(world.logs.lines) == 6


async def test_a_line_is_bounded_and_free_of_control_characters(world: World) -> None:
    """Escapes are written out, long lines cut, unknown levels are info [CL9]."""

    @node("test.rude", title="Rude")
    async def rude(ctx: NodeContext, config: Plain) -> None:
        """Log what would steer a terminal."""
        ctx.log("\x1b[2J\x07\x00 \u202e end", level="nonsense")
        ctx.log("ä" * 100_000)
        ctx.log("\ud800")

    await world.output(rude, {})
    escaped, long, surrogate = world.logs.lines
    assert escaped.text == "\\x1b[2J\\x07\\x00 \\u202e end"
    assert escaped.level == "info"
    assert LOG_LINE_BYTES_MAX - 8 < len(long.text.encode()) <= LOG_LINE_BYTES_MAX
    assert surrogate.text == "?"


async def test_progress_is_clamped_and_the_last_of_a_flush_counts(world: World) -> None:
    """Progress stays within 0 to 1 [ND4]."""

    @node("test.progress", title="Progress")
    async def progress(ctx: NodeContext, config: Plain) -> None:
        """Report progress."""
        for fraction in (0.1, 0.2, config.value):
            ctx.progress(fraction, f"at {fraction}")

    for value, clamped in ((0.7, 0.7), (7, 1.0), (-1, 0.0)):
        world.logs.lines.clear()
        await world.output(progress, {"value": value})
        assert [line.progress for line in world.logs.lines] == [clamped]
        assert world.logs.texts == [f"at {value}"]
    world.logs.lines.clear()

    @node("test.nan", title="NaN")
    async def nan(ctx: NodeContext, config: Plain) -> None:
        """Report progress that is no number."""
        ctx.progress(float("nan"))

    await world.output(nan, {})
    assert [line.progress for line in world.logs.lines] == [0.0]


async def test_a_stream_keeps_its_line_ends_and_nothing_else_of_control(world: World) -> None:
    """Deltas are text as it streams, joined, with escapes written out [ND3, CL9]."""

    @node("test.stream", title="Stream")
    async def stream(ctx: NodeContext, config: Plain) -> None:
        """Stream a table."""
        for piece in ("a\tb", "\nc", "\x1b[0m\r"):
            ctx.delta(piece)

    await world.output(stream, {})
    assert world.logs.texts == ["a\tb\nc\\x1b[0m\\r"]


async def test_a_stream_is_bounded(world: World) -> None:
    """A stream that never ends is cut with a note; the output is not touched [EN19]."""

    @node("test.flood", title="Flood")
    async def flood(ctx: NodeContext, config: Plain) -> str:
        """Stream without end."""
        for _ in range(10):
            ctx.delta("x" * (DELTA_BYTES_MAX // 4))
        return "whole"

    assert await world.output(flood, {}) == "whole"
    text = "".join(world.logs.texts)
    assert text.endswith("… (the stream is too long to show whole)")
    assert len(text) < DELTA_BYTES_MAX + 100


async def test_a_secret_that_streams_in_pieces_is_not_shown_in_pieces(world: World) -> None:
    """What may be half a secret is held until it is clear [ND10]."""

    @node("test.leak", title="Leak")
    async def leak(ctx: NodeContext, config: Plain) -> None:
        """Stream a secret character by character, flushed in between."""
        secret = await ctx.secret("token")
        for character in f"it is {secret} and {secret[:5]}":
            ctx.delta(character)
            await world.sink.flush()

    await world.output(leak, {})
    streamed = "".join(world.logs.texts)
    assert streamed == f"it is [redacted] and {CANARY[:5]}"
    assert len(world.logs.lines) > 5


def test_bytes_are_cut_into_lines() -> None:
    """A program's output becomes lines, whatever pieces it comes in [ND3]."""
    taken: list[str] = []
    lines = Lines(taken.append, 100)
    for piece in (b"one\ntw", b"o\n\nth", b"ree", b"\xff"):
        lines.add(piece)
    lines.end()
    lines.end()
    assert taken == ["one", "two", "", "three\N{REPLACEMENT CHARACTER}"]
    lines.add(b"x" * (LOG_LINE_BYTES_MAX + 1))
    assert len(taken) == 5


def test_lines_over_the_limit_are_not_even_cut() -> None:
    """One line more than is kept is handed over, so that the log can say so [ND61, LG17]."""
    taken: list[str] = []
    lines = Lines(taken.append, 3)
    for _ in range(5):
        lines.add(b"a\nb\n" * 1_000 + b"rest")
    lines.end()
    assert taken == ["a", "b", "a", "b"]
