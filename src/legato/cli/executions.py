# SPDX-License-Identifier: Apache-2.0
"""The group `legato executions`: a table of its commands, loaded when they are used.

Rules: CL6.
"""

from legato.cli.invocation import examples
from legato.cli.main import LazyGroup

_LOOK = "legato.cli.executions_look"
_ACT = "legato.cli.executions_act"
_WATCH = "legato.cli.executions_watch"
_TELL = "legato.cli.executions_tell"
_FORK = "legato.cli.executions_fork"

executions = LazyGroup(
    name="executions",
    help="Look at executions and act on them; of any process on the same store.\n\n"
    "ID is an execution's id or its beginning.",
    table={
        "list": (f"{_LOOK}:list_executions", "List executions, the newest first."),
        "show": (f"{_LOOK}:show", "Show one execution: its nodes, outputs, error, what to do."),
        "events": (f"{_LOOK}:events", "Print the log of an execution."),
        "logs": ("legato.cli.executions_logs:logs", "Print what its attempts said."),
        "compare": (
            "legato.cli.executions_compare:compare",
            "Compare two executions node by node.",
        ),
        "export": (
            "legato.cli.executions_export:export",
            "Write all that is stored of an execution as JSON.",
        ),
        "watch": (f"{_WATCH}:watch", "Watch an execution live, whichever process runs it."),
        "pause": (f"{_TELL}:pause", "Start nothing new until it is resumed."),
        "resume": (f"{_WATCH}:resume", "End a pause; without a live owner, run it here."),
        "record": (
            "legato.cli.executions_record:record",
            "Turn a run that has ended into a test.",
        ),
        "cancel": (f"{_ACT}:cancel", "Stop an execution."),
        "approve": (f"{_ACT}:approve", "Say yes to a node that waits for an answer."),
        "reject": (f"{_ACT}:reject", "Say no to a node that waits for an answer."),
        "answer": (f"{_TELL}:answer", "Fill in a form."),
        "signal": (f"{_TELL}:signal", "Give a signal to a node that waits for it."),
        "retry": (f"{_FORK}:retry", "Do again what did not complete, as a new execution."),
        "fork": (f"{_FORK}:fork", "Run it again from a node, as a new execution."),
        "purge": ("legato.cli.executions_purge:purge", "Delete one that has ended, for ever."),
        "retry-node": (f"{_ACT}:retry_node", "Make a parked node's work once more."),
        "skip-node": (f"{_ACT}:skip_node", "Leave a parked node out."),
        "force-node": (f"{_ACT}:force_node", "Settle a parked node by hand."),
    },
    epilog=examples(
        "legato executions list --status running --status waiting",
        "legato executions show 019ab3d0-1c2f",
        "legato executions approve 019ab3d0-1c2f ask",
        "legato executions fork 019ab3d0-1c2f --from summary",
    ),
)
