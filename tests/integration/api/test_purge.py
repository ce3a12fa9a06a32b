# SPDX-License-Identifier: Apache-2.0
"""Executions that are deleted over HTTP, and few connections for many requests."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.api.stage import ASK, Stage, stage_in


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """One server with a pool of ten connections."""
    from tests import services

    folder = tmp_path_factory.mktemp("stage")
    more = {"LEGATO_DATABASE__POOL_MAX": "10", "LEGATO_DATABASE__POOL_WAIT_S": "5"}
    if request.param == "sqlite":
        with stage_in(folder, **more) as made:
            yield made
        return
    server = request.getfixturevalue("postgres_server")
    with (
        services.database(server) as url,
        stage_in(folder, LEGATO_DATABASE_URL=url, **more) as made,
    ):
        yield made


def test_administrators_delete_what_has_ended(stage: Stage) -> None:
    """204 once, then it is unknown; an editor may not, and an open one stays [BK42, BK44]."""
    run = stage.run(stage.workflow())
    stage.until(run, "completed")
    path = f"/executions/{run}"
    assert stage.member("editor").call("DELETE", path).status_code == 403
    answer = stage.owner.call("DELETE", path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert stage.owner.code("DELETE", path) == (404, "not_found")
    assert stage.owner.call("GET", path).status_code == 404
    waiting = stage.run(stage.workflow(ASK))
    stage.until(waiting, "waiting")
    assert stage.owner.code("DELETE", f"/executions/{waiting}") == (409, "illegal_state")
    assert stage.owner.call("GET", f"/executions/{waiting}").status_code == 200


def test_two_hundred_requests_share_ten_connections(stage: Stage) -> None:
    """Each is answered, or told to come again; none fails [BK50]."""
    run = stage.run(stage.workflow())
    stage.until(run, "completed")

    def ask(number: int) -> int:
        path = f"/executions/{run}" if number % 2 else "/executions?limit=5"
        return stage.owner.call("GET", path).status_code

    with ThreadPoolExecutor(200) as pool:
        counted = Counter(pool.map(ask, range(200)))
    assert set(counted) <= {200, 503}
    assert counted[200] > 100
