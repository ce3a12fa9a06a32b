# SPDX-License-Identifier: Apache-2.0
"""Values of the API. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType


class Acceptance(msgspec.Struct, kw_only=True, frozen=True):
    """Who accepts: name and password for a new account, neither for one that is logged in."""

    token: str | UnsetType = UNSET
    display_name: str | UnsetType | None = UNSET
    password: str | UnsetType | None = UNSET


class AllowedAction(msgspec.Struct, kw_only=True, frozen=True):
    """One action; `reason` says why it is not allowed."""

    action: str
    allowed: bool
    reason: str | None


class ApprovalView(msgspec.Struct, kw_only=True, frozen=True):
    """A node that waits for an answer. `request` is what it asks: a message, fields of a form."""

    execution_id: str
    workflow_id: str | None
    workflow_slug: str
    node: str
    title: str
    kind: str
    since: str | None
    until: str | None
    request: Any


class ApprovalsView(msgspec.Struct, kw_only=True, frozen=True):
    """What waits for somebody, by falling id of its execution.

    `count` is of executions that wait for anybody or anything, up to 1 000. A page may be short.
    """

    items: list[ApprovalView]
    next_cursor: str | None
    count: int


class Arrow(
    msgspec.Struct,
    kw_only=True,
    frozen=True,
    rename={"source_handle": "sourceHandle", "target_handle": "targetHandle"},
):
    """From one phase to the one that needs it; what else a canvas keeps means nothing here."""

    source: str
    target: str
    id: str | UnsetType | None = UNSET
    type: str | UnsetType | None = UNSET
    source_handle: str | UnsetType | None = UNSET
    target_handle: str | UnsetType | None = UNSET


class AttemptView(msgspec.Struct, kw_only=True, frozen=True):
    """One try. `outcome` is null while it runs; `lost` where nobody knows what it did."""

    attempt: int
    started_at: str | None
    ended_at: str | None
    outcome: str | None
    isolated: bool
    error: FaultView | None
    retry_at: str | None


class AuditItem(msgspec.Struct, kw_only=True, frozen=True):
    """A row. Its seq is its place in the chain."""

    seq: int
    at: str
    workspace_id: str | None
    actor: Party
    action: str
    target: Party
    result: str
    ip: str
    request_id: str
    data: dict[str, Any]


class AuditItems(msgspec.Struct, kw_only=True, frozen=True):
    """Rows, the newest first. A page with filters may be short, or empty, and not the last."""

    items: list[AuditItem]
    next_cursor: str | None


class BasicData(msgspec.Struct, kw_only=True, frozen=True):
    """Sent as `Authorization: Basic …`."""

    username: str
    password: str


class BearerData(msgspec.Struct, kw_only=True, frozen=True):
    """Sent as `Authorization: Bearer TOKEN`."""

    token: str


class Because(msgspec.Struct, kw_only=True, frozen=True):
    """A reason, kept in the log beside the name."""

    reason: str | UnsetType = UNSET


class ByLink(msgspec.Struct, kw_only=True, frozen=True):
    """What stands after `#token=` in a printed link."""

    token: str


class ByPassword(msgspec.Struct, kw_only=True, frozen=True):
    """An e-mail address and a password."""

    email: str
    password: str


class ChangeView(msgspec.Struct, kw_only=True, frozen=True):
    """One difference in the logic; `is_cut`: a value is too long to stand here."""

    path: str
    what: str
    old: Any
    new: Any
    is_cut: bool


class Claim(msgspec.Struct, kw_only=True, frozen=True):
    """The first owner. Without e-mail and password only on the machine of an embedded server."""

    token: Any = UNSET
    email: str | UnsetType | None = UNSET
    display_name: str | UnsetType | None = UNSET
    password: str | UnsetType | None = UNSET


class ComparedNode(msgspec.Struct, kw_only=True, frozen=True):
    """One node in both; null where a version does not have it."""

    node: str
    differs: list[str]
    one: SideView | None
    other: SideView | None


class ComparisonView(msgspec.Struct, kw_only=True, frozen=True):
    """Two executions of one workflow, in the order in which the first runs.

    `first_difference` is the first node that differs; null where none does.
    """

    one: str
    other: str
    same_version: bool
    same_inputs: bool
    first_difference: str | None
    nodes: list[ComparedNode]


class CredentialNameView(msgspec.Struct, kw_only=True, frozen=True):
    """A credential as workflows name it."""

    id: str
    name: str
    type: str


class CredentialNames(msgspec.Struct, kw_only=True, frozen=True):
    """Credentials of the workspace, the newest first."""

    items: list[CredentialNameView]
    next_cursor: str | None


class CredentialTypes(msgspec.Struct, kw_only=True, frozen=True):
    """The types that there are, for forms."""

    items: list[TypeForm]


class CredentialView(msgspec.Struct, kw_only=True, frozen=True):
    """A credential without what it holds, which is never shown."""

    id: str
    name: str
    type: str
    hosts: list[str]
    version: int
    created_at: str
    created_by: str
    updated_at: str
    updated_by: str


class Decision(msgspec.Struct, kw_only=True, frozen=True):
    """An answer to an approval or form. `data` are a form's fields.

    No node that asks a person has items: `item` is there for clients that always name one, as null.
    """

    decision: Literal["approve", "reject"]
    item: int | UnsetType | None = UNSET
    comment: str | UnsetType = UNSET
    data: Any = UNSET


class Deliveries(msgspec.Struct, kw_only=True, frozen=True):
    """Messages, the newest first; they are kept for a day."""

    items: list[Delivery]
    next_cursor: str | None


class Delivery(msgspec.Struct, kw_only=True, frozen=True):
    """A message that was let in: it started an execution, or was skipped because others ran."""

    webhook_id: str
    at: str
    outcome: str
    execution_id: str | None


class DiffView(msgspec.Struct, kw_only=True, frozen=True):
    """What differs between two versions, from the first to the second.

    `text` is a unified diff; null if the texts are too long for one. `moved`: nodes that only stand
    elsewhere on the canvas. `is_cut`: there are more changes than are listed.
    """

    a: int
    b: int
    is_same_text: bool
    is_same_logic: bool
    text: str | None
    changes: list[ChangeView]
    nodes: list[NodeChange]
    moved: list[str]
    is_cut: bool


class DraftRun(msgspec.Struct, kw_only=True, frozen=True):
    """A test of a draft, by its revision."""

    until: str | UnsetType | None = UNSET
    only: str | UnsetType | None = UNSET
    pins: bool | list[str] | dict[str, Any] | UnsetType = UNSET
    revision: int
    inputs: dict[str, Any] | UnsetType = UNSET


class DraftView(msgspec.Struct, kw_only=True, frozen=True):
    """A draft. `document` is its content, null if the text cannot be read.

    `base_version` is the version that the text grew out of. `errors` is what is wrong with it.
    """

    revision: int
    base_version: int | None
    source: str
    document: Any
    errors: list[ProblemView]
    by: str
    at: str


class Edits(msgspec.Struct, kw_only=True, frozen=True):
    """What shall be different: inputs that are named, and what nodes are said to have given."""

    inputs: dict[str, Any] | UnsetType | None = UNSET
    outputs: dict[str, Any] | UnsetType = UNSET


class EventView(msgspec.Struct, kw_only=True, frozen=True):
    """A public event, version 1. `data` depends on the type; one that is `internal` has none."""

    v: int
    seq: int
    at: str
    type: str
    node: str | None
    item: int | None
    attempt: int | None
    data: dict[str, Any]


class EventsView(msgspec.Struct, kw_only=True, frozen=True):
    """Events by rising seq, one for each. `final`: nothing follows `head_seq` any more."""

    items: list[EventView]
    head_seq: int
    epoch: int
    final: bool


class Execute(msgspec.Struct, kw_only=True, frozen=True):
    """A run: of the graph that is sent, or else of what is published of the workflow."""

    workflow_id: str
    workflow_name: str | UnsetType | None = UNSET
    nodes: list[Phase] | UnsetType | None = UNSET
    edges: list[Arrow] | UnsetType | None = UNSET
    input: dict[str, Any] | UnsetType | None = UNSET


class Executing(msgspec.Struct, kw_only=True, frozen=True):
    """What was started, and where to watch it."""

    execution_id: str
    workflow_id: str
    status: str
    total_phases: int
    websocket_url: str


class ExecutionBody(msgspec.Struct, kw_only=True, frozen=True):
    """An execution. A value of more than 64 KiB stands as `{"$ref", "size", "sha256"}`.

    `version` is the number of the published version that it runs, if it is one; `version_hash` that
    of its logic. A test may use pinned outputs, and counts for no rule about overlaps.
    """

    id: str
    workflow_id: str | None
    workflow_slug: str
    version: int | None
    version_hash: str
    is_test: bool
    status: str
    inputs: Any
    outputs: Any
    error: ExecutionFault | None
    trigger: TriggerView
    forked_from: str | None
    head_seq: int
    created_at: str
    started_at: str | None
    completed_at: str | None


class ExecutionDetail(msgspec.Struct, kw_only=True, frozen=True):
    """An execution with what can be done now. `unattended`: nobody runs it, nothing will happen.

    `owner` is `alive`, `lost` or `none`. With `at_seq` it is shown as it was at that event, with
    its nodes; then nothing can be done, and `head_seq` still is that of the log.
    """

    id: str
    workflow_id: str | None
    workflow_slug: str
    version: int | None
    version_hash: str
    is_test: bool
    status: str
    inputs: Any
    outputs: Any
    error: ExecutionFault | None
    trigger: TriggerView
    forked_from: str | None
    head_seq: int
    created_at: str
    started_at: str | None
    completed_at: str | None
    parent: str | None
    waiting_for: list[Waiting]
    nodes_done: int
    nodes_total: int
    owner: str
    unattended: bool
    allowed_actions: list[AllowedAction]
    at_seq: int | None
    nodes: list[NodeView] | None


class ExecutionFault(msgspec.Struct, kw_only=True, frozen=True):
    """Why an execution failed, and at which node."""

    kind: str
    message: str
    node: str | None


class ExecutionItem(msgspec.Struct, kw_only=True, frozen=True):
    """An execution in a list: without inputs and outputs."""

    id: str
    workflow_id: str | None
    workflow_slug: str
    version: int | None
    version_hash: str
    is_test: bool
    status: str
    error: str | None
    trigger: TriggerView
    parent: str | None
    forked_from: str | None
    waiting_for: list[Waiting]
    nodes_done: int
    nodes_total: int
    head_seq: int
    created_at: str
    started_at: str | None
    completed_at: str | None


class ExecutionItems(msgspec.Struct, kw_only=True, frozen=True):
    """Executions by falling id. With `searched_through` the page ended before it was full.

    Then it has looked at everything down to that time, and `next_cursor` goes on from there.
    """

    items: list[ExecutionItem]
    next_cursor: str | None
    searched_through: str | None


class FactorCode(msgspec.Struct, kw_only=True, frozen=True):
    """A code of the app that took the secret."""

    code: str


class FactorSecret(msgspec.Struct, kw_only=True, frozen=True):
    """What an authenticator app takes; shown once, and good for nothing before it is confirmed."""

    secret: str
    otpauth_uri: str


class FaultView(msgspec.Struct, kw_only=True, frozen=True):
    """Why something failed. `may_have_happened`: its effect is not certain to be undone."""

    kind: str
    message: str
    may_have_happened: bool


class FilePage(msgspec.Struct, kw_only=True, frozen=True):
    """Files of the workspace, the newest first."""

    items: list[FileView]
    next_cursor: str | None


class FileView(msgspec.Struct, kw_only=True, frozen=True):
    """An uploaded file."""

    id: str
    name: str
    size: int
    sha256: str
    content_type: str
    created_at: str


class Force(msgspec.Struct, kw_only=True, frozen=True):
    """How a parked node ended: completed, with this output, or failed. It takes a reason.

    An output that is given must be one of the node's type; without one there is none: null.
    """

    item: int | UnsetType | None = UNSET
    reason: str
    outcome: Literal["completed", "failed"] | UnsetType = UNSET
    output: Any = UNSET


class Forgotten(msgspec.Struct, kw_only=True, frozen=True):
    """Whose password is forgotten."""

    email: str


class Fork(msgspec.Struct, kw_only=True, frozen=True):
    """From which node on it runs again; the rest is kept. Or which outputs are given instead."""

    from_node: str | UnsetType | None = UNSET
    edits: Edits | UnsetType = UNSET
    version: int | UnsetType | None = UNSET


class HeaderData(msgspec.Struct, kw_only=True, frozen=True):
    """Sent as a header of its own name."""

    name: str
    value: str


class Health(msgspec.Struct, kw_only=True, frozen=True):
    """How the server does: `ok`, `unavailable` or `draining`."""

    status: str


class InputView(msgspec.Struct, kw_only=True, frozen=True):
    """What a node was given.

    `written` is its `with` block, `value` that block evaluated; with `why` it is not known: it has
    not begun (`not_begun`), is too large (`too_large`), is not what it was then (`changed`), or
    cannot be found out now (`unknown`). Secrets stand in it by their names.
    """

    written: Any
    value: Any
    size: int | None
    why: str | None


class Invitations(msgspec.Struct, kw_only=True, frozen=True):
    """Open invitations, the newest first."""

    items: list[OpenInvitation]
    next_cursor: str | None


class Invite(msgspec.Struct, kw_only=True, frozen=True):
    """Whom to invite as what."""

    email: str
    role: Literal["viewer", "operator", "editor", "admin", "owner"]


class Invited(msgspec.Struct, kw_only=True, frozen=True):
    """An invitation as it is shown once."""

    id: str
    url: str
    expires_at: str


class ItemCount(msgspec.Struct, kw_only=True, frozen=True):
    """How far a node is that runs once per element of a list."""

    total: int
    running: int
    completed: int
    failed: int
    retrying: int
    needs_attention: int


class ItemView(msgspec.Struct, kw_only=True, frozen=True):
    """One element of a node's list."""

    item: int
    status: str
    attempt: int
    error: FaultView | None
    retry_at: str | None
    park: str | None
    child: str | None
    output_size: int | None


