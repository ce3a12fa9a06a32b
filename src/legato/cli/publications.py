# SPDX-License-Identifier: Apache-2.0
"""Naming a publication: `NAME`, `NAME@3`, `NAME@1f0c`; by its number or a beginning of its hash.

Rules: CL31-CL34.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from legato.cli.documents import Loaded
from legato.errors import InvalidInput, NotFound
from legato.model.ids import LOCAL_WORKSPACE, VersionHash
from legato.model.workflow import called_workflows, decode_workflow

if TYPE_CHECKING:
    from legato.ports.catalogue import Publication
    from legato.ports.stores import Stores

HASH_LENGTH_MIN: Final = 4
_HASH_LENGTH: Final = 64
_HEX: Final = frozenset("0123456789abcdef")


def split_name(text: str) -> tuple[str, str | None]:
    """Return name and version of `NAME` or `NAME@VERSION`."""
    name, sign, version = text.partition("@")
    return name, version if sign else None


async def find_publication(stores: Stores, name: str, version: str | None) -> Publication:
    """Return a publication of a name in the store: the newest, or the one that a person means.

    Raises:
        NotFound: Nothing is published under the name, or no such version.
        InvalidInput: The beginning of a hash is too short, or fits several versions.
    """
    found = await stores.versions.publications(LOCAL_WORKSPACE, name)
    names = [] if found else await stores.versions.names(LOCAL_WORKSPACE)
    return choose(found, names, name, version)


def choose(
    found: Sequence[Publication], names: Sequence[str], name: str, version: str | None
) -> Publication:
    """Return the one of a name's publications that a person means.

    Args:
        found: Of the name, the newest first.
        names: What else is published, if there is none.
        name: The name.
        version: A number, or the beginning of a hash; None: the newest.

    Raises:
        NotFound: There is none, or no such version.
        InvalidInput: The beginning of a hash is too short, or fits several versions.
    """
    if not found:
        raise NotFound(
            f"no workflow {name} is published",
            hint=f"Published: {', '.join(names[:10]) or 'none'}. "
            "legato workflows apply FILE publishes one.",
        )
    if version is None:
        return found[0]
    for each in found:
        if version == str(each.number):
            return each
    text = version.lower()
    is_hash = len(text) >= HASH_LENGTH_MIN and _HEX.issuperset(text)
    fitting = [each for each in found if is_hash and each.version.startswith(text)]
    if not fitting:
        raise NotFound(
            f"{name} has no version {version}", hint=f"legato workflows versions {name} lists them."
        )
    if len({each.version for each in fitting}) > 1:
        numbers = ", ".join(str(each.number) for each in fitting)
        raise InvalidInput(f"{version} is the beginning of several versions: {numbers}")
    return fitting[0]


async def load_publication(stores: Stores, name: str, version: str) -> Loaded:
    """Return a version of a workflow: published, or by its whole hash one that was only run.

    Raises:
        NotFound: There is none.
        InvalidInput: It is not clear which one is meant.
    """
    if len(version) == _HASH_LENGTH:
        row = await stores.versions.get(VersionHash(version.lower()))
        if row is not None and row.name == name:
            workflow = decode_workflow(row.compiled)
            return Loaded(workflow, row.source, missing=list(called_workflows(workflow)))
    return await load_published(stores, await find_publication(stores, name, version))


async def load_published(stores: Stores, publication: Publication) -> Loaded:
    """Return the workflow of a publication with its text.

    Raises:
        NotFound: Its version is gone.
    """
    row = await stores.versions.get(publication.version)
    if row is None:
        raise NotFound(f"the workflow version {publication.version[:12]} is not stored")
    text = await stores.versions.source(publication.workspace, publication.name, publication.number)
    workflow = decode_workflow(row.compiled)
    return Loaded(workflow, text or b"", missing=list(called_workflows(workflow)))
