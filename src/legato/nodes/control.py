# SPDX-License-Identifier: Apache-2.0
"""Node types that the engine carries out itself: no code of a node runs and no slot is held.

Only their description is here: config, output, docs.

Rules: ND26, ND27, GR19, GR23.
"""

from datetime import datetime
from typing import Annotated, Any, NoReturn, Self

from pydantic import AfterValidator, Field, model_validator

from legato.errors import Internal, InvalidInput
from legato.model.durations import parse_duration
from legato.nodes.fields import Config, Output
from legato.ports.node import NodeContext, NodeType, node


def _checked_duration(value: str | int) -> str | int:
    try:
        parse_duration(value)
    except InvalidInput as error:
        raise ValueError(str(error)) from None
    return value


def _checked_instant(value: str) -> str:
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ValueError("should be a time with its zone, for example 2027-03-01T09:00:00+01:00")
    return value


Duration = Annotated[str | int, AfterValidator(_checked_duration)]
Instant = Annotated[str, AfterValidator(_checked_instant)]


class DelayConfig(Config):
    """`with` of delay: exactly one of `for` and `until`."""

    for_: Duration | None = Field(
        default=None,
        alias="for",
        description="How long to wait: 500ms, 30s, 5m, 1h30m, 2d, or a number of seconds.",
    )
    until: Instant | None = Field(
        default=None, description="When to go on, as RFC 3339: 2027-03-01T09:00:00+01:00."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.for_ is None) == (self.until is None):
            raise ValueError("exactly one of `for` and `until` is needed")
        return self


class ApprovalConfig(Config):
    """`with` of human.approval."""

    message: str = Field(description="The question that a person answers with yes or no.")
    details: Any = Field(default=None, description="What the person should see to decide.")


class ApprovalOutput(Output):
    """Output of human.approval."""

    approved: bool = Field(description="Yes or no.")
    by: str = Field(description="Who answered.")
    at: str = Field(description="When, as RFC 3339.")
    comment: str = Field(default="", description="What the person wrote.")
    data: Any = Field(default=None, description="What the person filled in.")


class CallConfig(Config):
    """`with` of workflow.call."""

    workflow: str = Field(description="Name of the workflow to run.")
    input: dict[str, Any] = Field(default_factory=dict, description="Its inputs by name.")


class LoopConfig(Config):
    """`with` of loop.until: exactly one of `workflow` and `do`."""

    workflow: str | None = Field(default=None, description="Name of the workflow to repeat.")
    do: dict[str, Any] | None = Field(
        default=None, description="The nodes to repeat, written here, as under `nodes`."
    )
    input: dict[str, Any] = Field(
        default_factory=dict,
        description="Inputs of each round; `previous` is the output of the round before.",
    )
    until: str = Field(description="Ends the loop when true; `previous` is the last output.")
    max_iterations: int = Field(
        ge=1, le=1_000, description="Rounds after which the node fails if `until` never held."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.workflow is None) == (self.do is None):
            raise ValueError("exactly one of `workflow` and `do` is needed")
        return self


def _not_here(uses: str) -> NoReturn:
    raise Internal(f"{uses} is carried out by the engine and has no attempt")


@node(
    "delay",
    title="Wait",
    group="flow",
    icon="clock",
    effect="pure",
    example="""\
uses: delay
with: {for: 2h}
""",
)
async def delay(ctx: NodeContext, config: DelayConfig) -> None:
    """Wait for a duration or until a time.

    The wait is durable and holds no slot: it survives a restart, costs nothing, and ends on time
    (or as soon as an engine runs again). The output is null.
    """
    _not_here("delay")


@node(
    "human.approval",
    title="Ask for approval",
    group="people",
    icon="user-check",
    effect="idempotent",
    example="""\
uses: human.approval
with:
  message: "Send the report to ${{ size(nodes.people.output) }} people?"
timeout: 2d
""",
)
async def approval(ctx: NodeContext, config: ApprovalConfig) -> ApprovalOutput:
    """Wait until a person says yes or no.

    Both answers complete the node; look at `approved` in the `when` of what follows. The wait is
    durable and holds no slot. Without an answer within `timeout` the node fails with kind
    `timeout`.
    """
    _not_here("human.approval")


@node(
    "workflow.call",
    title="Call a workflow",
    group="flow",
    icon="workflow",
    effect="idempotent",
    example="""\
uses: workflow.call
with:
  workflow: repo-report
  input: {path: "${{ inputs.path }}"}
""",
)
async def call(ctx: NodeContext, config: CallConfig) -> Any:
    """Run another workflow and return its outputs.

    It runs as an execution of its own with its own log. The version is the one published when
    the outermost execution started. Cancelling and pausing reach it; its failure fails this node.
    """
    _not_here("workflow.call")


@node(
    "loop.until",
    title="Repeat until",
    group="flow",
    icon="repeat",
    effect="idempotent",
    example="""\
uses: loop.until
with:
  workflow: improve-text
  input: {text: "${{ previous == null ? inputs.text : previous.text }}"}
  until: ${{ previous.score >= 8 }}
  max_iterations: 5
""",
)
async def loop(ctx: NodeContext, config: LoopConfig) -> Any:
    """Run a workflow, or nodes written in place, again and again until a condition holds.

    Each round is an execution of its own and sees the output of the round before as `previous`.
    The output is that of the last round.
    """
    _not_here("loop.until")


NODE_TYPES: tuple[NodeType, ...] = (delay, approval, call, loop)
