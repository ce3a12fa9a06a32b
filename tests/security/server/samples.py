# SPDX-License-Identifier: Apache-2.0
"""How each route is called: the one table that a new route must be added to.

A route that is not here fails the tests of this folder.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from legato.ports.accounts import TokenKind

if TYPE_CHECKING:
    from tests.security.server.crowd import Crowd

Kind = TokenKind | Literal["invitation"]
UNKNOWN: Final = "01900000-0000-7000-8000-000000000404"
"""An id that nothing has."""


@dataclass(frozen=True)
class Sample:
    """How a route is called.

    Args:
        path: A value for each parameter of the path, well formed and of nothing that exists.
        body: One that is good, if it has one. What `token` stands in it does not matter.
        form: The same of a route that takes `multipart/form-data` with the boundary BOUNDARY.
        foreign: Parameters of the path that name something of somebody else, made when asked for.
        token_body: A body with a token, where another has none.
        token_kind: Of the token that is good once in its body.
        token_refusal: What a well-formed token that is no good gets there.
    """

    path: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    form: bytes | None = None
    foreign: "Callable[[Crowd], Mapping[str, str]] | None" = None
    token_body: Any = None
    token_kind: Kind | None = None
    token_refusal: tuple[int, str] = (400, "token_invalid")


def _own_key(crowd: "Crowd") -> Mapping[str, str]:
    return {"key_id": crowd.key(crowd.stranger, ("workflow:read",)).split("_")[1]}


def _key_elsewhere(crowd: "Crowd") -> Mapping[str, str]:
    key = crowd.key(crowd.stranger, ("workflow:read",), crowd.elsewhere)
    return {"key_id": key.split("_")[1]}


def _invitation(crowd: "Crowd") -> Mapping[str, str]:
    return {"invitation_id": crowd.invitation(crowd.elsewhere)[0]}


def _member(crowd: "Crowd") -> Mapping[str, str]:
    return {"user_id": crowd.stranger}


def _session(crowd: "Crowd") -> Mapping[str, str]:
    return {"session_id": crowd.log_in(crowd.stranger).session}


def _execution_part(**more: str) -> "Callable[[Crowd], Mapping[str, str]]":
    return lambda crowd: {"execution_id": crowd.execution(crowd.elsewhere), **more}


def _file(crowd: "Crowd") -> Mapping[str, str]:
    return {"file_id": crowd.file(crowd.elsewhere)}


BOUNDARY: Final = "boundary"
FORM: Final = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    f"text\r\n--{BOUNDARY}--\r\n"
).encode()


def _workflow(crowd: "Crowd") -> Mapping[str, str]:
    return {"workflow_id": crowd.workflow(crowd.elsewhere)}


def _schedule(crowd: "Crowd") -> Mapping[str, str]:
    return {"schedule_id": crowd.trigger("schedule.cron", crowd.elsewhere)}


def _webhook(crowd: "Crowd") -> Mapping[str, str]:
    return {"webhook_id": crowd.trigger("webhook", crowd.elsewhere)}


def _workflow_part(**more: str) -> "Callable[[Crowd], Mapping[str, str]]":
    return lambda crowd: {**_workflow(crowd), **more}


CREDENTIAL: Final = {
    "name": "github",
    "type": "http_bearer",
    "hosts": ["api.example.org"],
    "data": {"token": "canary-credential-1"},
}
_CREDENTIALS: Final = "/api/v1/credentials"
_ONE: Final = f"{_CREDENTIALS}/{{credential_id}}"


def _credential(crowd: "Crowd") -> Mapping[str, str]:
    return {"credential_id": crowd.credential(crowd.elsewhere)}


PASSWORD: Final = "canary-Correct-Horse-41-Battery"
AUTH: Final = "/api/v1/auth"
MEMBERS: Final = "/api/v1/members"
USERS: Final = "/api/v1/users"
PLACES: Final = "/api/v1/workspaces"
FILES: Final = "/api/v1/files"
PAGES: Final = ("/", "/setup", "/login", "/reset", "/invite")
SCHEDULES: Final = "/api/v1/schedules"
WEBHOOKS: Final = "/api/v1/webhooks"
NOTIFICATIONS: Final = "/api/v1/notifications"
WORKFLOWS: Final = "/api/v1/workflows"
WORKFLOW: Final = f"{WORKFLOWS}/{{workflow_id}}"
SOURCE: Final = "legato: 1\nname: new\nnodes:\n  a: {uses: delay, with: {for: 1s}}\n"
EXECUTION: Final = "/api/v1/executions/{execution_id}"
_ID: Final = {"workflow_id": UNKNOWN}
_RUN: Final = {"execution_id": UNKNOWN}
_RUN_NODE: Final = {**_RUN, "node": "a"}
SAMPLES: Final[Mapping[tuple[str, str], Sample]] = {
    ("GET", "/health/live"): Sample(),
    ("GET", "/health/ready"): Sample(),
    ("GET", "/api/v1/openapi.json"): Sample(),
    ("GET", "/schemas/workflow.json"): Sample(),
    **{("GET", each): Sample() for each in PAGES},
    ("GET", "/api/v1/setup"): Sample(),
    ("POST", "/api/v1/setup"): Sample(
        body={"token": "x", "email": "new@example.org", "password": PASSWORD},
        token_kind="setup",
        token_refusal=(409, "already_set_up"),
    ),
    ("POST", f"{AUTH}/login"): Sample(
        body={"email": "new@example.org", "password": PASSWORD},
        token_body={"token": "x"},
        token_kind="link",
    ),
    ("POST", f"{AUTH}/login/mfa"): Sample(
        body={"mfa_token": "x", "code": "123456"}, token_kind="mfa"
    ),
    ("POST", f"{AUTH}/mfa/totp"): Sample(body={"current_password": PASSWORD}),
    ("POST", f"{AUTH}/mfa/totp/confirm"): Sample(body={"code": "123456"}),
    ("DELETE", f"{AUTH}/mfa/totp"): Sample(body={"current_password": PASSWORD, "code": "123456"}),
    ("POST", f"{AUTH}/password/forgot"): Sample(body={"email": "new@example.org"}),
    ("POST", f"{AUTH}/password/reset"): Sample(
        body={"token": "x", "password": PASSWORD}, token_kind="reset"
    ),
    ("POST", f"{AUTH}/refresh"): Sample(),
    ("POST", f"{AUTH}/logout"): Sample(),
    ("POST", f"{AUTH}/logout-all"): Sample(),
    ("GET", f"{AUTH}/me"): Sample(),
    ("GET", "/api/v1/system/info"): Sample(),
    ("POST", f"{AUTH}/password"): Sample(
        body={"current_password": PASSWORD, "new_password": "another-Correct-Horse-17"}
    ),
    ("GET", f"{AUTH}/sessions"): Sample(),
    ("DELETE", f"{AUTH}/sessions/{{session_id}}"): Sample(
        path={"session_id": UNKNOWN}, foreign=_session
    ),
    ("PATCH", f"{AUTH}/me"): Sample(body={"display_name": "Ada"}),
    ("POST", f"{AUTH}/register"): Sample(
        body={"email": "new@example.org", "password": PASSWORD, "display_name": "New"}
    ),
    ("POST", f"{AUTH}/invitations/accept"): Sample(
        body={"token": "x", "password": PASSWORD, "display_name": "New"}, token_kind="invitation"
    ),
    ("GET", f"{AUTH}/api-keys"): Sample(),
    ("POST", f"{AUTH}/api-keys"): Sample(body={"name": "key", "scopes": ["workflow:read"]}),
    ("DELETE", f"{AUTH}/api-keys/{{key_id}}"): Sample(
        path={"key_id": "aaaaaaaaaaaa"}, foreign=_own_key
    ),
    ("GET", MEMBERS): Sample(),
    ("DELETE", f"{MEMBERS}/me"): Sample(),
    ("PATCH", f"{MEMBERS}/{{user_id}}"): Sample(
        path={"user_id": UNKNOWN}, body={"role": "viewer"}, foreign=_member
    ),
    ("DELETE", f"{MEMBERS}/{{user_id}}"): Sample(path={"user_id": UNKNOWN}, foreign=_member),
    ("GET", f"{MEMBERS}/invitations"): Sample(),
    ("POST", f"{MEMBERS}/invitations"): Sample(body={"email": "new@example.org", "role": "viewer"}),
    ("DELETE", f"{MEMBERS}/invitations/{{invitation_id}}"): Sample(
        path={"invitation_id": UNKNOWN}, foreign=_invitation
    ),
    ("GET", f"{MEMBERS}/api-keys"): Sample(),
    ("DELETE", f"{MEMBERS}/api-keys/{{key_id}}"): Sample(
        path={"key_id": "aaaaaaaaaaaa"}, foreign=_key_elsewhere
    ),
    ("GET", USERS): Sample(),
    ("PATCH", f"{USERS}/{{user_id}}"): Sample(
        path={"user_id": UNKNOWN}, body={"is_disabled": True}
    ),
    ("GET", _CREDENTIALS): Sample(),
    ("GET", f"{_CREDENTIALS}/types"): Sample(),
    ("POST", _CREDENTIALS): Sample(body=CREDENTIAL),
    **{
        (method, f"{_ONE}{rest}"): Sample(
            path={"credential_id": UNKNOWN},
            body=CREDENTIAL if method == "PUT" else None,
            foreign=_credential,
        )
        for method, rest in (
            *(("GET", ""), ("PUT", ""), ("DELETE", "")),
            *(("GET", "/used-by"), ("POST", "/test")),
        )
    },
    ("GET", "/api/v1/audit"): Sample(),
    ("GET", "/api/v1/audit/export"): Sample(),
    ("GET", "/api/v1/system/audit"): Sample(),
    ("GET", "/metrics"): Sample(),
    ("GET", FILES): Sample(),
    ("POST", FILES): Sample(form=FORM),
    ("GET", f"{FILES}/quota"): Sample(),
    ("PUT", f"{FILES}/quota"): Sample(body={"limit_bytes": None}),
    **{
        (method, f"{FILES}/{{file_id}}{below}"): Sample(path={"file_id": UNKNOWN}, foreign=_file)
        for method, below in (("GET", ""), ("DELETE", ""), ("GET", "/content"))
    },
    ("GET", PLACES): Sample(),
    ("POST", PLACES): Sample(body={"name": "New"}),
    ("GET", f"{PLACES}/{{workspace_id}}"): Sample(),
    ("PATCH", f"{PLACES}/{{workspace_id}}"): Sample(body={"name": "Main"}),
    ("GET", "/api/v1/me/preferences"): Sample(),
    ("PUT", "/api/v1/me/preferences"): Sample(body={"preferences": {"theme": "dark"}}),
    ("GET", "/api/v1/node-types"): Sample(),
    ("GET", "/api/v1/node-types/{name}"): Sample(
        path={"name": "no.such"}, foreign=lambda _: {"name": "not.there"}
    ),
    ("GET", SCHEDULES): Sample(),
    **{
        (method, f"{SCHEDULES}/{{schedule_id}}{rest}"): Sample(
            path={"schedule_id": UNKNOWN}, foreign=_schedule
        )
        for method, rest in (
            ("GET", ""),
            ("GET", "/ticks"),
            ("POST", "/pause"),
            ("POST", "/resume"),
            ("POST", "/test"),
        )
    },
    ("GET", WEBHOOKS): Sample(),
    **{
        (method, f"{WEBHOOKS}/{{webhook_id}}{rest}"): Sample(
            path={"webhook_id": UNKNOWN},
            body={} if rest in {"/test", "/rotate"} else None,
            foreign=_webhook,
        )
        for method, rest in (
            ("GET", ""),
            ("GET", "/deliveries"),
            ("POST", "/pause"),
            ("POST", "/resume"),
            ("POST", "/test"),
            ("POST", "/rotate"),
        )
    },
    ("POST", "/hooks/{token}"): Sample(path={"token": "x" * 43}, body={}),
    ("GET", NOTIFICATIONS): Sample(),
    ("PUT", NOTIFICATIONS): Sample(body={"url": "https://example.org/x", "on": ["failed"]}),
    ("POST", f"{NOTIFICATIONS}/rotate"): Sample(body={}),
    ("GET", WORKFLOWS): Sample(),
    ("POST", WORKFLOWS): Sample(body={"source": SOURCE}),
    ("POST", f"{WORKFLOWS}/validate"): Sample(body={"source": SOURCE}),
    ("GET", WORKFLOW): Sample(path=_ID, foreign=_workflow),
    ("PATCH", WORKFLOW): Sample(path=_ID, body={"title": "New"}, foreign=_workflow),
    ("DELETE", WORKFLOW): Sample(path=_ID, foreign=_workflow),
    ("POST", f"{WORKFLOW}/purge"): Sample(path=_ID, foreign=_workflow),
    ("GET", f"{WORKFLOW}/draft"): Sample(path=_ID, foreign=_workflow),
    ("PUT", f"{WORKFLOW}/draft"): Sample(path=_ID, body={"source": SOURCE}, foreign=_workflow),
    ("POST", f"{WORKFLOW}/publish"): Sample(path=_ID, body={"revision": 1}, foreign=_workflow),
    ("GET", f"{WORKFLOW}/file"): Sample(path=_ID, foreign=_workflow),
    ("PUT", f"{WORKFLOW}/file"): Sample(path=_ID, body={"source": SOURCE}, foreign=_workflow),
    ("GET", f"{WORKFLOW}/versions"): Sample(path=_ID, foreign=_workflow),
    ("GET", f"{WORKFLOW}/versions/{{number}}"): Sample(
        path={**_ID, "number": "1"}, foreign=_workflow_part(number="1")
    ),
    ("GET", f"{WORKFLOW}/versions/{{a}}/diff/{{b}}"): Sample(
        path={**_ID, "a": "1", "b": "2"}, foreign=_workflow_part(a="1", b="1")
    ),
    ("POST", f"{WORKFLOW}/versions/{{number}}/restore"): Sample(
        path={**_ID, "number": "1"}, foreign=_workflow_part(number="1")
    ),
    ("GET", f"{WORKFLOW}/pins"): Sample(path=_ID, foreign=_workflow),
    ("GET", f"{WORKFLOW}/pins/{{node}}"): Sample(
        path={**_ID, "node": "a"}, foreign=_workflow_part(node="a")
    ),
    ("PUT", f"{WORKFLOW}/pins/{{node}}"): Sample(
        path={**_ID, "node": "a"}, body={"output": 1}, foreign=_workflow_part(node="a")
    ),
    ("DELETE", f"{WORKFLOW}/pins/{{node}}"): Sample(
        path={**_ID, "node": "a"}, foreign=_workflow_part(node="a")
    ),
    ("POST", f"{WORKFLOW}/preview"): Sample(
        path=_ID,
        body={"text": "${{ inputs.a }}", "node": "a", "path": "with.value", "source": "pins"},
        foreign=_workflow,
    ),
    ("POST", f"{WORKFLOW}/executions"): Sample(path=_ID, body={"inputs": {}}, foreign=_workflow),
    ("POST", f"{WORKFLOW}/draft/executions"): Sample(
        path=_ID, body={"revision": 1}, foreign=_workflow
    ),
    **{
        ("POST", f"{EXECUTION}/{verb}"): Sample(path=_RUN, foreign=_execution_part())
        for verb in ("cancel", "pause", "resume", "retry")
    },
    ("DELETE", EXECUTION): Sample(path=_RUN, foreign=_execution_part()),
    ("POST", f"{EXECUTION}/fork"): Sample(
        path=_RUN, body={"from_node": "a"}, foreign=_execution_part()
    ),
    ("POST", f"{EXECUTION}/signals/{{name}}"): Sample(
        path={**_RUN, "name": "go"}, foreign=_execution_part(name="go")
    ),
    ("POST", f"{EXECUTION}/approvals/{{node}}"): Sample(
        path=_RUN_NODE, body={"decision": "approve"}, foreign=_execution_part(node="a")
    ),
    **{
        ("POST", f"{EXECUTION}/nodes/{{node}}/{verb}"): Sample(
            path=_RUN_NODE, foreign=_execution_part(node="a")
        )
        for verb in ("retry", "skip")
    },
    ("POST", f"{EXECUTION}/nodes/{{node}}/force"): Sample(
        path=_RUN_NODE, body={"reason": "seen"}, foreign=_execution_part(node="a")
    ),
    ("GET", "/api/v1/executions"): Sample(),
    ("GET", "/api/v1/approvals"): Sample(),
    ("GET", EXECUTION): Sample(path=_RUN, foreign=_execution_part()),
    **{
        ("GET", f"{EXECUTION}/{part}"): Sample(path=_RUN, foreign=_execution_part())
        for part in ("events", "export", "inputs", "logs", "nodes", "outputs")
    },
    ("GET", f"{EXECUTION}/compare/{{other_id}}"): Sample(
        path={**_RUN, "other_id": UNKNOWN}, foreign=_execution_part(other_id=UNKNOWN)
    ),
    ("GET", f"{EXECUTION}/nodes/{{node}}"): Sample(
        path=_RUN_NODE, foreign=_execution_part(node="a")
    ),
    ("GET", f"{EXECUTION}/nodes/{{node}}/items"): Sample(
        path=_RUN_NODE, foreign=_execution_part(node="a")
    ),
    ("POST", "/api/workflow/execute"): Sample(body={"workflow_id": "nowhere"}),
    ("GET", "/api/workflow/status/{execution_id}"): Sample(path=_RUN, foreign=_execution_part()),
}

KEPT: Final = frozenset({("PUT", "/api/v1/me/preferences")})
"""Routes that keep whatever they are sent, and give it back to the same person."""

PUBLIC: Final = frozenset(
    {
        *(("GET", each) for each in PAGES),
        *(("GET", "/health/live"), ("GET", "/health/ready")),
        *(("GET", "/api/v1/setup"), ("POST", "/api/v1/setup")),
        *(("POST", f"{AUTH}/login"), ("POST", f"{AUTH}/login/mfa")),
        *(("POST", f"{AUTH}/refresh"), ("POST", f"{AUTH}/logout"), ("POST", f"{AUTH}/register")),
        *(("POST", f"{AUTH}/password/forgot"), ("POST", f"{AUTH}/password/reset")),
        ("POST", f"{AUTH}/invitations/accept"),
        *(("GET", "/api/v1/openapi.json"), ("GET", "/schemas/workflow.json")),
        ("POST", "/hooks/{token}"),
    }
)
"""What the contract lets anybody use; a public route that is not here fails."""

APART: Final[frozenset[tuple[str, str]]] = frozenset(
    {("GET", "/api/v1/system/practice"), ("POST", "/api/v1/system/crash")}
)
"""Routes that only `legato up` has, with tests of their own."""
