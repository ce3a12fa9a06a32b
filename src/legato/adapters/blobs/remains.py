# SPDX-License-Identifier: Apache-2.0
"""What processes that died in the middle of a stream have left behind.

In a folder that is a file `<draft>#<number>`, which obstore writes until the stream is over and
never lists: it is looked for in the folder itself. A stream that somebody still writes to is young.

Rules: FI12, LG16.
"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import obstore
from obstore.exceptions import BaseError

INCOMING: Final = "incoming"
KEPT: Final = timedelta(days=1)


async def delete_remains(store: Any, folder: Path | None, prefix: str, before: datetime) -> None:
    """Delete what lies below a path and was not written to since then; a failure is no matter.

    Args:
        store: The obstore store.
        folder: The folder behind it, if it is one.
        prefix: Where drafts are written.
        before: By the clock of the store.
    """
    with suppress(BaseError, OSError):
        if folder is not None:
            await asyncio.to_thread(_delete_files, folder / prefix, before.timestamp())
            return
        async for batch in obstore.list(store, prefix=prefix):
            for each in batch:
                if each["last_modified"] < before:
                    await obstore.delete_async(store, each["path"])


def _delete_files(folder: Path, before_s: float) -> None:
    for each in folder.iterdir():
        with suppress(FileNotFoundError):
            if each.stat().st_mtime < before_s:
                each.unlink()
