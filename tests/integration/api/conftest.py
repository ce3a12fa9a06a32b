# SPDX-License-Identifier: Apache-2.0

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.api.serving import Serving
from tests.integration.cli.site import Site
from tests.tidy.places import ROOT

HOSTILE = (sys.executable, "-m", "tests.integration.api.hostile_server")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A home with keys."""
    made = Site(tmp_path)
    made.more = {
        "LEGATO_JWT_SECRET_KEY": secrets.token_urlsafe(48),
        "LEGATO_MASTER_KEY": secrets.token_urlsafe(48),
    }
    yield made
    made.close()


@pytest.fixture
def hostile(site: Site, request: pytest.FixtureRequest) -> Iterator[Serving]:
    """The server for hostile clients, with the settings of the test's parameter."""
    site.more |= {"LEGATO_PORT": "0", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    site.more |= getattr(request, "param", {})
    made = Serving(site.start_program(HOSTILE))
    yield made
    made.close()
