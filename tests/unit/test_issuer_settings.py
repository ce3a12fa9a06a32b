# SPDX-License-Identifier: Apache-2.0
"""`[[auth.issuers]]`: what is taken from the settings, and what no server starts with."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from legato.app import build
from legato.app.issuers import make_foreign_tokens
from legato.auth import issuers as rules
from legato.errors import InvalidInput
from legato.settings import IssuerSettings, load_settings
from legato.settings.issuers import KEY_TYPES, Algorithm
from tests.tidy.places import ROOT

VARIABLE = "LEGATO_AUTH__ISSUERS"
OWN = "https://legato.example.org"
GOOD: dict[str, Any] = {
    "issuer": "https://id.example.org/realms/staff",
    "audience": "legato",
    "jwks_url": "https://id.example.org/realms/staff/protocol/openid-connect/certs",
    "algorithms": ["RS256"],
}
ASKS = {
    "introspection_url": "https://id.example.org/introspect",
    "client_id": "legato",
    "client_secret": "keycloak",
}


def _load(tmp_path: Path, *each: dict[str, Any]) -> tuple[IssuerSettings, ...]:
    return load_settings({VARIABLE: json.dumps(each)}, tmp_path).auth.issuers


def _line(tmp_path: Path, **changes: Any) -> str:
    """Return the one line that an issuer with changes is refused with; None takes a key out."""
    values = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    with pytest.raises(InvalidInput) as caught:
        _load(tmp_path, values)
    (line,) = str(caught.value).splitlines()
    return line


def test_an_issuer_is_a_table_of_the_file_or_json_in_a_variable(tmp_path: Path) -> None:
    """None by default; nobody is provisioned, and an hour is the life [AU100]."""
    assert load_settings({}, tmp_path).auth.issuers == ()
    (by_variable,) = _load(tmp_path, GOOD)
    lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in GOOD.items())
    (tmp_path / "legato.toml").write_text(f"[[auth.issuers]]\n{lines}\n", encoding="utf-8")
    (by_file,) = load_settings({}, tmp_path).auth.issuers
    assert by_file == by_variable
    assert (by_file.auto_provision, by_file.max_age_s) == (False, 3_600)
    assert by_file.introspection_url is None


def test_an_issuer_is_kept_as_it_is_written(tmp_path: Path) -> None:
    """It is compared character by character; plain http only on this machine [AU100]."""
    for url in (
        "https://tenant.eu.auth0.com/", "https://ID.example.org", "http://127.0.0.1:8080/realms/x",
        "http://localhost:8080", "http://[::1]:9", "https://id.example.org:8443/a%20b",
    ):  # fmt: skip
        (found,) = _load(tmp_path, {**GOOD, "issuer": url, "jwks_url": url})
        assert (found.issuer, found.jwks_url) == (url, url)


@pytest.mark.parametrize(
    "url",
    [
        *("", "id.example.org", "//id.example.org", "https://", "https:///x", "ftp://id.example.org"),
        *("file:///etc/passwd", "http://id.example.org", "http://10.0.0.1/x", "https://a b.org"),
        *("https://u:hunter22@id.example.org", "https://hunter22@id.example.org", "https://x:0"),
        *("https://x:port", "https://x/#f", "https://x\n", "https://x/\u00e9", "https://[x", 7),
        *("http://localhost.evil.example", "http://127.0.0.1.evil.example"),
        "https://" + "x" * 1_020,
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["issuer", "jwks_url", "userinfo_url"])
def test_an_address_that_is_none_or_readable_on_the_way_is_refused(
    tmp_path: Path, url: Any, field: str
) -> None:
    """In one line that names the key and repeats nothing [AU100]."""
    line = _line(tmp_path, **{field: url})
    assert line.startswith(f"{VARIABLE}[0].{field}: should b")
    assert "hunter22" not in line


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"issuer": None}, "[0].issuer: "),
        ({"audience": None}, "[0].audience: "),
        ({"jwks_url": None}, "[0].jwks_url: "),
        ({"algorithms": None}, "[0].algorithms: "),
        ({"issuer": "https://id.example.org/?x=1"}, "[0].issuer: should have no query"),
        ({"audience": ""}, "[0].audience: "),
        ({"audience": ["a"]}, "[0].audience: "),
        ({"algorithms": []}, "[0]: algorithms should be of one type of key"),
        ({"algorithms": ["RS256", "ES256"]}, "[0]: algorithms should be of one type of key"),
        ({"algorithms": ["ES256", "EdDSA"]}, "[0]: algorithms should be of one type of key"),
        ({"algorithms": ["RS256", "RS256"]}, "[0]: algorithms should name each once"),
        ({"algorithms": ["HS256"]}, "[0].algorithms[0]: should be 'RS256'"),
        ({"algorithms": ["none"]}, "[0].algorithms[0]: should be 'RS256'"),
        ({"algorithms": "RS256"}, "[0].algorithms: "),
        ({"max_age_s": 3_601}, "[0].max_age_s: "),
        ({"max_age_s": 0}, "[0].max_age_s: "),
        ({"auto_provision": "perhaps"}, "[0].auto_provision: "),
        ({"introspection_url": "https://x.example"}, "needs client_id and client_secret"),
        ({**ASKS, "client_id": None}, "needs client_id and client_secret"),
        ({**ASKS, "client_secret": None}, "needs client_id and client_secret"),
        ({**ASKS, "introspection_url": None}, "need introspection_url"),
        ({**ASKS, "userinfo_url": "https://x.example"}, "should not both be there"),
        ({**ASKS, "client_secret": "hunter22!"}, "[0].client_secret: should be the name of a"),
        ({"userinfo_headers": {"apikey": "a"}}, "userinfo_headers needs userinfo_url"),
        (
            {"userinfo_url": "https://x.example", "userinfo_headers": {"apikey": "hunter22.x"}},
            "[0].userinfo_headers.apikey: should be the name of a secret",
        ),
        (
            {"userinfo_url": "https://x.example", "userinfo_headers": {"Authorization": "a"}},
            "should be the name of a header",
        ),
        (
            {"userinfo_url": "https://x.example", "userinfo_headers": {"a b": "a"}},
            "should be the name of a header",
        ),
        ({"password": "hunter22"}, "[0].password: is not a setting"),
    ],
)
def test_an_issuer_that_cannot_be_meant_is_refused(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    """In one line that names the key and repeats nothing [AU100]."""
    line = _line(tmp_path, **changes)
    assert line.startswith(VARIABLE)
    assert says in line
    assert "hunter22" not in line


def test_an_issuer_stands_there_once(tmp_path: Path) -> None:
    """And there are 16 at most [AU100]."""
    with pytest.raises(InvalidInput, match="should name each issuer once"):
        _load(tmp_path, GOOD, {**GOOD, "audience": "other"})
    many = [{**GOOD, "issuer": f"https://id{number}.example.org"} for number in range(17)]
    assert len(_load(tmp_path, *many[:16])) == 16
    with pytest.raises(InvalidInput, match="at most 16"):
        _load(tmp_path, *many)
    with pytest.raises(InvalidInput, match=VARIABLE):
        load_settings({VARIABLE: "[{"}, tmp_path)


def test_the_page_of_the_server_shows_issuers_that_are_good(tmp_path: Path) -> None:
    """Its Keycloak and its Supabase [AU100]."""
    page = (ROOT / "docs/server.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(\[\[auth\.issuers\]\].*?)```", page, re.S)
    (tmp_path / "legato.toml").write_text(example, encoding="utf-8")
    keycloak, supabase = load_settings({}, tmp_path).auth.issuers
    assert keycloak.introspection_url is not None
    assert supabase.userinfo_headers == {"apikey": "supabase_key"}


def test_settings_and_rules_know_the_same_algorithms() -> None:
    """Each with its type of key [AU100, AU104]."""
    assert set(get_args(Algorithm)) == set(rules.ALGORITHMS)
    assert {each: family for each, (family, _) in rules.ALGORITHMS.items()} == KEY_TYPES


def _build(tmp_path: Path, *each: dict[str, Any]) -> Any:
    settings = load_settings({VARIABLE: json.dumps(each)}, tmp_path)
    return make_foreign_tokens(build(settings, role="reader"), own_issuer=OWN)


def test_a_server_without_issuers_verifies_none(tmp_path: Path) -> None:
    """Nor loads what asks them [AU100]."""
    assert _build(tmp_path) is None


@pytest.mark.parametrize("url", [OWN, f"{OWN}/", OWN.upper().replace("HTTPS", "https")])
def test_we_are_no_other_issuer(tmp_path: Path, url: str) -> None:
    """However we are written [AU100]."""
    with pytest.raises(InvalidInput, match=r"auth.issuers\[0\].issuer: is this server itself"):
        _build(tmp_path, {**GOOD, "issuer": url})


async def test_a_secret_that_is_not_there_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line for each, without what stands there; a variable or the file has it [AU100]."""
    with_headers = {
        **GOOD,
        "issuer": "https://two.example.org",
        "userinfo_url": "https://two.example.org/me",
        "userinfo_headers": {"apikey": "hunter22"},
    }
    with pytest.raises(InvalidInput) as caught:
        _build(tmp_path, {**GOOD, **ASKS}, with_headers)
    lines = str(caught.value).splitlines()
    assert [each.partition(":")[0] for each in lines] == [
        "auth.issuers[0].client_secret",
        "auth.issuers[1].userinfo_headers.apikey",
    ]
    assert "hunter22" not in str(caught.value)
    monkeypatch.setenv("LEGATO_SERVER_SECRET_HUNTER22", "anon")
    file = tmp_path / "secrets.toml"
    file.write_text('keycloak = "a workflow\'s"\n[server]\nkeycloak = "s"\n', encoding="utf-8")
    file.chmod(0o600)
    made = _build(tmp_path, {**GOOD, **ASKS}, with_headers)
    asks = [door.issuer.asks for door in made._doors.values()]
    assert asks == [
        rules.Introspection(url=ASKS["introspection_url"], client_id="legato", client_secret="s"),
        rules.UserInfo(url="https://two.example.org/me", headers={"apikey": "anon"}),
    ]
    await made.close()
