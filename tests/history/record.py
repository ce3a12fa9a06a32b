# SPDX-License-Identifier: Apache-2.0
"""Record the histories of a release: `python -m tests.history.record 0.2.0`.

Run once per release, before it is tagged; what lies there already is never written again.
"""

import sys
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from legato.engine.state import ExecutionState
from legato.engine.view import snapshot
from legato.model.events import encode_event
from legato.model.values import load
from legato.model.workflow import encode_workflow
from tests.history.scenarios import SCENARIOS
from tests.support.drive import Drive

HERE: Final = Path(__file__).parent


def told(state: ExecutionState) -> dict[str, Any]:
    """Return what a history must fold to: the view, the outputs, when it wakes."""
    return {
        "snapshot": orjson.loads(msgspec.json.encode(snapshot(state, epoch=1))),
        "outputs": {
            node.id: load(each.output.json)
            for node, each in zip(state.graph.nodes, state.nodes, strict=True)
        },
        "result": load(state.outputs.json),
        "wake_at": state.wake_at(),
        "rejections": state.rejections,
    }


def write(folder: Path, drive: Drive) -> None:
    """Write one history: workflow, events (one row a line), what they fold to."""
    folder.mkdir(parents=True)
    (folder / "workflow.json").write_bytes(encode_workflow(drive.workflow) + b"\n")
    rows = (b'{"at":%d,"body":%s}\n' % (row.at, encode_event(row.event)) for row in drive.log)
    (folder / "events.jsonl").write_bytes(b"".join(rows))
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    (folder / "state.json").write_bytes(orjson.dumps(told(drive.folded()), option=options))


def main(release: str) -> None:
    """Record every scenario for a release."""
    for name, run in SCENARIOS.items():
        write(HERE / release / name, run())
        print(f"{release}/{name}")


if __name__ == "__main__":
    main(sys.argv[1])
