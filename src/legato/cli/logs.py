# SPDX-License-Identifier: Apache-2.0
"""Logs of a command that runs for long: on stderr, and in the file of the settings if there is one.

Rules: HT55, HT57.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from legato.errors import InvalidInput

if TYPE_CHECKING:
    from legato.auth.keys import Keys
    from legato.cli.invocation import Invocation
    from legato.settings import Settings

_PASSWORD_MIN: Final = 12
"""A shorter one may be a word that logs are full of, such as the name of the database."""


def begin_logs(
    invocation: Invocation,
    settings: Settings,
    *,
    keys: Keys | None = None,
    quiet: bool = False,
) -> None:
    """Set up logging with the secrets of the settings replaced, and the file.

    Args:
        invocation: How it was asked to answer.
        settings: Whose secrets, level and file.
        keys: Those of a home; the ones of the environment are in the settings.
        quiet: On stderr only warnings, unless a level is set.

    Raises:
        InvalidInput: The file cannot be written.
    """
    from legato.telemetry import Redactor, configure_logging
    from legato.telemetry.log_file import LogFile

    redactor = Redactor()
    for secret in _keys(settings, keys):
        redactor.add_bytes(secret)
    for text in settings.server_keys.values():
        redactor.add(text)
    for url in (settings.database_url, settings.redis_url.get_secret_value()):
        password = unquote(urlsplit(url).password or "")
        if len(password) >= _PASSWORD_MIN:
            redactor.add(password)
    log, level = settings.log, settings.log_level
    is_quiet = quiet and "LEGATO_LOG_LEVEL" not in invocation.env and level == "info"
    file = None
    if log.file is not None:
        file = LogFile(log.file, max_bytes=log.max_bytes, keep=log.keep, level=level)
    configure_logging(
        "warning" if is_quiet else level,
        as_json=invocation.as_json,
        redact=redactor,
        file=file,
    )


def _keys(settings: Settings, keys: Keys | None) -> tuple[bytes, ...]:
    """Return the keys themselves; those of the environment are made of its texts."""
    if keys is not None or not settings.server_keys:
        return () if keys is None else keys.secrets
    from legato.auth.keys import keys_from_environment

    try:
        return keys_from_environment(settings.server_keys).secrets
    except InvalidInput:  # said by the command that needs them
        return ()
