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


class FactorCode(msgspec.Struct, kw_only=True, frozen=True):
    """A code of the app that took the secret."""

    code: str


class FactorSecret(msgspec.Struct, kw_only=True, frozen=True):
    """What an authenticator app takes; shown once, and good for nothing before it is confirmed."""

    secret: str
    otpauth_uri: str


class Forgotten(msgspec.Struct, kw_only=True, frozen=True):
    """Whose password is forgotten."""

    email: str


class Health(msgspec.Struct, kw_only=True, frozen=True):
    """How the server does: `ok`, `unavailable` or `draining`."""

    status: str


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


class ListedWorkflow(msgspec.Struct, kw_only=True, frozen=True):
    """A workflow in the list.

    `is_ahead`: its draft is not what is published. `runs`: its last ten executions, newest first;
    tests are not among them.
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


class Party(msgspec.Struct, kw_only=True, frozen=True):
    """Who did something, or what it was done to; both may be empty."""

    kind: str
    id: str


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


class RunView(msgspec.Struct, kw_only=True, frozen=True):
    """One of the last executions of a workflow."""

    id: str
    status: str
    created_at: str


class SecondStep(msgspec.Struct, kw_only=True, frozen=True):
    """The token of the answer `mfa_required`, and a code of the app or a recovery code."""

    mfa_token: str
    code: str


class SetupState(msgspec.Struct, kw_only=True, frozen=True):
    """Whether the installation still needs its owner."""

    required: bool


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


class WantedKey(msgspec.Struct, kw_only=True, frozen=True):
    """A key to make; without an end it lives until it is revoked."""

    name: str
    scopes: list[str]
    expires_at: str | UnsetType | None = UNSET


class WorkflowChange(msgspec.Struct, kw_only=True, frozen=True):
    """What shall be different; what is absent stays."""

    slug: str | UnsetType = UNSET
    title: str | UnsetType = UNSET


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
