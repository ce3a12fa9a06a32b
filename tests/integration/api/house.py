# SPDX-License-Identifier: Apache-2.0
"""A server that is set up, with its owner and whoever lives there."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from legato.model.ids import LOCAL_WORKSPACE, WorkspaceId
from legato.ports.accounts import Member, Role, Workspace
from tests.integration.api.people import Person, Town
from tests.integration.api.visitor import Visitor
from tests.integration.cli.site import Site

OLD_MS = 11 * 60_000


class House:
    """One server, and the people in its workspaces."""

    def __init__(self, town: Town) -> None:
        """Set it up."""
        self.town = town
        self.site = town.site
        self.owner = Visitor(town.serving)
        self.owner.set_up()

    def somebody(self, **changes: Any) -> Person:
        """Return somebody who is logged in and a member nowhere."""
        made = self.town.person(**changes)
        made.log_in()
        return made

    def member(
        self, role: Role, workspace: WorkspaceId = LOCAL_WORKSPACE, **changes: Any
    ) -> Person:
        """Return a member who is logged in."""
        made = self.somebody(**changes)
        self.put(made, role, workspace)
        return made

    def put(self, person: Person, role: Role, workspace: WorkspaceId = LOCAL_WORKSPACE) -> None:
        """Make somebody a member."""
        member = Member(workspace=workspace, user=person.id, role=role)
        done = self.town.ask(lambda accounts: accounts.put_member(member, ()))
        assert done == "done"

    def workspace(self, slug: str, owner: Person) -> WorkspaceId:
        """Make a workspace of somebody."""
        made = Workspace(id=WorkspaceId(self.new_id()), slug=slug, name=slug.title())
        assert self.town.ask(lambda accounts: accounts.add_workspace(made, owner.id, ()))
        return made.id

    def new_id(self) -> str:
        """Return an id that nothing has."""
        return str(self.town.person().id)

    def let_log_ins_age(self, person: Person) -> None:
        """Let the password of somebody have been given a while ago."""
        self.town.execute(
            f"UPDATE sessions SET authenticated_at = authenticated_at - {OLD_MS}"
            f" WHERE user_id = '{person.id}'"
        )

    def audit(self, of: str) -> list[tuple[Any, ...]]:
        """Return action, actor, workspace and result of the rows about a target, in order."""
        return self.town.select(
            f"SELECT action, actor, workspace, result FROM audit WHERE target = '{of}' ORDER BY id"
        )


@contextlib.contextmanager
def house_in(folder: Path, **env: str) -> Iterator[House]:
    """A house, for as long as this lasts."""
    site = Site(folder)
    site.more |= env
    try:
        yield House(Town(site))
    finally:
        site.close()
