# SPDX-License-Identifier: Apache-2.0
"""The one table of who may do what: resource, verb, least role. Every door asks here.

The table is data, so that tests and checks of routes are made from it (`matrix`). What it does not
name is refused: an unknown role, resource, verb or scope is no reason to guess.

Rules: AU1-AU5, AU110.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Literal

import msgspec

from legato.errors import InvalidInput
from legato.ports.accounts import Principal, Role

Kind = Literal["read", "write", "run"]

ROLES: Final[tuple[Role, ...]] = ("viewer", "operator", "editor", "admin", "owner")
"""From the least to the most; each may do all that those before it may."""
SCOPES_MAX: Final = 64
"""Scopes of one key; there are fewer in all."""


class Right(msgspec.Struct, frozen=True):
    """What a verb takes: at least this role, and for an API key a scope of this kind.

    `kind` is None where no key may ever act: own account, members, grants of rights.
    """

    role: Role
    kind: Kind | None


class InvalidScopes(InvalidInput):
    """The scopes of a key are not valid. `index` is the place of the one that is not, if it is one.

    Nothing of what was sent is in its text.
    """

    def __init__(self, index: int | None, reason: str, expected: Iterable[str]) -> None:
        self.index = index
        self.reason = reason
        self.expected = f"of: {', '.join(expected)}"
        place = "scopes" if index is None else f"scopes[{index}]"
        super().__init__(f"{place} {reason}; expected {self.expected}")


class Cell(msgspec.Struct, frozen=True):
    """One cell of the whole matrix."""

    role: Role
    resource: str
    verb: str
    is_allowed: bool


def _rights(role: Role, kind: Kind | None, verbs: str) -> dict[str, Right]:
    return dict.fromkeys(verbs.split(), Right(role, kind))


TABLE: Final[dict[str, dict[str, Right]]] = {
    "workflow": {
        **_rights("viewer", "read", "read"),
        **_rights("editor", "write", "create draft validate publish archive"),
        **_rights("editor", "run", "run_draft run_graph"),
        **_rights("admin", "write", "purge"),
    },
    "version": {
        **_rights("viewer", "read", "read"),
        **_rights("editor", "write", "restore"),
        **_rights("admin", "write", "purge"),
    },
    "schedule": {
        **_rights("viewer", "read", "read"),
        **_rights("operator", "run", "pause resume"),
        **_rights("editor", "run", "test"),
        **_rights("admin", "write", "purge"),
    },
    "execution": {
        **_rights("viewer", "read", "read events logs compare export"),
        **_rights("operator", "run", "start cancel pause resume retry fork signal approve"),
        **_rights("operator", "run", "retry_node skip_node force_node"),
        **_rights("admin", "write", "purge"),
    },
    "credential": {
        **_rights("operator", "read", "names"),
        **_rights("editor", "read", "used_by"),
        **_rights("editor", "run", "use"),
        **_rights("admin", "write", "create update delete"),
        **_rights("admin", "run", "test"),
    },
    "file": {
        **_rights("viewer", "read", "read"),
        **_rights("operator", "write", "upload delete_own"),
        **_rights("editor", "write", "delete_any"),
        **_rights("admin", "write", "quota"),
    },
    "member": {
        **_rights("viewer", None, "list leave"),
        **_rights("admin", None, "invite change remove"),
        **_rights("owner", None, "grant_owner remove_owner"),
    },
    "setting": {
        **_rights("viewer", "read", "list"),
        **_rights("admin", "read", "read"),
        **_rights("admin", "write", "update"),
    },
    "audit": _rights("admin", "read", "read export"),
    "api_key": _rights("admin", None, "revoke_any"),
    "workspace": _rights("owner", None, "delete"),
    "metrics": _rights("admin", "read", "read"),
    "account": _rights(
        "viewer", None, "me profile preferences workspaces sessions password mfa api_keys"
    ),
}
"""Resource to verb to right."""

INSTANCE_TABLE: Final[frozenset[tuple[str, str]]] = frozenset(
    {
        *(("workspace", "create"), ("user", "disable"), ("audit", "read_instance")),
        *(("system", "read"), ("system", "crash")),
    }
)
"""What the flag `is_instance_admin` allows; no role does, and the flag gives no role."""

_COVERED_BY: Final[dict[str, str]] = {"version": "workflow"}
"""A version is part of its workflow: a scope for workflows reaches it."""

SCOPES: Final[frozenset[str]] = frozenset(
    f"{resource}:{right.kind}"
    for resource, verbs in TABLE.items()
    for right in verbs.values()
    if right.kind is not None
)
"""Every scope that a key can have, `<resource>:<read|write|run>`; none implies another."""


def allows(role: str | None, resource: str, verb: str) -> bool:
    """Tell whether a role may do that; False for whatever is unknown, and for no role."""
    right = TABLE.get(resource, {}).get(verb)
    if right is None:
        return False
    return _rank(role) >= _rank(right.role)


def scope_allows(scopes: Iterable[str], resource: str, verb: str) -> bool:
    """Tell whether the scopes of an API key reach that; the role of its maker bounds them too."""
    right = TABLE.get(resource, {}).get(verb)
    if right is None or right.kind is None:
        return False
    reaching = {f"{resource}:{right.kind}", f"{_COVERED_BY.get(resource, resource)}:{right.kind}"}
    return not reaching.isdisjoint(scopes)


def may(principal: Principal, resource: str, verb: str) -> bool:
    """Tell whether somebody may do that in the workspace that was asked for.

    A key has the scopes it was given, within the role that its maker has now. An identity of
    another issuer has the role of its user: in a workspace it is that person. The own account needs
    no workspace: its owner reaches it everywhere, but only in a session. A key only learns whose it
    is, and so does an identity: with passwords, sessions, factors and keys it could make itself a
    way in that its issuer can neither see nor close.
    """
    if principal.user.is_disabled or not has_shown_one(principal):
        return False
    if resource == "account":
        return verb in TABLE[resource] and (principal.session is not None or verb == "me")
    if not allows(principal.role, resource, verb):
        return False
    return principal.key is None or scope_allows(principal.scopes or (), resource, verb)


def has_shown_one(principal: Principal) -> bool:
    """Tell whether exactly one thing stands for somebody: a session, a key or an identity."""
    shown = (principal.session, principal.key, principal.identity)
    return sum(each is not None for each in shown) == 1


def instance_allows(principal: Principal, resource: str, verb: str) -> bool:
    """Tell whether somebody may do that to the installation: by the flag, and in a session.

    Not by an identity: whoever runs its issuer would run this installation, too.
    """
    user = principal.user
    is_admin = user.is_instance_admin and not user.is_disabled
    is_here = principal.session is not None and has_shown_one(principal)
    return is_admin and is_here and (resource, verb) in INSTANCE_TABLE


def is_listed(resource: str, verb: str, *, of: Literal["workspace", "instance"]) -> bool:
    """Tell whether the tables name a right."""
    if of == "instance":
        return (resource, verb) in INSTANCE_TABLE
    return verb in TABLE.get(resource, {})


def may_change_member(actor: str | None, before: str | None, after: str | None) -> bool:
    """Tell whether a role may give a member another one.

    Args:
        actor: The role of who does it.
        before: The member's role now; None to invite.
        after: The role that it shall be; None to remove.
    """
    roles = {role for role in (before, after) if role is not None}
    if not roles or not roles <= set(ROLES):
        return False
    if before == "owner" and after != "owner":
        return allows(actor, "member", "remove_owner")
    if after == "owner":
        return allows(actor, "member", "grant_owner")
    return allows(actor, "member", "change")


def scope_within(role: str | None, scope: str) -> bool:
    """Tell whether a scope gives a role's holder nothing that the role has not in some part."""
    resource, _, kind = scope.partition(":")
    verbs = TABLE.get(resource, {})
    return any(right.kind == kind and allows(role, resource, verb) for verb, right in verbs.items())


