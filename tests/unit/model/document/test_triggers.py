# SPDX-License-Identifier: Apache-2.0
"""Triggers, overlap and notices of a document."""

import pytest

from legato.model.triggers import CronConfig, Trigger, WebhookConfig, triggers_of
from legato.model.workflow import Notify, OverlapRule
from tests.unit.model.document.types import check, good, nodes

TWO = "inputs: {who: string, n: {type: integer, default: 1}}\n"


def found(head: str) -> list[str]:
    return check(nodes("  a: {uses: delay}\n", head))


@pytest.mark.parametrize(
    ("head", "lines"),
    [
        (
            "triggers: [{uses: schedule.corn}, {uses: webhook, id: A}, {uses: webhook, whith: "
            "{}}]\n",
            [
                "3:19: triggers[0].uses: uses is not known (expected one of schedule.cron, "
                "webhook, "
                "got 'schedule.corn'; did you mean schedule.cron?)",
                "3:55: triggers[1].id: this is no id of a trigger (expected a name like "
                "^[a-z][a-z0-9_-]{0,62}$, got 'A')",
                "3:75: triggers[2].whith: unknown key 'whith' (did you mean with?)",
            ],
        ),
        (
            "triggers: [{uses: schedule.cron}]\n",
            [
                "3:12: triggers[0]: expression is missing (expected five fields such as "
                '"0 9 * * MON")'
            ],
        ),
        (
            "triggers: [{uses: schedule.cron, with: {expression: 61 * * * *, timezone: Berlin, "
            "missed: never, when: 1}}]\n",
            [
                "3:53: triggers[0].with.expression: it is no cron expression: bad minute (expected "
                "minute hour day month weekday, as \"0 9 * * MON\", got '61 * * * *')",
                "3:75: triggers[0].with.timezone: it is no time zone; expected a name like "
                "Europe/Berlin (expected a name of the IANA database, got 'Berlin')",
                "3:91: triggers[0].with.missed: missed is not known (expected one of skip, "
                "run_once, "
                "run_all, got 'never')",
                "3:98: triggers[0].with.when: unknown key 'when' (expected one of expression, "
                "timezone, missed, inputs)",
            ],
        ),
        (
            "triggers: [{uses: webhook, with: {respond: soon, headers: [x-a, a b, Cookie], n: "
            "1}}]\n",
            [
                "3:44: triggers[0].with.respond: respond is not known (expected one of ack, "
                "result, "
                "got 'soon')",
                "3:65: triggers[0].with.headers[1]: this is no name of a header (expected a name "
                "such as x-event)",
                "3:70: triggers[0].with.headers[2]: cookie lets somebody in and is never kept "
                "(expected another header)",
                "3:79: triggers[0].with.n: unknown key 'n' (expected one of respond, headers, "
                "inputs)",
            ],
        ),
        (
            "triggers: [{uses: webhook, id: a}, {uses: webhook, id: a}]\n",
            ["3:56: triggers[1].id: two triggers have the id 'a' (expected another id)"],
        ),
        (
            TWO + "triggers: [{uses: webhook}, {uses: webhook, with: {inputs: {who: 5, m: 1}}}]\n",
            [
                "4:12: triggers[0]: who: this input is missing",
                '4:66: triggers[1].with.inputs.who: who: 5 is not of type "string"',
                "4:72: triggers[1].with.inputs.m: m: there is no such input (expected one of "
                "who, n)",
            ],
        ),
        (
            TWO + 'triggers: [{uses: webhook, with: {inputs: {who: "${{ trigger.by }}"}}}]\n',
            [
                "4:43: triggers[0].with.inputs: the inputs of a trigger hold an expression "
                "(expected "
                "values that are written out; nodes read `trigger`)"
            ],
        ),
        (
            "overlap: {policy: kill, max: 0, and: 1}\n",
            [
                "3:19: overlap.policy: policy is not known (expected one of allow, skip, queue, "
                "got "
                "'kill')",
                "3:30: overlap.max: max is out of bounds (expected an integer from 1 to 10000, "
                "got 0)",
                "3:33: overlap.and: unknown key 'and' (expected one of policy, max)",
            ],
        ),
        (
            "notify: {url: ftp://x, on: [success]}\n",
            [
                "3:15: notify.url: this is no address (expected https://HOST/PATH, written out)",
                "3:28: notify.on: these are no notices (expected a list of failed, "
                "needs_attention, "
                "missed, got a list)",
            ],
        ),
    ],
)
def test_problems_of_triggers(head: str, lines: list[str]) -> None:
    """Each problem of a trigger stands at its place, and all are told at once [TR7]."""
    assert found(head) == lines


def test_triggers_are_read_with_their_defaults() -> None:
    """An id that is missing is made of the kind and a number that is free [TR8]."""
    head = (
        "triggers: [{uses: webhook}, {uses: webhook, id: webhook2}, "
        '{uses: schedule.cron, with: {expression: "0 9 * * *"}}, {uses: webhook}]\n'
    )
    workflow = good(nodes("  a: {uses: delay}\n", head))
    hook = WebhookConfig()
    assert triggers_of(workflow) == (
        Trigger(id="webhook1", kind="webhook", config=hook),
        Trigger(id="webhook2", kind="webhook", config=hook),
        Trigger(id="cron1", kind="schedule.cron", config=CronConfig(expression="0 9 * * *")),
        Trigger(id="webhook3", kind="webhook", config=hook),
    )


def test_overlap_and_notices_are_read() -> None:
    """Without a word starts overlap, and the workspace says who is told [TR9]."""
    plain = good(nodes("  a: {uses: delay}\n"))
    assert (plain.overlap, plain.notify) == (OverlapRule(), Notify())
    head = "overlap: {policy: queue, max: 3}\nnotify: {on: [], url: https://a.example/x?y=1}\n"
    workflow = good(nodes("  a: {uses: delay}\n", head))
    assert workflow.overlap == OverlapRule(policy="queue", max=3)
    assert workflow.notify == Notify(url="https://a.example/x?y=1", on=())
