# SPDX-License-Identifier: Apache-2.0
"""Have a transaction take effect once for a request with an Idempotency-Key.

    def script() -> Script[None]:
        yield from remember(once)
        ...

Rules: AM1-AM3.
"""

from typing import Any

import msgspec

from legato.adapters.sql.script import Row, Script, step
from legato.ports.admission import AlreadyDone, Answer, Once


def remember(once: Once | None) -> Script[None]:
    """Keep what is answered to a request, in the transaction of its effect.

    Raises:
        AlreadyDone: One with the same key has taken effect: nothing of this transaction stands.
    """
    if once is None:
        return
    if (yield from step("admission.answer_add", **answer_values(once))):
        return
    found = yield from step("admission.answer", scope=once.scope)
    known = once_of(found[0]) if found else once
    raise AlreadyDone(known.request, known.answer)


def answer_values(once: Once) -> dict[str, Any]:
    """Return the columns of an answer."""
    return {
        "scope": once.scope,
        "request": once.request,
        "status": once.answer.status,
        "headers": msgspec.json.encode(once.answer.headers).decode(),
        "body": once.answer.body,
    }


def once_of(row: Row) -> Once:
    """Return what such columns stand for."""
    headers = msgspec.json.decode(row["headers"], type=tuple[tuple[str, str], ...])
    answer = Answer(status=row["status"], body=bytes(row["body"]), headers=headers)
    return Once(scope=row["scope"], request=row["request"], answer=answer)
