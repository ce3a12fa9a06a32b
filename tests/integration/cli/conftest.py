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


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_site(site: Site, request: pytest.FixtureRequest) -> Site:
    """The same on each database."""
    if request.param == "postgres":
        site.more["LEGATO_DATABASE_URL"] = request.getfixturevalue("fresh_postgres_url")
    return site
