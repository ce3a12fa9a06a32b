# SPDX-License-Identifier: Apache-2.0
"""What a server does not start with."""

import secrets
from pathlib import Path
from typing import Any

import pytest

from legato.api.startup import refuse_unsafe
from legato.auth.keys import weakness
from legato.errors import InvalidInput
from legato.settings import Settings, load_settings

EVERYWHERE = "0.0.0.0"  # noqa: S104 - a setting, nothing is bound
GOOD = {"LEGATO_JWT_SECRET_KEY": "k7" * 3 + "Zq0vN3xWm4RtYb8LcPdHs2JfGeUaQiOw",
        "LEGATO_MASTER_KEY": "0c1f9a7be3d5486280f2a4c6e8b1d3f57d2e"}  # fmt: skip


def _settings(tmp_path: Path, **env: str) -> Settings:
    return load_settings({**GOOD, **env}, tmp_path)


def _lines(settings: Settings) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        refuse_unsafe(settings)
    return str(caught.value).splitlines()


def test_good_settings_pass(tmp_path: Path) -> None:
    """On this machine two keys are all that is needed [HT26]."""
    refuse_unsafe(_settings(tmp_path))
    behind = {"LEGATO_SERVER__HOST": EVERYWHERE, "LEGATO_SERVER__TRUSTED_PROXIES": "10.0.0.0/8",
              "LEGATO_PUBLIC_URL": "https://legato.example.org"}  # fmt: skip
    refuse_unsafe(_settings(tmp_path, **behind))


def test_random_keys_pass() -> None:
    """However they are written [HT26]."""
    for _ in range(500):
        for make in (secrets.token_urlsafe, secrets.token_hex):
            assert weakness(make(32)) is None


@pytest.mark.parametrize(
    "key",
    [
        *("", "short", "x" * 31, "a" * 64, "ab" * 32, "changeme" * 8),
        *("my-super-secret-key-that-is-long-enough!", "your-jwt-key-goes-here-0123456789abcdef"),
        *("please-CHANGE-ME-in-production-9f8e7d6c", "PasswordPasswordPasswordPassword99"),
    ],
)
@pytest.mark.parametrize("name", list(GOOD))
def test_a_missing_or_weak_key_is_refused(tmp_path: Path, name: str, key: str) -> None:
    """By name, with how to make one, and without quoting it [HT26]."""
    (line,) = _lines(_settings(tmp_path, **{name: key}))
    assert line.startswith(f"{name}: ")
    assert "token_urlsafe" in line
    assert not key or key not in line


