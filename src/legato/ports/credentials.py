# SPDX-License-Identifier: Apache-2.0
"""Credentials of a workspace: kept sealed, named by workflows, opened inside an attempt only.

The store knows no secret: what it keeps opens with a master key only, and only for the workspace,
id and version that it was sealed for. Where something waits for a credential that is in use, or is
taken in use while it goes, one of the two wins.

Rules: CR1-CR5, CR20, CR22.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, Protocol
from urllib.parse import unquote, urlsplit

import msgspec

from legato.model.credentials_named import Named
from legato.model.ids import ExecutionId, WorkflowId, WorkspaceId
from legato.ports.audit import AuditEntry

CredentialType = Literal["http_bearer", "http_basic", "http_header", "sql", "smtp", "llm"]
HOST_BOUND: Final = frozenset({"http_bearer", "http_basic", "http_header", "llm"})
"""Types that go to named hosts only."""
SECRET_FIELDS: Final[Mapping[CredentialType, tuple[str, ...]]] = {
    "http_bearer": ("token",),
    "http_basic": ("password",),
    "http_header": ("value",),
    "sql": ("dsn",),
    "smtp": ("password",),
    "llm": ("api_key",),
}
"""The fields of each type that nobody may read; `{secret: name}` stands for the first."""
PROVIDER_URLS: Final[Mapping[str, str]] = {
    "glm": "https://open.bigmodel.cn/api/paas/v4",
    "kimi": "https://api.moonshot.ai/v1",
    "mistral": "https://api.mistral.ai/v1",
    "openai": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
}
"""Where known providers of language models are asked if `base_url` is not given."""
CREDENTIALS_MAX: Final = 1_000
"""Of a workspace."""
USES_MAX: Final = 200
"""Workflows that an answer names beside a credential that they use."""


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A credential as it is kept. Times are the database's, in ms; `sealed` is what `key_id` opens.

    `created_by` and `updated_by` are ids of users, empty for the command line.
    """

    id: str
    workspace: WorkspaceId
    name: str
    type: CredentialType
    hosts: tuple[str, ...]
    version: int
    key_id: str
    sealed: bytes
    created_at: int = 0
    created_by: str = ""
    updated_at: int = 0
    updated_by: str = ""

    def __repr__(self) -> str:
        """Name it without what it holds."""
        return f"Credential(id={self.id!r}, name={self.name!r}, version={self.version})"


class OpenCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A credential with what it holds. It must neither be stored nor logged."""

    id: str
    name: str
    type: CredentialType
    hosts: tuple[str, ...]
    version: int
    data: Mapping[str, Any]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never be seen."""
        found = [self.data.get(field) for field in SECRET_FIELDS[self.type]]
        if self.type == "sql":  # the password in it is one by itself
            password = urlsplit(str(self.data.get("dsn"))).password
            found += [password, unquote(password or "")]
        return tuple(each for each in found if isinstance(each, str) and each)

    @property
    def is_host_bound(self) -> bool:
        """Whether it goes to named hosts only."""
        return self.type in HOST_BOUND

    def __repr__(self) -> str:
        """Name it without what it holds."""
        return f"OpenCredential(id={self.id!r}, name={self.name!r}, version={self.version})"


