# SPDX-License-Identifier: Apache-2.0
"""The credentials of an installation: its store, and whatever keys this process has.

Loads no cryptography before there is something to open. Rules: CR32, CR46.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from legato.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from legato.auth.sealing import Sealer
    from legato.model.ids import ExecutionId, WorkspaceId
    from legato.ports.credentials import Credentials, OpenCredential
    from legato.settings import Settings

NAMED_MAX: Final = 5


class AppVault:
    """Keeps `ports.credentials.Vault`."""

    def __init__(
        self, store: Credentials, settings: Settings, monotonic: Callable[[], float]
    ) -> None:
        """Look for nothing yet."""
        self._store = store
        self._settings = settings
        self._monotonic = monotonic
        self._sealer: Sealer | None = None

    def take(self, sealer: Sealer) -> None:
        """Use these keys, which a server has, and look for no others."""
        self._sealer = sealer

    def sealer(self) -> Sealer | None:
        """Return what opens: by the keys of the environment, else of the home; None without any.

        Raises:
            InvalidInput: The keys are no good, or one is missing.
        """
        if self._sealer is None:
            self._sealer = self._found()
        return self._sealer

    async def use(
        self, workspace: WorkspaceId, name: str, execution_id: ExecutionId
    ) -> OpenCredential | None:
        """Keep `Vault.use`."""
        row = await self._store.named(workspace, name)
        if row is None:
            return None
        from legato.auth.vault import StoredVault  # noqa: PLC0415 - cryptography takes 20 ms

        return await StoredVault(self._store, self.sealer).use_row(row, execution_id)

    async def refuse_missing_keys(self) -> None:
        """Refuse to start where credentials could not be opened, unless that is wanted.

        Raises:
            InvalidInput: Keys are missing; it names them and says what to do.
        """
        sealed_with = await self._store.keys()
        if not sealed_with or self._settings.server.allow_missing_keys:
            return
        sealer = self.sealer()
        known = frozenset() if sealer is None else sealer.ids
        missing = {key: count for key, count in sealed_with.items() if key not in known}
        if missing:
            names = ", ".join(f"{key} ({count})" for key, count in sorted(missing.items()))
            raise InvalidInput(
                f"credentials were sealed with master keys that are not here: {names:.200}.",
                hint="Give the key as LEGATO_MASTER_KEY or LEGATO_MASTER_KEY_OLD, or put keys.json "
                "back; to start without those credentials: LEGATO_SERVER__ALLOW_MISSING_KEYS=true.",
            )

    def _found(self) -> Sealer | None:
        from legato.auth import keys  # noqa: PLC0415 - as in `use`
        from legato.auth.home_keys import HomeKeys  # noqa: PLC0415
        from legato.auth.sealing import Sealer  # noqa: PLC0415

        if self._settings.server_keys:
            return Sealer(keys.keys_from_environment(self._settings.server_keys).master)
        found = keys.load(self._settings.home)
        if found is None:
            return None
        return HomeKeys(self._settings.home, found, self._monotonic).sealer
