# SPDX-License-Identifier: Apache-2.0
"""The group `legato audit`: a table of its commands, loaded when they are used.

Rules: AD14, AD15.
"""

from legato.cli.invocation import examples
from legato.cli.main import LazyGroup

audit = LazyGroup(
    name="audit",
    help="Read, check and take away the audit: who did what, from where, and with which result.",
    table={
        "list": ("legato.cli.audit_look:list_rows", "List rows, the newest first."),
        "verify": ("legato.cli.audit_look:verify", "Check the chain; exit 1 if a row is wrong."),
        "export": ("legato.cli.audit_export:export", "Write rows as JSON lines."),
    },
    epilog=examples(
        "legato audit list --action auth. --since 7d",
        "legato audit verify",
        "legato audit export --output audit.ndjson",
    ),
)
