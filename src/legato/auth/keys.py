# SPDX-License-Identifier: Apache-2.0
"""Where the keys of an installation come from.

The embedded mode makes its own, in `keys.json` of its home: mode 0600, written whole or not at all,
and of several processes that start at once one makes it. A server gets them from the environment
and starts with none that is missing, short or known to everybody. No message holds a key or part of
one.

Rules: AU80-AU87.
"""

import contextlib
import fcntl
import hashlib
import hmac
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from legato.auth.sealing import KEY_BYTES, MasterKey
from legato.auth.tokens import KeyRing, SigningKey
from legato.errors import InvalidInput, NotAllowed, Unavailable

FILE_NAME: Final = "keys.json"
LOCK_NAME: Final = "keys.lock"
JWT_VARIABLE: Final = "LEGATO_JWT_SECRET_KEY"
MASTER_VARIABLE: Final = "LEGATO_MASTER_KEY"
JWT_OLD_VARIABLE: Final = "LEGATO_JWT_SECRET_KEY_OLD"
MASTER_OLD_VARIABLE: Final = "LEGATO_MASTER_KEY_OLD"
VARIABLES: Final = (JWT_VARIABLE, MASTER_VARIABLE, JWT_OLD_VARIABLE, MASTER_OLD_VARIABLE)
SECRET_BYTES_MIN: Final = 32
MASTERS_MAX: Final = 16
OVERLAP_MS: Final = 20 * 60_000
"""A token lives 15 minutes, clocks are a minute apart: after this none needs the old key."""

_VERSION: Final = 1
_FILE_BYTES_MAX: Final = 64 * 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_DISTINCT_MIN: Final = 10
"""Characters of a secret that differ; 32 random hex digits hardly ever have fewer."""
_KNOWN_WORDS: Final = re.compile(
    r"(?:secret|key|jwt|token|master|change|changed|me|it|this|in|prod|production|dev|development|"
    r"default|password|passwd|pass|legato|admin|root|test|testing|example|sample|demo|please|replace|"
    r"insert|set|put|add|here|with|a|an|the|to|for|at|least|use|your|my|our|own|very|super|long|"
    r"strong|random|secure|safe|not|do|must|be|bit|bits|byte|bytes|characters?|chars?|string|value|"
    r"is|of|on|and|or|goes|new|app|api|auth|server|session|sign|signing|foo|bar|baz|hello|world|qwerty|abc|x)+"
)
"""What examples and templates are made of: a secret whose letters are these words alone is none."""

_SAMPLE_WORDS: Final = (
    *("secret", "password", "passw0rd", "changeme", "change-me", "change_me", "change me"),
    *("change-this", "change_this", "example", "default", "insecure", "replace", "development"),
    *("letmein", "qwerty", "123456", "abcdef", "supersecret", "your-", "your_", "placeholder"),
)
"""Of keys in documents and samples. A random key of 43 letters holds one of them in a million."""


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of an installation, the current ones first."""

    jwt: tuple[SigningKey, ...]
    master: tuple[MasterKey, ...]
    refresh_key: bytes
    names_key: bytes

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """Every secret, for whoever has to keep them out of a log."""
        named = (*(each.secret for each in self.jwt), *(each.secret for each in self.master))
        return (*named, self.refresh_key, self.names_key)

    def __repr__(self) -> str:
        """Name them without their secrets."""
        return f"Keys(jwt={self.jwt!r}, master={self.master!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Name them without their secrets."""
        return [("jwt", self.jwt), ("master", self.master)]


class _StoredJwt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kid: str
    secret: bytes
    ends_at: int | None = None
    made_at: int | None = None


