# SPDX-License-Identifier: Apache-2.0
"""Logs of every release still fold to what they meant; what nobody knows is refused."""

from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

import legato
from legato.engine.evolve import fold
from legato.engine.state import ExecutionState
from legato.engine.upcast import read_event
from legato.errors import Conflict
from legato.model import events as ev
from legato.model.graph import Graph
from legato.model.workflow import Workflow, decode_workflow, version_hash
from tests.history.record import HERE, told
from tests.support.build import EXECUTION_ID

RELEASES = sorted(path.name for path in HERE.iterdir() if path.name[0].isdigit())
HISTORIES = sorted(path.parent for path in HERE.glob("[0-9]*/*/events.jsonl"))
REFUSED = sorted(path.parent for path in HERE.glob("refused/*/events.jsonl"))


def _name(folder: Path) -> str:
    return "/".join(folder.parts[-2:])


def _workflow(folder: Path) -> Workflow:
    return decode_workflow((folder / "workflow.json").read_bytes())


def _rows(folder: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (folder / "events.jsonl").read_bytes().splitlines()]


def _history(folder: Path) -> list[ev.Recorded]:
    """Read a log as the engine does: each body through `read_event`."""
    return [
        ev.Recorded(seq, row["at"], read_event(orjson.dumps(row["body"])))
        for seq, row in enumerate(_rows(folder), start=1)
    ]


@pytest.mark.parametrize("folder", HISTORIES, ids=_name)
def test_a_golden_history_folds_to_what_it_meant(folder: Path) -> None:
    """The same view, outputs and wake-up time as when it was recorded [LG29, EN3]."""
    state = fold(ExecutionState(EXECUTION_ID, Graph(_workflow(folder))), _history(folder))
    assert told(state) == orjson.loads((folder / "state.json").read_bytes())


@pytest.mark.parametrize("folder", HISTORIES, ids=_name)
def test_the_workflow_beside_a_history_is_the_pinned_one(folder: Path) -> None:
    """Its hash is that of the first event: versions keep their names [LG20, DO23]."""
    first = _history(folder)[0].event
    assert isinstance(first, ev.ExecutionStarted)
    assert version_hash(_workflow(folder)) == first.version


@pytest.mark.parametrize("release", RELEASES)
def test_the_histories_of_a_release_show_every_event_type_it_had(release: str) -> None:
    """Nothing of the log is left without a witness [LG29]."""
    shown = {
        row["body"]["type"] for folder in HISTORIES if folder.parent.name == release
        for row in _rows(folder)
    }  # fmt: skip
    if release == legato.__version__:
        assert shown == {each.__name__ for each in get_args(ev.AnyEvent)}
    assert len(shown) >= 28


def test_there_is_a_history_of_this_release() -> None:
    """A release is not made without its witnesses [LG29]."""
    assert legato.__version__ in RELEASES


@pytest.mark.parametrize("folder", REFUSED, ids=_name)
def test_a_history_with_something_unknown_is_refused(folder: Path) -> None:
    """The error names what it is and says what to do; nothing is guessed [LG19]."""
    with pytest.raises(Conflict, match="cannot be read") as caught:
        _history(folder)
    assert "use that version" in str(caught.value)


def test_what_must_be_refused_is_there() -> None:
    """An unknown event, and a known one of an unknown version [LG19]."""
    assert [folder.name for folder in REFUSED] == ["unknown-event", "unknown-version"]
