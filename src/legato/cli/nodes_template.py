# SPDX-License-Identifier: Apache-2.0
"""The files of a new package with one node; `nodes_new` fills in the names.

`@GROUP@`, `@VERB@`, `@CLASS@` and `@TITLE@` (made of the verb), `@DIST@` and `@MODULE@` (the
package) are replaced; nothing else is. What stands here is run by a test. Rules: CL40.
"""

from typing import Final

PYPROJECT: Final = """\
[build-system]
requires = ["hatchling>=1.26,<2"]
build-backend = "hatchling.build"

[project]
name = "@DIST@"
version = "0.1.0"
description = "Nodes for Legato: @GROUP@.@VERB@."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["legato>=0.1,<0.2", "pydantic>=2.14,<3"]

[project.optional-dependencies]
test = ["pytest>=9,<10", "pytest-asyncio>=1.5,<2"]

# Legato finds the node types of installed packages here.
[project.entry-points."legato.nodes"]
@GROUP@ = "@MODULE@:node_types"

[tool.hatch.build.targets.wheel]
packages = ["src/@MODULE@"]

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["src"]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"
"""

INIT: Final = '''\
"""Nodes for Legato."""

from legato.ports.node import NodeType

from @MODULE@.@VERB@ import @VERB@


def node_types() -> list[NodeType]:
    """Return every node type of this package; add yours to the list."""
    return [@VERB@]
'''

_HEAD: Final = '''\
"""@GROUP@.@VERB@: what it does in one line."""

from legato.ports.node import NodeContext, NodeFailure, node
from pydantic import BaseModel, ConfigDict, Field


class @CLASS@Config(BaseModel):
    """`with` of @GROUP@.@VERB@."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: str = Field(description="The text to look at.")
    words_max: int = Field(default=100, ge=1, description="A longer text fails the node.")


class @CLASS@Output(BaseModel):
    """What @GROUP@.@VERB@ returns."""

    words: int = Field(description="How many words there are.")
    longest: str = Field(description="The longest of them; the first of several.")


EXAMPLE = """\\
uses: @GROUP@.@VERB@
with: {text: "as long as the longest"}
"""


'''

_BODY: Final = '''\
    """Count the words of a text.

    This text is the node's page: say what it does, which grants it needs, and how it fails.

    Fails with `too_long` for more than `words_max` words.
    """
    words = config.text.split()
    if len(words) > config.words_max:
        raise NodeFailure(
            "too_long",
            f"expected {config.words_max} words at most, got {len(words)}; raise words_max",
            may_have_happened=False,
            retryable=False,
        )
    ctx.log(f"{len(words)} words")
    return @CLASS@Output(words=len(words), longest=max(words, key=len, default=""))
'''

_DECLARATION: Final = """\
node(
    "@GROUP@.@VERB@",
    title="@TITLE@",
    group="@GROUP@",
    # pure: it changes nothing. idempotent: twice is like once. Anything else: non_idempotent, and
    # after a crash it is never run again by itself.
    effect="pure",
    timeout_ms=30_000,
    example=EXAMPLE,
)"""

FUNCTION: Final = (
    _HEAD
    + "@"
    + _DECLARATION
    + """
async def @VERB@(ctx: NodeContext, config: @CLASS@Config) -> @CLASS@Output:
"""
    + _BODY
)

CLASS: Final = (
    _HEAD
    + '''class @CLASS@:
    """Carries out @GROUP@.@VERB@; what attempts share (a client, a cache) lives here.

    One of it serves all attempts of a process, several at once.
    """

    async def run(self, ctx: NodeContext, config: @CLASS@Config) -> @CLASS@Output:
'''
    + "".join(f"    {line}" if line.strip() else line for line in _BODY.splitlines(keepends=True))
    + "\n\n@VERB@ = "
    + _DECLARATION
    + "(@CLASS@().run)\n"
)

TEST: Final = '''\
"""Tests of @GROUP@.@VERB@: the real runner, services in memory, no server."""

from legato.testing import NodeHarness

from @MODULE@.@VERB@ import @VERB@


async def test_it_counts_words() -> None:
    """The output is what the model promises."""
    result = await NodeHarness(@VERB@).run({"text": "as long as the longest"})
    assert result.output == {"words": 5, "longest": "longest"}
    assert result.lines == (("info", "5 words"),)


async def test_it_says_what_is_wrong() -> None:
    """A failure has a kind that `retry.on` can name, and says what to do."""
    result = await NodeHarness(@VERB@).run({"text": "one two", "words_max": 1})
    assert (result.kind, result.failure.retryable) == ("too_long", False)
    assert "raise words_max" in result.message


async def test_it_refuses_what_it_does_not_know() -> None:
    """A wrong field never reaches the node."""
    result = await NodeHarness(@VERB@).run({"txt": "typo"})
    assert result.kind == "invalid_config"
'''

README: Final = """\
# @DIST@

Nodes for [Legato](https://pypi.org/project/legato/).

| `uses` | does |
|---|---|
| `@GROUP@.@VERB@` | counts the words of a text |

```yaml
nodes:
  count:
    uses: @GROUP@.@VERB@
    with: {text: "as long as the longest"}
```

```sh
pip install -e '.[test]'
pytest
legato nodes show @GROUP@.@VERB@
```
"""