class ItemsView(msgspec.Struct, kw_only=True, frozen=True):
    """Elements of a node's list by rising index."""

    items: list[ItemView]
    next_cursor: str | None


class Judgement(msgspec.Struct, kw_only=True, frozen=True):
    """What is wrong with a text; nothing if it could be published."""

    valid: bool
    name: str
    errors: list[ProblemView]


class KeyView(msgspec.Struct, kw_only=True, frozen=True):
    """A key, without its secret; times as RFC 3339."""

    id: str
    name: str
    scopes: list[str]
    workspace_id: str
    created_at: str
    expires_at: str | None
    last_used: str | None


class Keys(msgspec.Struct, kw_only=True, frozen=True):
    """Keys that live."""

    items: list[KeyView]
    next_cursor: str | None


class LineView(msgspec.Struct, kw_only=True, frozen=True):
    """What an attempt said. `offset` counts its lines; level `delta` is a piece of a stream."""

    node: str
    item: int | None
    attempt: int
    offset: int
    at: str
    level: str
    text: str
    progress: float | None


class LinesView(msgspec.Struct, kw_only=True, frozen=True):
    """Lines in the order in which they came.

    `next_cursor` goes on after the last of them, now or later. With `is_final` the execution had
    ended before they were read: a page that is not full then has the last one.
    """

    items: list[LineView]
    next_cursor: str
    is_final: bool


