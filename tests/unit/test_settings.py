# SPDX-License-Identifier: Apache-2.0
"""Settings: sources, precedence, one line per mistake."""

from pathlib import Path

import msgspec
import pydantic
import pytest

from legato.errors import InvalidInput
from legato.model.policy import Limits
from legato.settings import LimitsSettings, Settings, load_settings


def _config(home: Path, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "legato.toml").write_text(text, encoding="utf-8")


def _lines(env: dict[str, str], home: Path) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        load_settings(env, home)
    return str(caught.value).splitlines()


def test_without_any_source_the_defaults_hold(tmp_path: Path) -> None:
    """An environment without LEGATO_ names gives the documented defaults [CL11]."""
    settings = load_settings({"HOME": str(tmp_path)})
    home = tmp_path / ".legato"
    assert settings.home == home
    assert settings.database_url == f"sqlite:///{home}/legato.db"
    assert settings.blobs_url == f"file://{home}/blobs"
    assert settings.secrets_file == home / "secrets.toml"
    assert settings.engine.lease_s == 15
    assert settings.grants.shell.programs == ()
    assert settings.warnings == ()
    assert not home.exists(), "reading settings makes no folder"


def test_env_unset_means_production(tmp_path: Path) -> None:
    """An unset LEGATO_ENV means production [CL12]."""
    assert load_settings({}, tmp_path).env == "production"
    assert load_settings({"LEGATO_ENV": "development"}, tmp_path).env == "development"


def test_limits_are_settings_with_the_stated_defaults(tmp_path: Path) -> None:
    """Every limit of the policy is a setting of the same name with the same default [DO24]."""
    assert set(LimitsSettings.model_fields) == set(Limits.__struct_fields__)
    assert load_settings({}, tmp_path).limits.to_policy() == Limits()
    stated = {
        "max_nodes": 10_000,
        "max_foreach_items": 100_000,
        "max_expression_bytes": 4_096,
        "max_document_bytes": 2 * 1024 * 1024,
        "max_json_depth": 64,
    }
    assert stated.items() <= msgspec.structs.asdict(Limits()).items()
    raised = load_settings({"LEGATO_LIMITS__MAX_NODES": "20000"}, tmp_path).limits.to_policy()
    assert raised == msgspec.structs.replace(Limits(), max_nodes=20_000)


def test_a_variable_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    """Variables win over legato.toml, key by key, and both over defaults [CL11]."""
    _config(tmp_path, 'log_level = "debug"\n[engine]\nlease_s = 30\npoll_s = 2\n')
    settings = load_settings({"LEGATO_ENGINE__LEASE_S": "20"}, tmp_path)
    assert settings.log_level == "debug"
    assert settings.engine.lease_s == 20
    assert settings.engine.poll_s == 2
    assert settings.engine.drain_s == 30


def test_lists_in_variables_are_json_or_separated_by_commas(tmp_path: Path) -> None:
    """Grants can be written both ways in the environment [CL11]."""
    name = "LEGATO_GRANTS__SHELL__PROGRAMS"
    for text in ("git, jq", '["git", "jq"]'):
        assert load_settings({name: text}, tmp_path).grants.shell.programs == ("git", "jq")
    assert load_settings({name: ""}, tmp_path).grants.shell.programs == ()


def test_paths_of_the_file_are_relative_to_the_file(tmp_path: Path) -> None:
    """A relative root means the folder of legato.toml and ~ the user's home [CL11]."""
    _config(tmp_path / "conf", '[grants.files]\nroots = ["work", "~/out", "/srv"]\n')
    env = {"LEGATO_CONFIG": str(tmp_path / "conf" / "legato.toml"), "HOME": "/home/ada"}
    roots = load_settings(env, tmp_path / "home").grants.files.roots
    assert roots == (tmp_path / "conf" / "work", Path("/home/ada/out"), Path("/srv"))


