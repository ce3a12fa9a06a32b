# SPDX-License-Identifier: Apache-2.0
"""What a server refuses to start with. Looked at before the port is opened; one line per mistake.

Rules: HT26.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from legato.api.origin import is_loopback
from legato.errors import InvalidInput
from legato.settings import Settings

KEY_BYTES_MIN: Final = 32
"""HS256 and AES-256 want as many bytes as their keys have. Source: RFC 7518, section 3.2."""
DISTINCT_MIN: Final = 8
_KNOWN_WORDS: Final = (
    *("secret", "password", "passw0rd", "changeme", "change-me", "change_me", "change me"),
    *("change-this", "change_this", "example", "default", "insecure", "replace", "development"),
    *("letmein", "qwerty", "123456", "abcdef", "supersecret", "your-", "your_", "placeholder"),
)
"""Of keys in documents and samples. A random key of 43 letters holds one of them in a million."""


def refuse_unsafe(settings: Settings) -> None:
    """Refuse settings with which a server would not be safe.

    Raises:
        InvalidInput: One line per mistake, each naming its variable.
    """
    lines = [*_keys(settings), *_transport(settings)]
    if lines:
        raise InvalidInput("\n".join(lines))


def _keys(settings: Settings) -> Iterator[str]:
    for name, key in (
        ("LEGATO_JWT_SECRET_KEY", settings.jwt_secret_key),
        ("LEGATO_MASTER_KEY", settings.master_key),
    ):
        fault = weakness(key)
        if fault:
            make = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
            yield f"{name}: {fault}; make one with: {make}"


def weakness(key: SecretStr | None) -> str | None:
    """Return why a key cannot be used, or None. The key is not quoted."""
    text = key.get_secret_value() if key is not None else ""
    if not text:
        return "is not set"
    length = len(text.encode())
    if length < KEY_BYTES_MIN:
        return f"has {length} bytes, at least {KEY_BYTES_MIN} are needed"
    if any(word in text.lower() for word in _KNOWN_WORDS):
        return "holds a word that stands in samples and documents"
    if len(set(text)) < DISTINCT_MIN:
        return "repeats a few characters"
    return None


def _transport(settings: Settings) -> Iterator[str]:
    server = settings.server
    has_tls = server.tls_certificate is not None or server.tls_key is not None
    if has_tls:
        yield from _certificate(settings)
    if not is_loopback(server.host):
        if not has_tls and not server.trusted_proxies:
            yield (
                f"LEGATO_SERVER__HOST: {server.host} is reachable from outside, and passwords "
                "would cross the network readable; set LEGATO_SERVER__TLS_CERTIFICATE and "
                "LEGATO_SERVER__TLS_KEY, or LEGATO_SERVER__TRUSTED_PROXIES to what does TLS"
            )
        if not server.public_url:
            yield "LEGATO_SERVER__PUBLIC_URL: is needed beside a host that is not this machine"
    public = urlsplit(server.public_url)
    if public.scheme == "http" and not is_loopback(public.hostname or ""):
        yield "LEGATO_SERVER__PUBLIC_URL: should begin with https:// beyond this machine"


def _certificate(settings: Settings) -> Iterator[str]:
    server = settings.server
    if server.tls_certificate is None or server.tls_key is None:
        yield "LEGATO_SERVER__TLS_CERTIFICATE: and LEGATO_SERVER__TLS_KEY go together"
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server.tls_certificate, server.tls_key)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        yield f"LEGATO_SERVER__TLS_CERTIFICATE: {server.tls_certificate}: cannot be used: {reason}"
