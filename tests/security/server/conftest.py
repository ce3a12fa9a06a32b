# SPDX-License-Identifier: Apache-2.0
"""One server for each file of tests, with Ada as its owner and people made in its store."""

import secrets
from collections.abc import Iterator

import pytest

from tests.integration.api.serving import Serving
from tests.integration.cli.site import Site
from tests.security.server.crowd import Crowd

RATES = [
    f"LEGATO_SERVER__RATES__{name}_PER_MINUTE"
    for name in ("REQUESTS", "CREDENTIALS", "REFRESHES", "WRITES", "READS", "STARTS")
]
"""All that is tried here comes from one address, much of it from one person."""


def fresh_home(factory: pytest.TempPathFactory) -> Site:
    """Return a home with fresh keys."""
    made = Site(factory.mktemp("server"))
    made.more = {
        **dict.fromkeys(RATES, "1000000"),
        "LEGATO_JWT_SECRET_KEY": secrets.token_urlsafe(48),
        "LEGATO_MASTER_KEY": secrets.token_urlsafe(48),
    }
    return made


@pytest.fixture(scope="module")
def crowd(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Crowd]:
    """A server that is set up, shared by the tests of a file; `ENV` there is its environment."""
    site = fresh_home(tmp_path_factory)
    site.more |= getattr(request.module, "ENV", {})
    serving = Serving(site.start("serve", "--port", 0, "--json"))
    serving.process.stay()
    made = Crowd(site, serving)
    yield made
    made.close()
    serving.close()
    site.close()
