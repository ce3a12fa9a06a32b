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


class Claim(msgspec.Struct, kw_only=True, frozen=True):
    """The first owner. Without e-mail and password only on the machine of an embedded server."""

    token: Any = UNSET
    email: str | UnsetType | None = UNSET
    display_name: str | UnsetType | None = UNSET
    password: str | UnsetType | None = UNSET


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


class Profile(msgspec.Struct, kw_only=True, frozen=True):
    """What shall be different; what is absent stays. The workspace by id or slug."""

    display_name: str | UnsetType = UNSET
    default_workspace: str | UnsetType = UNSET


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


class WantedKey(msgspec.Struct, kw_only=True, frozen=True):
    """A key to make; without an end it lives until it is revoked."""

    name: str
    scopes: list[str]
    expires_at: str | UnsetType | None = UNSET


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
