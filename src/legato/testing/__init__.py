# SPDX-License-Identifier: Apache-2.0
"""The test kit: try a node, or a whole workflow, without a server, a store or a wait.

`NodeHarness` runs attempts of one node type through the runner that production uses, over services
in memory and a clock that stands still until the test moves it:

    from legato.testing import NodeHarness

    async def test_it_greets():
        result = await NodeHarness(greet).run({"name": "Ada"})
        assert result.output == {"text": "Hello, Ada"}

`legato.testing.workflow` is what `legato test` runs `*.test.yaml` with. This package stands above
`app`, beside no other, and knows nothing of the command line. Rules: TK.
"""

from legato.testing.clock import FakeClock
from legato.testing.harness import AttemptResult, NodeHarness
from legato.testing.memory import MemoryBlobs, MemoryJournal, MemoryLogs, NamedSecrets

__all__ = [
    "AttemptResult",
    "FakeClock",
    "MemoryBlobs",
    "MemoryJournal",
    "MemoryLogs",
    "NamedSecrets",
    "NodeHarness",
]
