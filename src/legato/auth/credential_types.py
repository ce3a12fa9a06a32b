# SPDX-License-Identifier: Apache-2.0
"""What a credential of each type holds, strictly checked; no fault repeats what was sent.

Rules: CR6-CR10.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    ValidationInfo,
    field_validator,
    model_validator,
)

from legato.errors import InvalidInput
from legato.model.hosts import host_rule, is_within, wire_host
from legato.ports.credentials import (
    HOST_BOUND,
    PROVIDER_URLS,
    SECRET_FIELDS,
    CredentialType,
)

SECRET_MIN: Final = 8
"""A shorter one could not be taken out of texts: it would be found in other words."""
SECRET_MAX: Final = 8_192
HOSTS_MAX: Final = 50
PORTS: Final[Mapping[str, int]] = {"https": 443, "http": 80}
_VISIBLE: Final = re.compile(r"[\x21-\x7e]*")
_PRINTABLE: Final = re.compile(r"[\x20-\x7e\t]*")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_HEADERS_REFUSED: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer",
     "proxy-authorization", "proxy-connection", "keep-alive", "expect", "cookie"}
)  # fmt: skip
_SSL_MODES: Final = ("disable", "prefer", "require", "verify-full")


def _visible(value: str) -> str:
    if not _VISIBLE.fullmatch(value):
        raise ValueError("should be visible ASCII characters without blanks")
    return value


def _printable(value: str) -> str:
    if not _PRINTABLE.fullmatch(value) or value != value.strip():
        raise ValueError("should be printable ASCII characters, without blanks around them")
    return value


def _one_line(value: str) -> str:
    if any(ord(each) < 0x20 or ord(each) == 0x7F for each in value):
        raise ValueError("should have no control characters")
    return value


def _header(value: str) -> str:
    if not _HEADER_NAME.fullmatch(value):
        raise ValueError("should be the name of a header")
    if value.lower() in _HEADERS_REFUSED:
        raise ValueError("should be a header that says nothing of the connection")
    return value


def _user(value: str) -> str:
    if ":" in value:
        raise ValueError("should have no colon")
    return _one_line(value)


def _host(value: str) -> str:
    try:
        return host_rule(value)
    except InvalidInput as error:
        raise ValueError(error.message) from None


def _server(value: str) -> str:
    try:
        return wire_host(value)
    except InvalidInput as error:
        raise ValueError(error.message) from None


def _dsn(value: str) -> str:
    """Check a database's URL: never a file, which only the operator grants."""
    try:
        parts = urlsplit(_visible(value))
        port = parts.port
    except ValueError:
        raise ValueError("should be postgresql://USER:PASSWORD@HOST:PORT/NAME") from None
    if parts.scheme not in {"postgresql", "mysql"}:
        raise ValueError("should begin with postgresql:// or mysql://")
    host = parts.hostname or ""
    if not parts.username or not host or parts.path in {"", "/"} or parts.fragment or port == 0:
        raise ValueError("should name user, host and database: SCHEME://USER:PASSWORD@HOST/NAME")
    _server(host)
    if parts.password is not None and len(unquote(parts.password)) < SECRET_MIN:
        raise ValueError(f"should have a password of at least {SECRET_MIN} characters, or none")
    given = parse_qsl(parts.query, keep_blank_values=True)
    if any(key != "sslmode" or mode not in _SSL_MODES for key, mode in given):
        raise ValueError(f"should have no option but sslmode={'|'.join(_SSL_MODES)}")
    return value


def _base_url(value: str) -> str:
    try:
        parts = urlsplit(_visible(value))
        port = parts.port
    except ValueError:
        raise ValueError("should be an address such as https://llm.example.org/v1") from None
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in PORTS or not parts.hostname or not is_plain or port == 0:
        raise ValueError("should be https://HOST/PATH, without user, query and fragment")
    return value.rstrip("/")


_Secret = Annotated[
    str,
    Field(
        min_length=SECRET_MIN,
        max_length=SECRET_MAX,
        json_schema_extra={"format": "password", "writeOnly": True},
    ),
]


_Name = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_one_line)]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BearerData(_Data):
    """Sent as `Authorization: Bearer TOKEN`."""

    token: Annotated[_Secret, AfterValidator(_visible)] = Field(description="The token.")


class BasicData(_Data):
    """Sent as `Authorization: Basic …`."""

    username: Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_user)] = Field(
        description="The user."
    )
    password: Annotated[_Secret, AfterValidator(_one_line)] = Field(description="The password.")


class HeaderData(_Data):
    """Sent as a header of its own name."""

    name: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_header)] = Field(
        description="The header, such as X-Api-Key."
    )
    value: Annotated[_Secret, AfterValidator(_printable)] = Field(description="What it holds.")


class SqlData(_Data):
    """A database for `sql.query`."""

    dsn: Annotated[_Secret, AfterValidator(_dsn)] = Field(
        description="postgresql:// or mysql://USER:PASSWORD@HOST:PORT/NAME?sslmode=verify-full."
    )


