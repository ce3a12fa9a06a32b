# SPDX-License-Identifier: Apache-2.0
"""One frozen `Settings`: defaults, then `legato.toml`, then `LEGATO_*` variables.

The environment is passed in, read once, by `legato.cli.main` and `legato.app`; nothing here reads
it. Must not hold behaviour: only names, types, defaults and bounds. Names nest with two
underscores in the environment (`LEGATO_ENGINE__LEASE_S`) and with tables in the file
(`[engine] lease_s`). Rules: CL11, CL12, DO24, HT27, HT28.
"""

import contextlib
import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from legato.errors import InvalidInput
from legato.model.policy import Limits
from legato.settings.auth import AuthSettings
from legato.settings.files import FileSettings
from legato.settings.grants import GrantSettings
from legato.settings.issuers import IssuerSettings
from legato.settings.keeping import DatabaseSettings, RetentionSettings
from legato.settings.log import LogSettings
from legato.settings.section import Section
from legato.settings.server import ALIASES, CorsSettings, RedisUrl, ServerSettings

__all__ = [
    "AuthSettings",
    "EngineSettings",
    "GrantSettings",
    "IssuerSettings",
    "LimitsSettings",
    "LogSettings",
    "ServerSettings",
    "Settings",
    "load_settings",
]

PREFIX: Final = "LEGATO_"
FOREIGN_PREFIXES: Final = (
    *("LEGATO_TEST_", "LEGATO_CRASH_"),
    *("LEGATO_SECRET_", "LEGATO_SERVER_SECRET_"),
)
"""Names that test programs use, and secrets; they are no settings and no mistakes."""
DATABASE_SCHEMES: Final = ("sqlite", "postgresql")
BLOB_SCHEMES: Final = ("file", "memory", "s3")
ENVIRONMENT_ONLY: Final = (
    *("jwt_secret_key", "master_key"),
    *("jwt_secret_key_old", "master_key_old"),
)
"""Keys: a file is copied, shown and committed too easily."""
_DEFAULTS: Final = Limits()


class LimitsSettings(Section):
    """`[limits]`: bounds on documents, values and executions, as `legato.model.policy.Limits`."""

    max_nodes: PositiveInt = _DEFAULTS.max_nodes
    max_foreach_items: PositiveInt = _DEFAULTS.max_foreach_items
    max_expression_bytes: PositiveInt = _DEFAULTS.max_expression_bytes
    max_document_bytes: PositiveInt = _DEFAULTS.max_document_bytes
    max_document_values: PositiveInt = _DEFAULTS.max_document_values
    max_json_depth: PositiveInt = Field(default=_DEFAULTS.max_json_depth, le=256)
    max_inline_bytes: PositiveInt = _DEFAULTS.max_inline_bytes
    max_output_bytes: PositiveInt = _DEFAULTS.max_output_bytes
    max_call_depth: PositiveInt = _DEFAULTS.max_call_depth
    max_loop_iterations: PositiveInt = _DEFAULTS.max_loop_iterations
    max_running_executions: PositiveInt = _DEFAULTS.max_running_executions
    max_running_attempts: PositiveInt = _DEFAULTS.max_running_attempts
    max_queued_executions: PositiveInt = _DEFAULTS.max_queued_executions
    max_inbox_per_execution: PositiveInt = _DEFAULTS.max_inbox_per_execution
    max_log_lines_per_attempt: PositiveInt = _DEFAULTS.max_log_lines_per_attempt

    def to_policy(self) -> Limits:
        """Return the same bounds as the plain value that the pure core takes."""
        return Limits(**self.model_dump())