class _StoredMaster(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    secret: bytes
    made_at: int | None = None


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file; bytes are base64."""

    version: int
    jwt: tuple[_StoredJwt, ...]
    master: tuple[_StoredMaster, ...]
    refresh_key: bytes
    names_key: bytes


def load_or_create(home: Path, *, now_ms: int | None = None) -> Keys:
    """Return the keys of the embedded mode; the first call makes them.

    Args:
        home: The folder, which exists.
        now_ms: The time that is noted of keys that are made.

    Raises:
        NotAllowed: Others may read the file, or it is no file of ours.
        InvalidInput: The file is damaged; it is never replaced, because it opens what is sealed.
        Unavailable: It cannot be read or written.
    """
    path = home / FILE_NAME
    with _locked(home):
        found = _read(path)
        if found is None:
            found = _File(
                version=_VERSION,
                jwt=(_fresh_jwt(now_ms),),
                master=(_fresh_master(now_ms),),
                refresh_key=_fresh(),
                names_key=_fresh(),
            )
            _write(path, found)
    return _keys(found)


def load(home: Path) -> Keys | None:
    """Return the keys of the embedded mode; None if there are none. It makes and locks nothing.

    Raises:
        InvalidInput: As `load_or_create`; so the others.
    """
    found = _read(home / FILE_NAME)
    return None if found is None else _keys(found)


def rotate_jwt(home: Path, *, now_ms: int, overlap_ms: int = OVERLAP_MS) -> Keys:
    """Make a new key for access tokens; the old one verifies for a while longer.

    Args:
        home: The folder with the file.
        now_ms: The time; keys that have ended by then are dropped.
        overlap_ms: How long the old key verifies; 0 ends every token now.

    Raises:
        InvalidInput: There is no file, or it is damaged.
        NotAllowed: As `load_or_create`.
        Unavailable: As `load_or_create`.
    """
    with _changing(home) as (path, found):
        ends_at = now_ms + overlap_ms
        # No end is moved later: overlap 0 ends the keys of earlier rotations too.
        old = (
            msgspec.structs.replace(
                key, ends_at=ends_at if key.ends_at is None else min(key.ends_at, ends_at)
            )
            for key in found.jwt
        )
        living = tuple(key for key in old if key.ends_at is not None and key.ends_at > now_ms)
        changed = msgspec.structs.replace(found, jwt=(_fresh_jwt(now_ms), *living))
        _write(path, changed)
    return _keys(changed)


def rotate_master(home: Path, *, now_ms: int) -> Keys:
    """Make a new master key, which seals from now on; those before it still open.

    Raises:
        InvalidInput: As `rotate_jwt`, or there are too many old ones; so the others.
    """
    with _changing(home) as (path, found):
        if len(found.master) >= MASTERS_MAX:
            raise InvalidInput(
                f"{path} has {len(found.master)} master keys.", hint="Drop the old ones first."
            )
        changed = msgspec.structs.replace(found, master=(_fresh_master(now_ms), *found.master))
        _write(path, changed)
    return _keys(changed)


def drop_old_masters(home: Path, *, current: str) -> Keys:
    """Drop every master key but the current one. What another one sealed never opens again.

    Args:
        home: The folder with the file.
        current: The id of the key that everything was sealed with.

    Raises:
        InvalidInput: As `rotate_jwt`, or another key is the current one by now; so the others.
    """
    with _changing(home) as (path, found):
        if found.master[0].id != current:
            raise InvalidInput(f"{path} was changed meanwhile; nothing was dropped")
        changed = msgspec.structs.replace(found, master=found.master[:1])
        if changed != found:
            _write(path, changed)
    return _keys(changed)


def keys_from_environment(env: Mapping[str, str]) -> Keys:
    """Return the keys of a server.

    Spaces around a value do not count. `…_OLD` holds the secret before the current one: it verifies
    and opens, and nothing else. The keys are the same in every process that has the same variables.

    Raises:
        InvalidInput: One line per variable that is missing or no good.
    """
    wrong: list[str] = []
    found: dict[str, str] = {}
    for name in VARIABLES:
        value = env.get(name, "").strip()
        if not value and name in {JWT_OLD_VARIABLE, MASTER_OLD_VARIABLE}:
            continue
        problem = weakness(value)
        if problem is None and value in found.values():
            problem = "is the same as another key; each needs its own"
        if problem is not None:
            wrong.append(f"{name} {problem}. Make one with: openssl rand -base64 48")
        found[name] = value
    if wrong:
        raise InvalidInput("\n".join(wrong))
    jwt = [found[name].encode() for name in (JWT_VARIABLE, JWT_OLD_VARIABLE) if name in found]
    master = [
        found[name].encode() for name in (MASTER_VARIABLE, MASTER_OLD_VARIABLE) if name in found
    ]
    keys = Keys(
        jwt=tuple(SigningKey(kid=_name(b"jwt", each), secret=each) for each in jwt),
        master=tuple(
            MasterKey(id=_name(b"master", each), secret=_derived(each, b"master"))
            for each in master
        ),
        refresh_key=_derived(master[0], b"refresh"),
        names_key=_derived(master[0], b"names"),
    )
    try:
        KeyRing(keys.jwt)
    except InvalidInput:
        raise InvalidInput(
            f"{JWT_VARIABLE} holds a certificate or key pair. "
            "Make a secret with: openssl rand -base64 48"
        ) from None
    return keys


def weakness(value: str) -> str | None:
    """Return what is wrong with a secret of the environment, as the rest of a sentence.

    The secret itself is not quoted.
    """
    if not value:
        return "is not set"
    size_bytes = len(value.encode("utf-8", "surrogatepass"))
    if _is_known(value):
        return "is a value that everybody knows"
    if size_bytes < SECRET_BYTES_MIN:
        return f"has {size_bytes} bytes; at least {SECRET_BYTES_MIN} random ones are needed"
    if not value.isprintable():
        return "holds characters that cannot be printed"
    is_periodic = (value + value).find(value, 1) < len(value)
    if is_periodic or len(set(value)) < _DISTINCT_MIN:
        return "repeats itself and can be guessed"
    return None


def _is_known(value: str) -> bool:
    """Tell whether a text holds a word of examples, or its letters are such words alone."""
    if any(word in value.casefold() for word in _SAMPLE_WORDS):
        return True
    letters = "".join(each for each in value.casefold() if each.isalpha())
    return len(letters) < 256 and _KNOWN_WORDS.fullmatch(letters) is not None


def _derived(secret: bytes, purpose: bytes) -> bytes:
    """Return a key of 32 bytes for one purpose: HKDF-SHA256 (RFC 5869) with one block, no salt."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, b"legato/1/" + purpose + b"\x01", "sha256")


def _name(purpose: bytes, secret: bytes) -> str:
    """Return a name that is the same wherever the secret is, and tells nothing of it."""
    return hashlib.sha256(_derived(secret, b"name/" + purpose)).hexdigest()[:16]


def _fresh() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def _fresh_jwt(now_ms: int | None) -> _StoredJwt:
    return _StoredJwt(kid=secrets.token_hex(8), secret=_fresh(), made_at=now_ms)


def _fresh_master(now_ms: int | None) -> _StoredMaster:
    return _StoredMaster(id=secrets.token_hex(8), secret=_fresh(), made_at=now_ms)


def _keys(file: _File) -> Keys:
    return Keys(
        jwt=tuple(SigningKey(**msgspec.structs.asdict(each)) for each in file.jwt),
        master=tuple(MasterKey(**msgspec.structs.asdict(each)) for each in file.master),
        refresh_key=file.refresh_key,
        names_key=file.names_key,
    )


@contextlib.contextmanager
def _changing(home: Path) -> Iterator[tuple[Path, _File]]:
    """Give what the file holds to somebody who writes it anew.

    Raises:
        InvalidInput: There is no file.
    """
    path = home / FILE_NAME
    with _locked(home):
        found = _read(path)
        if found is None:
            raise InvalidInput(f"there is no {path} to rotate; it is made at the first start")
        yield path, found


@contextlib.contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Let one process at a time read, make or change the file."""
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(home / LOCK_NAME, flags, 0o600)
    except OSError as error:
        raise Unavailable(f"cannot open {home / LOCK_NAME}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> _File | None:
    """Return what the file holds; None if there is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise NotAllowed(f"{path} is not a file of the user that runs Legato")
        if found.st_mode & _OTHERS:
            raise NotAllowed(
                f"{path} may be read by others (mode {stat.S_IMODE(found.st_mode):04o}).",
                hint=f"Run: chmod 600 {path}",
            )
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from None
    finally:
        os.close(descriptor)
    return _parsed(path, data)


def _parsed(path: Path, data: bytes) -> _File:
    """Take the file apart. Messages without the parser's words: they could quote a key."""
    damaged = InvalidInput(
        f"{path} is damaged.", hint="Put it back from a backup: it opens what is sealed."
    )
    try:
        file = msgspec.json.decode(data, type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise damaged from None
    if file.version != _VERSION:
        raise InvalidInput(f"{path} has version {file.version}; this Legato knows {_VERSION}")
    others = (file.refresh_key, file.names_key, *(each.secret for each in file.master))
    if not file.master or any(len(each) != KEY_BYTES for each in others):
        raise damaged
    try:
        KeyRing(_keys(file).jwt)
    except InvalidInput:
        raise damaged from None
    return file


def _write(path: Path, file: _File) -> None:
    """Write beside, flush, rename, flush the folder: a crash leaves the old file or the new one."""
    beside = path.with_name(f".{path.name}.new")
    try:
        # Of a crash in an earlier write; the lock is ours.
        beside.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(beside, flags, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            os.fchmod(descriptor, 0o600)
            out.write(msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n")
            out.flush()
            os.fsync(descriptor)
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from None


def carried(home: Path) -> bytes | None:
    """Return the file of keys as a backup takes it along; None if there is none.

    Raises:
        InvalidInput: As `load_or_create`; so the others.
    """
    found = _read(home / FILE_NAME)
    return None if found is None else msgspec.json.encode(found)


def settle(home: Path, data: bytes, *, now_ms: int) -> None:
    """Write the file of keys of a home that was restored: what seals stays, what signs is new.

    Args:
        home: The folder, which exists and has no keys.
        data: What `carried` returned.
        now_ms: The time that is noted of the new key.

    Raises:
        InvalidInput: It is damaged, or there are keys.
        Unavailable: It cannot be written.
    """
    path = home / FILE_NAME
    found = _parsed(path, data)
    with _locked(home):
        if path.exists():
            raise InvalidInput(f"{path} is there already; nothing is written over it")
        fresh = msgspec.structs.replace(found, jwt=(_fresh_jwt(now_ms),), refresh_key=_fresh())
        _write(path, fresh)
