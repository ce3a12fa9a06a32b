# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A home that no other test uses."""
    made = Site(tmp_path)
    yield made
    made.close()
