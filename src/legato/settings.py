# SPDX-License-Identifier: Apache-2.0
"""One frozen `Settings`: defaults, then `legato.toml`, then `LEGATO_*` variables.

The environment is passed in, read once, by `legato.cli.main` and `legato.app`; nothing here reads
it. Must not hold behaviour: only names, types, defaults and bounds. Names nest with two
underscores in the environment (`LEGATO_ENGINE__LEASE_S`) and with tables in the file
(`[engine] lease_s`). Rules: CL11, CL12, DO24.
"""

import contextlib
import difflib
import ipaddress
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from legato.errors import InvalidInput
from legato.model.policy import Limits

PREFIX: Final = "LEGATO_"
FOREIGN_PREFIXES: Final = ("LEGATO_TEST_", "LEGATO_CRASH_", "LEGATO_SECRET_")
"""Names that test programs use, and secrets; they are no settings and no mistakes."""
DATABASE_SCHEMES: Final = ("sqlite", "postgresql")
BLOB_SCHEMES: Final = ("file", "memory", "s3")
_DEFAULTS: Final = Limits()
_NETWORK_EXPECTED: Final = "should be network:port, for example 10.0.0.0/8:443 or [fd00::/8]:443"


def _checked_endpoint(value: str) -> str:
    if "/" in value:
        return _checked_network(value)
    parts = urlsplit(f"//{value}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if not parts.hostname or not port or parts.path or parts.username is not None:
        raise ValueError("should be host:port, for example 127.0.0.1:8080 or [::1]:8080")
    return value.lower()


def _checked_network(value: str) -> str:
    """Accept `10.0.0.0/8:443` and `[fd00::/8]:443`, written the one way that a network has."""
    text, _, port = value.rpartition(":")
    if text.startswith("[") != (":" in text) or not port.isascii() or not port.isdigit():
        raise ValueError(_NETWORK_EXPECTED)
    try:
        network = ipaddress.ip_network(text.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        raise ValueError(_NETWORK_EXPECTED) from None
    written = f"[{network}]:{int(port)}" if network.version == 6 else f"{network}:{int(port)}"
    if not 0 < int(port) < 65_536 or written != value.lower():
        raise ValueError(f"{_NETWORK_EXPECTED}, did you mean {written}")
    return written


def _checked_program(value: str) -> str:
    if not value or "\0" in value or ("/" in value and not value.startswith("/")):
        raise ValueError("should be a program's name or its absolute path")
    return value


Endpoint = Annotated[str, AfterValidator(_checked_endpoint)]
Program = Annotated[str, AfterValidator(_checked_program)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class LimitsSettings(_Section):
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


class EngineSettings(_Section):
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

    @model_validator(mode="after")
    def _lease_outlives_poll(self) -> Self:
        if self.lease_s < 3 * self.poll_s:
            raise ValueError("lease_s should be at least 3 times poll_s, or a busy engine loses it")
        return self


class ShellGrants(_Section):
    """`[grants.shell]`: programs that `shell.run` may start, by name or absolute path."""

    programs: tuple[Program, ...] = ()


class FileGrants(_Section):
    """`[grants.files]`: folders inside which `files.*` nodes may work."""

    roots: tuple[Path, ...] = ()


class HttpGrants(_Section):
    """`[grants.http]`: what HTTP nodes may reach although it is not public, with its port."""

    allow_private: tuple[Endpoint, ...] = ()


def _checked_connection_url(value: str) -> str:
    if value.startswith("sqlite:///"):
        if not value.startswith("sqlite:////"):
            raise ValueError("should be sqlite:////ABSOLUTE/PATH")
        return value
    parts = urlsplit(value)
    if parts.scheme not in {"postgresql", "mysql"} or not parts.hostname or parts.path in {"", "/"}:
        raise ValueError(
            "should be sqlite:////PATH, postgresql://USER@HOST:PORT/NAME or "
            "mysql://USER@HOST:PORT/NAME"
        )
    if parts.password is not None:
        raise ValueError("should hold no password: name a secret, password = NAME")
    return value


ConnectionUrl = Annotated[str, AfterValidator(_checked_connection_url)]
GrantName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class SqlConnectionSettings(_Section):
    """`[grants.sql.connections.NAME]`: a database for `sql.query`; see `ports.grants`."""

    url: ConnectionUrl
    password: str | None = None
    write: bool = False
    functions: tuple[str, ...] = ()


class SqlGrants(_Section):
    """`[grants.sql]`: databases by name."""

    connections: dict[GrantName, SqlConnectionSettings] = {}


class MailServerSettings(_Section):
    """`[grants.mail.servers.NAME]`: a server for `notify.email`; see `ports.grants`."""

    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65_535)
    sender: str = Field(min_length=3)
    recipients: tuple[str, ...] = Field(min_length=1)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str | None = None
    password: str | None = None


class MailGrants(_Section):
    """`[grants.mail]`: mail servers by name."""

    servers: dict[GrantName, MailServerSettings] = {}


class CodeGrants(_Section):
    """`[grants.code]`: whether `code.python` may run."""

    python: bool = False


class GrantSettings(_Section):
    """`[grants]`: what the operator lets nodes do beyond the safe default of nothing."""

    shell: ShellGrants = ShellGrants()
    files: FileGrants = FileGrants()
    http: HttpGrants = HttpGrants()
    sql: SqlGrants = SqlGrants()
    mail: MailGrants = MailGrants()
    code: CodeGrants = CodeGrants()


class Settings(_Section):
    """Everything that can be set; made by `load_settings`, never changed afterwards."""

    home: Path
    """Folder of database, blobs, locks and secrets; absolute."""
    database_url: str = ""
    """`sqlite:///PATH` or `postgresql://…`; empty means `legato.db` in home."""
    blobs_url: str = ""
    """`file:///PATH`, `memory:` or `s3://BUCKET/PREFIX`; empty means `blobs` in home."""
    secrets_file: Path | None = None
    """TOML file of secrets by name; none means `secrets.toml` in home."""
    env: Literal["production", "development"] = "production"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    limits: LimitsSettings = LimitsSettings()
    engine: EngineSettings = EngineSettings()
    grants: GrantSettings = GrantSettings()
    warnings: tuple[str, ...] = ()
    """One line each for names that look like settings and are none; for the caller to show."""

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
    values: dict[str, Any] = {}
    warnings: list[str] = []
    for name in sorted(env):
        if not name.startswith(PREFIX) or name.startswith(FOREIGN_PREFIXES):
            continue
        if name in {"LEGATO_HOME", "LEGATO_CONFIG"}:
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


_LISTS: Final = frozenset(
    {
        ("grants", "shell", "programs"),
        ("grants", "files", "roots"),
        ("grants", "http", "allow_private"),
    }
)


_TABLES: Final = frozenset({("grants", "sql", "connections"), ("grants", "mail", "servers")})


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
    if isinstance(values.get("secrets_file"), str):
        values["secrets_file"] = str(_absolute(values["secrets_file"], user, base))
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
    """Say each mistake in one line; the value of a URL is not repeated, it may hold a password."""
    for each in error.errors(include_url=False):
        path = tuple(str(part) for part in each["loc"])
        where = next(
            (sources[path[:n]] for n in range(len(path), 0, -1) if path[:n] in sources), None
        )
        if where is None:
            where = f"{file}: {'.'.join(path)}" if path else str(file)
        message = each["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if each["type"] == "extra_forbidden":
            names = [".".join(one) for one in _paths(Settings)]
            near = difflib.get_close_matches(".".join(path), names, 1)
            message = "is not a setting" + (f"; did you mean {near[0]}?" if near else "")
        elif isinstance(each["input"], str | int | float) and not path[-1].endswith("url"):
            message += f", got {each['input']!r:.60}"
        yield f"{where}: {message}"
