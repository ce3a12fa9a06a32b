# SPDX-License-Identifier: Apache-2.0
"""The same world as for unit tests."""

from tests.unit.nodes.conftest import world

__all__ = ["world"]
