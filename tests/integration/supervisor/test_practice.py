# SPDX-License-Identifier: Apache-2.0

import http.client
import json
import os
import sys
from pathlib import Path

import pytest

from legato.supervisor.spec import PIPE, ChildSpec
from tests.integration.supervisor.site import supervised

pytestmark = pytest.mark.linux


async def test_the_practice_service_lives_and_ends_with_its_supervisor(tmp_path: Path) -> None:
    """Its port is announced, a killed one is followed by another, both drain [PR9, SU5, SU9]."""
    argv = (sys.executable, "-m", "legato.practice", "--ledger", str(tmp_path), "--pipe", PIPE)
    async with supervised() as site:
        site.supervisor.start(ChildSpec("practice", argv, dict(os.environ), announces=True))
        first = await site.said("practice")
        assert site.supervisor.crash("practice") == first["pid"]
        second = await site.said("practice")
        assert second["pid"] != first["pid"]
        connection = http.client.HTTPConnection("127.0.0.1", second["port"], timeout=60)
        connection.request("GET", "/counts")
        assert json.loads(connection.getresponse().read())["requests_received"] == 0
        connection.close()
    assert [each.why for each in site.changes("stopped")] == ["exit code 0"]
