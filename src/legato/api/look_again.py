# SPDX-License-Identifier: Apache-2.0
"""Whether who was let in a while ago still may: for answers that take long.

Rules: AD12, XR34.
"""

from __future__ import annotations

from starlette.requests import Request

from legato.api.access import Guarded, Needs


async def look_again(request: Request) -> None:
    """Refuse somebody whose log-in has ended or whose role was lowered meanwhile.

    Raises:
        LegatoError: Who asks may not any more, or nobody can say.
    """
    route: Guarded = request.scope["route"]
    needs = route.declaration.access
    if isinstance(needs, Needs) and route.gate.authenticator is not None:
        await route.gate.authenticator.authenticate(request, needs, is_fresh=True)
        await route.gate.authenticator.authorise(request, needs)
