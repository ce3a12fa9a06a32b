# SPDX-License-Identifier: Apache-2.0
"""The same world as for unit tests, and the databases of the integration tests."""

from tests.integration.nodes.conftest import closed, database, desk, lite, my, pg
from tests.unit.nodes.conftest import world

__all__ = ["closed", "database", "desk", "lite", "my", "pg", "world"]