class ListedWorkflow(msgspec.Struct, kw_only=True, frozen=True):
    """A workflow in the list.

    `is_ahead`: its draft is not what is published. `runs`: its last ten executions, newest first;
    tests are not among them. `next_at`: when a schedule of it falls due next.
    """

    id: str
    slug: str
    title: str
    version: int | None
    created_at: str
    updated_at: str
    created_by: str
    archived_at: str | None
    draft_revision: int
    draft_at: str
    draft_by: str
    is_ahead: bool
    runs: list[RunView]
    next_at: str | None


class LlmData(msgspec.Struct, kw_only=True, frozen=True):
    """A provider of language models."""

    provider: str
    base_url: str | UnsetType | None = UNSET
    api_key: str


class LogIn(msgspec.Struct, kw_only=True, frozen=True):
    """A log-in. The refresh token is in a cookie, never here."""

    access_token: str
    token_type: str
    expires_in: int


class MadeKey(msgspec.Struct, kw_only=True, frozen=True):
    """A key as it is shown once."""

    id: str
    name: str
    scopes: list[str]
    workspace_id: str
    created_at: str
    expires_at: str | None
    last_used: str | None
    key: str


class Me(msgspec.Struct, kw_only=True, frozen=True):
    """Who asks."""

    id: str
    email: str
    display_name: str
    is_instance_admin: bool
    has_totp: bool
    workspace: OwnWorkspace | None


