# SPDX-License-Identifier: Apache-2.0
"""Packages with node types, as an installer would leave them: modules beside their metadata."""

import shutil
from pathlib import Path


def install(folder: Path, name: str, modules: dict[str, str], value: str) -> str:
    """Write modules and the metadata of a package; return what to put on PYTHONPATH."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in modules.items():
        (folder / file).write_text(text, encoding="utf-8")
    _write_metadata(folder, name, name, value)
    return str(folder)


def install_sources(package: Path, into: Path) -> str:
    """Install a package of `nodes new` without a build: copy its sources, read its entry point."""
    import tomllib

    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shutil.copytree(package / "src", into)
    ((point, value),) = project["entry-points"]["legato.nodes"].items()
    _write_metadata(into, project["name"], point, value)
    return str(into)


def _write_metadata(folder: Path, name: str, point: str, value: str) -> None:
    info = folder / f"{name.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[legato.nodes]\n{point} = {value}\n")
