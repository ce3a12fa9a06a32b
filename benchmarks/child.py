# SPDX-License-Identifier: Apache-2.0
"""The process of one measurement: reads its task, measures, writes its answer.

python -m benchmarks.child TASK.json
"""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

KINDS: Final = {
    "raw": "benchmarks.raw_limits:measure",
    "workload": "benchmarks.workloads:measure",
    "scale": "benchmarks.scale:measure",
    "idle": "benchmarks.idle:measure",
    "adoption": "benchmarks.adoption:measure",
    "adoption-victim": "benchmarks.adoption:be_victim",
    "adoption-heir": "benchmarks.adoption:be_heir",
    "command": "benchmarks.command_line:measure",
    "node-http": "benchmarks.node_http:measure",
    "node-sql": "benchmarks.node_sql:measure",
    "node-shell": "benchmarks.node_shell:measure",
    "node-code": "benchmarks.node_code:measure",
    "node-transform": "benchmarks.node_transform:measure",
    "dbos": "benchmarks.peers.dbos_peer:measure",
    "celery": "benchmarks.peers.celery_peer:measure",
}
"""What can be measured: the function that does it. It takes the task and returns figures."""


def main() -> int:
    """Do the task and return the exit code."""
    task: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    module, _, name = KINDS[task["kind"]].partition(":")
    work: Callable[[dict[str, Any]], dict[str, Any]] = getattr(import_module(module), name)
    answer = Path(task["answer"])
    part = answer.with_suffix(".part")
    part.write_text(json.dumps(work(task)))
    part.rename(answer)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
