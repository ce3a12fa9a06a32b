# SPDX-License-Identifier: Apache-2.0
"""A real server, set up, and a person's own computer beside it."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from legato.auth.roles import SCOPES
from legato.cli.servers import KnownServer, changing
from tests.integration.api.serving import Serving
from tests.integration.api.visitor import EMAIL, Visitor
from tests.integration.cli.site import Site


class Computer:
    """A person's computer: its commands know no home, and keep log-ins in a folder of their own."""

    def __init__(self, folder: Path, serving: Serving) -> None:
        """Make it; nobody is logged in."""
        self.serving = serving
        self.site = Site(folder)
        self.config = folder / "config"
        self.site.more = {
            "LEGATO_HOME": "", "XDG_CONFIG_HOME": str(self.config), "HOME": str(folder),
            "PYTHONPATH": "src",
        }  # fmt: skip

    @property
    def file(self) -> Path:
        """Where log-ins are kept."""
        return self.config / "legato" / "servers.json"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server with an engine, that Ada owns."""
    site = Site(tmp_path_factory.mktemp("server"))
    site.more = {
        "LEGATO_JWT_SECRET_KEY": secrets.token_urlsafe(48),
        "LEGATO_MASTER_KEY": secrets.token_urlsafe(48),
        **{
            f"LEGATO_SERVER__RATES__{each}_PER_MINUTE": "100000"
            for each in ("REQUESTS", "CREDENTIALS", "REFRESHES", "WRITES", "READS", "STARTS")
        },
    }
    made = Serving(site.start("serve", "--port", 0, "--json"))
    made.process.stay()
    Visitor(made).set_up()
    yield made
    made.close()
    site.close()


@pytest.fixture
def computer(tmp_path: Path, serving: Serving) -> Iterator[Computer]:
    """A computer that is not the server's."""
    folder = tmp_path / "computer"
    folder.mkdir()
    made = Computer(folder, serving)
    yield made
    made.site.close()


def logged_in(computer: Computer) -> Computer:
    """Log Ada in on a computer, with a key made behind the scenes."""
    ada = Visitor(computer.serving)
    ada.log_in()
    scopes = sorted(SCOPES)
    made = ada.call("POST", "/auth/api-keys", {"name": "computer", "scopes": scopes}).json()
    server = KnownServer(url=computer.serving.url, key=made["key"], email=EMAIL, workspace="main")
    with changing(computer.file) as kept:
        kept[0] = kept[0].put(server)
    return computer
