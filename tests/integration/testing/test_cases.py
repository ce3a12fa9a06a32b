# SPDX-License-Identifier: Apache-2.0
"""Cases run by the real engine over stores in memory."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from legato.settings import LimitsSettings
from legato.testing.workflow.case import run_case
from legato.testing.workflow.outcome import Verdict
from tests.unit.testing.workflow.files import SHOP, case, problems, suite

HEAD = "legato: 1\nname: w\n"
LIMITS = LimitsSettings()
RAN = '{stdout: "%s", stderr: "", exit_code: 0, truncated: false}'
FETCHED = 'http: [{request: {url: "https://shop.example/Berlin"}, response: {json: {x: 1}}}]\n'


def judged(body: str, workflow: str = SHOP, limits: LimitsSettings = LIMITS) -> Verdict:
    """Run the one case of a test file."""
    made = suite(case(body), workflow)
    return run_case(made, made.cases[0], limits)


def passes(body: str, workflow: str = SHOP, **options: Any) -> None:
    """Run a case that must pass."""
    verdict = judged(body, workflow, **options)
    assert verdict.failures == ()


def said(body: str, workflow: str = SHOP, **options: Any) -> str:
    """Run a case that must fail, and return what is said of it."""
    verdict = judged(body, workflow, **options)
    assert verdict.failures != ()
    return "\n".join(verdict.failures)


SENT = f"pin: {{send: [{RAN % 'a'}, {RAN % 'b'}]}}\n"


def test_a_case_runs_the_whole_workflow_without_waiting() -> None:
    """HTTP is replayed, two days pass at once, the approval is answered, items are pinned
    [TK8, TK10, TK12, TK13].
    """
    passes(
        FETCHED + SENT + "approve: {ask: {approved: true, by: ada, comment: go}}\n"
        "expect:\n"
        "  - nodes.fetch.output.json.x == 1\n"
        "  - execution.elapsed_ms == 2 * 24 * 3600 * 1000\n"
        "  - nodes.ask.output.by == 'ada' && nodes.ask.output.comment == 'go'\n"
        "  - outputs.sent.map(s, s.stdout) == ['a', 'b'] && nodes.send.attempts == 2\n"
        "  - nodes.again.output.inner == 1\n"
    )


def test_the_same_case_gives_the_same_outcome_again_and_again() -> None:
    """Nothing is left of one run for the next [TK16]."""
    made = suite(case(FETCHED + SENT + "approve: {ask: true}"))
    home = set(Path(Path.home()).glob(".legato/*"))
    for _ in range(3):
        assert run_case(made, made.cases[0], LIMITS).failures == ()
    assert set(Path(Path.home()).glob(".legato/*")) == home


def test_a_rejection_and_the_branch_behind_it() -> None:
    """False is an answer too [TK13]."""
    passes(FETCHED + "approve: {ask: false}\nexpect: [\"nodes.send.status == 'skipped'\"]")


FORM = HEAD + (
    "nodes:\n  ask: {uses: human.form, with: {message: Which?, schema: {n: integer}}}\n"
    "  use:\n    uses: data.transform\n    needs: ask\n"
    "    when: ${{ nodes.ask.output.approved }}\n"
    "    with: {value: '${{ nodes.ask.output.data.n }}'}\n"
)


def test_a_form_is_filled_in_or_declined() -> None:
    """`answer` fills it in, `approve: false` declines it, and nothing else does [TK13]."""
    passes("answer: {ask: {n: 3}}\nexpect: ['nodes.use.output == 3']", FORM)
    declined = "approve: {ask: {approved: false, by: ada, comment: none fits}}\n"
    passes(
        f"{declined}expect: [\"nodes.use.status == 'skipped'\", 'nodes.ask.output.data == null', "
        "\"nodes.ask.output.comment == 'none fits'\"]",
        FORM,
    )
    assert "a form cannot be approved" in problems(case("approve: {ask: true}"), FORM)[0]
    both = problems(case("approve: {ask: false}\nanswer: {ask: {n: 3}}"), FORM)
    assert "ask is answered twice" in both[0]


def test_an_unanswered_wait_says_what_to_add() -> None:
    """The case fails at once; it does not hang [TK13]."""
    assert "nobody answers ask; add  approve: {ask: true}" in said(FETCHED)
    signals = HEAD + "nodes: {s: {uses: delay, with: {for: 1s}}}\n"
    assert judged("expect: []", signals).ok


def test_an_answer_that_the_engine_refuses_is_said() -> None:
    """Not taken for one that was never given [TK13]."""
    text = said(FETCHED + f"approve: {{ask: {{approved: true, comment: {'x' * 70_000}}}}}")
    assert text.startswith("an answer or signal was refused: an answer may have 65536 bytes")


def test_a_time_out_of_a_wait_is_reached_at_once() -> None:
    """An approval with a time-out that nobody answers fails by its time-out [TK12]."""
    workflow = HEAD + (
        "nodes:\n  ask: {uses: human.approval, with: {message: m}, timeout: 30d}\n"
        "  after: {uses: data.transform, needs: ask, with: {value: 1}}\n"
    )
    passes(
        "expect: [\"status == 'failed' && execution.error.kind == 'timeout'\", "
        '"execution.elapsed_ms == 30 * 24 * 3600 * 1000"]',
        workflow,
    )


def test_a_request_that_nobody_recorded_fails_the_case() -> None:
    """Whatever the workflow makes of it, and it says which request it was [TK10]."""
    forgiving = SHOP.replace(
        '"https://shop.example/${{ inputs.city }}"}}',
        '"https://shop.example/${{ inputs.city }}"}, on_error: continue}',
    )
    body = SENT + "approve: {ask: true}\nexpect: [\"status == 'completed'\"]"
    text = said(body, forgiving)
    assert text.startswith("no recorded exchange answers GET https://shop.example/Berlin")


@pytest.mark.parametrize("trouble", ["refused", "lost", "timeout", "invalid"])
def test_trouble_on_the_line_is_what_it_is_in_a_run(trouble: str) -> None:
    """A recorded failure of the connection is retried, and fails by its kind [TK10, TK12]."""
    workflow = HEAD + (
        "nodes:\n  fetch:\n    uses: http.request\n    with: {url: 'https://a.example/'}\n"
        "    retry: {max_attempts: 3, initial: 1h, max: 1h, jitter: none, backoff: constant}\n"
    )
    exchange = (
        f"{{request: {{url: 'https://a.example'}}, response: {{trouble: {trouble}}}, times: any}}"
    )
    passes(
        f"http: [{exchange}]\n"
        "expect:\n  - execution.error.kind == 'network' && nodes.fetch.attempts == 3\n"
        "  - execution.elapsed_ms >= 2 * 3600 * 1000",
        workflow,
    )


def test_a_secret_is_made_up_and_redacted() -> None:
    """No test needs a real one, and what is made up is not shown either [TK10, TK19]."""
    workflow = HEAD + (
        "nodes:\n  fetch:\n    uses: http.request\n"
        "    with: {method: POST, url: 'https://a.example/', body: {secret: token}}\n"
        "    effect: idempotent\n"
    )
    text = said("expect: []", workflow)
    assert "no recorded exchange answers POST https://a.example/" in text
    passes(
        "http: [{request: {method: POST, url: 'https://a.example/', body: made-up-token}, "
        "response: {body: 'got made-up-token'}}]\n"
        "expect: [\"nodes.fetch.output.body == 'got [redacted]'\"]",
        workflow,
    )


def test_a_credential_is_made_up_too() -> None:
    """Every name is a bearer token that goes wherever the workflow says: answers are recorded ones
    [TK10, CR11].
    """
    workflow = HEAD + (
        "nodes:\n  fetch:\n    uses: http.request\n"
        "    with: {url: 'https://a.example/', credential: github}\n"
    )
    passes(
        "http: [{request: {url: 'https://a.example/'}, response: {body: 'for made-up-github'}}]\n"
        "expect: [\"nodes.fetch.output.body == 'for [redacted]'\"]",
        workflow,
    )


def test_a_node_can_be_let_fail_for_some_attempts() -> None:
    """The retry rule of the workflow meets the failures of the test, then the pin [TK9, TK12]."""
    workflow = HEAD + (
        "nodes:\n  run:\n    uses: shell.run\n    effect: idempotent\n"
        "    with: {program: nothing}\n    retry: {max_attempts: 3, initial: 10m, on: [exit]}\n"
    )
    pinned = f"pin: {{run: {RAN % 'ok'}}}\n"
    passes(
        pinned + "fail: {run: {kind: exit.1, times: 2}}\n"
        "expect: [nodes.run.attempts == 3, nodes.run.output.stdout == 'ok']",
        workflow,
    )
    passes(
        pinned + "fail: {run: [{kind: exit.1}]}\n"
        "expect: [\"status == 'failed' && execution.error.kind == 'exit.1'\", "
        "nodes.run.attempts == 3]",
        workflow,
    )
    passes(
        "fail: {run: {kind: killed, message: gone, retryable: false}}\n"
        "expect: [\"execution.error.message == 'gone' && nodes.run.attempts == 1\"]",
        workflow,
    )


def test_a_failure_that_may_have_happened_parks_a_node_as_in_a_run() -> None:
    """A non_idempotent node is not retried: it needs attention, and a test can expect that
    [TK9].
    """
    workflow = HEAD + "nodes: {run: {uses: shell.run, with: {program: nothing}}}\n"
    passes("fail: {run: timeout}\nexpect: [\"status == 'needs_attention'\"]", workflow)
    assert "run needs attention" in said("fail: {run: timeout}", workflow)


def test_one_item_can_fail_and_the_others_run_on() -> None:
    """A failure of one item leaves null at its place [TK9]."""
    workflow = HEAD + (
        "nodes:\n  run:\n    uses: shell.run\n    foreach: ${{ [1, 2, 3] }}\n    effect: pure\n"
        "    with: {program: x}\n    on_error: continue\noutputs: {o: '${{ nodes.run.output }}'}\n"
    )
    passes(
        f"pin: {{run: [{RAN % 'a'}, null, {RAN % 'c'}]}}\n"
        "fail: {run: {item: 1, kind: exit.2}}\n"
        "expect: ['nodes.run.errors[0].index == 1']",
        workflow,
    )
    assert "run has 1 pinned items, and item 1 was asked for" in said(
        f"pin: {{run: [{RAN % 'a'}]}}", workflow
    )


def test_a_pinned_node_touches_nothing_of_its_own() -> None:
    """Neither its code nor its secrets nor a grant; its expressions are evaluated [TK8]."""
    workflow = HEAD + (
        "nodes:\n  a: {uses: data.transform, with: {value: 1}}\n"
        "  run:\n    uses: shell.run\n    needs: a\n"
        "    with: {program: /none, stdin: {secret: gone}, args: ['${{ nodes.a.output.x }}']}\n"
    )
    text = said(f"pin: {{run: {RAN % 'a'}}}", workflow)
    assert "run: expression_error" in text
    good = workflow.replace("nodes.a.output.x", "nodes.a.output")
    passes(f"pin: {{run: {RAN % 'a'}}}\nexpect: [nodes.run.output.stdout == 'a']", good)
    assert "not_granted" in said("expect: []", good)


def test_calls_and_loops_can_be_pinned_whole_or_inside() -> None:
    """A loop that is pinned runs no body; a node of its body has the loop's name before it
    [TK8].
    """
    workflow = HEAD + (
        "nodes:\n  again:\n    uses: loop.until\n    with:\n      do:\n"
        "        run: {uses: shell.run, with: {program: x}}\n"
        "        ask: {uses: human.approval, needs: run, with: {message: m}}\n"
        "      until: ${{ previous.ask.approved }}\n      max_iterations: 5\n"
        "outputs: {o: '${{ nodes.again.output }}'}\n"
    )
    passes("pin: {again: {done: true}}\nexpect: [outputs.o.done]", workflow)
    passes(
        f"pin: {{again/run: {RAN % 'a'}}}\napprove: {{again/ask: [false, false, true]}}\n"
        "expect: [outputs.o.ask.approved]",
        workflow,
    )
    assert "nobody answers again/ask" in said(f"pin: {{again/run: {RAN % 'a'}}}", workflow)


def test_a_large_pinned_output_goes_where_large_outputs_go() -> None:
    """Over the inline limit it is a blob, for the node behind it the same value [TK8]."""
    workflow = HEAD + (
        "nodes:\n  run: {uses: shell.run, with: {program: x}}\n"
        "  size: {uses: data.transform, needs: run, with: "
        "{value: '${{ size(nodes.run.output.stdout) }}'}}\n"
    )
    large = "x" * 200_000
    passes(f"pin: {{run: {RAN % large}}}\nexpect: [nodes.size.output == 200000]", workflow)


def test_a_case_that_takes_too_long_fails() -> None:
    """Real time is bounded, whatever hangs [TK18]."""
    workflow = (
        HEAD
        + "nodes: {run: {uses: shell.run, effect: pure, with: {program: sleep, args: [600]}}}\n"
    )
    text = case("timeout: 300ms").replace("cases:", "grants: {programs: [sleep]}\ncases:")
    made = suite(text, workflow, programs=("sleep",))
    verdict = run_case(made, made.cases[0], LIMITS)
    assert verdict.failures == ("it took longer than 0.3 s (`timeout` of the case)",)


def test_limits_are_those_of_the_settings() -> None:
    """What would be refused in a run is refused in its test [TK16]."""
    workflow = (
        HEAD + "nodes: {a: {uses: data.transform, foreach: '${{ [1,2,3] }}', with: {value: 1}}}\n"
    )
    text = said("expect: []", workflow, limits=LimitsSettings(max_foreach_items=2))
    assert "the limit is 2" in text


def test_the_event_loop_of_a_test_may_be_any() -> None:
    """A case can be run inside a running loop too, as recording does [TK16]."""
    from legato.testing.workflow.case import run_outcome

    made = suite(case(FETCHED + SENT + "approve: {ask: true}"))
    outcome = asyncio.run(run_outcome(made, made.cases[0], LIMITS))
    assert (outcome.status, outcome.trouble) == ("completed", ())
    assert isinstance(outcome.outputs, dict)


def test_http_goes_nowhere_even_to_a_server_that_listens() -> None:
    """A server on this machine hears nothing of a test that asks for it [TK10]."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        workflow = HEAD + f"nodes: {{fetch: {{uses: http.request, with: {{url: '{url}'}}}}}}\n"
        assert f"no recorded exchange answers GET {url}" in said("expect: []", workflow)
        with pytest.raises(BlockingIOError):
            server.accept()