class MemberKey(msgspec.Struct, kw_only=True, frozen=True):
    """A key, and whose it is."""

    id: str
    name: str
    scopes: list[str]
    workspace_id: str
    created_at: str
    expires_at: str | None
    last_used: str | None
    user_id: str


class MemberKeys(msgspec.Struct, kw_only=True, frozen=True):
    """Keys of a workspace that live."""

    items: list[MemberKey]
    next_cursor: str | None


class MemberView(msgspec.Struct, kw_only=True, frozen=True):
    """A member. The address is told only to those who may invite."""

    user_id: str
    display_name: str
    email: str | None
    role: str
    since: str


class Members(msgspec.Struct, kw_only=True, frozen=True):
    """Members of a workspace, those with the newest accounts first."""

    items: list[MemberView]
    next_cursor: str | None


class MissedTicks(msgspec.Struct, kw_only=True, frozen=True):
    """Ticks that were too late or refused, and how many of them were made good."""

    at: str
    count: int
    first: str
    last: str
    made_good: int


class NewExecution(msgspec.Struct, kw_only=True, frozen=True):
    """A start: of the published version, of an older one by number, or of a draft by revision.

    A draft, a part or pins make it a test, which takes the right to edit.
    """

    until: str | UnsetType | None = UNSET
    only: str | UnsetType | None = UNSET
    pins: bool | list[str] | dict[str, Any] | UnsetType = UNSET
    inputs: dict[str, Any] | UnsetType = UNSET
    version: int | UnsetType | None = UNSET
    draft_revision: int | UnsetType | None = UNSET


class NewFactor(msgspec.Struct, kw_only=True, frozen=True):
    """Begins a second factor."""

    current_password: str


class NewPassword(msgspec.Struct, kw_only=True, frozen=True):
    """The password of now, and the one that shall be. Without the first where there is none."""

    current_password: str | UnsetType | None = UNSET
    new_password: str


class NewRole(msgspec.Struct, kw_only=True, frozen=True):
    """The role that a member shall have."""

    role: Literal["viewer", "operator", "editor", "admin", "owner"]


class NewWorkspace(msgspec.Struct, kw_only=True, frozen=True):
    """A workspace to make; without a slug it gets one of its name."""

    name: str
    slug: str | UnsetType | None = UNSET


class NoFactor(msgspec.Struct, kw_only=True, frozen=True):
    """Ends the second factor. `new_password` where the current one is too weak to stand alone."""

    current_password: str
    code: str
    new_password: str | UnsetType | None = UNSET