def check_scopes(scopes: object, role: str | None) -> tuple[str, ...]:
    """Return the scopes of a new key, sorted and each once.

    Args:
        scopes: What the caller sent.
        role: The maker's role now.

    Raises:
        InvalidScopes: It is no list of 1 to 64 known scopes, or one is beyond the role.
    """
    if not isinstance(scopes, list | tuple) or not 0 < len(scopes) <= SCOPES_MAX:
        raise InvalidScopes(None, f"should be a list of 1 to {SCOPES_MAX}", sorted(SCOPES))
    within = sorted(scope for scope in SCOPES if scope_within(role, scope))
    for index, scope in enumerate(scopes):
        if not isinstance(scope, str) or scope not in SCOPES:
            raise InvalidScopes(index, "is not known", within)
        if scope not in within:
            raise InvalidScopes(index, "is more than your role may do", within)
    return tuple(sorted(set(scopes)))


def matrix() -> Iterator[Cell]:
    """Yield every cell: each role with each verb of each resource."""
    for resource, verbs in TABLE.items():
        for verb in verbs:
            for role in ROLES:
                yield Cell(role, resource, verb, allows(role, resource, verb))


def _rank(role: str | None) -> int:
    """Return the place of a role, from 0; -1 for whatever is none."""
    return next((rank for rank, each in enumerate(ROLES) if each == role), -1)
