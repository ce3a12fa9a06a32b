# SPDX-License-Identifier: Apache-2.0
"""People of a server, made in its store: any role, any number of log-ins, without a password.

A log-in through the door hashes a password and is counted; here only its outcome is wanted.
"""

import asyncio
import contextlib
import secrets
import sqlite3
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from legato.adapters.system_clock import SystemClock
from legato.app import make_stores, node_catalogue
from legato.auth.keys import keys_from_environment
from legato.auth.refresh import new_api_key, new_token, sid_of, token_hash
from legato.auth.tokens import AccessTokens, KeyRing
from legato.model.document.validate import load_workflow
from legato.model.events import ExecutionStarted
from legato.model.ids import LOCAL_WORKSPACE, ExecutionId, SessionId, UserId, WorkspaceId
from legato.model.policy import Limits
from legato.model.signals import StartExecution, encode_signal
from legato.model.values import inline
from legato.model.workflow import encode_workflow, version_hash
from legato.ports.accounts import (
    Accounts,
    ApiKey,
    Member,
    NewSession,
    NewToken,
    Role,
    TokenKind,
    User,
    Workspace,
)
from legato.ports.catalogue import VersionRow
from legato.ports.log import NewExecution
from legato.ports.memberships import Invitation
from legato.ports.workflows import Pin
from legato.settings import load_settings
from tests.integration.api.serving import Serving
from tests.integration.api.visitor import Visitor
from tests.integration.cli.site import Site

T = TypeVar("T")
HOUR_MS: Final = 3_600_000
ISSUER: Final = "http://127.0.0.1:0"
"""As a server names itself that was told to take any port."""
ELSEWHERE: Final = WorkspaceId("01900000-0000-7000-8000-00000000e15e")
"""A workspace of somebody else."""


@dataclass(frozen=True)
class Pass:
    """What somebody holds who has logged in."""

    user: UserId
    session: SessionId
    sid: str
    access: str
    refresh: str


