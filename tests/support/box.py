# SPDX-License-Identifier: Apache-2.0
"""A world in which `code.python` may run, if this machine can make a box."""

import shutil

import pytest

from legato.ports.grants import Grants
from legato.runtime.attempt.processes import Launcher
from legato.runtime.attempt.sandbox import Sandbox, SandboxOptions
from tests import services
from tests.unit.nodes.world import World


def allow_code(world: World) -> None:
    """Grant Python code and put its programs into a sandbox; loud where there is none."""
    if shutil.which("bwrap") is None:
        if services.is_ci():
            pytest.fail("CI needs bubblewrap (bwrap)", pytrace=False)
        pytest.skip("SKIP bubblewrap (bwrap) is not installed")
    hidden = (world.folder / "home",)
    world.launcher = Launcher(sandbox=Sandbox(SandboxOptions(hidden=hidden)))
    world.grants = Grants(python=True)
