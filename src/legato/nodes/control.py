# SPDX-License-Identifier: Apache-2.0
"""Node types that the engine carries out itself: no code of a node runs and no slot is held.

Only their description is here: config, output, docs.

Rules: ND26, ND27, ND70-ND74, GR7, GR19, GR23, EN16.
"""

from datetime import datetime
from typing import Annotated, Any, NoReturn, Self

from pydantic import AfterValidator, Field, model_validator

from legato.errors import Internal, InvalidInput
from legato.model.durations import parse_duration
from legato.model.signal_names import CORRELATION_CHARS_MAX, SIGNAL_NAME_PATTERN
from legato.model.workflow import DEFAULT_CASE
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


class FormConfig(Config):
    """`with` of human.form."""

    message: str = Field(description="What a person reads above the fields.")
    schema_: dict[str, Any] = Field(
        alias="schema",
        description="The fields: JSON Schema (2020-12) of an object, or names with their schemas "
        "as under `inputs`.",
    )
    details: Any = Field(default=None, description="What the person should see to fill it in.")


class FormOutput(Output):
    """Output of human.form."""

    approved: bool = Field(description="True: filled in. False: declined.")
    by: str = Field(description="Who answered.")
    at: str = Field(description="When, as RFC 3339.")
    comment: str = Field(default="", description="What the person wrote.")
    data: dict[str, Any] | None = Field(
        default=None, description="The fields by name, with defaults; null if it was declined."
    )


class SignalConfig(Config):
    """`with` of wait.signal."""

    name: str | None = Field(
        default=None,
        pattern=SIGNAL_NAME_PATTERN,
        description="Name of the signal; by default the node's id.",
    )
    correlation: str | None = Field(
        default=None,
        min_length=1,
        max_length=CORRELATION_CHARS_MAX,
        description="Only a signal about this is taken, for example an order number.",
    )


class SwitchConfig(Config):
    """`with` of flow.switch: exactly one of `cases` and `case`."""

    cases: dict[str, bool | str] | None = Field(
        default=None, description="Name -> condition. The first that is true is chosen."
    )
    default: str = Field(
        default=DEFAULT_CASE, description="The case of `cases` where no condition is true."
    )
    case: str | None = Field(default=None, description="The name of the case, ready chosen.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if ("cases" in self.model_fields_set) == ("case" in self.model_fields_set):
            raise ValueError("exactly one of `case` and `cases` is needed")
        return self


class SwitchOutput(Output):
    """Output of flow.switch."""

    case: str | None = Field(description="The case that was chosen.")


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
    "human.form",
    title="Ask for a form",
    group="people",
    icon="clipboard-list",
    effect="idempotent",
    example="""\
uses: human.form
with:
  message: Which budget does the campaign get?
  schema:
    amount: {type: integer, minimum: 1, maximum: 10000}
    note: {type: string, default: ""}
timeout: 2d
""",
)
async def form(ctx: NodeContext, config: FormConfig) -> FormOutput:
    """Wait until a person has filled in a form.

    Its fields are given by `schema`. An answer that does not fit is refused with the place of each
    mistake, and the wait goes on. Declining completes the node too: look at `approved`. The wait
    is durable and holds no slot. Without an answer within `timeout` the node fails with kind
    `timeout`.
    """
    _not_here("human.form")


@node(
    "wait.signal",
    title="Wait for a signal",
    group="flow",
    icon="radio-receiver",
    effect="idempotent",
    example="""\
uses: wait.signal
with: {name: order-paid, correlation: "${{ string(inputs.order) }}"}
timeout: 30d
""",
)
async def wait_signal(ctx: NodeContext, config: SignalConfig) -> Any:
    """Wait for a named signal from outside and return what it carries.

    A signal that comes before the node waits is kept and taken when it does; each is taken once,
    by the node that has waited longest. With `correlation` only a signal about the same is taken.
    The wait is durable and holds no slot. Without a signal within `timeout` the node fails with
    kind `timeout`.
    """
    _not_here("wait.signal")


@node(
    "flow.switch",
    title="Choose a way",
    group="flow",
    icon="split",
    effect="pure",
    example="""\
uses: flow.switch
with:
  cases:
    urgent: ${{ inputs.priority > 8 }}
    normal: ${{ inputs.priority > 2 }}
""",
)
async def switch(ctx: NodeContext, config: SwitchConfig) -> SwitchOutput:
    """Choose one of the ways on; the nodes behind the others are skipped.

    A node follows one case with `needs: [route.urgent]`, where `route` is the id of the switch and
    `urgent` the case; `needs: [route]` follows in any case. The first of `cases` whose condition is
    true is chosen, else `default`; or an expression names the `case` itself.
    """
    _not_here("flow.switch")


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


NODE_TYPES: tuple[NodeType, ...] = (delay, approval, form, wait_signal, switch, call, loop)