class EngineSettings(Section):
    """`[engine]`: times of the engine; `_s` are seconds, `_ms` milliseconds."""

    lease_s: PositiveFloat = Field(default=15.0, le=3600)
    """After this long without a sign of life another engine takes over."""
    poll_s: PositiveFloat = Field(default=1.0, le=60)
    """Upper bound of the delay when a hint is lost."""
    hint_poll_ms: PositiveInt = Field(default=50, le=10_000)
    """How often SQLite is asked for changes by other processes while anything waits for them."""
    evict_after_s: PositiveFloat = 30.0
    """An execution with nothing running leaves memory after this long."""
    cancel_grace_s: PositiveFloat = Field(default=2.0, le=60)
    """From asking an attempt to stop to killing it."""
    drain_s: PositiveFloat = Field(default=30.0, le=3600)
    """From SIGTERM to the end of the process."""
    pools: dict[str, PositiveInt] = Field(default_factory=dict, max_length=100)
    """Attempts that may run at once in each engine, by the pool that their node names."""

    @model_validator(mode="after")
    def _lease_outlives_poll(self) -> Self:
        if self.lease_s < 3 * self.poll_s:
            raise ValueError("lease_s should be at least 3 times poll_s, or a busy engine loses it")
        return self


class Settings(Section):
    """Everything that can be set; made by `load_settings`, never changed afterwards."""

    home: Path
    """Folder of database, blobs, locks and secrets; absolute."""
    database_url: str = ""
    """`sqlite:///PATH` or `postgresql://…`; empty means `legato.db` in home."""
    blobs_url: str = ""
    """`file:///PATH`, `memory:` or `s3://BUCKET/PREFIX`; empty means `blobs` in home."""
    redis_url: RedisUrl = SecretStr("")
    """`redis://…` or `rediss://…`: where several servers count together; empty: each by itself."""
    secrets_file: Path | None = None
    """TOML file of secrets by name; none means `secrets.toml` in home."""
    env: Literal["production", "development"] = "production"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log: LogSettings = LogSettings()
    limits: LimitsSettings = LimitsSettings()
    engine: EngineSettings = EngineSettings()
    grants: GrantSettings = GrantSettings()
    server: ServerSettings = ServerSettings()
    cors: CorsSettings = CorsSettings()
    auth: AuthSettings = AuthSettings()
    files: FileSettings = FileSettings()
    retention: RetentionSettings = RetentionSettings()
    database: DatabaseSettings = DatabaseSettings()
    crash_button: bool = True
    """With `legato up` the owner may have the server killed, to see what survives; `legato serve`
    never has it."""
    jwt_secret_key: SecretStr | None = None
    """Signs access tokens; at least 32 bytes. `legato serve` does not start without it."""
    master_key: SecretStr | None = None
    """Seals credentials and second factors; at least 32 bytes."""
    jwt_secret_key_old: SecretStr | None = None
    """The one before, which still verifies."""
    master_key_old: SecretStr | None = None
    """The one before, which still opens."""
    warnings: tuple[str, ...] = ()
    """One line each for names that look like settings and are none; for the caller to show."""

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """Origins beside our own that may use the API, in the environment of now."""
        origins: tuple[str, ...] = getattr(self.cors.allowed_origins, self.env)
        return origins

    @property
    def server_keys(self) -> dict[str, str]:
        """The keys of a server that are set, by the variables that hold them."""
        given = ((name, getattr(self, name)) for name in ENVIRONMENT_ONLY)
        return {
            f"{PREFIX}{name.upper()}": key.get_secret_value()
            for name, key in given
            if key is not None
        }

    @field_validator("database_url", "blobs_url")
    @classmethod
    def _known_scheme(cls, value: str, info: ValidationInfo) -> str:
        schemes = DATABASE_SCHEMES if info.field_name == "database_url" else BLOB_SCHEMES
        if value.startswith("postgres://"):
            value = value.replace("postgres://", "postgresql://", 1)
        if value and value.partition(":")[0] not in schemes:
            raise ValueError(f"should begin with {' or '.join(f'{each}:' for each in schemes)}")
        return value

    @model_validator(mode="before")
    @classmethod
    def _fill_from_home(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("home"):
            home = Path(values["home"])
            values["database_url"] = values.get("database_url") or f"sqlite:///{home}/legato.db"
            values["blobs_url"] = values.get("blobs_url") or f"file://{home}/blobs"
            values["secrets_file"] = values.get("secrets_file") or home / "secrets.toml"
        return values


def load_settings(env: Mapping[str, str], home: Path | None = None) -> Settings:
    """Read the settings once, from a configuration file and the given environment.

    Args:
        env: The process environment, `os.environ` or a test's own.
        home: Overrides `LEGATO_HOME` and the default `~/.legato`.

    Returns:
        Settings whose paths are absolute; look at `.warnings`.

    Raises:
        InvalidInput: One line per mistake, each naming the variable or the file and key.
    """
    user = Path(env.get("HOME") or Path.home())
    if home is None:
        home = _absolute(env.get("LEGATO_HOME") or str(user / ".legato"), user, Path.cwd())
    home = home.absolute()
    named = env.get("LEGATO_CONFIG")
    file = _absolute(named, user, Path.cwd()) if named else home / "legato.toml"

    sources: dict[tuple[str, ...], str] = {}
    values = _read_file(file, must_exist=bool(named))
    for key in ENVIRONMENT_ONLY:
        if key in values:
            raise InvalidInput(f"{file}: {key}: is taken from LEGATO_{key.upper()} only")
    _make_paths_absolute(values, user, file.parent)
    for path, _ in _leaves(values):
        sources[path] = f"{file}: {'.'.join(path)}"
    from_env, warnings = _read_env(env, sources)
    _make_paths_absolute(from_env, user, Path.cwd())
    _merge(values, from_env)
    values["home"] = str(home)
    if "warnings" in values:
        raise InvalidInput(f"{file}: warnings: is not a setting")
    try:
        settings = Settings.model_validate({**values, "warnings": tuple(warnings)})
    except ValidationError as error:
        raise InvalidInput("\n".join(_lines(error, sources, file))) from None
    roots = "grants", "files", "roots"
    where = sources.get(roots, f"{file}: {'.'.join(roots)}")
    problems = [f"{where}: {problem}" for problem in _roots_over_own_files(settings, file)]
    if problems:
        raise InvalidInput("\n".join(problems))
    return settings


def _roots_over_own_files(settings: Settings, file: Path) -> Iterator[str]:
    """Yield what is wrong with roots through which a workflow could reach Legato's own files.

    It would read secrets and other runs, and write its own grants.
    """
    own = [settings.home, file]
    if settings.secrets_file is not None:
        own.append(settings.secrets_file)
    if settings.log.file is not None:
        own.append(settings.log.file)
    for url in (settings.database_url, settings.blobs_url):
        scheme, _, path = url.partition("://")
        if scheme in {"sqlite", "file"}:
            own.append(Path(path))
    for root in settings.grants.files.roots:
        for each in own:
            inside, outside = each.resolve(), root.resolve()
            if outside.is_relative_to(inside):
                yield f"{root} is {each}, or in it, where Legato keeps its own files"
            elif inside.is_relative_to(outside):
                yield f"{root} holds {each}, which is Legato's own: grant a folder beside it"
            else:
                continue
            break


def _read_file(file: Path, *, must_exist: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if must_exist:
            raise InvalidInput(f"LEGATO_CONFIG: there is no file {file}") from None
        return {}
    except OSError as error:
        raise InvalidInput(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise InvalidInput(f"{file}: is not valid TOML: {error}") from None


def _read_env(
    env: Mapping[str, str], sources: dict[tuple[str, ...], str]
) -> tuple[dict[str, Any], list[str]]:
    """Return the values set by variables as nested tables, and warnings for unknown names."""
    known = {f"{PREFIX}{'__'.join(path).upper()}": path for path in _paths(Settings)}
    _refuse_two_values(env)
    known.update({alias: known[name] for alias, name in ALIASES.items() if env.get(alias)})
    values: dict[str, Any] = {}
    warnings: list[str] = []
    for name in sorted(env):
        if name in ALIASES and name not in known:
            continue  # set to nothing
        if name in ALIASES:
            sources[known[name]] = name
            _merge(values, _nested(known[name], env[name]))
            continue
        if not name.startswith(PREFIX):
            continue
        if name not in known and name.startswith(FOREIGN_PREFIXES):
            continue
        if name in {"LEGATO_HOME", "LEGATO_CONFIG", "LEGATO_SERVER"}:
            continue
        if name not in known:
            near = difflib.get_close_matches(name, [*known, "LEGATO_HOME", "LEGATO_CONFIG"], 1, 0.8)
            hint = f"; did you mean {near[0]}?" if near else ""
            warnings.append(f"{name} is not a setting and has no effect{hint}")
            continue
        path = known[name]
        sources[path] = name
        _merge(values, _nested(path, _parsed(env[name], path)))
    return values, warnings


def _refuse_two_values(env: Mapping[str, str]) -> None:
    """Refuse one setting that two variables set differently; what they say is not repeated."""
    first: dict[str, str] = {name: name for name in ALIASES.values() if name in env}
    for alias, name in ALIASES.items():
        if not env.get(alias):
            continue
        other = first.setdefault(name, alias)
        if env[other] != env[alias]:
            raise InvalidInput(f"{alias}: {other} is set to something else; unset one of the two")


_LISTS: Final = frozenset(
    {
        ("cors", "allowed_origins", "development"),
        ("cors", "allowed_origins", "production"),
        ("server", "trusted_proxies"),
        ("grants", "shell", "programs"),
        ("grants", "files", "roots"),
        ("grants", "http", "allow_private"),
    }
)


_TABLES: Final = frozenset(
    {
        *(("auth", "issuers"), ("grants", "sql", "connections"), ("grants", "mail", "servers")),
        *(("engine", "pools"), ("files", "provider_max_bytes")),
    }
)


_UNQUOTED: Final = ("auth", "issuers")
"""Nothing of it is repeated: somebody may write a secret where its name belongs."""


def _parsed(text: str, path: tuple[str, ...]) -> Any:
    """Read a variable: lists as JSON or separated by commas, tables as JSON, all else as it is."""
    if path in _TABLES:
        with contextlib.suppress(ValueError):
            return json.loads(text)
        return text
    if path not in _LISTS:
        return text
    if text.lstrip().startswith("["):
        # Not JSON: it may still be a list that begins with an IPv6 address.
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return [part.strip() for part in text.split(",") if part.strip()]


def _paths(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _paths(inner, (*above, name))
        elif name != "warnings":
            yield (*above, name)


def _nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for name in reversed(path):
        value = {name: value}
    return dict(value)


def _leaves(
    values: Mapping[str, Any], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def _make_paths_absolute(values: dict[str, Any], user: Path, base: Path) -> None:
    """Resolve relative paths against where they were written, `~` against the user's home."""
    server = values.get("server")
    for table, name in (
        (values, "secrets_file"),
        (server, "tls_certificate"),
        (server, "tls_key"),
        (values.get("log"), "file"),
    ):
        if isinstance(table, dict) and isinstance(table.get(name), str):
            table[name] = str(_absolute(table[name], user, base))
    files = values.get("grants")
    files = files.get("files") if isinstance(files, dict) else None
    if isinstance(files, dict) and isinstance(files.get("roots"), list):
        files["roots"] = [
            str(_absolute(each, user, base)) if isinstance(each, str) else each
            for each in files["roots"]
        ]


def _absolute(text: str, user: Path, base: Path) -> Path:
    if text == "~" or text.startswith("~/"):
        return user / text[2:]
    return base / text


def _lines(
    error: ValidationError, sources: Mapping[tuple[str, ...], str], file: Path
) -> Iterator[str]:
    """Say each mistake in one line; what may hold a password, as a URL, is not repeated."""
    for each in error.errors(include_url=False):
        path = tuple(str(part) for part in each["loc"])
        known = next((n for n in range(len(path), 0, -1) if path[:n] in sources), None)
        if known is not None:
            is_plain = isinstance(each["input"], str | int | float) and len(path) - known == 1
            where = sources[path[:known]] + ("" if is_plain else _place(path[known:]))
        else:
            where = f"{file}: {'.'.join(path)}" if path else str(file)
        message = each["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if each["type"] == "extra_forbidden":
            names = [".".join(one) for one in _paths(Settings) if one != path[: len(one)]]
            near = difflib.get_close_matches(".".join(path), names, 1)
            message = "is not a setting" + (f"; did you mean {near[0]}?" if near else "")
        elif (
            isinstance(each["input"], str | int | float)
            and not path[-1].endswith("url")
            and path[:2] != _UNQUOTED
        ):
            message += f", got {each['input']!r:.60}"
        yield f"{where}: {message}"


def _place(rest: tuple[str, ...]) -> str:
    """Return where in a value a mistake is, such as `[0].audience`."""
    return "".join(f"[{each}]" if each.isdigit() else f".{each}" for each in rest)
