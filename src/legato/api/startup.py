# SPDX-License-Identifier: Apache-2.0
"""What a server refuses to start with. Looked at before the port is opened; one line per mistake.

Rules: HT26.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from legato.api.origin import is_loopback
from legato.auth.keys import JWT_VARIABLE, MASTER_VARIABLE, weakness
from legato.errors import InvalidInput
from legato.settings import Settings


def refuse_unsafe(settings: Settings) -> None:
    """Refuse settings with which a server would not be safe.

    Raises:
        InvalidInput: One line per mistake, each naming its variable.
    """
    lines = [*_keys(settings), *_transport(settings)]
    if lines:
        raise InvalidInput("\n".join(lines))


def refuse_readable(settings: Settings) -> None:
    """Refuse settings under which others could read along, whatever the keys are.

    Raises:
        InvalidInput: One line per mistake, each naming its variable.
    """
    lines = list(_transport(settings))
    if lines:
        raise InvalidInput("\n".join(lines))


def _keys(settings: Settings) -> Iterator[str]:
    for name in (JWT_VARIABLE, MASTER_VARIABLE):
        fault = weakness(settings.server_keys.get(name, ""))
        if fault:
            make = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
            yield f"{name}: {fault}; make one with: {make}"


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
