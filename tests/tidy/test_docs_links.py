# SPDX-License-Identifier: Apache-2.0
"""Documents: what they point at exists."""

import re
from pathlib import Path
from typing import Final

from tests.tidy import places

LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING: Final = re.compile(r"^#{1,6} +(.+?) *#*$", re.M)
NAMED_PATH: Final = re.compile(r"`((?:src|tests|script|docs|examples|benchmarks|\.ci)/[\w./-]*)`")


def _documents() -> list[Path]:
    return [path for path in places.files() if path.suffix == ".md"]


def _anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as code hosts make them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(places.text(path))
    }


def test_relative_links_resolve() -> None:
    """A relative link leads to a file, and its anchor to a heading there."""
    broken = []
    for document in _documents():
        for target in LINK.findall(places.text(document)):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            file = (places.ROOT / document.parent / name).resolve() if name else None
            if file is not None and not file.exists():
                broken.append(f"{document}: {target}")
            elif anchor:
                at = file.relative_to(places.ROOT) if file else document
                if at.suffix == ".md" and anchor not in _anchors(at):
                    broken.append(f"{document}: {target} has no such heading")
    assert broken == []


def test_paths_that_documents_name_exist() -> None:
    """A path in code marks that begins with a folder of the project exists."""
    missing = [
        f"{document}: {name}"
        for document in _documents()
        for name in NAMED_PATH.findall(places.text(document))
        if not (places.ROOT / name).exists()
    ]
    assert missing == []
