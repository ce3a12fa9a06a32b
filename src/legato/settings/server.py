# SPDX-License-Identifier: Apache-2.0
"""`[server]` and `[cors]`: the HTTP server; names, types and bounds only. Rules: HT27, HT28.

Whether these settings are safe together is judged by `legato.api.startup`, when a server starts.
"""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, SecretStr

from legato.settings.rates import RateSettings
from legato.settings.section import Section

PORT: Final = 8420
_MIB: Final = 1024 * 1024
_NUMBER: Final = re.compile(r"[0-9]{0,5}", re.ASCII)


def _checked_base(value: str, *, what: str) -> str:
    """Return `scheme://host[:port]` in the one spelling that browsers send."""
    expected = f"should be {what}, for example https://legato.example.org"
    parts = urlsplit(value)
    try:
        port = parts.port
    except ValueError:
        raise ValueError(expected) from None
    rest = parts.path.removesuffix("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in {"http", "https"} or not parts.hostname or rest or "*" in value:
        raise ValueError(expected)
    if not parts.hostname.isascii():
        raise ValueError("should name an international host in its ASCII form, xn--…")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    is_default = port is None or port == {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" if is_default else f"{parts.scheme}://{host}:{port}"


def _checked_public_url(value: str) -> str:
    return _checked_base(value, what="scheme://host[:port] without a path") if value else ""


def _checked_origin(value: str) -> str:
    if "*" in value:
        raise ValueError("should be one exact origin: * would let every site act for your users")
    return _checked_base(value, what="an exact origin")


def _checked_network(value: str) -> str:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError("should be an address or network, for example 10.0.0.0/8") from None
    if network.prefixlen == 0:
        raise ValueError("should not be everybody: any client could claim any address")
    return str(network)


def _checked_redis_url(value: SecretStr) -> SecretStr:
    expected = (
        "should be redis:// or rediss://[[user]:password@]host[:port][/number]; "
        "signs in the password are written %2F"
    )
    text = value.get_secret_value()
    if not text:
        return value
    try:
        parts = urlsplit(text)
        is_good = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
        parts = urlsplit("")
    number = parts.path.removeprefix("/")
    is_good = is_good and parts.scheme in {"redis", "rediss"} and text.isprintable()
    if not is_good or parts.query or parts.fragment or not _NUMBER.fullmatch(number):
        raise ValueError(expected)
    return value


RedisUrl = Annotated[SecretStr, AfterValidator(_checked_redis_url)]
Origin = Annotated[str, AfterValidator(_checked_origin)]
Network = Annotated[str, AfterValidator(_checked_network)]


class ServerSettings(Section):
    """`[server]`: where `legato serve` listens, and the bounds of a connection."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=PORT, ge=0, le=65_535)
    """0: any free one; the ready line says which."""
    public_url: Annotated[str, AfterValidator(_checked_public_url)] = ""
    """What people type: `https://legato.example.org`. Empty: only names of this machine."""
    tls_certificate: Path | None = None
    """PEM file of the certificate chain, where no proxy does TLS."""
    tls_key: Path | None = None
    trusted_proxies: tuple[Network, ...] = ()
    """Whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed."""
    max_body_bytes: PositiveInt = _MIB
    """Of a JSON body; routes of documents and files have bounds of their own."""
    max_header_bytes: PositiveInt = 32 * 1024
    """Of the request line and all headers together."""
    max_headers: PositiveInt = 100
    max_connections: PositiveInt = 2_000
    header_s: PositiveFloat = Field(default=10.0, le=300)
    """From the first byte of a request to the end of its headers."""
    body_s: PositiveFloat = Field(default=20.0, le=3600)
    """For a body, beside the time that it takes at 500 bytes/s."""
    write_s: PositiveFloat = Field(default=60.0, le=3600)
    """A client that takes nothing for this long is cut off."""
    keep_alive_s: PositiveInt = Field(default=30, le=3600)
    """An idle connection is closed after this long."""
    drain_s: PositiveFloat = Field(default=10.0, le=3600)
    """From SIGTERM to the end of requests that are still open."""
    allow_missing_keys: bool = False
    """Start also where credentials are sealed with a master key that is not here."""
    max_streams_per_user: PositiveInt = 5
    """Open streams of events of one user, over all their log-ins and keys, in one process."""
    rates: RateSettings = RateSettings()


class AllowedOrigins(Section):
    """`[cors.allowed_origins]`: by environment, and exact."""

    production: tuple[Origin, ...] = ()
    development: tuple[Origin, ...] = ()


class CorsSettings(Section):
    """`[cors]`: pages of other origins that may use the API with a person's cookie."""

    allowed_origins: AllowedOrigins = AllowedOrigins()


ALIASES: Final = {
    "DATABASE_URL": "LEGATO_DATABASE_URL",
    "ENVIRONMENT": "LEGATO_ENV",
    "JWT_SECRET_KEY": "LEGATO_JWT_SECRET_KEY",
    "PORT": "LEGATO_SERVER__PORT",
    "LEGATO_HOST": "LEGATO_SERVER__HOST",
    "LEGATO_PORT": "LEGATO_SERVER__PORT",
    "LEGATO_PUBLIC_URL": "LEGATO_SERVER__PUBLIC_URL",
}
"""Other names of variables. Without the prefix: those of DAG Studio's own documents."""
