# SPDX-License-Identifier: Apache-2.0
"""`legato run` and `legato executions` on a server, which another process runs."""

import signal
from collections.abc import Callable, Iterator

import pytest

from legato.cli.invocation import BAD_INPUT, OK, REFUSED, RUN_FAILED
from legato.client import Client
from legato.client.generated import models
from tests.integration.api.serving import Serving
from tests.integration.api.visitor import Visitor
from tests.integration.cli.site import Result
from tests.integration.cli.workflows import ASK, FAIL, HELLO
from tests.integration.client.conftest import Computer, logged_in

LOOKS = 1_000
SIGNALLED = """\
legato: 1
name: signalled
nodes:
  paid: {uses: wait.signal, with: {name: paid}}
outputs: {data: "${{ nodes.paid.output.data }}"}
"""


@pytest.fixture(scope="module")
def published(serving: Serving) -> Iterator[Visitor]:
    """Somebody who has published a few workflows."""
    ada = Visitor(serving)
    ada.log_in()
    for text in (HELLO, ASK, FAIL, SIGNALLED):
        made = ada.call("POST", "/workflows", {"source": text})
        assert made.status_code == 201, made.text
        answer = ada.call("POST", f"/workflows/{made.json()['id']}/publish", {"revision": 1})
        assert answer.status_code == 201, answer.text
    yield ada


@pytest.fixture
def ada(computer: Computer, published: Visitor) -> Computer:
    """A computer that is logged in."""
    return logged_in(computer)


def code(result: Result, expected: int) -> Result:
    """Hold a command to its exit code."""
    assert result.code == expected, result
    return result


def waiting(ada: Computer, workflow: str, until: Callable[[str], bool]) -> str:
    """Start a workflow that waits for somebody; return its id when it does."""
    started = ada.site.ok("run", workflow, "--detach", "--json").value
    execution_id = str(started["execution_id"])
    visitor = Visitor(ada.serving)
    visitor.log_in()
    answer = None
    for _ in range(LOOKS):
        answer = visitor.call("GET", f"/../workflow/status/{execution_id}")
        if until(str(answer.json()["detail"])):
            return execution_id
    raise AssertionError(f"{execution_id} does not wait: {answer}")


def is_waiting(detail: str) -> bool:
    """Tell whether an execution waits."""
    return detail.startswith("waiting")


def test_a_published_workflow_runs_on_the_server(ada: Computer) -> None:
    """Its inputs are read by its schema, its end is said with the code of a run here [CC28]."""
    result = code(ada.site.run("run", "hello", "--input", "who=Ada", "--json"), OK)
    ended = result.values[-1]
    assert (ended["type"], ended["status"]) == ("ended", "completed")
    assert ended["outputs"]["greeting"] == "hello Ada"
    assert "hello Ada" in ada.site.ok("run", "hello@1", "--input", "who=Ada").out
    failed = code(ada.site.run("run", "fail", "--json"), RUN_FAILED).values[-1]
    assert failed["status"] == "failed"
    assert failed["error"]["message"]
    wrong = code(ada.site.run("run", "hello", "--input", "times=many"), BAD_INPUT)
    assert "times" in wrong.err
    unknown = code(ada.site.run("run", "nothing-there"), BAD_INPUT)
    assert "no workflow nothing-there is published" in unknown.err


def test_a_file_is_run_here_and_refused_where_a_server_is_named(ada: Computer) -> None:
    """Nobody's file goes anywhere by itself [CC28]."""
    file = ada.site.write(HELLO)
    refused = code(ada.site.run("run", file, "--server", ada.serving.url), BAD_INPUT)
    assert "legato workflows apply" in refused.err
    home = ada.site.folder / "here"
    home.mkdir()
    result = code(ada.site.run("--home", home, "run", file, "--json"), OK)
    assert result.values[-1]["status"] == "completed"
    assert ada.serving.url not in ada.site.run("--home", home, "run", file).err
    option = code(ada.site.run("run", "hello", "--allow-program", "git"), BAD_INPUT)
    assert "--allow-program has no meaning" in option.err


def test_an_approval_is_given_and_refused_twice(ada: Computer) -> None:
    """As in the store here: the second answer is a conflict [CC29]."""
    execution_id = waiting(ada, "ask", is_waiting)
    act = ("executions", "approve", execution_id)
    said = code(ada.site.run(*act, "ask", "--comment", "yes", "--json"), OK).value
    assert (said["signal"], said["taken"]) == ("AnswerApproval", True)
    code(ada.site.run(*act, "ask"), REFUSED)
    code(ada.site.run(*act), BAD_INPUT)
    other = waiting(ada, "ask", is_waiting)
    assert "done" in code(ada.site.run("executions", "reject", other), OK).out


def test_an_execution_is_paused_resumed_and_cancelled(ada: Computer) -> None:
    """Each wish says what has become of the execution [CC29]."""
    execution_id = waiting(ada, "ask", is_waiting)
    paused = ada.site.ok("executions", "pause", execution_id, "--json").value
    assert (paused["status"], paused["taken"]) == ("paused", True)
    assert ada.site.ok("executions", "resume", execution_id, "--json").value["taken"] is True
    assert ada.site.ok("executions", "cancel", execution_id, "--json").value["taken"] is True
    code(ada.site.run("executions", "cancel", execution_id), REFUSED)
    again = code(ada.site.run("executions", "retry", execution_id, "--detach", "--json"), OK)
    assert again.value["forked_from"] == execution_id
    code(ada.site.run("executions", "cancel", again.value["execution_id"]), OK)


