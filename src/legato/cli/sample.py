# SPDX-License-Identifier: Apache-2.0
"""Publishes the sample `customer-mail` where nothing is published.

`python -m legato.cli.sample` compiles the document anew after a change of it. Rules: UP20.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from legato.model.ids import LOCAL_WORKSPACE
from legato.model.workflow import compiled_hash
from legato.practice.sample import COMPILED, FILE, NAME, compiled, document

if TYPE_CHECKING:
    from legato.app import App

BY: Final = "legato up"


async def publish_sample(app: App, port: int) -> None:
    """Publish it, with the practice service at a port of this computer; once."""
    from legato.ports.catalogue import VersionRow

    if await app.stores.versions.names(LOCAL_WORKSPACE):
        return
    row = VersionRow(
        version=compiled_hash(compiled(port)),
        workspace=LOCAL_WORKSPACE,
        name=NAME,
        compiled=compiled(port),
        source=document(port),
        created_at=app.clock.now_ms(),
    )
    await app.stores.versions.publish(row, by=BY)


def compile_sample() -> bytes:
    """Return what Legato makes of the document."""
    from legato.app import node_catalogue
    from legato.model.document.validate import load_workflow
    from legato.model.policy import Limits
    from legato.model.workflow import encode_workflow

    catalogue = node_catalogue(with_packages=False)
    workflow = load_workflow(document(), file=FILE, catalogue=catalogue, limits=Limits())
    return encode_workflow(workflow)


if __name__ == "__main__":
    place = Path(str(resources.files("legato.practice").joinpath(COMPILED)))
    place.write_bytes(compile_sample())
