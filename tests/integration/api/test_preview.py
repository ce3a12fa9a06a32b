# SPDX-License-Identifier: Apache-2.0
"""What an expression gives that somebody is writing, with the values of a run or of pins."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.api.house import House, house_in
from tests.integration.api.people import said
from tests.integration.api.test_workflows import send
from tests.integration.api.visitor import Visitor
from tests.integration.cli.desk import Desk

FLOW = """\
legato: 1
name: shown
inputs: {who: {type: string, default: world}}
nodes:
  list: {uses: data.transform, with: {value: [{n: 1}, {n: 2}, {n: 3}]}}
  each:
    needs: [list]
    foreach: ${{ nodes.list.output }}
    uses: data.transform
    with: {value: "${{ item.n }}"}
  large: {uses: data.transform, with: {value: "${{ 'x' }}"}}
  never: {when: false, uses: data.transform, with: {value: 1}}
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server with a workflow that has run once."""
    with house_in(tmp_path_factory.mktemp("house")) as made:
        file = made.town.home / "shown.yaml"
        file.write_text(FLOW)
        desk = Desk(made.town.home)
        desk.json("workflows", "apply", file)
        desk.json("run", "shown", "--json")
        made.owner.call("GET", "/workflows/shown")
        yield made


def preview(who: Visitor, text: str, **more: Any) -> dict[str, Any]:
    """Ask for a preview."""
    wanted = {"text": text, "node": "each", "path": "with.value", "source": "execution", **more}
    answer = who.call("POST", "/workflows/shown/preview", wanted)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def value(who: Visitor, text: str, **more: Any) -> tuple[Any, Any]:
    """Return type and value of what must have one."""
    found = preview(who, text, **more)
    assert found["error"] is None, found
    return found["type"], found["value"]


def refusal(who: Visitor, text: str, **more: Any) -> tuple[str, str]:
    """Return code and message of what must have no value."""
    found = preview(who, text, **more)
    assert (found["type"], found["value"]) == (None, None)
    return found["error"]["code"], found["error"]["message"]


def test_the_last_run_gives_the_values(house: House) -> None:
    """Inputs, outputs, run: with their types, and from which run they are [WF32, WF33, WF36]."""
    ada = house.owner
    assert value(ada, "${{ inputs.who }}") == ("string", "world")
    assert value(ada, "${{ nodes.list.output[1] }}") == ("object", {"n": 2})
    assert value(ada, "${{ size(nodes.list.output) }} of them") == ("string", "3 of them")
    assert value(ada, "${{ size(nodes.list.output) }}") == ("integer", 3)
    assert value(ada, "${{ nodes.list.output.map(x, x.n * 1.5) }}") == ("array", [1.5, 3, 4.5])
    assert value(ada, "${{ nodes.never.output }}") == ("null", None)
    assert value(ada, "${{ nodes.never.status }}") == ("string", "skipped")
    assert value(ada, "${{ run.workflow }}") == ("string", "shown")
    assert value(ada, "plain") == ("string", "plain")
    found = preview(ada, "${{ 1.5 }}")
    assert (found["type"], found["source"]["kind"]) == ("number", "execution")
    ((run, workflow),) = house.town.select("SELECT id, workflow_id FROM executions")
    assert preview(ada, "${{ inputs }}")["source"]["execution_id"] == run
    assert ada.call("GET", "/workflows/shown").json()["id"] == workflow
    assert value(ada, "${{ inputs.who }}", execution_id=run) == ("string", "world")
    (listed,) = ada.call("GET", "/workflows").json()["items"]
    assert [(each["id"], each["status"]) for each in listed["runs"]] == [(run, "completed")]


def test_an_item_of_a_list_is_chosen(house: House) -> None:
    """The `foreach` of the draft says which there are [WF33]."""
    ada = house.owner
    assert value(ada, "${{ item.n }}", index=2) == ("integer", 3)
    assert value(ada, "${{ item.n }} at ${{ index }}") == ("string", "1 at 0")
    assert preview(ada, "${{ item }}", index=1)["items"] == 3
    assert refusal(ada, "${{ item.n }}", index=3)[0] == "no_data"
    assert refusal(ada, "${{ item.n }}", node="list")[0] == "no_data"


def test_a_fault_has_its_place(house: House) -> None:
    """What does not compile is told with line and column, what does not evaluate as a whole
    [WF34].
    """
    ada = house.owner
    error = preview(ada, "a\n${{ inputs.who + }}")["error"]
    assert (error["code"], error["line"]) == ("expression", 2)
    assert (error["end_line"], error["end_column"]) == (2, 20)
    assert refusal(ada, "${{ 1 / 0 }}")[0] == "expression"
    assert refusal(ada, "${{ nosuch }}")[0] == "expression"


def test_what_is_not_known_is_not_guessed(house: House) -> None:
    """Neither a node that is not there nor inputs that nobody gave [WF34]."""
    ada = house.owner
    assert refusal(ada, "${{ nodes.other.output }}")[0] == "no_data"
    assert refusal(ada, "${{ previous }}")[0] == "no_data"
    pins = {"source": "pins"}
    assert refusal(ada, "${{ nodes.list.output }}", **pins)[0] == "no_data"
    assert refusal(ada, "${{ inputs.who }}", **pins)[0] == "no_data"
    ada.call("PUT", "/workflows/shown/pins/list", {"output": [{"n": 9}]})
    assert value(ada, "${{ nodes.list.output[0].n }}", **pins) == ("integer", 9)
    assert value(ada, "${{ item.n }}", **pins) == ("integer", 9)
    found = preview(ada, "${{ nodes.list.output }}", **pins)
    assert found["source"] == {"kind": "pins", "execution_id": None, "at": None}


def test_an_endless_expression_is_killed_and_the_server_goes_on(house: House) -> None:
    """Too slow, too large: an answer with the reason, within its bounds [WF35]."""
    ada = house.owner
    ones = "[" + ",".join("1" * 400) + "]"
    nested = f"${{{{ {ones}.map(a, {ones}.map(b, {ones}.map(c, a + b + c))) }}}}"
    grown = "${{ " + f"{ones}.map(a, " * 2 + "'" + "x" * 1_000 + "') ) }}"
    for text in (nested, grown):
        assert refusal(ada, text)[0] == "expression"
    assert value(ada, "${{ 1 + 1 }}") == ("integer", 2)
    big = preview(ada, f"${{{{ {ones}.map(a, '{'x' * 200}') }}}}")
    assert (big["is_cut"], big["value"], big["type"], big["error"]) == (True, None, "array", None)
    assert big["size"] > 64 * 1024


def test_a_preview_names_what_is_there(house: House) -> None:
    """Another workflow's run, a wrong body, a viewer: refused [WF32]."""
    ada = house.owner
    path = "/workflows/shown/preview"
    good = {"text": "x", "node": "each", "path": "", "source": "execution"}
    for change in (
        {"text": 1},
        {"node": "No"},
        {"source": "guess"},
        {"index": -1},
        {"more": 1},
        {"text": "x" * 16_385},
    ):
        assert ada.code("POST", path, {**good, **change}) == (422, "invalid")
    unknown = {**good, "execution_id": "01900000-0000-7000-8000-000000000404"}
    assert ada.code("POST", path, unknown) == (404, "not_found")
    assert house.member("viewer").code("POST", path, good) == (403, "forbidden")
    send(ada, "POST", "/workflows", FLOW.replace("name: shown", "name: fresh"))
    found = ada.call("POST", "/workflows/fresh/preview", {**good, "text": "${{ inputs }}"})
    assert found.json()["error"]["code"] == "no_data"
    ((run,),) = house.town.select("SELECT id FROM executions")
    other = {**good, "execution_id": run}
    assert said(ada.call("POST", "/workflows/fresh/preview", other)) == (404, "not_found")
