# SPDX-License-Identifier: Apache-2.0
"""Licences: every program says its own."""

from pathlib import Path

from tests.tidy import places

LINE = "# SPDX-License-Identifier: Apache-2.0"


def _programs() -> list[Path]:
    return [
        path
        for path in places.files()
        if path.suffix in {".py", ".sh"} or path.parts[0] in places.SCRIPTS
    ]


def test_every_program_begins_with_its_licence() -> None:
    """The first line, after a `#!` line if there is one, names the licence."""
    without = []
    for path in _programs():
        lines = places.text(path).splitlines()
        if lines and lines[0].startswith("#!"):
            lines = lines[1:]
        if not lines or lines[0] != LINE:
            without.append(str(path))
    assert without == []


def test_the_licence_is_shipped_whole() -> None:
    """LICENSE holds the full text and pyproject.toml names it."""
    text = places.text(Path("LICENSE"))
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert 'license = "Apache-2.0"' in places.text(Path("pyproject.toml"))
