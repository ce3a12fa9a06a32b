# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL goes away under a running execution (stops, crashes, hangs), then it is back."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import services
from tests.crash.disk_full import REFUSED
from tests.crash.ledger import Ledger
from tests.crash.test_processes import GATE_ITEMS
from tests.crash.trial import OK, trial
from tests.services import OwnServer

OUTAGE_S = 5.0

pytestmark = [
    pytest.mark.linux,
    pytest.mark.postgres,
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("own_postgres"),  # one server for all of them
]


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    """A PostgreSQL server that these tests may take down: never the machine's own."""
    try:
        with services.own_postgres() as own:
            yield own
    except services.ServiceMissing as missing:
        if services.is_ci():
            pytest.fail(f"CI needs PostgreSQL: {missing}", pytrace=False)
        pytest.skip(f"SKIP PostgreSQL: {missing}")


def _take_down(server: OwnServer, how: str) -> None:
    if how == "hangs":
        server.freeze()
    else:
        server.stop(signal.SIGQUIT if how == "crashes" else signal.SIGINT)


def _bring_back(server: OwnServer, how: str) -> None:
    if how == "hangs":
        server.thaw()
    else:
        server.start()


@pytest.mark.parametrize(
    ("how", "lease_s"),
    [("stops", 15.0), ("crashes", 1.5), ("hangs", 15.0), ("hangs", 1.5)],
)
def test_a_database_that_is_away_for_a_while_pauses_and_loses_nothing(
    server: OwnServer, tmp_path: Path, ledger: Ledger, how: str, lease_s: float
) -> None:
    """Work goes on by itself when it is back, also after the lease was over [LG6, LG27]."""
    gate = tmp_path.name
    with (
        services.database(server.url) as url,
        trial(tmp_path, ledger, url, items=GATE_ITEMS, LEGATO_ENGINE__LEASE_S=str(lease_s)) as each,
    ):
        process = each.site.run("crash-gate", gate=gate)
        ledger.await_held(gate)
        _take_down(server, how)
        ledger.release(gate)
        if how != "hangs":
            process.await_said("does not answer")
        codes: list[int] = []
        attending = threading.Thread(target=lambda: codes.append(each.attend(process)))
        attending.start()
        attending.join(OUTAGE_S)
        assert attending.is_alive(), f"it did not wait for the database: {codes}"
        _bring_back(server, how)
        attending.join()
        records = each.to_the_end()
        assert each.problems(records) == [], each.site.said()
        assert codes == [OK], each.site.said()


def test_a_start_without_a_database_is_refused_clearly(
    server: OwnServer, tmp_path: Path, ledger: Ledger
) -> None:
    """Where nothing can be kept nothing is accepted [EN1, LG27]."""
    with services.database(server.url) as url, trial(tmp_path, ledger, url) as each:
        server.stop()
        try:
            process = each.site.run()
            code = process.finish()
        finally:
            server.start()
        assert code == REFUSED, (code, process.said)
        assert "store_unavailable" in process.said
        assert "Traceback" not in process.said
        assert each.site.records().executions == {}
