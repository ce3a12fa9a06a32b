# SPDX-License-Identifier: Apache-2.0
"""notify.webhook: tells another program by a signed POST.

Rules: ND57.
"""

import hashlib
import hmac
from typing import Any, Final

from pydantic import Field

from legato.model.values import encode
from legato.nodes.fields import Config, Output, refused
from legato.nodes.http_answer import said_by, status_failure
from legato.ports.http import HttpBounds
from legato.ports.node import NodeContext, Secret, node

TIMESTAMP_HEADER: Final = "legato-timestamp"
SIGNATURE_HEADER: Final = "legato-signature"
_BOUNDS: Final = HttpBounds(redirects_max=0)
"""A signature is for the receiver that the author wrote, not for whom that one points to."""


class WebhookConfig(Config):
    """`with` of notify.webhook."""

    url: str = Field(description="Where to: http:// or https://.")
    payload: Any = Field(description="Sent as JSON.")
    key: Secret = Field(description="The key that the receiver knows too: {secret: name}.")
    headers: dict[str, Secret] = Field(default_factory=dict, description="More headers.")


class WebhookOutput(Output):
    """Output of notify.webhook."""

    status: int = Field(description="The HTTP status, 200 to 299.")
    timestamp: int = Field(description="What was signed with it: seconds since 1970.")
    idempotency_key: str = Field(description="By which the receiver knows a repeat.")


@node(
    "notify.webhook",
    title="Call a webhook",
    group="people",
    icon="webhook",
    effect="non_idempotent",
    timeout_ms=30_000,
    secret_fields=("key", "headers.*"),
    keeps_hosts=True,
    example="""\
uses: notify.webhook
with:
  url: https://example.org/hooks/report
  payload: {report: "${{ nodes.report.output.text }}"}
  key: {secret: report_hook}
effect: idempotent
retry: {max_attempts: 5, on: [network, http.5xx, http.429]}
""",
)
async def webhook(ctx: NodeContext, config: WebhookConfig) -> WebhookOutput:
    """Send a JSON payload to another program, signed so that it knows who sent it.

    `Legato-Timestamp` is the time in seconds, `Legato-Signature` is `v1=` and the hex HMAC-SHA256
    of the timestamp, a dot and the raw body, with the key. The receiver computes it again,
    compares in constant time, and refuses old timestamps. `Idempotency-Key` is the same for every
    attempt: a receiver that heeds it may be told so by `effect: idempotent`.

    Reaches what `http.request` reaches, by the same grants; follows no redirect. Any status from
    200 to 299 is success. Fails with `http.STATUS`, `network`, `timeout`, `address_refused`,
    `invalid_argument` (an empty key).
    """
    key = config.key.get_secret_value().encode()
    if not key:
        raise refused("invalid_argument", "key: it is empty, so everybody could sign")
    body = encode(config.payload, what="payload")
    timestamp = int(ctx.now.timestamp())
    headers = {name.lower(): each.get_secret_value() for name, each in config.headers.items()}
    headers |= {
        "content-type": "application/json",
        "idempotency-key": ctx.idempotency_key,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: f"v1={signature(key, timestamp, body)}",
    }
    async with ctx.http.stream(
        "POST", config.url, headers=headers, body=body, bounds=_BOUNDS
    ) as answer:
        if not 200 <= answer.status < 300:
            raise status_failure(answer.status, answer.headers, await said_by(answer))
    return WebhookOutput(
        status=answer.status, timestamp=timestamp, idempotency_key=ctx.idempotency_key
    )


def signature(key: bytes, timestamp: int, body: bytes) -> str:
    """Return the hex HMAC-SHA256 over timestamp, dot and body."""
    return hmac.new(key, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