@pytest.mark.parametrize(
    ("root", "more", "own"),
    [
        ("{tmp}", {}, "home"),
        ("{tmp}/home", {}, "home"),
        ("{tmp}", {"LEGATO_HOME": "{tmp}/.legato"}, ".legato"),
        ("{tmp}/home/blobs", {}, "home"),
        ("{tmp}/link", {}, "home"),
        ("{tmp}/keys", {"LEGATO_SECRETS_FILE": "{tmp}/keys/secrets.toml"}, "keys/secrets.toml"),
        ("{tmp}/conf", {"LEGATO_CONFIG": "{tmp}/conf/legato.toml"}, "conf/legato.toml"),
        ("{tmp}/data", {"LEGATO_DATABASE_URL": "sqlite:///{tmp}/data/x.db"}, "data/x.db"),
        ("{tmp}/data", {"LEGATO_BLOBS_URL": "file://{tmp}/data/blobs"}, "data/blobs"),
    ],
)
def test_a_root_over_legatos_own_files_is_refused(
    tmp_path: Path, root: str, more: dict[str, str], own: str
) -> None:
    """A workflow would read secrets and other runs, and write its own grants [ND40]."""
    (tmp_path / "home").mkdir()
    _config(tmp_path / "conf", "")
    (tmp_path / "link").symlink_to(tmp_path)
    env = {"LEGATO_GRANTS__FILES__ROOTS": root, **more}
    filled = {name: value.format(tmp=tmp_path) for name, value in env.items()}
    filled = {"LEGATO_HOME": str(tmp_path / "home"), **filled}
    with pytest.raises(InvalidInput, match=f"LEGATO_GRANTS__FILES__ROOTS: .*{tmp_path / own}"):
        load_settings(filled)


def test_postgres_urls_have_one_spelling(tmp_path: Path) -> None:
    """The short scheme is accepted and written out [CL11]."""
    settings = load_settings({"LEGATO_DATABASE_URL": "postgres://db/legato"}, tmp_path)
    assert settings.database_url == "postgresql://db/legato"


def test_each_mistake_gives_one_line_that_names_its_source(tmp_path: Path) -> None:
    """Each mistake gives one line with the variable or the file and key [CL11]."""
    _config(tmp_path, 'log_levle = "info"\n[limits]\nmax_nodes = 0\n')
    lines = _lines(
        {
            "LEGATO_ENGINE__POLL_S": "soon",
            "LEGATO_DATABASE_URL": "mysql://u:hunter22@db/x",
            "LEGATO_GRANTS__HTTP__ALLOW_PRIVATE": "localhost",
            "LEGATO_GRANTS__SHELL__PROGRAMS": "../git",
        },
        tmp_path,
    )
    file = tmp_path / "legato.toml"
    assert sorted(lines) == sorted(
        [
            f"{file}: log_levle: is not a setting; did you mean log_level?",
            f"{file}: limits.max_nodes: should be greater than 0, got 0",
            "LEGATO_ENGINE__POLL_S: should be a valid number, unable to parse string as a number,"
            " got 'soon'",
            "LEGATO_DATABASE_URL: should begin with sqlite: or postgresql:",
            "LEGATO_GRANTS__HTTP__ALLOW_PRIVATE: should be host:port, for example 127.0.0.1:8080"
            " or [::1]:8080, got 'localhost'",
            "LEGATO_GRANTS__SHELL__PROGRAMS: should be a program's name or its absolute path,"
            " got '../git'",
        ]
    )
    assert "hunter22" not in "\n".join(lines)


