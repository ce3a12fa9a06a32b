# SPDX-License-Identifier: Apache-2.0
"""The node contract: what a node type is and what its code may use while it runs.

A node type is a pydantic config model, a pydantic output model and one function
`run(ctx, config) -> output`, found through the entry-point group `legato.nodes`. Async functions
run in the engine's loop and must never block it; sync functions run in threads. No node sees the
database.

Rules: ND, JN.
"""

import inspect
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Protocol

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)

from legato.model.events import NodeError
from legato.model.ids import ExecutionId, NodeId, WorkspaceId
from legato.model.node_type import NodeTypeInfo
from legato.model.policy import EffectClass, RetryPolicy
from legato.model.values import BlobRef
from legato.model.workflow import KIND_OF_USES
from legato.ports.grants import Grants
from legato.ports.http import HttpAccess


class NodeFailure(Exception):
    """Raised by a node to say no, with a kind that `retry.on` can name."""

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        may_have_happened: bool = True,
        retryable: bool = True,
        at_least_ms: int = 0,
    ) -> None:
        """See `legato.model.events.NodeError` for the meaning of each."""
        super().__init__(message)
        self.error = NodeError(
            kind=kind,
            message=message,
            may_have_happened=may_have_happened,
            retryable=retryable,
            at_least_ms=at_least_ms,
        )


