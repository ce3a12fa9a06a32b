# SPDX-License-Identifier: Apache-2.0
"""The group `legato workflows`: a table of its commands, loaded when they are used.

Rules: CL30-CL34.
"""

from legato.cli.invocation import examples
from legato.cli.main import LazyGroup

_LOOK = "legato.cli.workflows_look"
_APPLY = "legato.cli.workflows_apply"

workflows = LazyGroup(
    name="workflows",
    help="Publish workflows and look at what is published.\n\n"
    "VERSION is a number, or the beginning of a hash; NAME@VERSION names both.",
    table={
        "list": (f"{_LOOK}:list_workflows", "List what is published under which name."),
        "apply": (f"{_APPLY}:apply", "Publish workflow files; what is the same stays."),
        "pull": (f"{_LOOK}:pull", "Write a published file, byte for byte."),
        "diff": (f"{_LOOK}:diff", "Show what differs: logic apart from layout."),
        "versions": (f"{_LOOK}:versions", "List every publication of a name."),
        "restore": (f"{_APPLY}:restore", "Publish an old version again."),
    },
    epilog=examples(
        "legato workflows apply workflows/*.yaml",
        "legato workflows diff workflows/report.yaml",
        "legato run report",
    ),
)
