# SPDX-License-Identifier: Apache-2.0
"""The published workflows of a server, as `legato workflows` sees them.

A file is checked and compiled by the server, which may have other node types than this computer.
Rules: CC27.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from legato.cli.catalogued import Checked, Outcome
from legato.cli.documents import Loaded
from legato.cli.inputs import read_bytes
from legato.errors import InvalidDocument
from legato.model.document.problems import Problem
from legato.model.ids import LOCAL_WORKSPACE, VersionHash
from legato.model.policy import Limits
from legato.ports.catalogue import Publication

if TYPE_CHECKING:
    from legato.client import Client
    from legato.client.generated import models

AT_ONCE: Final = 8
PAGE: Final = 200


class ServerCatalogue:
    """That of a server."""

    def __init__(self, client: Client) -> None:
        """Args: client is known there."""
        self._client = client

    async def newest(self) -> list[Publication]:
        """Keep `Catalogue.newest`."""
        found = self._client.all_workflows(published=True, limit=PAGE)
        names = [each.slug async for each in found]
        room = asyncio.Semaphore(AT_ONCE)

        async def of(name: str) -> Publication | None:
            async with room:
                return await self._last(name)

        newest = await asyncio.gather(*map(of, names))
        return sorted((each for each in newest if each is not None), key=lambda each: each.name)

    async def publications(self, name: str) -> list[Publication]:
        """Keep `Catalogue.publications`."""
        from legato.client import Missing

        try:
            found = self._client.all_versions(name, limit=PAGE)
            return [_publication(name, each) async for each in found]
        except Missing:
            return []

    async def text(self, found: Publication) -> bytes:
        """Keep `Catalogue.text`."""
        return (await self._client.read_version(found.name, found.number)).source.encode()

    async def load(self, found: Publication) -> Loaded:
        """Keep `Catalogue.load`; the node types of this computer are those it is compiled with."""
        from legato.app import node_catalogue
        from legato.model.document.validate import load_workflow

        text, file = await self.text(found), f"{found.name}@{found.number}"
        workflow = load_workflow(text, file=file, catalogue=node_catalogue(), limits=Limits())
        return Loaded(workflow, text)

    async def check(self, file: Path) -> Checked:
        """Keep `Catalogue.check`."""
        text = read_bytes(file, Limits().max_document_bytes)
        found = await self._client.validate_workflow(text)
        if not found.valid:
            raise InvalidDocument(tuple(_problem(str(file), each) for each in found.errors))
        return Checked(file, found.name, text)

    async def apply(self, checked: Checked, *, is_trial: bool) -> tuple[Publication, Outcome]:
        """Keep `Catalogue.apply`; a trial cannot tell whether only the text is another."""
        before = await self._last(checked.name)
        if is_trial:
            text = b"" if before is None else await self.text(before)
            if before is not None and text == checked.text:
                return before, "unchanged"
            number = 1 if before is None else before.number + 1
            version = hashlib.sha256(checked.text).hexdigest()
            return _made(checked.name, number, version), "published"
        made = await self._client.put_file(checked.name, checked.text)
        after = _made(checked.name, made.version, made.logic_hash)
        if before is not None and before.number == made.version:
            return before, "unchanged"
        is_same_logic = before is not None and before.version == made.logic_hash
        return await self._last(checked.name) or after, "text" if is_same_logic else "published"

    async def restore(self, old: Publication) -> tuple[Publication, bool]:
        """Keep `Catalogue.restore`: the old text becomes the draft, and that is published."""
        from legato.client.generated import models

        before = await self._last(old.name)
        draft = await self._client.restore_version(old.name, old.number)
        wanted = models.PublishRequest(revision=draft.revision)
        made = await self._client.publish_workflow(old.name, wanted)
        found = await self._last(old.name) or _made(old.name, made.version, made.logic_hash)
        return found, before is None or before.number != made.version

    async def _last(self, name: str) -> Publication | None:
        from legato.client import Missing

        try:
            found = await self._client.list_versions(name, limit=1)
        except Missing:
            return None
        return _publication(name, found.items[0]) if found.items else None


def _publication(name: str, found: models.VersionItem) -> Publication:
    return Publication(
        workspace=LOCAL_WORKSPACE,
        name=name,
        number=found.version,
        version=VersionHash(found.logic_hash),
        at=int(datetime.fromisoformat(found.at).timestamp() * 1000),
        by=found.by,
        restores=found.restores,
    )


def _made(name: str, number: int, version: str) -> Publication:
    return Publication(
        workspace=LOCAL_WORKSPACE, name=name, number=number, version=VersionHash(version), at=0
    )


def _problem(file: str, found: models.ProblemView) -> Problem:
    return Problem(
        file=file,
        line=found.line,
        column=found.column,
        path=found.path,
        message=found.message,
        expected=found.expected or None,
    )
