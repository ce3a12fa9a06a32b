# SPDX-License-Identifier: Apache-2.0
"""The world of attempts as a fixture, and a granted folder in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from legato.ports.grants import Grants
from tests.unit.nodes.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A world whose log is written and whose programs are ended when the test ends."""
    made = World(tmp_path)
    yield made
    await made.launcher.close()
    await made.sink.close()


@pytest.fixture
def root(world: World) -> Path:
    """The granted folder."""
    folder = world.folder / "granted"
    folder.mkdir()
    world.grants = Grants(roots=(folder,))
    return folder
