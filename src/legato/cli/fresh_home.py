# SPDX-License-Identifier: Apache-2.0
"""What `legato up` writes into a home that has nothing yet: the one grant of the sample.

Must not touch settings that are there, whatever they say. Rules: PR14.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from legato.errors import InvalidInput, Unavailable

SETTINGS: Final = "legato.toml"
_TEXT: Final = """\
# Settings of Legato. This file was written when this folder was new and is yours now.

# What workflows may reach although it is not public, each with its port. The one entry is the
# practice service: a second small program on this computer that the sample customer-mail asks.
# Without it the sample cannot run; nothing else needs it.
[grants.http]
allow_private = ["{endpoint}"]
"""


def is_fresh(home: Path) -> bool:
    """Tell whether a home has neither settings nor a database."""
    return not any(os.path.lexists(home / each) for each in (SETTINGS, "legato.db"))


def grant_practice(home: Path, endpoint: str) -> bool:
    """Write the settings of a fresh home: the grant of the practice service and nothing else.

    Args:
        home: Made (0700) if it is not there.
        endpoint: Address and port of the practice service on loopback, `127.0.0.1:8421`.

    Returns:
        True if the settings now are what this writes, also when they were so before; False if the
        home is not fresh, and then nothing is changed.

    Raises:
        InvalidInput: The endpoint is not an address of loopback with a port.
        Unavailable: The file cannot be written.
    """
    _check(endpoint)
    text = _TEXT.format(endpoint=endpoint)
    assert tomllib.loads(text) == {"grants": {"http": {"allow_private": [endpoint]}}}
    file = home / SETTINGS
    try:
        if not is_fresh(home):
            return _says(file, text)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _write_new(file, text) or _says(file, text)
    except OSError as error:
        raise Unavailable(
            f"cannot write {file}: {error.strerror}", hint="Check owner and rights of the folder."
        ) from None


def _check(endpoint: str) -> None:
    try:
        parts = urlsplit(f"//{endpoint}")
        is_right = (
            ipaddress.ip_address(parts.hostname or "").is_loopback
            and bool(parts.port)
            and parts.netloc == endpoint
            and parts.username is None
        )
    except ValueError:
        is_right = False
    if not is_right:
        raise InvalidInput(f"{endpoint!r:.80} is no address of this computer with a port")


def _says(file: Path, text: str) -> bool:
    try:
        return file.read_text(encoding="utf-8") == text
    except (FileNotFoundError, ValueError):
        return False


def _write_new(file: Path, text: str) -> bool:
    """Write a file whole, unless one of its name is there; tell whether it was written.

    A link, unlike a rename, never takes the place of a file that somebody wrote meanwhile.
    """
    fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    try:
        with open(
            fresh, "x", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)
        ) as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, file)
            return True
        return False
    finally:
        fresh.unlink(missing_ok=True)