class SmtpData(_Data):
    """A mail server for `notify.email`."""

    host: Annotated[str, Field(min_length=1, max_length=253), AfterValidator(_server)] = Field(
        description="The server."
    )
    port: int = Field(ge=1, le=65_535, description="587 with starttls, 465 with implicit.")
    tls: Literal["starttls", "implicit", "none"] = Field(
        default="starttls", description="How the connection is encrypted."
    )
    username: _Name | None = Field(default=None, description="Who logs in; none: nobody does.")
    password: Annotated[_Secret, AfterValidator(_one_line)] | None = Field(
        default=None, description="The password."
    )

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        if self.password is not None and self.tls == "none":
            raise ValueError("a password needs an encrypted connection: starttls or implicit")
        return self


class LlmData(_Data):
    """A provider of language models."""

    provider: str = Field(
        pattern=r"^[a-z][a-z0-9_-]{0,62}$", description="openai, kimi, glm, mistral, ollama…"
    )
    base_url: Annotated[str, Field(max_length=1_000), AfterValidator(_base_url)] | None = Field(
        default=None, description="Where it is asked; a known provider has one."
    )
    api_key: Annotated[_Secret, AfterValidator(_visible)] = Field(description="The key.")

    @model_validator(mode="after")
    def _has_place(self) -> Self:
        if self.base_url is None and self.provider not in PROVIDER_URLS:
            raise ValueError("base_url is needed for a provider that is not known")
        return self


DATA: Final[Mapping[CredentialType, type[_Data]]] = {
    "http_bearer": BearerData,
    "http_basic": BasicData,
    "http_header": HeaderData,
    "sql": SqlData,
    "smtp": SmtpData,
    "llm": LlmData,
}
TITLES: Final[Mapping[CredentialType, str]] = {
    "http_bearer": "Bearer token",
    "http_basic": "User and password",
    "http_header": "Key in a header",
    "sql": "Database",
    "smtp": "Mail server",
    "llm": "Language model",
}

CredentialName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,62}$")]
"""As workflows write it."""
_Rule = Annotated[str, Field(max_length=300), AfterValidator(_host)]
_Bound = Annotated[
    tuple[_Rule, ...],
    Field(
        min_length=1, max_length=HOSTS_MAX, description="api.example.org, *.example.org, HOST:PORT."
    ),
]
_Unbound = Annotated[
    tuple[_Rule, ...],
    Field(max_length=0, description="None: where it goes stands in `data`."),
]


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: CredentialName


class WantedBearer(_Wanted):
    """A bearer token."""

    type: Literal["http_bearer"]
    hosts: _Bound
    data: BearerData


class WantedBasic(_Wanted):
    """User and password."""

    type: Literal["http_basic"]
    hosts: _Bound
    data: BasicData


class WantedHeader(_Wanted):
    """A key in a header."""

    type: Literal["http_header"]
    hosts: _Bound
    data: HeaderData


class WantedSql(_Wanted):
    """A database."""

    type: Literal["sql"]
    hosts: _Unbound = ()
    data: SqlData


class WantedSmtp(_Wanted):
    """A mail server."""

    type: Literal["smtp"]
    hosts: _Unbound = ()
    data: SmtpData


class WantedLlm(_Wanted):
    """A provider of language models."""

    type: Literal["llm"]
    hosts: _Bound
    data: LlmData

    @field_validator("data")
    @classmethod
    def _place_is_bound(cls, value: LlmData, given: ValidationInfo) -> LlmData:
        url = urlsplit(value.base_url or PROVIDER_URLS[value.provider])
        port = url.port or PORTS[url.scheme]
        hosts = given.data.get("hosts")  # absent: what was sent is no good, and told already
        if hosts and not is_within(hosts, url.scheme, url.hostname or "", port):
            raise ValueError("hosts should cover the address of the provider")
        return value


AnyWanted = WantedBearer | WantedBasic | WantedHeader | WantedSql | WantedSmtp | WantedLlm


class WantedCredential(RootModel[Annotated[AnyWanted, Field(discriminator="type")]]):
    """A credential as somebody sends it, whole. `data` is never shown again."""


def data_of(wanted: AnyWanted) -> dict[str, Any]:
    """Return what is to be sealed; what was not given is left out."""
    return wanted.data.model_dump(exclude_none=True)


class TypeForm(BaseModel):
    """What a form needs to know of a type."""

    type: CredentialType
    title: str
    description: str
    schema_: dict[str, Any] = Field(alias="schema", description="JSON Schema of `data`.")
    secret_fields: list[str] = Field(description="Never shown again.")
    needs_hosts: bool = Field(description="Whether `hosts` says where it may be sent.")


def forms() -> list[TypeForm]:
    """Return the types, each with the JSON Schema of its `data`."""
    return [
        TypeForm(
            type=kind,
            title=TITLES[kind],
            description=(model.__doc__ or "").strip(),
            schema=model.model_json_schema(),
            secret_fields=list(SECRET_FIELDS[kind]),
            needs_hosts=kind in HOST_BOUND,
        )
        for kind, model in DATA.items()
    ]
