# SPDX-License-Identifier: Apache-2.0
"""`/metrics`: the numbers of this server. Not public: whoever reads them has a right to.

Rules: HT51.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.metrics import Family
from legato.api.parts import ApiPart
from legato.errors import Internal

routes: Final = Routes("", tag="metrics")


@routes.get(
    "/metrics",
    Needs("metrics", "read"),
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    operation_id="read_metrics",
)
async def metrics(api: ApiPart) -> Response:
    """Return the numbers of this server, as Prometheus reads them."""
    if api.metrics is None or api.figures is None:
        raise Internal("a server without numbers serves their route")
    families = [*api.metrics.families(), *await api.figures.look()]
    text, content_type = await asyncio.to_thread(_text, families)
    return Response(text, headers={"content-type": content_type})


def _text(families: list[Family]) -> tuple[bytes, str]:
    # A tenth of a second, the first time.
    from legato.api.metrics_text import CONTENT_TYPE, render  # noqa: PLC0415

    return render(families), CONTENT_TYPE
