# SPDX-License-Identifier: Apache-2.0
"""Who asks about an address does not learn whether somebody has it.

How long the answers take is measured by `script/bench api`, where nothing else runs.
"""

from typing import Any, Final

import httpx2
import pytest

from tests.integration.api.serving import PATIENCE_S, PLAIN
from tests.integration.api.visitor import EMAIL
from tests.security.server.crowd import Crowd
from tests.security.server.routes import SERVED, Offered, names

BY_ADDRESS: Final = [
    route
    for route in SERVED
    if route.is_public
    and route.spec.path != "/api/v1/setup"
    and any("email" in model.model_fields for model in route.models)
]
OWN: Final = {"x-request-id", "date"}


@pytest.mark.parametrize("route", BY_ADDRESS, ids=names)
def test_an_address_that_is_known_is_like_one_that_is_not(crowd: Crowd, route: Offered) -> None:
    """Also that of a disabled user, of one without a password, and in capitals [SE27]."""
    disabled, bare = crowd.person("disabled", "viewer"), crowd.person("bare", "viewer")
    crowd.disable(disabled)
    known = [
        crowd.sql("SELECT email FROM users WHERE id = ?", each)[0][0] for each in (disabled, bare)
    ]
    addresses = [EMAIL, EMAIL.upper(), "nobody@example.org", *known]
    seen = {address: _answer(crowd, route, address) for address in addresses}
    assert len(set(seen.values())) == 1, seen
    (answer,) = set(seen.values())
    assert not any(address in answer for address in addresses)


def test_who_invites_learns_nothing_of_accounts(crowd: Crowd) -> None:
    """An address with an account that is no member here is like one without [SE27]."""
    (email,) = crowd.sql("SELECT email FROM users WHERE id = ?", crowd.stranger)[0]
    admin = crowd.visitor(crowd.log_in(crowd.person("admin", "admin")))
    seen = set()
    for address in (email, "nobody@example.org"):
        answer = admin.call("POST", "/members/invitations", {"email": address, "role": "viewer"})
        seen.add((answer.status_code, *sorted(answer.json())))
    assert seen == {(201, "expires_at", "id", "url")}


def _answer(crowd: Crowd, route: Offered, address: str) -> str:
    """Return all of an answer that is not its own."""
    body: dict[str, Any] = {**route.sample.body, "email": address}
    if "password" in body:
        body["password"] = "not-the-Password-of-anybody-7"
    url = crowd.serving.url + route.path()
    answer = httpx2.request(route.spec.method, url, json=body, timeout=PATIENCE_S, verify=PLAIN)
    told = answer.json() if answer.content else {}
    told.pop("request_id", None)
    headers = sorted(pair for pair in answer.headers.items() if pair[0] not in OWN)
    return str((answer.status_code, told, headers))