class Backdoor:
    """The store of a server, opened beside it, and the keys that it was started with."""

    def __init__(self, site: Site) -> None:
        """Open it; the server has made its tables."""
        self.site = site
        settings = load_settings(site.env(), site.home)
        self.clock = SystemClock()
        self.keys = keys_from_environment(settings.server_keys)
        issuer = settings.server.public_url or ISSUER
        self.tokens = AccessTokens(KeyRing(self.keys.jwt), self.clock, issuer=issuer)
        self._runner = asyncio.Runner()
        self._stores = make_stores(settings)
        self.run(self._stores.lifecycle.open())
        self.accounts: Accounts = self._stores.accounts

    def close(self) -> None:
        """Close the store."""
        self.run(self._stores.lifecycle.close())
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something with the store."""
        return self._runner.run(work)

    def new_id(self) -> str:
        """Return a fresh id, as the server makes them."""
        return self.clock.new_id()

    def person(
        self,
        name: str,
        role: Role | None,
        *,
        workspace: WorkspaceId = LOCAL_WORKSPACE,
        **more: Any,
    ) -> UserId:
        """Make a user with a role; None: without one anywhere."""
        user = UserId(self.new_id())
        email = f"{name}-{user[-6:]}@example.org"
        made = User(id=user, email=email, display_name=name, default_workspace=workspace, **more)
        member = None if role is None else Member(workspace=workspace, user=user, role=role)
        assert self.run(self.accounts.add_user(made, [], member=member))
        return user

    def disable(self, user: UserId) -> None:
        """Close an account; its log-ins and keys stay, and must not help."""
        found = self.run(self.accounts.user(user))
        assert found is not None
        closed = msgspec.structs.replace(found, is_disabled=True)
        assert self.run(self.accounts.change_user(closed, []))

    def age(self, given: Pass, ms: int = 11 * 60_000) -> None:
        """Let the password of a log-in have been given earlier."""
        sql = "UPDATE sessions SET authenticated_at = authenticated_at - ? WHERE id = ?"
        self.sql(sql, ms, given.session)

    def sql(self, text: str, *values: object) -> list[Any]:
        """Run a statement on the server's database, behind its back."""
        with contextlib.closing(sqlite3.connect(self.site.home / "legato.db")) as database:
            rows = database.execute(text, values).fetchall()
            database.commit()
        return rows

    def count_audit(self, action: str, target: str) -> int:
        """Return how many rows of the audit say that of that."""
        sql = "SELECT count(*) FROM audit WHERE action = ? AND target = ?"
        return int(self.sql(sql, action, target)[0][0])

    def put(self, user: UserId, role: Role, workspace: WorkspaceId = LOCAL_WORKSPACE) -> None:
        """Give a user another role."""
        member = Member(workspace=workspace, user=user, role=role)
        assert self.run(self.accounts.put_member(member, [])) == "done"

    def log_ins(self, *users: UserId) -> list[Pass]:
        """Give each user a log-in, all in few transactions; one user may stand there often."""
        made = [self._new_session(user) for user in users]

        async def add() -> None:
            done = await asyncio.gather(
                *(self.accounts.add_session(session, []) for session, _ in made)
            )
            assert all(done)

        self.run(add())
        return [given for _, given in made]

    def log_in(self, user: UserId) -> Pass:
        """Give a user a log-in."""
        return self.log_ins(user)[0]

    def _new_session(self, user: UserId) -> tuple[NewSession, Pass]:
        session = SessionId(self.new_id())
        sid, refresh = sid_of(self.keys.refresh_key, session, 1), new_token()
        made = NewSession(
            id=session,
            sid_hash=token_hash(sid),
            refresh_hash=token_hash(refresh),
            user=user,
            ttl_ms=HOUR_MS,
            idle_ms=HOUR_MS,
        )
        return made, Pass(user, session, sid, self.tokens.issue(user, sid), refresh)

    def key(
        self, user: UserId, scopes: tuple[str, ...], workspace: WorkspaceId = LOCAL_WORKSPACE
    ) -> str:
        """Give a user an API key."""
        made = new_api_key()
        parts = made.parts
        key = ApiKey(
            id=parts.id,
            secret_hash=parts.secret_hash,
            workspace=workspace,
            user=user,
            name="key",
            scopes=scopes,
        )
        self.run(self.accounts.add_key(key, []))
        return made.text

    def workflow(self, workspace: WorkspaceId = LOCAL_WORKSPACE) -> str:
        """Make a workflow with a version and a pin; return its id."""
        name = f"flow-{self.new_id()[-12:]}"
        source = (
            b"legato: 1\nname: %s\nnodes:\n  a: {uses: delay, with: {for: 1s}}\n" % name.encode()
        )
        workflow = load_workflow(
            source, file="flow.yaml", catalogue=node_catalogue(), limits=Limits()
        )
        row = VersionRow(
            version=version_hash(workflow),
            workspace=workspace,
            name=name,
            compiled=encode_workflow(workflow),
            source=source,
        )
        made, _ = self.run(self._stores.versions.publish(row))
        pin = Pin(workflow=made.workflow_id, node="a", output=b"1")
        self.run(self._stores.workflows.put_pin(workspace, pin))
        return made.workflow_id

    def execution(self, workspace: WorkspaceId = LOCAL_WORKSPACE) -> str:
        """Have an execution of a workflow's version queued; return its id."""
        row = self.run(self._stores.workflows.find(workspace, self.workflow(workspace)))
        assert row is not None
        version = self.run(self._stores.versions.published(workspace, row.slug))
        assert version is not None
        made, at = ExecutionId(self.new_id()), self.clock.now_ms()
        started = ExecutionStarted(
            workspace=workspace, workflow=row.slug, version=version, inputs=inline(b"{}"), at=at
        )
        new = NewExecution(
            execution_id=made, workspace=workspace, workflow=row.slug, version=version,
            created_at=at, start=encode_signal(StartExecution(started)), workflow_id=row.id,
        )  # fmt: skip
        assert self.run(self._stores.log.create([new])) == [True]
        return made

    def invitation(
        self, workspace: WorkspaceId = LOCAL_WORKSPACE, ttl_ms: int = HOUR_MS
    ) -> tuple[str, str]:
        """Invite somebody; return the id and the token."""
        text, email = new_token(), f"invited-{never(6)}@example.org"
        made = Invitation(
            id=self.new_id(),
            hash=token_hash(text),
            workspace=workspace,
            role="viewer",
            email=email.lower(),
        )
        self.run(self.accounts.invite(made, [], ttl_ms=ttl_ms, open_max=10_000))
        return made.id, text

    def token(self, kind: TokenKind, user: UserId | None = None, **more: Any) -> str:
        """Make a token that is good once."""
        text = new_token()
        made = NewToken(hash=token_hash(text), kind=kind, user=user, **{"ttl_ms": HOUR_MS, **more})
        assert self.run(self.accounts.add_token(made, []))
        return text


class Crowd(Backdoor):
    """People of a server that Ada has set up."""

    def __init__(self, site: Site, serving: Serving) -> None:
        """Set a fresh server up."""
        super().__init__(site)
        self.serving = serving
        self.ada = Visitor(serving)
        self.ada.set_up()
        self.owner = UserId(str(self.ada.call("GET", "/auth/me").json()["id"]))
        self.stranger, self.elsewhere = self.person("stranger", None), ELSEWHERE
        elsewhere = Workspace(id=ELSEWHERE, slug="elsewhere", name="Elsewhere")
        assert self.run(self.accounts.add_workspace(elsewhere, self.stranger, []))

    def visitor(self, given: Pass) -> Visitor:
        """Return a client with a log-in."""
        made = Visitor(self.serving)
        made.access, made.cookie = given.access, given.refresh
        return made


def never(length: int = 43) -> str:
    """Return text in the form of a token that nobody has."""
    return secrets.token_urlsafe(32)[:length]
