# SPDX-License-Identifier: Apache-2.0
"""Choose the database by its URL. Only what is chosen is loaded.

Rules: LG.
"""

from pathlib import Path
from urllib.parse import urlsplit

from legato.errors import InvalidInput
from legato.model.policy import Limits
from legato.ports.stores import Stores


def make_stores(
    database_url: str, blobs_url: str, *, home: Path, limits: Limits | None = None
) -> Stores:
    """Make the ports of one store; `stores.lifecycle.open()` connects them.

    Args:
        database_url: `sqlite:///PATH` (an absolute path makes it four slashes) or
            `postgresql://USER:PASSWORD@HOST/DATABASE`.
        blobs_url: See `adapters.blobs.obstore_blobs.make_blobs`.
        home: Legato's folder: engines' locks lie there.
        limits: Bounds on the queue, inboxes and log lines.

    Raises:
        InvalidInput: A URL names nothing known.
    """
    from legato.adapters.blobs.obstore_blobs import make_blobs  # noqa: PLC0415

    blobs = make_blobs(blobs_url)
    scheme = urlsplit(database_url).scheme.partition("+")[0]
    if scheme == "sqlite":
        from legato.adapters.sql.sqlite.stores import make_sqlite_stores  # noqa: PLC0415

        return make_sqlite_stores(_sqlite_path(database_url), blobs, home=home, limits=limits)
    if scheme in {"postgresql", "postgres"}:
        from legato.adapters.sql.postgres.stores import make_postgres_stores  # noqa: PLC0415

        return make_postgres_stores(database_url, blobs, limits=limits)
    raise InvalidInput(
        f"{scheme or 'the database URL'} names no database; expected sqlite:///PATH or postgresql://…"
    )


def _sqlite_path(url: str) -> Path:
    # Taken as it is: a folder's name may hold what a URL would have to escape.
    _, slashes, path = url.partition(":///")
    if not slashes or not path.strip("/"):
        raise InvalidInput(f"{url}: write sqlite:///PATH, with three slashes before the path")
    return Path(path).absolute()
