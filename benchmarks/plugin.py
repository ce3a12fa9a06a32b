# SPDX-License-Identifier: Apache-2.0
"""Makes `benchmarks.node_types` a plugin that Legato finds as it finds any other: by entry points.

A distribution of one metadata folder is written and put on the import path of this process and of
the helper processes that it starts.
"""

import importlib
import os
import sys
from pathlib import Path
from typing import Final

METADATA: Final = "Metadata-Version: 2.1\nName: legato-bench-nodes\nVersion: 1\n"
ENTRY_POINTS: Final = "[legato.nodes]\nbench = benchmarks.node_types:bench_node_types\n"


def install(folder: Path) -> None:
    """Write the distribution below `folder` and make it importable here and in children."""
    place = folder / "plugin"
    metadata = place / "legato_bench_nodes-1.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text(METADATA)
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    if str(place) not in sys.path:
        sys.path.append(str(place))
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join([before, str(place)] if before else [str(place)])
    importlib.invalidate_caches()