def test_a_signal_reaches_the_node_that_waits_for_it(ada: Computer) -> None:
    """With what it carries [CC29]."""
    execution_id = waiting(ada, "signalled", is_waiting)
    data = '{"by": "card"}'
    said = ada.site.ok("executions", "signal", execution_id, "paid", "--data", data, "--json")
    assert said.value["taken"] is True
    unknown = "01900000-0000-7000-8000-000000000404"
    code(ada.site.run("executions", "signal", unknown, "paid"), BAD_INPUT)


def test_a_run_is_forked_on_the_server(ada: Computer) -> None:
    """From a node, with another input or a given output [CC29]."""
    done = ada.site.ok("run", "hello", "--json").values[-1]["execution_id"]
    fork = ("executions", "fork", done, "--json")
    ended = ada.site.ok(*fork, "--from", "greet", "--input", "who=Bob").values[-1]
    assert ended["outputs"]["greeting"] == "hello Bob"
    ended = ada.site.ok(*fork, "--output", 'greet="hey"').values[-1]
    assert ended["outputs"]["greeting"] == "hey"
    code(ada.site.run(*fork, "--from", "greet", "--file", "x.yaml"), BAD_INPUT)
    code(ada.site.run(*fork, "--from", "nowhere"), BAD_INPUT)


def test_executions_of_a_server_are_listed_and_shown(ada: Computer) -> None:
    """As those of the store here, by filters, and by the beginning of an id [CC30]."""
    first = ada.site.ok("run", "hello", "--input", "who=Zoe", "--json").values[-1]["execution_id"]
    second = ada.site.ok("run", "hello", "--json").values[-1]["execution_id"]
    listed = ("executions", "list", "--json", "--workflow", "hello")
    ids = [each["execution_id"] for each in ada.site.ok(*listed, "--limit", 2).values]
    assert ids == [second, first]
    before = ada.site.ok(*listed, "--limit", 1, "--before", second).values
    assert [each["execution_id"] for each in before] == [first]
    assert ada.site.ok(*listed, "--status", "cancelled").values == []
    assert second in ada.site.ok("executions", "list").out
    code(ada.site.run("executions", "list", "--children"), BAD_INPUT)
    shown = ada.site.ok("executions", "show", second, "--json").value
    assert shown["outputs"]["greeting"] == "hello world"
    assert {each["node_id"]: each["status"] for each in shown["nodes"]}["greet"] == "completed"
    text = ada.site.ok("executions", "show", first[:-2]).out
    assert "greet" in text and "hello Zoe" in text
    code(ada.site.run("executions", "show", "0000"), BAD_INPUT)
    events = ada.site.ok("executions", "events", first, "--json").values
    assert [each["seq"] for each in events] == list(range(1, len(events) + 1))
    after = ada.site.ok("executions", "events", first, "--after", 2, "--json").values
    assert after == events[2:]
    found = ada.site.ok("executions", "compare", first, second)
    assert "their inputs differ" in found.out
    assert ada.site.ok("executions", "logs", first).out == ""


def test_an_execution_of_a_server_is_watched_to_its_end(ada: Computer) -> None:
    """While it waits for a person, who answers it [CC31]."""
    execution_id = waiting(ada, "ask", is_waiting)
    watching = ada.site.start("executions", "watch", execution_id, "--json")
    watching.until_node("ask", "waiting")
    ada.site.ok("executions", "approve", execution_id)
    ended = code(watching.finish(), OK).values[-1]
    assert (ended["type"], ended["status"]) == ("ended", "completed")
    again = ada.site.ok("executions", "watch", execution_id)
    assert "completed" in again.out


def test_who_stops_watching_touches_nothing(ada: Computer) -> None:
    """Ctrl-C ends the command with 0, the execution waits on [CC31]."""
    execution_id = waiting(ada, "ask", is_waiting)
    watching = ada.site.start("executions", "watch", execution_id, "--json")
    watching.until_node("ask", "waiting")
    watching.send(signal.SIGINT)
    result = code(watching.finish(), OK)
    assert "stopped watching" in result.err
    shown = ada.site.ok("executions", "show", execution_id, "--json").value
    assert shown["status"] == "waiting"


async def test_one_key_starts_one_execution(ada: Computer, serving: Serving) -> None:
    """Whatever happens on the way: the second is the first again [CC16]."""
    key = ada.file.read_text().split('"key": "')[1].split('"')[0]
    async with Client(serving.url, key) as legato:
        wanted = models.NewExecution(inputs={})
        first = await legato.start_execution("hello", wanted, idempotency_key="once-17")
        second = await legato.start_execution("hello", wanted, idempotency_key="once-17")
        other = await legato.start_execution("hello", wanted)
    assert first.id == second.id != other.id