class WorkflowUse(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow whose published version names a credential."""

    workflow_id: WorkflowId
    slug: str
    number: int


class Naming(msgspec.Struct, frozen=True):
    """What a document names, each once: `needed` are credentials, the others perhaps not."""

    names: tuple[str, ...] = ()
    needed: frozenset[str] = frozenset()


NAMES_NONE: Final = Naming()
"""Of a document that names none, or of a workflow that is archived."""


def naming_of(named: Iterable[Named]) -> Naming:
    """Return what a document names, by `model.credentials_named`."""
    found = list(named)
    needed = frozenset(each.name for each in found if each.is_credential)
    return Naming(tuple(dict.fromkeys(each.name for each in found)), needed)


class Credentials(Protocol):
    """Keep credentials. Everything but resealing and counting is within one workspace."""

    async def add(self, made: Credential, audit: Sequence[AuditEntry]) -> Credential | None:
        """Add one with version 1; None if its name is taken.

        Raises:
            LimitExceeded: The workspace has `CREDENTIALS_MAX`.
        """
        ...

    async def replace(
        self, after: Credential, audit: Sequence[AuditEntry]
    ) -> Literal["done", "changed", "taken", "in_use", "gone"]:
        """Put another one in the place of the version before `after.version`.

        `changed`: that is not the version that is there. `in_use`: it would get another name, and
        published workflows use it by the one it has.
        """
        ...

    async def remove(
        self, workspace: WorkspaceId, credential_id: str, audit: Sequence[AuditEntry],
        *, version: int | None = None,
    ) -> Literal["done", "changed", "in_use", "gone"]:  # fmt: skip
        """Delete one, unless a published workflow uses it.

        Args:
            workspace: Where.
            credential_id: Which.
            audit: Written with it.
            version: The one that has to be there; None: any.
        """
        ...

    async def find(self, workspace: WorkspaceId, credential_id: str) -> Credential | None:
        """Return one by its id."""
        ...

    async def named(self, workspace: WorkspaceId, name: str) -> Credential | None:
        """Return one by its name."""
        ...

    async def page(
        self, workspace: WorkspaceId, *, after: str | None = None, limit: int = 50
    ) -> list[Credential]:
        """Return those with a smaller id, descending."""
        ...

    async def names(self, workspace: WorkspaceId) -> frozenset[str]:
        """Return the names of all of a workspace."""
        ...

    async def used_by(
        self, workspace: WorkspaceId, name: str, *, after: str | None = None, limit: int = 50
    ) -> list[WorkflowUse]:
        """Return workflows with a smaller id whose published version names it, descending."""
        ...

    async def note_workflow(self, workspace: WorkspaceId, use: WorkflowUse, naming: Naming) -> None:
        """Note what a published version names, in place of what the one before did.

        Publishing does this in its own transaction (`adapters.sql.credentials.put_uses`).

        Raises:
            Conflict: A credential that it needs has gone meanwhile.
        """
        ...

    async def has_used(self, execution_id: ExecutionId, credential_id: str) -> bool:
        """Tell whether an execution has used one."""
        ...

    async def note_use(
        self, execution_id: ExecutionId, credential_id: str, audit: Sequence[AuditEntry]
    ) -> bool:
        """Note that an execution uses one; the audit is written the first time. False: later."""
        ...

    # --- keys ----------------------------------------------------------------------------------

    async def every(self, *, after: str | None = None, limit: int = 200) -> list[Credential]:
        """Return those of all workspaces with a larger id, ascending."""
        ...

    async def reseal(self, before: Credential, sealed: bytes, key_id: str) -> bool:
        """Put what holds the same in place of what is sealed; False: it was changed meanwhile."""
        ...

    async def keys(self) -> dict[str, int]:
        """Return how many credentials each key has sealed, by its id."""
        ...


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """How a credential did when it was tried. No text holds a secret.

    `asked` is whom: a URL, or a host with its port. `status` is that of an HTTP answer.
    """

    is_good: bool
    message: str
    asked: str = ""
    status: int | None = None


class Trials(Protocol):
    """Tries credentials, harmlessly and for some seconds at most."""

    async def __call__(self, found: OpenCredential, url: str | None) -> Trial:
        """Try one.

        Args:
            found: Which.
            url: Where an HTTP credential is tried; None: at the root of its first host.
        """
        ...


class Vault(Protocol):
    """Opens credentials for attempts."""

    async def use(
        self, workspace: WorkspaceId, name: str, execution_id: ExecutionId
    ) -> OpenCredential | None:
        """Open one and have it on record that the execution uses it; None: there is none.

        Raises:
            InvalidInput: It cannot be opened here: its key is missing, or somebody changed it.
        """
        ...
