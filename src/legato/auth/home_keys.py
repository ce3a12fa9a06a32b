# SPDX-License-Identifier: Apache-2.0
"""The keys of a home, as a running server uses them: read again when their file has changed.

    home = HomeKeys(settings.home, keys.load_or_create(settings.home), clock.monotonic)
    AccessTokens(home.ring, ...)

So a rotation from the command line needs no restart. A look at the file costs some microseconds and
is made once a second at most; a key that is not known is looked for at once. A file that cannot be
read is as if it had not changed: the server goes on with the keys that it has. Rules: CL74.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from legato.auth import keys
from legato.auth.keys import FILE_NAME, Keys
from legato.auth.sealing import Sealer
from legato.auth.tokens import KeyRing, SigningKey
from legato.errors import InvalidInput, LegatoError
from legato.telemetry import logger

LOOK_S: Final = 1.0

_log = logger(__name__)


class HomeKeys:
    """Ring and sealer of a home; both follow its file."""

    def __init__(self, home: Path, found: Keys, monotonic: Callable[[], float]) -> None:
        """Make it.

        Args:
            home: The folder with the file.
            found: What the file held a moment ago.
            monotonic: Seconds that only grow.
        """
        self.keys = found
        self._home = home
        self._monotonic = monotonic
        self._looked_at = monotonic()
        self._seen: object = None  # the first look reads: the file may have changed just now
        self.changes = 0
        self.ring: KeyRing = _Ring(self)
        self.sealer: Sealer = _Sealer(self)

    def look(self, *, is_urgent: bool = False) -> None:
        """Read the file again if it has changed.

        Args:
            is_urgent: Also within a second of the last look.
        """
        now = self._monotonic()
        if not is_urgent and now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        try:
            found = (self._home / FILE_NAME).stat()
        except OSError:
            return
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            read = keys.load(self._home)
        except LegatoError as error:
            _log.warning("the keys have changed and cannot be read", error=error.code)
            return
        if read is None or read == self.keys:
            return
        self.keys = read
        self.changes += 1
        assert isinstance(self.ring, _Ring)
        assert isinstance(self.sealer, _Sealer)
        self.ring.take(read)
        self.sealer.take(read)
        _log.info("the keys have changed", signs=read.jwt[0].kid, seals=read.master[0].id)


class _Ring(KeyRing):
    def __init__(self, home: HomeKeys) -> None:
        super().__init__(home.keys.jwt)
        self._home = home

    @property
    def signing(self) -> SigningKey:
        self._home.look()
        return super().signing

    @property
    def changes(self) -> int:
        self._home.look()
        return self._home.changes

    def find(self, kid: str, now_ms: int) -> SigningKey | None:
        self._home.look()
        found = super().find(kid, now_ms)
        if found is None:
            self._home.look(is_urgent=True)
            found = super().find(kid, now_ms)
        return found

    def take(self, found: Keys) -> None:
        self._take(found.jwt)


class _Sealer(Sealer):
    def __init__(self, home: HomeKeys) -> None:
        super().__init__(home.keys.master)
        self._home = home

    def seal(self, secret: bytes, bound_to: bytes) -> bytes:
        self._home.look()
        return super().seal(secret, bound_to)

    @property
    def ids(self) -> frozenset[str]:
        self._home.look()
        return super().ids

    def open(self, sealed: bytes, bound_to: bytes) -> bytes:
        self._home.look()
        try:
            return super().open(sealed, bound_to)
        except InvalidInput:
            self._home.look(is_urgent=True)
            return super().open(sealed, bound_to)

    def take(self, found: Keys) -> None:
        self._take(found.master)
