# SPDX-License-Identifier: Apache-2.0
"""`legato serve` as a process: how it starts, answers and ends."""

import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests import services
from tests.integration.api.serving import PATIENCE_S, Serving
from tests.integration.cli.site import Site
from tests.support.certify import certify


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_answers_and_ends_when_asked(site: Site, number: int) -> None:
    """One line with the bound address; 0 after the signal [HT24, HT25]."""
    serving = Serving(site.start("serve", "--port", 0, "--json"))
    assert serving.get("/health/live").json() == {"status": "ok"}
    ready = serving.get("/health/ready", **{"X-Request-ID": "abcdefgh"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ok"})
    assert ready.headers["x-request-id"] == "abcdefgh"
    assert "server" not in ready.headers
    result = serving.stop(number)
    assert result.code == 0, result
    assert result.values == [serving.ready, {"event": "stopping"}]


def test_a_port_that_is_taken_ends_it_with_2(site: Site) -> None:
    """Before the store is opened [HT24]."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = site.run("serve", "--port", port)
    assert result.code == 2, result
    assert f"error: the port {port} of 127.0.0.1 is taken" in result.err
    assert not (site.home / "legato.db").exists()


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"LEGATO_JWT_SECRET_KEY": ""}, "LEGATO_JWT_SECRET_KEY"),
        ({"LEGATO_MASTER_KEY": "changeme" * 8}, "LEGATO_MASTER_KEY"),
        ({"LEGATO_HOST": "0.0.0.0", "LEGATO_PUBLIC_URL": "https://x.example"},  # noqa: S104
         "LEGATO_SERVER__HOST"),
        ({"LEGATO_CORS__ALLOWED_ORIGINS__PRODUCTION": "*"}, "LEGATO_CORS"),
        ({"ENVIRONMENT": "staging"}, "ENVIRONMENT"),
        ({"JWT_SECRET_KEY": "another"}, "JWT_SECRET_KEY"),
    ],
)  # fmt: skip
def test_it_does_not_start_unsafe(site: Site, env: dict[str, str], name: str) -> None:
    """One clear line, not 0, and no port is opened [HT26, HT27, HT28]."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        # Bound and not listening: if the server came as far as its port, it would complain of that.
        result = site.run("serve", "--port", port, **env)
    assert result.code == 2, result
    (line,) = result.err.splitlines()
    assert line.startswith(f"error: {name}")
    assert result.out == ""
    assert not (site.home / "legato.db").exists()


def test_the_overview_does_not_load_the_server(site: Site) -> None:
    """`legato --help` and other commands know nothing of it [HT24]."""
    code = (
        "import sys; from legato.cli.main import invoke; invoke(['--help'], {}); "
        "print([m for m in ('fastapi', 'starlette', 'uvicorn', 'legato.app') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=site.env(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "serve" in done.stdout


def test_a_server_without_redis_does_not_load_its_client(site: Site) -> None:
    """That would take 21 MiB and 0.3 s [HT24]."""
    serving = Serving(site.start("serve", "--port", 0, "--json", PYTHONPROFILEIMPORTTIME="1"))
    assert serving.get("/api/v1/setup").status_code == 200
    loaded = {line.rpartition("|")[2].strip() for line in serving.stop().err.splitlines()}
    assert "legato.app.server" in loaded
    assert "redis" not in loaded


def test_a_certificate_of_its_own_is_served(site: Site, tmp_path: Path) -> None:
    """Where no proxy does TLS [HT26]."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    certify(key, certificate)
    env = {"LEGATO_SERVER__TLS_CERTIFICATE": str(certificate), "LEGATO_SERVER__TLS_KEY": str(key)}
    serving = Serving(site.start("serve", "--port", 0, "--json", **env))
    assert serving.url.startswith("https://127.0.0.1:")
    context = ssl.create_default_context(cafile=certificate)
    answer = httpx2.get(f"{serving.url}/health/live", verify=context, timeout=PATIENCE_S)
    assert answer.json() == {"status": "ok"}
    assert serving.stop().code == 0


def test_the_log_has_the_request_and_neither_keys_nor_queries(site: Site) -> None:
    """One JSON line per request [HT7, HT18]."""
    serving = Serving(site.start("serve", "--port", 0, "--json"))
    serving.get("/nothing?token=hunter2-canary", **{"X-Request-ID": "my-request-1"})
    result = serving.stop()
    assert result.err.count("my-request-1") == 1
    assert "hunter2" not in result.err
    assert not [key for key in site.more.values() if key in result.err + result.out]


@pytest.mark.postgres
@pytest.mark.linux
@pytest.mark.xdist_group("own_postgres")
def test_a_database_that_hangs_is_unready_and_alive(site: Site) -> None:
    """Live within 1 s, unready within 3 s, and ready again when it is back [HT20, HT21]."""
    try:
        own = services.own_postgres()
        with own as server, services.database(server.url) as url:
            serving = Serving(site.start("serve", "--port", 0, "--json", LEGATO_DATABASE_URL=url))
            assert serving.get("/health/ready").status_code == 200
            server.freeze()
            try:
                began = time.monotonic()
                statuses = []
                while 503 not in statuses and time.monotonic() - began < PATIENCE_S:
                    asked = time.monotonic()  # an answer of a moment ago may still hold
                    statuses.append(serving.get("/health/ready").status_code)
                    assert time.monotonic() - asked < 3
                asked = time.monotonic()
                assert serving.get("/health/live").status_code == 200
                assert time.monotonic() - asked < 1
                assert statuses[-1] == 503
            finally:
                server.thaw()
            began = time.monotonic()
            while serving.get("/health/ready").status_code != 200:
                assert time.monotonic() - began < PATIENCE_S
            assert serving.stop().code == 0
    except services.ServiceMissing as missing:
        if services.is_ci():
            pytest.fail(f"CI needs PostgreSQL: {missing}", pytrace=False)
        pytest.skip(f"SKIP PostgreSQL: {missing}")