Secret = Annotated[
    SecretStr,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {"secret": {"type": "string"}},
                    "required": ["secret"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""Type of a config field in `secret_fields`: text, or `{secret: name}` in the file.

The reference is resolved before the config is validated, so a node sees the value, wrapped so
that it never prints.
"""

PROGRAM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for, and the PATH they get; never the engine's own."""

PROGRAM_OUTPUT_BYTES_MAX: Final = 1024 * 1024
"""What a program's stdout and stderr may each have by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A closed sandbox, for a program that runs code which nobody has looked at.

    Inside are the system's libraries and `readable`, read-only and without `hidden`, and one empty
    folder in memory of `folder_bytes`, where it runs. There is no network, no other process, no
    device but null, zero and urandom, and no environment. It is tried once with the arguments
    `trial`, with which the program has to end at once and with 0.
    """

    readable: tuple[Path, ...]
    hidden: tuple[Path, ...] = ()
    folder_bytes: int
    trial: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramCall:
    """A program to run, by argument list and without a shell.

    `program` is absolute. `cwd` None means the attempt's scratch folder. `env` is added to the
    minimal environment. Of stdout and stderr the first `max_output_bytes` each are kept. With
    `log_stderr` its lines appear in the attempt's log while it runs. `memory_bytes` is less than
    programs may have in general. In a `box` there is no `cwd`.
    """

    program: Path
    args: tuple[str, ...] = ()
    stdin: bytes = b""
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    max_output_bytes: int = PROGRAM_OUTPUT_BYTES_MAX
    log_stderr: bool = True
    memory_bytes: int | None = None
    box: Box | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramResult:
    """How a program ended: `exit_code`, or -n if signal n ended it."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    truncated: bool = False


BLOB_BYTES_MAX: Final = 2 * 1024**3
"""What a payload that a node streams may have, unless the node says less."""


class BlobAccess(Protocol):
    """Blobs of the execution's workspace; what a completed attempt stored is kept with it."""

    async def put(self, payload: bytes) -> BlobRef:
        """Store durably."""
        ...

    async def get(self, ref: BlobRef) -> bytes:
        """Fetch."""
        ...

    async def put_stream(
        self, pieces: AsyncIterable[bytes], *, size_max: int = BLOB_BYTES_MAX
    ) -> BlobRef:
        """Store durably what comes piece by piece, without having it in memory as a whole.

        Raises:
            LimitExceeded: It is longer than `size_max` bytes.
        """
        ...

    def stream(self, ref: BlobRef) -> AsyncIterator[bytes]:
        """Yield piece by piece; if it is damaged the last step raises."""
        ...


class Blob(BaseModel):
    """A payload in the blob store as nodes pass it on: in an output, and as a config field.

    Whoever holds one can have the payload, within the workspace. An uploaded file in the inputs of
    an execution is one, too: what names the file there is left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hash: str = Field(pattern=r"^[0-9a-f]{64}$", description="Hex SHA-256 of the bytes.")
    size: int = Field(ge=0, description="Bytes.")
    type: str = Field(
        default="application/octet-stream", max_length=200, description="Its media type."
    )
    name: str | None = Field(default=None, max_length=255, description="A file name for it.")

    @model_validator(mode="before")
    @classmethod
    def _without_file(cls, given: Any) -> Any:
        if isinstance(given, dict) and "$file" in given:
            return {key: value for key, value in given.items() if key != "$file"}
        return given

    @property
    def ref(self) -> BlobRef:
        """The reference that `BlobAccess` takes."""
        return BlobRef(self.hash, self.size)

    @classmethod
    def of(cls, ref: BlobRef, type: str, name: str | None = None) -> "Blob":
        """Make one of a reference."""
        return cls(hash=ref.hash, size=ref.size, type=type, name=name)


class NodeContext(Protocol):
    """What `run` gets beside its config."""

    @property
    def execution_id(self) -> ExecutionId:
        """The execution."""
        ...

    @property
    def workspace(self) -> WorkspaceId:
        """The workspace."""
        ...

    @property
    def node_id(self) -> NodeId:
        """The node."""
        ...

    @property
    def item(self) -> int | None:
        """Index of the foreach item, or None."""
        ...

    @property
    def attempt(self) -> int:
        """Number of this try, from 1."""
        ...

    @property
    def idempotency_key(self) -> str:
        """The same text for every attempt of this node or item (promise P4)."""
        ...

    @property
    def deadline(self) -> datetime | None:
        """When the attempt's time-out strikes."""
        ...

    @property
    def is_cancelled(self) -> bool:
        """Tell whether the attempt was asked to stop; sync code must look now and then."""
        ...

    @property
    def grants(self) -> Grants:
        """What the operator allows."""
        ...

    @property
    def blobs(self) -> BlobAccess:
        """Large payloads."""
        ...

    @property
    def http(self) -> HttpAccess:
        """The guarded HTTP client: public servers, and what the operator grants."""
        ...

    @property
    def now(self) -> datetime:
        """The time, with its zone, by the clock of the engine."""
        ...

    @property
    def scratch(self) -> Path:
        """A folder of this attempt alone, made on first use, deleted at its end."""
        ...

    def log(self, text: str, *, level: str = "info") -> None:
        """Add a line to the attempt's log; never blocks, bounded, secrets are redacted."""
        ...

    def progress(self, fraction: float, message: str = "") -> None:
        """Say how far the work is, 0 to 1."""
        ...

    def delta(self, text: str) -> None:
        """Stream a piece of output to watchers (LLM tokens); not part of the log."""
        ...

    async def secret(self, name: str) -> str:
        """Resolve a secret; its value is redacted from logs, errors and outputs from then on."""
        ...

    async def run_program(self, call: ProgramCall) -> ProgramResult:
        """Run a program in a session of its own, bounded, and end everything it started.

        The caller checks the grant. Cancelling ends the whole process tree.

        Raises:
            NodeFailure: `not_found` or `not_started` (certainly did not run; a box is wanted and
                cannot be made here), or `killed`.
        """
        ...

    async def step(
        self,
        name: str,
        body: Callable[[], Awaitable[Any]],
        *,
        input: object = None,
        effect: EffectClass = "idempotent",
    ) -> Any:
        """Run a durable sub-step, or return its journalled result.

        A finished step is never run again, over lost and failed attempts alike. A
        `non_idempotent` step commits its start first and is refused if an earlier attempt began
        it and never said how it ended.

        Raises:
            Conflict: Another input than the journalled one under the same name and ordinal.
        """
        ...


Run = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class NodeType:
    """A node type with its code. Made by the `node` decorator."""

    info: NodeTypeInfo
    config_model: type[BaseModel]
    output_adapter: TypeAdapter[Any]
    run: Run
    is_async: bool
    secret_fields: tuple[str, ...] = field(default=())
    passes_on: str | None = None
    """A field of the config that is the output, for a function that only returns it."""


def node(  # noqa: PLR0913 - a declaration: each argument is one property of the type
    uses: str,
    *,
    title: str,
    group: str = "other",
    icon: str = "box",
    effect: EffectClass | Callable[[Mapping[str, Any]], EffectClass] = "non_idempotent",
    timeout_ms: int | None = None,
    retry: RetryPolicy | None = None,
    secret_fields: Sequence[str] = (),
    passes_on: str | None = None,
    example: str = "",
) -> Callable[[Run], NodeType]:
    """Make a node type of a function `run(ctx, config: Config) -> Output`.

    Config and output models are read from the annotations; the docstring becomes the docs page.

    Args:
        uses: The name in workflow files, `group.verb`.
        title: What a person reads.
        group: Palette group.
        icon: Icon name.
        effect: The effect class, or how to tell it from the raw `with` block.
        timeout_ms: Default time-out per attempt.
        retry: Default retry policy.
        secret_fields: Config paths where `{secret: name}` is allowed.
        passes_on: A field of the config, of any type, that the function only returns; its text is
            then taken over as it is, which costs next to nothing however large it is.
        example: One node as YAML, run by a test.

    Raises:
        TypeError: Annotations are missing or the config is no pydantic model.
    """

    def wrap(function: Run) -> NodeType:
        hints = inspect.get_annotations(function, eval_str=True)
        parameters = list(inspect.signature(function).parameters)
        if len(parameters) != 2 or parameters[1] not in hints or "return" not in hints:
            raise TypeError(f"{uses}: write it as run(ctx, config: Config) -> Output")
        config_model = hints[parameters[1]]
        if not (isinstance(config_model, type) and issubclass(config_model, BaseModel)):
            raise TypeError(f"{uses}: the second parameter must be a pydantic model")
        output_adapter: TypeAdapter[Any] = TypeAdapter(hints["return"])
        effect_of = effect if callable(effect) else lambda _config: effect
        info = NodeTypeInfo(
            uses=uses,
            title=title,
            kind=KIND_OF_USES.get(uses, "task"),
            group=group,
            icon=icon,
            docs=inspect.getdoc(function) or "",
            example=example,
            config_schema=config_model.model_json_schema(),
            output_schema=output_adapter.json_schema(),
            effect_of=effect_of,
            timeout_ms=timeout_ms,
            retry=retry or RetryPolicy(),
            secret_fields=tuple(secret_fields),
        )
        return NodeType(
            info=info,
            config_model=config_model,
            output_adapter=output_adapter,
            run=function,
            is_async=inspect.iscoroutinefunction(function),
            secret_fields=tuple(secret_fields),
            passes_on=passes_on,
        )

    return wrap
