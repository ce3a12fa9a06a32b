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

LEDGER: Final = """\
legato: 1
name: ledger
inputs:
  ledger: {type: string, format: path}
  word: {type: string, default: first}
nodes:
  draft:
    uses: shell.run
    effect: idempotent
    with: {program: sh, args: [-c, 'echo draft >> "$0"; echo text', "${{ inputs.ledger }}"]}
  large:
    uses: shell.run
    effect: pure
    with: {program: sh, args: [-c, "head -c 100000 /dev/zero | tr '\\\\0' x"]}
  each:
    needs: [draft]
    foreach: [a, b, c]
    uses: shell.run
    effect: idempotent
    concurrency: 1
    with:
      program: sh
      args:
        - -c
        - 'echo "each $1" >> "$0"; [ "$1" != c ] || [ -e "$0.ok" ]'
        - "${{ inputs.ledger }}"
        - "${{ item }}"
  send:
    needs: [draft, each, large]
    uses: data.transform
    with: {value: "${{ inputs.word + ' ' + nodes.draft.output.stdout }}"}
outputs: {sent: "${{ nodes.send.output }}", size: "${{ size(nodes.large.output.stdout) }}"}
"""
"""Each program leaves a line in a file outside; item c fails until `LEDGER.ok` is there."""

FORM: Final = """\
legato: 1
name: form
nodes:
  budget:
    uses: human.form
    with:
      message: Which budget?
      schema:
        amount: {type: integer, minimum: 1}
        note: {type: string, default: none}
outputs: {data: "${{ nodes.budget.output.data }}", approved: "${{ nodes.budget.output.approved }}"}
"""

SIGNALS: Final = """\
legato: 1
name: signals
nodes:
  paid: {uses: wait.signal, with: {name: order-paid, correlation: "4711"}}
  go: {needs: [paid], uses: wait.signal}
outputs: {paid: "${{ nodes.paid.output }}", go: "${{ nodes.go.output }}"}
"""

NESTED: Final = """\
legato: 1
name: nested
nodes:
  again:
    uses: loop.until
    with:
      workflow: asking
      until: ${{ previous.approved }}
      max_iterations: 3
outputs: {by: "${{ nodes.again.output }}"}
"""

ASKING: Final = """\
legato: 1
name: asking
inputs: {previous: {default: null}}
nodes:
  ask: {uses: human.approval, with: {message: "Good enough?"}}
outputs: {approved: "${{ nodes.ask.output.approved }}"}
"""
"""Called by NESTED until somebody says yes."""

BROKEN: Final = """\
legato: 1
name: broken
nodes:
  call: {uses: workflow.call, with: {workflow: breaks}}
"""

BREAKS: Final = """\
legato: 1
name: breaks
nodes:
  boom: {uses: data.transform, with: {value: "${{ 1 / 0 }}"}}
"""
