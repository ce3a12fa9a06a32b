# SPDX-License-Identifier: Apache-2.0
"""Issuers of identities as the settings name them, with their secrets and the client to ask them.

Imported only by commands that serve. Rules: AU100.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from legato.app import open_server_secrets
from legato.auth.foreign_tokens import ForeignTokens
from legato.auth.issuers import Introspection, Issuer, UserInfo
from legato.errors import InvalidInput

if TYPE_CHECKING:
    from legato.adapters.env_secrets import ServerSecrets
    from legato.app import App
    from legato.settings import IssuerSettings


def make_foreign_tokens(app: App, *, own_issuer: str) -> ForeignTokens | None:
    """Return what verifies tokens of the issuers in the settings; None if there are none.

    Args:
        app: Whose settings and clock.
        own_issuer: What our own tokens call themselves.

    Raises:
        InvalidInput: An issuer is ourselves, or a secret is not there: one line per mistake.
        NotAllowed: Others may read the file of secrets.
    """
    given = app.settings.auth.issuers
    if not given:
        return None
    secrets = open_server_secrets(app.settings)
    lines = [
        f"auth.issuers[{number}]{line}"
        for number, each in enumerate(given)
        for line in _mistakes(each, secrets, own_issuer)
    ]
    if lines:
        raise InvalidInput("\n".join(lines))
    from legato.adapters.issuer_http import IssuerClient, trusted  # noqa: PLC0415 - slow to load

    tls = trusted()
    clients = [(_issuer(each, secrets), IssuerClient(tls=tls)) for each in given]
    return ForeignTokens(clients, app.clock)


def _mistakes(given: IssuerSettings, secrets: ServerSecrets, own_issuer: str) -> Iterator[str]:
    if _plain(given.issuer) == _plain(own_issuer):
        yield ".issuer: is this server itself"
    for field, name in _secret_names(given):
        if not secrets.find(name):
            # Without the name: somebody may have written the secret in its place.
            yield (
                f".{field}: names a secret that is not there; put it under [server] into the file "
                "of secrets, or into LEGATO_SERVER_SECRET_ and its name"
            )


def _secret_names(given: IssuerSettings) -> Iterator[tuple[str, str]]:
    if given.client_secret is not None:
        yield "client_secret", given.client_secret
    for header, name in given.userinfo_headers.items():
        yield f"userinfo_headers.{header}", name


def _issuer(given: IssuerSettings, secrets: ServerSecrets) -> Issuer:
    values = {name: secrets.find(name) or "" for _, name in _secret_names(given)}
    asks: Introspection | UserInfo | None = None
    if given.introspection_url is not None:
        asks = Introspection(
            url=given.introspection_url,
            client_id=given.client_id or "",
            client_secret=values[given.client_secret or ""],
        )
    elif given.userinfo_url is not None:
        headers = {header: values[name] for header, name in given.userinfo_headers.items()}
        asks = UserInfo(url=given.userinfo_url, headers=headers)
    return Issuer(
        url=given.issuer,
        audience=given.audience,
        jwks_url=given.jwks_url,
        algorithms=given.algorithms,
        max_age_s=given.max_age_s,
        auto_provision=given.auto_provision,
        asks=asks,
    )


def _plain(url: str) -> str:
    """Return an address without what two spellings of it may differ in."""
    return url.lower().rstrip("/")