class NodeChange(msgspec.Struct, kw_only=True, frozen=True):
    """A node that differs."""

    node: str
    what: str


class NodeDetail(msgspec.Struct, kw_only=True, frozen=True):
    """A node with its tries, what it was given, and a piece of what it gave."""

    node: str
    title: str
    uses: str
    kind: str
    phase_number: int
    needs: list[str]
    status: str
    attempt: int
    started_at: str | None
    completed_at: str | None
    retry_at: str | None
    wait: str | None
    wait_until: str | None
    park: str | None
    cause: str | None
    case: str | None
    by: str
    error: FaultView | None
    reused: bool
    edited: bool
    outcome_unknown: bool
    items: ItemCount | None
    child: str | None
    iteration: int
    output_size: int | None
    seq: int
    attempts: list[AttemptView]
    input: InputView
    output: Slice | None


class NodeTypeView(msgspec.Struct, kw_only=True, frozen=True):
    """A node type.

    `effect` is what an empty `with` gives; for some types it depends on their config. Fields in
    `secret_fields` take `{secret: name}`. `input_schema` is that of `with` when its expressions
    have been evaluated.
    """

    uses: str
    title: str
    kind: str
    group: str
    icon: str
    effect: str
    docs: str
    example: str
    config_schema: dict[str, Any]
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    timeout_ms: int | None
    retry: dict[str, Any]
    secret_fields: list[str]


class NodeTypes(msgspec.Struct, kw_only=True, frozen=True):
    """All node types of this installation, by name."""

    items: list[NodeTypeView]


class NodeView(msgspec.Struct, kw_only=True, frozen=True):
    """A node. `wait`: what it waits for; `park`: why it needs a person; `cause`: why it is skipped.

    `child` is the execution that it called last; `output_size` are bytes of JSON.
    """

    node: str
    title: str
    uses: str
    kind: str
    phase_number: int
    needs: list[str]
    status: str
    attempt: int
    started_at: str | None
    completed_at: str | None
    retry_at: str | None
    wait: str | None
    wait_until: str | None
    park: str | None
    cause: str | None
    case: str | None
    by: str
    error: FaultView | None
    reused: bool
    edited: bool
    outcome_unknown: bool
    items: ItemCount | None
    child: str | None
    iteration: int
    output_size: int | None


class NodeWish(msgspec.Struct, kw_only=True, frozen=True):
    """Which item of a parked node, and why."""

    item: int | UnsetType | None = UNSET
    reason: str | UnsetType = UNSET


class NodesView(msgspec.Struct, kw_only=True, frozen=True):
    """Every node, in the order of phases, at one seq of the log."""

    seq: int
    nodes: list[NodeView]


class NotificationSecret(msgspec.Struct, kw_only=True, frozen=True):
    """What messages are signed with (Standard Webhooks), shown this once."""

    secret: str


class NotificationView(msgspec.Struct, kw_only=True, frozen=True):
    """Whom the workspace tells, and of what. Workflows may say otherwise with `notify`."""

    url: str | None
    on: list[str]
    has_secret: bool
    changed_at: str | None


class NotificationWish(msgspec.Struct, kw_only=True, frozen=True):
    """Whom to tell from now on; null: nobody, but for workflows that name an address themselves."""

    url: str | UnsetType | None = UNSET
    on: list[Literal["failed", "needs_attention", "missed"]] | UnsetType = UNSET


class OpenInvitation(msgspec.Struct, kw_only=True, frozen=True):
    """An open invitation."""

    id: str
    email: str
    role: str
    invited_by: str | None
    expires_at: str


class OwnSession(msgspec.Struct, kw_only=True, frozen=True):
    """A log-in of one's own; times as RFC 3339."""

    id: str
    created_at: str
    last_active: str
    ip: str
    user_agent: str
    current: bool


class OwnSessions(msgspec.Struct, kw_only=True, frozen=True):
    """The log-ins that live, the newest first."""

    items: list[OwnSession]


class OwnWorkspace(msgspec.Struct, kw_only=True, frozen=True):
    """The workspace that was asked for, and one's role in it."""

    id: str
    slug: str
    name: str
    role: str


class Part(msgspec.Struct, kw_only=True, frozen=True):
    """What lies directly in an object or a list. `size` are bytes of JSON."""

    key: str
    type: str
    size: int


class Party(msgspec.Struct, kw_only=True, frozen=True):
    """Who did something, or what it was done to; both may be empty."""

    kind: str
    id: str


class Phase(msgspec.Struct, kw_only=True, frozen=True):
    """A phase: its id under one of two names, the type of its node, its title and settings.

    `position` is where it stands; `type` and `data` are a canvas's own and mean nothing here.
    """

    node_id: str | UnsetType | None = UNSET
    id: str | UnsetType | None = UNSET
    phase_type: str
    label: str | UnsetType | None = UNSET
    config: dict[str, Any] | UnsetType | None = UNSET
    position: dict[str, float] | UnsetType | None = UNSET
    type: str | UnsetType | None = UNSET
    data: dict[str, Any] | UnsetType | None = UNSET