def test_a_lease_that_a_slow_poll_outlasts_is_refused(tmp_path: Path) -> None:
    """Times that cannot work together are a mistake, too [CL11]."""
    (line,) = _lines({"LEGATO_ENGINE__LEASE_S": "2"}, tmp_path)
    assert "lease_s should be at least 3 times poll_s" in line


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[engine\n", "is not valid TOML"),
        (b"\xff\xfe", "is not valid TOML"),
        (b"warnings = ['x']\n", "warnings: is not a setting"),
        (b"engine = 3\n", "engine: should be a valid dictionary"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    """A configuration file that cannot be used is named in one line [CL11]."""
    (tmp_path / "legato.toml").write_bytes(content)
    (line,) = _lines({}, tmp_path)
    assert str(tmp_path / "legato.toml") in line
    assert message in line


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    """LEGATO_CONFIG that names no file is a mistake; a folder is one, too [CL11]."""
    (line,) = _lines({"LEGATO_CONFIG": str(tmp_path / "none.toml")}, tmp_path)
    assert line == f"LEGATO_CONFIG: there is no file {tmp_path / 'none.toml'}"
    (line,) = _lines({"LEGATO_CONFIG": str(tmp_path)}, tmp_path)
    assert "cannot be read" in line


def test_an_unknown_name_warns_with_the_nearest(tmp_path: Path) -> None:
    """An unknown LEGATO_ name warns and changes nothing; names of test programs do not [CL11]."""
    env = {"LEGATO_DATABSE_URL": "x", "LEGATO_TEST_POSTGRES": "y", "LEGATO_ZZZ": "1", "PATH": "/"}
    assert load_settings(env, tmp_path).warnings == (
        "LEGATO_DATABSE_URL is not a setting and has no effect; did you mean LEGATO_DATABASE_URL?",
        "LEGATO_ZZZ is not a setting and has no effect",
    )


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    """Settings are frozen after loading [CL11]."""
    settings = load_settings({}, tmp_path)
    with pytest.raises(pydantic.ValidationError):
        settings.log_level = "debug"  # type: ignore[misc]


def test_an_ipv6_endpoint_and_an_absolute_program_are_accepted(tmp_path: Path) -> None:
    """Every documented form of a grant is accepted [CL11]."""
    env = {
        "LEGATO_GRANTS__HTTP__ALLOW_PRIVATE": "[::1]:8080,Localhost:80",
        "LEGATO_GRANTS__SHELL__PROGRAMS": "/usr/bin/git",
    }
    grants = load_settings(env, tmp_path).grants
    assert grants.http.allow_private == ("[::1]:8080", "localhost:80")
    assert grants.shell.programs == ("/usr/bin/git",)
    bad = [
        ("LEGATO_GRANTS__HTTP__ALLOW_PRIVATE", each)
        for each in ("u@h:1", "h:0", "h:99999", "h:1/x", ":80", '["a:1"')
    ]
    for name, value in bad:
        assert _lines({name: value}, tmp_path)[0].startswith(f"{name}: ")


def test_networks_are_granted_with_a_port(tmp_path: Path) -> None:
    """A network is written in its one way, with its port; else the line says how [CL11, ND56]."""
    name = "LEGATO_GRANTS__HTTP__ALLOW_PRIVATE"
    good = ("10.0.0.0/8:443", "[fd00::/8]:8443", "192.168.1.7/32:80")
    grants = load_settings({name: ",".join(good)}, tmp_path).grants
    assert grants.http.allow_private == good
    bad = {
        "10.0.0.1/8:443": "did you mean 10.0.0.0/8:443",
        "fd00::/8:443": "should be network:port",
        "[10.0.0.0/8]:443": "should be network:port",
        "10.0.0.0/8": "should be network:port",
        "10.0.0.0/8:0": "should be network:port",
        "10.0.0.0/8:99999": "should be network:port",
        "10.0.0.0/33:443": "should be network:port",
        "10.0.0.0/8:https": "should be network:port",
        "example.org/8:443": "should be network:port",
        "[FD00:0::/8]:443": "did you mean [fd00::/8]:443",
    }
    for value, says in bad.items():
        line = _lines({name: value}, tmp_path)[0]
        assert line.startswith(f"{name}")
        assert says in line


def test_a_relative_home_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LEGATO_HOME may be relative to the working folder [CL11]."""
    monkeypatch.chdir(tmp_path)
    settings: Settings = load_settings({"LEGATO_HOME": "here"})
    assert settings.home == tmp_path / "here"
    assert settings.database_url == f"sqlite:///{tmp_path}/here/legato.db"


def test_connections_and_mail_servers_are_tables_by_name(tmp_path: Path) -> None:
    """They stand in the file, or as JSON in a variable; no name is there by default [CL11]."""
    assert load_settings({}, tmp_path).grants.sql.connections == {}
    assert load_settings({}, tmp_path).grants.code.python is False
    _config(
        tmp_path,
        '[grants.sql.connections.shop]\nurl = "postgresql://reader@db:5432/shop"\n'
        'password = "shop_password"\n[grants.code]\npython = true\n',
    )
    mail = '{"office": {"host": "mail.example.org", "sender": "a@b.org", "recipients": ["@b.org"]}}'
    grants = load_settings({"LEGATO_GRANTS__MAIL__SERVERS": mail}, tmp_path).grants
    assert grants.sql.connections["shop"].password == "shop_password"
    assert grants.sql.connections["shop"].write is False
    assert grants.mail.servers["office"].tls == "starttls"
    assert grants.code.python is True


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('url = "postgresql://u:hunter2@db/shop"', "should hold no password"),
        ('url = "sqlite:///relative.db"', "should be sqlite:////ABSOLUTE/PATH"),
        ('url = "oracle://db/shop"', "should be sqlite:////PATH"),
        ('url = "mysql://db/shop"\nusr = "x"', "is not a setting"),
    ],
)
def test_a_connection_that_cannot_be_meant_is_refused(
    tmp_path: Path, text: str, wrong: str
) -> None:
    """The line names the key, and a password in a URL is not repeated [CL11, LG24]."""
    _config(tmp_path, f"[grants.sql.connections.shop]\n{text}\n")
    with pytest.raises(InvalidInput, match=wrong) as caught:
        load_settings({}, tmp_path)
    assert "grants.sql.connections.shop" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_lives_of_log_ins_are_durations(tmp_path: Path) -> None:
    """As `30d` or seconds, in ms; nonsense is refused by its name [ID20]."""
    settings = load_settings({}, tmp_path)
    assert settings.auth.session_ttl == 30 * 86_400_000
    env = {"LEGATO_AUTH__SESSION_TTL": "1h", "LEGATO_AUTH__SESSION_IDLE": "90"}
    auth = load_settings(env, tmp_path).auth
    assert (auth.session_ttl, auth.session_idle, auth.refresh_grace) == (3_600_000, 90_000, 10_000)
    for wrong in ("soon", "-1", "0", "3000d"):
        with pytest.raises(InvalidInput, match="LEGATO_AUTH__SESSION_TTL"):
            load_settings({"LEGATO_AUTH__SESSION_TTL": wrong}, tmp_path)


@pytest.mark.parametrize("name", ["jwt_secret_key_old", "master_key_old"])
def test_older_keys_come_from_the_environment_only(tmp_path: Path, name: str) -> None:
    """A file with one is refused [ID20]."""
    variable = f"LEGATO_{name.upper()}"
    settings = load_settings({variable: "of-yesterday"}, tmp_path)
    assert getattr(settings, name).get_secret_value() == "of-yesterday"
    assert settings.warnings == ()
    (tmp_path / "legato.toml").write_text(f'{name} = "x"\n', encoding="utf-8")
    with pytest.raises(InvalidInput, match=variable):
        load_settings({}, tmp_path)


def test_bounds_of_files_are_settings(tmp_path: Path) -> None:
    """MB are of 1 048 576 bytes; providers are a table, from the file or a variable [FI1, FI2]."""
    files = load_settings({}, tmp_path).files
    assert files.max_bytes == 100 * 1_048_576
    assert files.provider_max_bytes == {"kimi": 104_857_600, "glm": 20_971_520}
    assert (files.quota_bytes, files.keep_days) == (10 * 1024**3, 0)
    _config(tmp_path, "[files]\nmax_bytes = 7\n[files.provider_max_bytes]\nother = 9\n")
    files = load_settings({"LEGATO_FILES__KEEP_DAYS": "30"}, tmp_path).files
    assert (files.max_bytes, files.provider_max_bytes, files.keep_days) == (
        7,
        {"other": 9},
        30,
    )
    (tmp_path / "legato.toml").unlink()
    table = {"LEGATO_FILES__PROVIDER_MAX_BYTES": '{"glm": 5}'}
    assert load_settings(table, tmp_path).files.provider_max_bytes == {"glm": 5}
    for wrong in ('{"GLM": 5}', '{"glm": 0}', "glm", "[5]"):
        (line,) = _lines({"LEGATO_FILES__PROVIDER_MAX_BYTES": wrong}, tmp_path)
        assert line.startswith("LEGATO_FILES__PROVIDER_MAX_BYTES")


def test_rates_are_settings_with_bounds(tmp_path: Path) -> None:
    """Each is 1 to 6 million, from the file or the environment [HT46]."""
    _config(tmp_path, "[server.rates]\nreads_per_minute = 10\n")
    env = {"LEGATO_SERVER__RATES__STARTS_AT_ONCE": "7"}
    rates = load_settings(env, tmp_path).server.rates
    assert (rates.reads_per_minute, rates.starts_at_once, rates.writes_per_minute) == (10, 7, 300)
    for wrong in ("0", "-1", "6000001", "none"):
        (line,) = _lines({"LEGATO_SERVER__RATES__WRITES_PER_MINUTE": wrong}, tmp_path)
        assert line.startswith("LEGATO_SERVER__RATES__WRITES_PER_MINUTE: ")


@pytest.mark.parametrize(
    "url",
    [
        "", "redis://localhost", "redis://10.0.0.1:6380/2", "rediss://user:s%2Fcret@r.example.org",
        "redis://:canary@[2001:db8::1]:6379/0",
    ],
)  # fmt: skip
def test_a_redis_is_named_by_a_url_that_is_not_shown(tmp_path: Path, url: str) -> None:
    """It may hold a password [HT46]."""
    settings = load_settings({"LEGATO_REDIS_URL": url}, tmp_path)
    assert settings.redis_url.get_secret_value() == url
    shown = f"{settings!r} {settings} {settings.model_dump()}"
    assert not url or url.partition("//")[2] not in shown.replace(str(tmp_path), "")


@pytest.mark.parametrize(
    "url",
    [
        "http://canary@localhost", "redis:///0", "redis://", "redis://:canary/x@localhost",
        "redis://localhost:0", "redis://localhost:canary", "redis://localhost:99999",
        "redis://localhost/canary", "redis://localhost?password=canary", "localhost:6379",
        "redis://localhost/0#canary", "redis://local\nhost", "unix:///canary",
    ],
)  # fmt: skip
def test_a_redis_url_that_is_none_is_refused_without_being_repeated(
    tmp_path: Path, url: str
) -> None:
    """One line, which says what is expected [HT46]."""
    (line,) = _lines({"LEGATO_REDIS_URL": url}, tmp_path)
    assert line.startswith("LEGATO_REDIS_URL: should be redis:// or rediss://")
    assert "canary" not in line


def test_the_crash_button_is_a_setting_among_names_that_are_none(tmp_path: Path) -> None:
    """It is on, and can be switched off; the variables of crash tests are passed over [UP10]."""
    assert load_settings({}, tmp_path).crash_button
    env = {"LEGATO_CRASH_BUTTON": "false", "LEGATO_CRASH_POINT": "nowhere"}
    settings = load_settings(env, tmp_path)
    assert not settings.crash_button
    assert settings.warnings == ()


def test_pools_are_bounded_by_name(tmp_path: Path) -> None:
    """As a table of the file or as JSON of the variable; a bound is a number above 0 [TR52]."""
    _config(tmp_path, "[engine.pools]\ngpu = 2\n")
    assert load_settings({}, tmp_path).engine.pools == {"gpu": 2}
    named = load_settings({"LEGATO_ENGINE__POOLS": '{"cpu": 3}'}, tmp_path)
    assert named.engine.pools["cpu"] == 3
    (line,) = _lines({"LEGATO_ENGINE__POOLS": '{"cpu": 0}'}, tmp_path)
    assert line.startswith("LEGATO_ENGINE__POOLS: should be greater than 0")
