# SPDX-License-Identifier: Apache-2.0
"""The group `legato user`: a table of its commands, loaded when they are used. Rules: CL60."""

from legato.cli.invocation import examples
from legato.cli.main import LazyGroup

_LOOK = "legato.cli.user_look"
_CHANGE = "legato.cli.user_change"

user = LazyGroup(
    name="user",
    help="Administer accounts, on the database of the settings; a server may run or not.\n\n"
    "EMAIL is the address of an account, or its id.",
    table={
        "list": (f"{_LOOK}:list_users", "List accounts, the newest first."),
        "show": (f"{_LOOK}:show", "Show one account: its roles, log-ins and keys."),
        "add": (f"{_CHANGE}:add", "Add an account, and print a link for its password."),
        "role": (f"{_CHANGE}:role", "Give an account a role in a workspace."),
        "disable": (f"{_CHANGE}:disable", "Close an account: log-ins and keys end at once."),
        "enable": (f"{_CHANGE}:enable", "Open an account again."),
        "reset": (f"{_CHANGE}:reset", "Print a link to set a new password."),
        "link": (f"{_CHANGE}:link", "Print a link to log in."),
        "identity": (
            "legato.cli.user_identity:identity",
            "Link accounts to identities of other issuers.",
        ),
    },
    epilog=examples(
        "legato user list",
        "legato user add ann@example.org --role editor",
        "legato user reset ann@example.org",
    ),
)
