# SPDX-License-Identifier: Apache-2.0
"""Workflows that the tests of the command line run."""

from typing import Final

HELLO: Final = """\
legato: 1
name: hello
inputs:
  who: {type: string, default: world}
  times: {type: integer, default: 2}
nodes:
  greet: {uses: data.transform, with: {value: "${{ 'hello ' + inputs.who }}"}}
  again:
    needs: [greet]
    foreach: [1, 2, 3]
    uses: data.transform
    with: {value: "${{ item * inputs.times }}"}
outputs: {greeting: "${{ nodes.greet.output }}", again: "${{ nodes.again.output }}"}
"""

ASK: Final = """\
legato: 1
name: ask
nodes:
  count: {uses: data.transform, with: {value: 5}}
  ask:
    needs: [count]
    uses: human.approval
    with: {message: "Send it to ${{ nodes.count.output }} people?"}
  send:
    needs: [ask]
    when: ${{ nodes.ask.output.approved }}
    uses: data.transform
    with: {value: sent}
outputs: {approved: "${{ nodes.ask.output.approved }}", comment: "${{ nodes.ask.output.comment }}"}
"""

SLOW: Final = """\
legato: 1
name: slow
nodes:
  first: {uses: data.transform, with: {value: 1}}
  nap:
    needs: [first]
    uses: shell.run
    effect: idempotent
    with: {program: sleep, args: ["61"]}
  last: {needs: [nap], uses: data.transform, with: {value: 2}}
"""

GATE: Final = """\
legato: 1
name: gate
inputs: {file: {type: string, format: path}}
nodes:
  first: {uses: data.transform, with: {value: 1}}
  gate:
    needs: [first]
    uses: shell.run
    effect: idempotent
    with: {program: sh, args: [-c, 'until [ -e "$0" ]; do sleep 0.05; done', "${{ inputs.file }}"]}
  last: {needs: [gate], uses: data.transform, with: {value: 2}}
outputs: {last: "${{ nodes.last.output }}"}
"""
"""Its node `gate` runs until the file is there: attempts last as long as a test wants."""

FAIL: Final = """\
legato: 1
name: fail
nodes:
  fine: {uses: data.transform, with: {value: 1}}
  boom:
    needs: [fine]
    uses: shell.run
    effect: pure
    with: {program: sh, args: [-c, "printf 'on \\\\033[2J the way\\\\n' >&2; exit 3"]}
"""

PARK: Final = """\
legato: 1
name: park
nodes:
  send:
    uses: shell.run
    timeout: 1s
    with: {program: sleep, args: ["62"]}
  after: {needs: [send], uses: data.transform, with: {value: "${{ nodes.send.output }}"}}
outputs: {after: "${{ nodes.after.output }}"}
"""
"""Its node `send` is not repeatable and runs into its time-out: nobody knows what happened."""