class PhaseView(msgspec.Struct, kw_only=True, frozen=True):
    """A phase; `phase_type` is the type of its node, `label` its title."""

    node_id: str
    phase_type: str
    label: str
    status: str
    started_at: str | None
    completed_at: str | None


class PinBody(msgspec.Struct, kw_only=True, frozen=True):
    """An output to pin; null is one, too."""

    output: Any


class PinMark(msgspec.Struct, kw_only=True, frozen=True):
    """A pin without its output."""

    node: str
    by: str
    at: str


class PinView(msgspec.Struct, kw_only=True, frozen=True):
    """A pin."""

    node: str
    by: str
    at: str
    output: Any


class Pins(msgspec.Struct, kw_only=True, frozen=True):
    """The pins of a workflow, by node."""

    items: list[PinMark]


class Preferences(msgspec.Struct, kw_only=True, frozen=True):
    """Whatever the studio remembers, as one object."""

    preferences: dict[str, Any]


class PreviewError(msgspec.Struct, kw_only=True, frozen=True):
    """Why there is no value, and which part of the text is concerned.

    `expression`: it cannot be evaluated. `no_data`: what it reads is not known. `too_large`: what
    it reads is too much to be shown here.
    """

    code: str
    message: str
    expected: str
    line: int
    column: int
    end_line: int
    end_column: int


class PreviewRequest(msgspec.Struct, kw_only=True, frozen=True):
    """A field of a node as it is written now.

    `text` is the field's text, which may hold `${{ … }}`; `path` is where it stands in the node.
    `index` chooses an item of a node with `foreach`. Without `execution_id` the values are those of
    the last execution.
    """

    text: str
    node: str
    path: str
    source: Literal["execution", "pins"]
    execution_id: str | UnsetType | None = UNSET
    index: int | UnsetType | None = UNSET


class PreviewSource(msgspec.Struct, kw_only=True, frozen=True):
    """Where the values are from."""

    kind: str
    execution_id: str | None
    at: str | None


class PreviewView(msgspec.Struct, kw_only=True, frozen=True):
    """A value and its JSON type, or an error.

    A value of more than 64 KiB is null here, with `is_cut`. `items` is how many elements the
    `foreach` of the node has.
    """

    type: str | None
    value: Any
    is_cut: bool
    size: int
    items: int | None
    source: PreviewSource
    error: PreviewError | None


class ProblemView(msgspec.Struct, kw_only=True, frozen=True):
    """Something that is wrong with a document, from its first to after its last character.

    The code stays the same when words change: unreadable, unknown_key, unknown_value, missing,
    unknown_node, unknown_node_type, unknown_input, expression, cycle, duplicate, secret, limit,
    slug_mismatch, invalid.
    """

    code: str
    path: str
    message: str
    expected: str
    line: int
    column: int
    end_line: int
    end_column: int


class Profile(msgspec.Struct, kw_only=True, frozen=True):
    """What shall be different; what is absent stays. The workspace by id or slug."""

    display_name: str | UnsetType = UNSET
    default_workspace: str | UnsetType = UNSET


class PublishRequest(msgspec.Struct, kw_only=True, frozen=True):
    """Which revision of the draft shall be published."""

    revision: int
    message: str | UnsetType = UNSET


class QuotaChange(msgspec.Struct, kw_only=True, frozen=True):
    """The limit of the workspace; null: that of the installation."""

    limit_bytes: int | None


class QuotaView(msgspec.Struct, kw_only=True, frozen=True):
    """How much room the files of the workspace take, and may take; equal contents count once."""

    used_bytes: int
    limit_bytes: int
    is_own: bool


class RecoveryCodes(msgspec.Struct, kw_only=True, frozen=True):
    """Codes that are good once each, where the app is not at hand. Shown once."""

    recovery_codes: list[str]


class Registration(msgspec.Struct, kw_only=True, frozen=True):
    """A new account."""

    email: str
    password: str
    display_name: str


class Reset(msgspec.Struct, kw_only=True, frozen=True):
    """What stands after `#token=` in the printed link, and the password that shall be."""

    token: str
    password: str


class Result(msgspec.Struct, kw_only=True, frozen=True):
    """The end of an execution. Outputs that are too large are null: they are kept with it."""

    execution_id: str
    status: str
    outputs: Any = UNSET
    error: str | UnsetType | None = UNSET


class Rotated(msgspec.Struct, kw_only=True, frozen=True):
    """The address and the new secret, which is shown this once."""

    id: str
    url: str
    secret: str


class Rotation(msgspec.Struct, kw_only=True, frozen=True):
    """For how many seconds the secret before is good yet."""

    overlap_s: int | UnsetType = UNSET


class RunView(msgspec.Struct, kw_only=True, frozen=True):
    """One of the last executions of a workflow."""

    id: str
    status: str
    created_at: str


