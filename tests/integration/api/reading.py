# SPDX-License-Identifier: Apache-2.0
"""A reader of streams of events, as a browser's is, and workflows worth reading."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx2

from tests.integration.api.serving import PATIENCE_S, PLAIN
from tests.integration.api.visitor import Visitor

TALKS: Final = """
legato: 1
name: {name}
inputs: {{word: {{type: string, default: hello}}}}
nodes:
  talk:
    uses: shell.run
    effect: pure
    with: {{program: sh, args: [-c, "echo one >&2; echo two >&2; printf out"]}}
  ask:
    needs: [talk]
    uses: human.approval
    with: {{message: "Go on with ${{{{ inputs.word }}}}?"}}
  last:
    needs: [ask]
    uses: data.transform
    with: {{value: "${{{{ nodes.talk.output.stdout }}}}"}}
outputs: {{said: "${{{{ nodes.last.output }}}}"}}
"""
LISTS: Final = """
legato: 1
name: {name}
inputs: {{numbers: {{type: array, default: [1, 2, 0, 4]}}}}
nodes:
  each:
    uses: data.transform
    foreach: "${{{{ inputs.numbers }}}}"
    on_error: continue
    with: {{value: "${{{{ 12 / item }}}}"}}
outputs: {{all: "${{{{ nodes.each.output }}}}"}}
"""
LARGE: Final = """
legato: 1
name: {name}
inputs: {{rows: {{type: array, default: []}}}}
nodes:
  keep: {{uses: data.transform, with: {{value: "${{{{ inputs.rows }}}}"}}}}
outputs: {{rows: "${{{{ nodes.keep.output }}}}"}}
"""
WAITS: Final = """
legato: 1
name: {name}
nodes:
  go: {{uses: wait.signal, with: {{name: go}}}}
  nap: {{needs: [go], uses: shell.run, effect: pure, with: {{program: sleep, args: ["{nap}"]}}}}
outputs: {{done: true}}
"""


class Message(dict[str, Any]):
    """One message of a stream: `event`, `id` and `data` as they came."""


class EventSource:
    """One connection to a stream of events; everything that comes is read once."""

    def __init__(self, who: Visitor, execution: str, **headers: str) -> None:
        """Connect."""
        url = f"{who.serving.url}/api/v1/executions/{execution}/events"
        sent = {"Accept": "text/event-stream", "Authorization": f"Bearer {who.access}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        self._client = httpx2.Client(timeout=PATIENCE_S, verify=PLAIN)
        self._context = self._client.stream("GET", url, headers=sent)
        self.response = self._context.__enter__()
        self._lines = self.response.iter_lines() if self.response.status_code == 200 else iter(())
        self.last_id = ""

    def messages(self) -> Iterator[Message]:
        """Yield messages until the server closes; comments and settings are passed over."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
                continue
            if "event" in fields:
                self.last_id = fields.get("id", self.last_id)
                yield Message(fields, data=json.loads(fields["data"]))
            fields = {}

    def until(self, kind: str) -> list[Message]:
        """Return messages up to the first event of this type, or message of this name."""
        found: list[Message] = []
        for each in self.messages():
            found.append(each)
            if kind in {each["event"], each["data"].get("type")}:
                return found
        raise AssertionError(f"the stream ended after {[each['event'] for each in found]}")

    def close(self) -> None:
        """Hang up."""
        self._context.__exit__(None, None, None)
        self._client.close()


def seqs(messages: list[Message]) -> list[int]:
    """Return the seqs of events."""
    return [each["data"]["seq"] for each in messages if each["event"] == "event"]
