# SPDX-License-Identifier: Apache-2.0
"""The page of the command line and the program have the same commands."""

import re
from collections.abc import Iterator

import click

from legato.cli.main import legato
from tests.tidy.places import ROOT

PAGE = "docs/cli.md"


def commands(group: click.Group, path: str) -> Iterator[str]:
    """Yield every command below a group, with its path."""
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}"


def documented(text: str) -> Iterator[str]:
    """Yield the commands that the tables of the page name; `a|b` are two."""
    for line in re.findall(r"^\| `(legato [^`]+)`", text, re.M):
        words = line.replace("\\|", "|").split()
        last = next((at for at, word in enumerate(words) if not re.match(r"[a-z|-]+$", word)), None)
        *path, names = words[:last]
        yield from (" ".join((*path, name)) for name in names.split("|"))


def test_every_command_is_on_the_page() -> None:
    """None is missing there, and none is made up."""
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    known = set(commands(legato, "legato"))
    named = set(documented(text))
    assert sorted(known - named - {"legato completion"}) == []
    assert sorted(named - known) == []
    assert "legato completion" in text
