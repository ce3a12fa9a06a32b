# SPDX-License-Identifier: Apache-2.0
"""`legato nodes docs`: one Markdown page per node type, written from the type itself.

Rules: CL48.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from legato.cli.invocation import OK, RUN_FAILED, Invocation, command_options, examples

if TYPE_CHECKING:
    from legato.model.node_type import NodeTypeInfo

FOLDER: Final = Path("docs/nodes/reference")


@click.command(
    epilog=examples(
        "legato nodes docs",
        "legato nodes docs --check",
        "legato nodes docs acme.enrich --into docs/nodes",
    )
)
@click.argument("names", nargs=-1, metavar="[NODE]…")
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), default=FOLDER, show_default=True,
    help="Folder for the pages.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a page is not current.")
@command_options
def docs(invocation: Invocation, names: tuple[str, ...], into: Path, check: bool) -> int:
    """Write a page for each node type: of Legato's own, or of those that are named."""
    from legato.app import node_catalogue
    from legato.cli.nodes import known_type

    catalogue = node_catalogue(with_packages=bool(names))
    chosen = {name: known_type(name, catalogue) for name in names} or dict(catalogue)
    pages = pages_of(chosen, with_index=not names)
    stale = stale_pages(into, pages)
    invocation.terminal.json({"folder": str(into), "pages": len(pages), "stale": stale})
    if check:
        invocation.terminal.lines(f"not current: {into / each}" for each in stale)
        return RUN_FAILED if stale else OK
    write_pages(into, pages, stale)
    invocation.terminal.lines(f"wrote {into / each}" for each in stale if each in pages)
    invocation.terminal.lines(f"removed {into / each}" for each in stale if each not in pages)
    invocation.terminal.line(f"{into}: {len(pages)} pages are current")
    return OK


def pages_of(types: Mapping[str, NodeTypeInfo], *, with_index: bool) -> dict[str, str]:
    """Return the text of every page by its file name; with all types comes an index of them."""
    from legato.cli.node_pages import file_of, index_of, page_of

    pages = {file_of(info): page_of(info) for info in types.values()}
    if with_index:
        pages["README.md"] = index_of(types.values())
    return pages


def stale_pages(folder: Path, pages: Mapping[str, str]) -> list[str]:
    """Return the names of pages that are missing, differ, or are of no type any more.

    Only pages that this command wrote can be of no type any more; where there is no index nothing
    is known of them.
    """
    from legato.cli.node_pages import MADE

    stale = [
        name for name, text in pages.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]  # fmt: skip
    if "README.md" in pages and folder.is_dir():
        stale += [
            file.name for file in sorted(folder.glob("*.md"))
            if file.name not in pages and file.read_text(encoding="utf-8").startswith(MADE)
        ]  # fmt: skip
    return stale


def write_pages(folder: Path, pages: Mapping[str, str], stale: list[str]) -> None:
    """Write what is not current and remove what is of no type any more.

    Raises:
        Unavailable: A file cannot be written.
    """
    from legato.errors import Unavailable

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in stale:
            if name in pages:
                (folder / name).write_text(pages[name], encoding="utf-8")
            else:
                (folder / name).unlink()
    except OSError as error:
        raise Unavailable(f"cannot write {error.filename}: {error.strerror}") from None
