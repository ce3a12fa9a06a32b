# SPDX-License-Identifier: Apache-2.0
"""Workflows that name credentials, published over HTTP and from the command line."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.api.house import House
from tests.integration.api.people import Person, Town, paths, said
from tests.integration.cli.site import Site

FLOW = """\
legato: 1
name: asker
nodes:
  ask:
    uses: http.request
    with: {url: "https://api.example.org", CREDENTIAL}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A home."""
    made = Site(tmp_path_factory.mktemp("publishing"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def house(site: Site) -> House:
    """Its server."""
    return House(Town(site))


def flow(credential: str = "credential: github") -> str:
    """Return a document."""
    return FLOW.replace("CREDENTIAL", credential)


def kept(person: Person) -> str:
    """Keep the credential; return its path."""
    body = {
        "name": "github", "type": "http_bearer", "hosts": ["api.example.org"],
        "data": {"token": "canary-token-1"},
    }  # fmt: skip
    answer = person.call("POST", "/credentials", body)
    assert answer.status_code == 201, answer.text
    return f"/credentials/{answer.json()['id']}"


def published(person: Person, workflow: str, source: str) -> Any:
    """Publish a document over the one of now."""
    draft = person.call("GET", f"/workflows/{workflow}/draft")
    tag = draft.headers["etag"]
    put = person.call("PUT", f"/workflows/{workflow}/draft", {"source": source}, If_Match=tag)
    assert put.status_code == 200, put.text
    revision = put.json()["revision"]
    return person.call("POST", f"/workflows/{workflow}/publish", {"revision": revision})


def test_what_is_published_names_what_the_workspace_has(house: House, site: Site) -> None:
    """An unknown credential is refused by its path; a known one is in use from then on, by the slug
    of now, until a version without it is published, or the workflow is archived [CR5, CR22, CR36].
    """
    admin, editor = house.member("admin"), house.member("editor")
    made = editor.call("POST", "/workflows", {"source": flow()})
    assert made.status_code == 201, made.text
    workflow = made.json()["id"]
    refused = published(editor, workflow, flow())
    assert paths(refused) == ["/nodes/ask/with/credential"]
    path = kept(admin)
    assert published(editor, workflow, flow()).status_code == 201
    in_use = admin.call("DELETE", path)
    assert said(in_use) == (409, "in_use")
    assert in_use.json()["used_by"] == [{"workflow_id": workflow, "slug": "asker", "version": 1}]
    assert published(editor, workflow, flow("method: GET")).status_code == 201
    assert editor.call("GET", f"{path}/used-by").json()["items"] == []
    secret = flow("headers: {X-A: {secret: github}}")
    assert published(editor, workflow, secret).status_code == 201
    assert admin.code("DELETE", path) == (409, "in_use")
    tag = editor.call("GET", f"/workflows/{workflow}").headers["etag"]
    named = editor.call("PATCH", f"/workflows/{workflow}", {"slug": "caller"}, If_Match=tag)
    assert named.status_code == 200, named.text
    (use,) = editor.call("GET", f"{path}/used-by").json()["items"]
    assert (use["slug"], use["version"]) == ("caller", 3)
    tag = editor.call("GET", f"/workflows/{workflow}").headers["etag"]
    gone = editor.call("DELETE", f"/workflows/{workflow}", If_Match=tag)
    assert gone.status_code < 300, gone.text
    applied = site.run("workflows", "apply", site.write(flow()))
    assert applied.code == 0, applied
    (use,) = editor.call("GET", f"{path}/used-by").json()["items"]
    assert (use["slug"], use["version"]) == ("asker", 1)
    assert admin.code("DELETE", path) == (409, "in_use")