class ScheduleView(msgspec.Struct, kw_only=True, frozen=True):
    """A schedule. `trigger_id` is its name in the document; `next` are five ticks to come."""

    id: str
    workflow_id: str
    workflow_slug: str
    trigger_id: str
    expression: str
    timezone: str
    words: str
    missed: str
    paused: bool
    paused_at: str | None
    next_at: str | None
    next: list[TickView]


class Schedules(msgspec.Struct, kw_only=True, frozen=True):
    """A page of schedules."""

    items: list[ScheduleView]
    next_cursor: str | None


class SecondStep(msgspec.Struct, kw_only=True, frozen=True):
    """The token of the answer `mfa_required`, and a code of the app or a recovery code."""

    mfa_token: str
    code: str


class SetupState(msgspec.Struct, kw_only=True, frozen=True):
    """Whether the installation still needs its owner."""

    required: bool


class SideView(msgspec.Struct, kw_only=True, frozen=True):
    """What a node came to in one execution. `took_ms` is null while it has not begun and ended."""

    status: str
    took_ms: int | None
    cost_usd: float | None
    attempts: int
    reused: bool
    edited: bool


class SignalBody(msgspec.Struct, kw_only=True, frozen=True):
    """What a signal carries, and what it is about, such as the number of an order."""

    data: Any = UNSET
    correlation: str | UnsetType | None = UNSET


class Slice(msgspec.Struct, kw_only=True, frozen=True):
    """A piece of a value.

    One of more than 64 KiB is null here, with `is_cut`; then `parts` says what is in it, 100 of
    them from `after` on, and `text` is the beginning of a text. `count` is how many there are.
    """

    pointer: str
    type: str
    size: int
    is_cut: bool
    value: Any
    count: int | None
    parts: list[Part]
    text: str | None


class SmtpData(msgspec.Struct, kw_only=True, frozen=True):
    """A mail server for `notify.email`."""

    host: str
    port: int
    tls: Literal["starttls", "implicit", "none"] | UnsetType = UNSET
    username: str | UnsetType | None = UNSET
    password: str | UnsetType | None = UNSET


class SqlData(msgspec.Struct, kw_only=True, frozen=True):
    """A database for `sql.query`."""

    dsn: str


class Started(msgspec.Struct, kw_only=True, frozen=True):
    """What was started; without an id it was skipped, because others of the workflow run."""

    execution_id: str | None
    skipped: bool | UnsetType = UNSET


class Status(msgspec.Struct, kw_only=True, frozen=True):
    """A run in the words pending, running, completed, failed. `detail` is its true status."""

    execution_id: str
    workflow_id: str
    status: str
    phases: list[PhaseView]
    created_at: str
    started_at: str | None
    completed_at: str | None
    detail: str


class SystemInfo(msgspec.Struct, kw_only=True, frozen=True):
    """Which program answers, and which process of it."""

    version: str
    pid: int
    started_at: str
    supervised: bool
    draining: bool


class TestCall(msgspec.Struct, kw_only=True, frozen=True):
    """What the expressions of the execution shall read as `trigger`."""

    headers: dict[str, str] | UnsetType = UNSET
    query: dict[str, str] | UnsetType = UNSET
    body: Any = UNSET


class TickOutcome(msgspec.Struct, kw_only=True, frozen=True):
    """A tick that came: it started an execution, or was skipped because others ran."""

    scheduled_at: str
    at: str
    outcome: str
    execution_id: str | None


class TickView(msgspec.Struct, kw_only=True, frozen=True):
    """A tick to come: the instant, and what the clocks of the zone show then."""

    at: str
    local: str
    words: str


class Ticks(msgspec.Struct, kw_only=True, frozen=True):
    """What came of a schedule's ticks, the newest first."""

    items: list[TickOutcome]
    missed: list[MissedTicks]
    next_cursor: str | None


class TrialView(msgspec.Struct, kw_only=True, frozen=True):
    """How a credential did when it was tried."""

    ok: bool
    message: str
    asked: str | None
    status: int | None


class TriggerView(msgspec.Struct, kw_only=True, frozen=True):
    """What started an execution; a cron tick has the time that it was due."""

    kind: str
    id: str | None
    scheduled_at: str | None


class TypeForm(msgspec.Struct, kw_only=True, frozen=True):
    """What a form needs to know of a type."""

    type: str
    title: str
    description: str
    schema: dict[str, Any]
    secret_fields: list[str]
    needs_hosts: bool


class UserChange(msgspec.Struct, kw_only=True, frozen=True):
    """What an account shall be."""

    is_disabled: bool


class UserView(msgspec.Struct, kw_only=True, frozen=True):
    """An account."""

    id: str
    email: str
    display_name: str
    is_instance_admin: bool
    is_disabled: bool
    has_totp: bool
    created_at: str


class Users(msgspec.Struct, kw_only=True, frozen=True):
    """Accounts, the newest first."""

    items: list[UserView]
    next_cursor: str | None