def test_both_keys_are_told_at_once(tmp_path: Path) -> None:
    """One line per mistake [HT26]."""
    assert len(_lines(load_settings({}, tmp_path))) == 2


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"LEGATO_HOST": EVERYWHERE, "LEGATO_PUBLIC_URL": "https://x.example"}, "HOST"),
        ({"LEGATO_HOST": "::", "LEGATO_PUBLIC_URL": "https://x.example"}, "HOST"),
        ({"LEGATO_HOST": "legato.example.org", "LEGATO_PUBLIC_URL": "https://x.example"}, "HOST"),
        ({"LEGATO_HOST": EVERYWHERE, "LEGATO_SERVER__TRUSTED_PROXIES": "10.0.0.1"}, "PUBLIC_URL"),
        ({"LEGATO_PUBLIC_URL": "http://legato.example.org"}, "PUBLIC_URL"),
        ({"LEGATO_SERVER__TLS_CERTIFICATE": "/nowhere/cert.pem"}, "TLS_CERTIFICATE"),
        ({"LEGATO_SERVER__TLS_CERTIFICATE": "/nowhere/cert.pem",
          "LEGATO_SERVER__TLS_KEY": "/nowhere/key.pem"}, "TLS_CERTIFICATE"),
    ],
)  # fmt: skip
def test_what_would_be_readable_on_the_way_is_refused(
    tmp_path: Path, env: dict[str, str], name: str
) -> None:
    """Also a certificate that cannot be used [HT26]."""
    (line,) = _lines(_settings(tmp_path, **env))
    assert line.startswith(f"LEGATO_SERVER__{name}: ")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("LEGATO_CORS__ALLOWED_ORIGINS__PRODUCTION", "*", "exact origin"),
        ("LEGATO_CORS__ALLOWED_ORIGINS__DEVELOPMENT", "https://*.example.org", "exact origin"),
        ("LEGATO_CORS__ALLOWED_ORIGINS__PRODUCTION", "https://a.example/path", "exact origin"),
        ("LEGATO_CORS__ALLOWED_ORIGINS__PRODUCTION", "null", "exact origin"),
        ("LEGATO_CORS__ALLOWED_ORIGINS__PRODUCTION", "https://bücher.example", "xn--"),
        ("LEGATO_SERVER__TRUSTED_PROXIES", "0.0.0.0/0", "everybody"),
        ("LEGATO_SERVER__TRUSTED_PROXIES", "*", "network"),
        ("LEGATO_SERVER__PORT", "70000", "65535"),
        ("LEGATO_PUBLIC_URL", "legato.example.org", "scheme://host"),
        ("LEGATO_PUBLIC_URL", "https://legato.example.org/app", "without a path"),
        ("LEGATO_ENV", "staging", "production"),
        ("ENVIRONMENT", "staging", "production"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(
    tmp_path: Path, name: str, value: str, says: str
) -> None:
    """One line that names what was set [HT26, HT28]."""
    with pytest.raises(InvalidInput) as caught:
        load_settings({name: value}, tmp_path)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{name}: ")
    assert says in line


def test_origins_are_those_of_the_environment(tmp_path: Path) -> None:
    """And in the one spelling that browsers send [HT10, HT27]."""
    env = {"LEGATO_CORS__ALLOWED_ORIGINS__PRODUCTION": "HTTPS://App.Example.Org:443/",
           "LEGATO_CORS__ALLOWED_ORIGINS__DEVELOPMENT": "http://localhost:5173"}  # fmt: skip
    assert load_settings(env, tmp_path).allowed_origins == ("https://app.example.org",)
    dev = load_settings({**env, "ENVIRONMENT": "development"}, tmp_path)
    assert dev.allowed_origins == ("http://localhost:5173",)


ALIASES: list[tuple[str, str, str, str]] = [
    ("DATABASE_URL", "LEGATO_DATABASE_URL", "postgresql://db/a", "postgresql://db/b"),
    ("ENVIRONMENT", "LEGATO_ENV", "development", "production"),
    ("JWT_SECRET_KEY", "LEGATO_JWT_SECRET_KEY", "hunter2-one", "hunter2-two"),
    ("PORT", "LEGATO_SERVER__PORT", "9001", "9002"),
    ("PORT", "LEGATO_PORT", "9001", "9002"),
]


def _value(settings: Settings, name: str) -> Any:
    key = settings.jwt_secret_key
    return {
        "DATABASE_URL": settings.database_url, "ENVIRONMENT": settings.env,
        "JWT_SECRET_KEY": key and key.get_secret_value(), "PORT": str(settings.server.port),
    }[name]  # fmt: skip


@pytest.mark.parametrize(("alias", "name", "one", "two"), ALIASES)
def test_an_alias_stands_for_its_setting(
    tmp_path: Path, alias: str, name: str, one: str, two: str
) -> None:
    """Alone or with the same value; two values end the start and are not shown [HT27]."""
    assert _value(load_settings({alias: one}, tmp_path), alias) == one
    assert _value(load_settings({alias: one, name: one}, tmp_path), alias) == one
    assert _value(load_settings({alias: "", name: one}, tmp_path), alias) == one
    with pytest.raises(InvalidInput) as caught:
        load_settings({alias: one, name: two}, tmp_path)
    (line,) = str(caught.value).splitlines()
    assert alias in line
    assert name in line
    assert one not in line
    assert two not in line
    assert load_settings({alias: ""}, tmp_path).warnings == ()


@pytest.mark.parametrize("name", ["jwt_secret_key", "master_key"])
def test_keys_do_not_come_from_a_file(tmp_path: Path, name: str) -> None:
    """A file is copied, shown and committed [HT28]."""
    (tmp_path / "legato.toml").write_text(f'{name} = "hunter2-canary"\n', encoding="utf-8")
    with pytest.raises(InvalidInput, match=f"LEGATO_{name.upper()}") as caught:
        load_settings({}, tmp_path)
    assert "canary" not in str(caught.value)


def test_keys_do_not_print(tmp_path: Path) -> None:
    """Settings end up in logs and tracebacks [HT28]."""
    settings = _settings(tmp_path)
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert not [key for key in GOOD.values() if key in text]
