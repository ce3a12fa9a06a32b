# SPDX-License-Identifier: Apache-2.0
"""What `legato up` starts, and what it says once it is ready."""

import asyncio
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from legato.cli import upkeep
from legato.cli.plan import Plan, Practice, decode_plan
from legato.supervisor.output import Output

PLAN = Plan(
    home="/home/ada/.legato", host="127.0.0.1", listening=5, lock=3,
    practice=Practice(descriptor=6, port=8421, delay_factor=1.0), has_sample=True,
    as_json=False, opens=True,
)  # fmt: skip
URL = "http://127.0.0.1:8420"
SCREEN = {"DISPLAY": ":0", "HOME": "/nowhere"}


def _said(plan: Plan, env: dict[str, str], *announcements: dict[str, Any]) -> tuple[str, str]:
    """Return what goes to stdout and stderr for announcements of the server's processes."""
    out, err = io.StringIO(), io.StringIO()

    async def say() -> None:
        with Output(err) as output, Output(out) as answers:
            keeper = upkeep._Upkeep(plan, env, output, answers)
            for number, said in enumerate(announcements):
                keeper._say({"url": URL, **said}, is_first=number == 0)

    asyncio.run(say())
    return out.getvalue(), err.getvalue()


def test_the_plan_arrives_as_it_was_made() -> None:
    """With a practice service and without [UP1]."""
    for plan in (PLAN, replace(PLAN, practice=None)):
        assert decode_plan(plan.encode()) == plan


def test_the_practice_service_is_started_first_and_the_server_alone_may_crash() -> None:
    """Each gets its own socket; where there is no port there is no service [UP1, UP10]."""
    practice, server = upkeep.specs_of(PLAN, {})
    assert (practice.name, practice.descriptors, practice.is_essential) == ("practice", (6,), False)
    assert (server.name, server.descriptors, server.is_essential) == ("server", (5,), True)
    assert (practice.may_ask_for_crash, server.may_ask_for_crash) == (False, True)
    (alone,) = upkeep.specs_of(replace(PLAN, practice=None), {})
    assert alone.name == "server"


def test_who_is_set_up_is_sent_to_the_plain_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a file; after a crash nothing is opened again [UP7, UP8]."""
    asked: list[str] = []
    monkeypatch.setattr(upkeep, "open_page", lambda url, env: asked.append(url))
    plan = replace(PLAN, home=str(tmp_path))
    out, err = _said(plan, SCREEN, {"setup_url": None}, {"setup_url": None})
    assert asked == [URL]
    assert out == f"Legato is running at {URL} · data in {tmp_path}\n"
    assert (err, list(tmp_path.iterdir())) == ("", [])


@pytest.mark.parametrize(
    ("plan", "env"), [(PLAN, {"HOME": "/nowhere"}), (replace(PLAN, opens=False), SCREEN)]
)
def test_where_nothing_is_opened_the_link_is_shown(plan: Plan, env: dict[str, str]) -> None:
    """And the newer one after a crash [UP8, UP18]."""
    link = f"{URL}/setup#token=abc"
    out, _ = _said(plan, env, {"setup_url": link}, {"setup_url": f"{link}2"})
    assert out.splitlines() == [
        f"Legato is running at {URL} · data in {PLAN.home}",
        f"Open this link, good once and for an hour: {link}",
        f"The link before is void; this one is good once, for an hour: {link}2",
    ]


def test_a_program_gets_one_line_whatever_comes_after() -> None:
    """What is for a person goes to stderr [UP7, UP18]."""
    link = f"{URL}/setup#token=abc"
    plan = replace(PLAN, as_json=True, opens=False)
    out, err = _said(plan, SCREEN, {"setup_url": link, "pid": 7}, {"setup_url": f"{link}2"})
    assert out == f'{{"event":"ready","url":"{URL}","setup_url":"{link}"}}\n'
    assert err.startswith("[legato] The link before is void")
    assert err.endswith(f"{link}2\n")