class VersionItem(msgspec.Struct, kw_only=True, frozen=True):
    """A version: `hash` of its text, `logic_hash` without layout and comments."""

    version: int
    hash: str
    logic_hash: str
    message: str
    by: str
    at: str
    restores: int | None


class VersionMade(msgspec.Struct, kw_only=True, frozen=True):
    """A version: its number, the hash of its text, and that of its logic alone."""

    version: int
    hash: str
    logic_hash: str


class VersionView(msgspec.Struct, kw_only=True, frozen=True):
    """A version with its text and content."""

    version: int
    hash: str
    logic_hash: str
    message: str
    by: str
    at: str
    restores: int | None
    source: str
    document: Any
    inputs_schema: dict[str, Any]


class Versions(msgspec.Struct, kw_only=True, frozen=True):
    """A page of versions, the newest first."""

    items: list[VersionItem]
    next_cursor: str | None


class Waiting(msgspec.Struct, kw_only=True, frozen=True):
    """A node that is waited for, and what for: a kind of wait, or `needs attention`."""

    node: str
    waits_for: str


class WantedBasic(msgspec.Struct, kw_only=True, frozen=True):
    """User and password."""

    name: str
    type: Literal["http_basic"]
    hosts: list[str]
    data: BasicData


class WantedBearer(msgspec.Struct, kw_only=True, frozen=True):
    """A bearer token."""

    name: str
    type: Literal["http_bearer"]
    hosts: list[str]
    data: BearerData


class WantedHeader(msgspec.Struct, kw_only=True, frozen=True):
    """A key in a header."""

    name: str
    type: Literal["http_header"]
    hosts: list[str]
    data: HeaderData


class WantedKey(msgspec.Struct, kw_only=True, frozen=True):
    """A key to make; without an end it lives until it is revoked."""

    name: str
    scopes: list[str]
    expires_at: str | UnsetType | None = UNSET


class WantedLlm(msgspec.Struct, kw_only=True, frozen=True):
    """A provider of language models."""

    name: str
    type: Literal["llm"]
    hosts: list[str]
    data: LlmData


class WantedSmtp(msgspec.Struct, kw_only=True, frozen=True):
    """A mail server."""

    name: str
    type: Literal["smtp"]
    hosts: list[str] | UnsetType = UNSET
    data: SmtpData


class WantedSql(msgspec.Struct, kw_only=True, frozen=True):
    """A database."""

    name: str
    type: Literal["sql"]
    hosts: list[str] | UnsetType = UNSET
    data: SqlData


class WebhookView(msgspec.Struct, kw_only=True, frozen=True):
    """A webhook. `url` is for who may rotate its secret; without a secret no call is let in."""

    id: str
    workflow_id: str
    workflow_slug: str
    trigger_id: str
    respond: str
    headers: list[str]
    paused: bool
    paused_at: str | None
    has_secret: bool
    old_secret_until: str | None
    url: str | None


class Webhooks(msgspec.Struct, kw_only=True, frozen=True):
    """A page of webhooks."""

    items: list[WebhookView]
    next_cursor: str | None


class WorkflowChange(msgspec.Struct, kw_only=True, frozen=True):
    """What shall be different; what is absent stays."""

    slug: str | UnsetType = UNSET
    title: str | UnsetType = UNSET


class WorkflowUseView(msgspec.Struct, kw_only=True, frozen=True):
    """A workflow whose published version names a credential."""

    workflow_id: str
    slug: str
    version: int


class WorkflowUses(msgspec.Struct, kw_only=True, frozen=True):
    """Workflows, the newest first."""

    items: list[WorkflowUseView]
    next_cursor: str | None


class WorkflowView(msgspec.Struct, kw_only=True, frozen=True):
    """A workflow. `version` is the number of the one that is published, if one is."""

    id: str
    slug: str
    title: str
    version: int | None
    created_at: str
    updated_at: str
    created_by: str
    archived_at: str | None


class Workflows(msgspec.Struct, kw_only=True, frozen=True):
    """A page of workflows."""

    items: list[ListedWorkflow]
    next_cursor: str | None


class WorkspaceChange(msgspec.Struct, kw_only=True, frozen=True):
    """What shall be different; what is absent stays."""

    name: str | UnsetType = UNSET
    slug: str | UnsetType = UNSET


class WorkspaceView(msgspec.Struct, kw_only=True, frozen=True):
    """A workspace, and one's role in it."""

    id: str
    slug: str
    name: str
    role: str
    created_at: str


class Workspaces(msgspec.Struct, kw_only=True, frozen=True):
    """The workspaces that one is a member of."""

    items: list[WorkspaceView]
    next_cursor: str | None


class Written(msgspec.Struct, kw_only=True, frozen=True):
    """A document: its text as it shall be kept, or its content, which is kept as JSON text."""

    source: str | UnsetType | None = UNSET
    document: dict[str, Any] | UnsetType | None = UNSET
