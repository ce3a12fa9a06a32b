# SPDX-License-Identifier: Apache-2.0
"""What a credential of each type may hold."""

from typing import Any

import pytest

from legato.api.body import parse
from legato.api.problems import InvalidBody
from legato.auth.credential_types import WantedCredential, data_of, forms
from legato.model.values import encode
from legato.ports.credentials import SECRET_FIELDS

CANARY = "canary-secret-4711"
GOOD: dict[str, dict[str, Any]] = {
    "http_bearer": {"token": CANARY},
    "http_basic": {"username": "ann", "password": CANARY},
    "http_header": {"name": "X-Api-Key", "value": CANARY},
    "sql": {"dsn": f"postgresql://ann:{CANARY}@db.example.org:5432/shop?sslmode=require"},
    "smtp": {"host": "mail.example.org", "port": 587, "username": "ann", "password": CANARY},
    "llm": {"provider": "openai", "api_key": CANARY, "base_url": "https://api.example.org/v1/"},
}


def wanted(kind: str, **changes: Any) -> dict[str, Any]:
    """Return a good credential with changes in its data."""
    hosts = ["API.example.org"] if kind not in {"sql", "smtp"} else []
    data = {key: each for key, each in {**GOOD[kind], **changes}.items() if each is not ...}
    return {"name": "it", "type": kind, "hosts": hosts, "data": data}


def read(value: object) -> WantedCredential:
    """Read a body as the server does."""
    return parse(encode(value, what="body"), WantedCredential)


def refused(value: object) -> list[str]:
    """Return where a body is refused; no fault repeats what is secret."""
    with pytest.raises(InvalidBody) as error:
        read(value)
    faults = error.value.faults
    assert CANARY not in repr(faults)
    return [each.path for each in faults]


@pytest.mark.parametrize("kind", GOOD)
def test_each_type_takes_what_it_needs(kind: str) -> None:
    """A whole body is read, its hosts in their one form, and nothing but what was given is kept
    [CR6].
    """
    found = read(wanted(kind)).root
    assert found.hosts == (("api.example.org",) if kind not in {"sql", "smtp"} else ())
    kept = data_of(found)
    assert set(kept) - set(GOOD[kind]) <= {"tls"}
    assert CANARY in repr(kept)


@pytest.mark.parametrize("kind", GOOD)
def test_nothing_else_is_taken(kind: str) -> None:
    """A field that is missing, unknown or of another type is named by its place, and so is a secret
    under eight characters [CR6, CR7].
    """
    secret = SECRET_FIELDS[kind][0]  # type: ignore[index]
    for field, value in GOOD[kind].items():
        if field not in {"username", "password", "base_url"} or kind == "http_basic":
            assert refused(wanted(kind, **{field: ...})) == [f"/data/{field}"]
        assert f"/data/{field}" in refused(wanted(kind, **{field: [value]}))[0]
    assert refused(wanted(kind, more=CANARY)) == ["/data/more"]
    assert refused(wanted(kind, **{secret: "1234567"})) == [f"/data/{secret}"]
    assert refused({**wanted(kind), "more": 1}) == ["/more"]
    assert refused({**wanted(kind), "name": "no name"}) == ["/name"]
    assert refused({**wanted(kind), "type": "ftp"}) in ([""], ["/type"])


@pytest.mark.parametrize("kind", ["http_bearer", "http_basic", "http_header", "llm"])
def test_what_goes_over_http_needs_hosts(kind: str) -> None:
    """Without hosts, with none, with too wide ones it is refused [CR8]."""
    body = wanted(kind)
    assert refused({key: each for key, each in body.items() if key != "hosts"}) == ["/hosts"]
    for hosts in ([], ["api.example.org"] * 51):
        assert refused({**body, "hosts": hosts}) == ["/hosts"]
    for host in ("*.com", "*", "https://api.example.org", f"{CANARY}"):
        assert refused({**body, "hosts": ["api.example.org", host]}) == ["/hosts/1"]


@pytest.mark.parametrize(
    ("kind", "changes", "path"),
    [
        ("sql", {"dsn": f"sqlite:////etc/{CANARY}"}, "/data/dsn"),
        ("sql", {"dsn": f"postgresql://ann:short@h/{CANARY}"}, "/data/dsn"),
        ("sql", {"dsn": f"postgresql://ann:{CANARY}@h/db?options=-c"}, "/data/dsn"),
        ("sql", {"dsn": f"postgresql://ann:{CANARY}@%2Ftmp/db"}, "/data/dsn"),
        ("sql", {"dsn": f"postgresql://{CANARY}"}, "/data/dsn"),
        ("sql", {"dsn": f"mysql://ann:{CANARY}@[::1/db"}, "/data/dsn"),
        ("http_bearer", {"token": f"{CANARY}\r\nX: 1"}, "/data/token"),
        ("http_basic", {"username": "a:b"}, "/data/username"),
        ("http_basic", {"password": f"{CANARY}\n"}, "/data/password"),
        ("http_header", {"name": "Host"}, "/data/name"),
        ("http_header", {"name": "a b"}, "/data/name"),
        ("http_header", {"value": f"{CANARY}\r\n"}, "/data/value"),
        ("smtp", {"port": 0}, "/data/port"),
        ("smtp", {"tls": "no"}, "/data/tls"),
        ("smtp", {"tls": "none"}, "/data"),
        ("smtp", {"password": ...}, "/data"),
        ("llm", {"provider": "nobody", "base_url": ...}, "/data"),
        ("llm", {"base_url": "ftp://api.example.org"}, "/data/base_url"),
        ("llm", {"base_url": "https://api.example.org/?a=1"}, "/data/base_url"),
        ("llm", {"base_url": "https://elsewhere.example.org/v1"}, "/data"),
        ("llm", {"base_url": "http://api.example.org/v1"}, "/data"),
        ("llm", {"base_url": ...}, "/data"),
    ],
)
def test_what_could_be_misused_is_refused(kind: str, changes: dict[str, Any], path: str) -> None:
    """No file or socket as a database, no line end in a header, no password over a readable
    connection, no provider outside of the hosts [CR6, CR10].
    """
    assert refused(wanted(kind, **changes)) == [path]


def test_forms_tell_what_to_ask_for() -> None:
    """Each type comes with the JSON Schema of its data, secrets in it written only [CR10]."""
    found = {each.type: each for each in forms()}
    assert set(found) == set(GOOD)
    for kind, each in found.items():
        properties = each.schema_["properties"]
        assert set(GOOD[kind]) <= set(properties)
        for secret in each.secret_fields:
            assert "writeOnly" in repr(properties[secret])
        assert each.needs_hosts is (kind not in {"sql", "smtp"})
