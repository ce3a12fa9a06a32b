# SPDX-License-Identifier: Apache-2.0
"""What `legato workflows` stands on: the published workflows of the store here, or of a server.

The one seam of these commands: they read files, show and write the same whichever it is. Rules:
CL30-CL34, CC27.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from legato.cli.catalogued import Checked, Outcome
from legato.cli.invocation import Invocation
from legato.cli.publications import choose

if TYPE_CHECKING:
    from legato.app import App
    from legato.cli.documents import Loaded
    from legato.cli.servers import KnownServer
    from legato.model.workflow import Workflow
    from legato.ports.catalogue import Publication, VersionRow
    from legato.ports.credentials import Naming


def _naming(workflow: Workflow) -> Naming:
    """Return what a workflow names; here a credential may be kept later."""
    from legato.app import node_catalogue
    from legato.model.credentials_named import credentials_named
    from legato.ports.credentials import Naming, naming_of

    return Naming(naming_of(credentials_named(workflow, node_catalogue())).names)


class Catalogue(Protocol):
    """Published workflows."""

    async def newest(self) -> list[Publication]:
        """Return what every published name stands for now, sorted by name."""
        ...

    async def publications(self, name: str) -> list[Publication]:
        """Return what a name has stood for, the newest first; nothing if it is unknown."""
        ...

    async def text(self, found: Publication) -> bytes:
        """Return the text of a publication, byte for byte."""
        ...

    async def load(self, found: Publication) -> Loaded:
        """Return a publication with its workflow."""
        ...

    async def check(self, file: Path) -> Checked:
        """Read a file and check it as it would be when it is published.

        Raises:
            InvalidInput: It cannot be read.
            InvalidDocument: With every problem.
        """
        ...

    async def apply(self, checked: Checked, *, is_trial: bool) -> tuple[Publication, Outcome]:
        """Have a name stand for a file, or say what that would be."""
        ...

    async def restore(self, old: Publication) -> tuple[Publication, bool]:
        """Publish an old one again; tell whether it is new."""
        ...


@asynccontextmanager
async def open_catalogue(
    invocation: Invocation, server: KnownServer | None
) -> AsyncIterator[Catalogue]:
    """Open the catalogue of a server, or of the store here."""
    from legato.app import build

    if server is not None:
        from legato.cli.catalogue_server import ServerCatalogue
        from legato.cli.remote import client_of

        async with client_of(invocation, server) as client:
            yield ServerCatalogue(client)
        return
    async with build(invocation.settings(), role="reader") as app:
        yield StoreCatalogue(app)


async def find(catalogue: Catalogue, name: str, version: str | None) -> Publication:
    """Return a publication of a name: the newest, or the one that a person means.

    Raises:
        NotFound: Nothing is published under the name, or no such version.
        InvalidInput: The beginning of a hash is too short, or fits several versions.
    """
    found = await catalogue.publications(name)
    names = [] if found else [each.name for each in await catalogue.newest()]
    return choose(found, names, name, version)


class StoreCatalogue:
    """That of the store on this computer."""

    def __init__(self, app: App) -> None:
        """Args: app gives the store, limits and clock."""
        self._app = app

    async def newest(self) -> list[Publication]:
        """Keep `Catalogue.newest`."""
        from legato.model.ids import LOCAL_WORKSPACE

        return await self._app.stores.versions.newest(LOCAL_WORKSPACE)

    async def publications(self, name: str) -> list[Publication]:
        """Keep `Catalogue.publications`."""
        from legato.model.ids import LOCAL_WORKSPACE

        return await self._app.stores.versions.publications(LOCAL_WORKSPACE, name)

    async def text(self, found: Publication) -> bytes:
        """Keep `Catalogue.text`."""
        return (await self.load(found)).source

    async def load(self, found: Publication) -> Loaded:
        """Keep `Catalogue.load`."""
        from legato.cli.publications import load_published

        return await load_published(self._app.stores, found)

    async def check(self, file: Path) -> Checked:
        """Keep `Catalogue.check`."""
        from legato.app import node_catalogue
        from legato.cli.documents import read_workflow
        from legato.model.workflow import called_workflows

        limits = self._app.settings.limits.to_policy()
        workflow, text = read_workflow(file, node_catalogue(), limits)
        calls = tuple(called_workflows(workflow))
        return Checked(file, workflow.name, text, calls, workflow)

    async def apply(self, checked: Checked, *, is_trial: bool) -> tuple[Publication, Outcome]:
        """Keep `Catalogue.apply`."""
        from legato.cli.person import person
        from legato.model.ids import LOCAL_WORKSPACE
        from legato.ports.catalogue import Publication

        versions, name = self._app.stores.versions, checked.name
        row = self._row(checked)
        past = await versions.publications(LOCAL_WORKSPACE, name, limit=1)
        is_same_logic = bool(past) and past[0].version == row.version
        if is_trial:
            last = past[0].number if past else 0
            text = await versions.source(LOCAL_WORKSPACE, name, last)
            is_new = not is_same_logic or text != checked.text
            made = Publication(
                workspace=LOCAL_WORKSPACE,
                name=name,
                number=last + is_new,
                version=row.version,
                at=row.created_at,
            )
        else:
            assert checked.workflow is not None, "it was compiled here"
            naming = _naming(checked.workflow)
            made, is_new = await versions.publish(row, by=person(), naming=naming)
        return made, "unchanged" if not is_new else "text" if is_same_logic else "published"

    async def restore(self, old: Publication) -> tuple[Publication, bool]:
        """Keep `Catalogue.restore`."""
        import msgspec

        from legato.cli.person import person
        from legato.cli.publications import load_published

        row = await self._app.stores.versions.get(old.version)
        loaded = await load_published(self._app.stores, old)
        assert row is not None, "it was loaded a moment ago"
        now = self._app.clock.now_ms()
        again = msgspec.structs.replace(row, source=loaded.source, created_at=now)
        return await self._app.stores.versions.publish(
            again, by=person(), restores=old.number, naming=_naming(loaded.workflow)
        )

    def _row(self, checked: Checked) -> VersionRow:
        from legato.model.ids import LOCAL_WORKSPACE
        from legato.model.workflow import encode_workflow, version_hash
        from legato.ports.catalogue import VersionRow

        assert checked.workflow is not None, "it was compiled here"
        return VersionRow(
            version=version_hash(checked.workflow),
            workspace=LOCAL_WORKSPACE,
            name=checked.name,
            compiled=encode_workflow(checked.workflow),
            source=checked.text,
            created_at=self._app.clock.now_ms(),
        )
