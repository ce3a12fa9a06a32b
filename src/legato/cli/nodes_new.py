# SPDX-License-Identifier: Apache-2.0
"""`legato nodes new`: a package with one node of one's own, whose test passes at once.

Rules: CL40, CL41, CL42.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import click

from legato.cli import nodes_template as template
from legato.cli.invocation import OK, Invocation, command_options, examples
from legato.errors import Conflict, InvalidInput, Unavailable

_PART: Final = re.compile(r"[a-z][a-z0-9_]{0,30}")
RESERVED: Final = frozenset({"legato", "nodes", "test", "tests"})
"""Groups that nobody has yet and that would lead to a misunderstanding."""


@click.command(
    epilog=examples(
        "legato nodes new acme.enrich",
        "legato nodes new acme.enrich --into packages/acme --class",
    )
)
@click.argument("name", metavar="GROUP.VERB")
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), help="Folder; default GROUP-legato."
)
@click.option(
    "--class/--function", "as_class", default=False,
    help="Write the node as a class with a method, or as a function (the default).",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
@command_options
def new(invocation: Invocation, name: str, into: Path | None, as_class: bool, force: bool) -> int:
    """Make a package with a node of your own, a test and its page."""
    from legato.app import node_catalogue

    group, verb = split_name(name, node_catalogue(with_packages=False))
    folder = into or Path(f"{group.replace('_', '-')}-legato")
    files = files_of(group, verb, as_class=as_class)
    _write(folder, files, force=force)
    invocation.terminal.json(
        {"uses": name, "folder": str(folder), "files": [str(folder / each) for each in files]}
    )
    terminal = invocation.terminal
    terminal.lines(f"made {folder / each}" for each in files)
    terminal.line("next:")
    terminal.line(f"  cd {folder}")
    terminal.line("  pip install -e '.[test]' && pytest")
    terminal.line(f"  legato nodes show {name}")
    return OK


def split_name(name: str, taken: Iterable[str]) -> tuple[str, str]:
    """Return group and verb of a new node type.

    Args:
        name: What a person wrote.
        taken: The built-in node types, whose groups are reserved.

    Raises:
        InvalidInput: It is no such name, or the group is not free; says the nearest that is.
    """
    own = {each.partition(".")[0] for each in taken} | RESERVED
    group, dot, verb = name.partition(".")
    parts = (group, verb)
    if not dot or not all(_PART.fullmatch(part) for part in parts):
        raise InvalidInput(
            f"{name!r:.80} is no name of a node type: expected GROUP.VERB, each of small letters, "
            "digits and underscores",
            hint=f"Did you mean {_nearest(name, own)}?",
        )
    if group in own:
        raise InvalidInput(
            f"the group {group} is Legato's own",
            hint=f"Take one of yours, for example {_nearest(name, own)}.",
        )
    for part in parts:
        if keyword.iskeyword(part):
            raise InvalidInput(
                f"{part} is a word of Python and cannot name a module",
                hint=f"Did you mean {_nearest(name, own)}?",
            )
    return group, verb


def _nearest(name: str, own: Iterable[str]) -> str:
    """Return a name that would do."""
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    words = [word if word[0].isalpha() else f"n{word}" for word in words] or ["acme", "enrich"]
    group, rest = (words[0], words[1:]) if len(words) > 1 else ("acme", words)
    if group in set(own) or keyword.iskeyword(group):
        group = f"my_{group}"
    verb = "_".join(rest)[:31]
    return f"{group[:31]}.{f'{verb}_it' if keyword.iskeyword(verb) else verb}"


def files_of(group: str, verb: str, *, as_class: bool) -> dict[str, str]:
    """Return the text of every file of the package by its path in it."""
    module = f"{group}_legato"
    names = {
        "GROUP": group,
        "VERB": verb,
        "CLASS": "".join(part.capitalize() for part in verb.split("_")),
        "TITLE": verb.replace("_", " ").capitalize(),
        "DIST": module.replace("_", "-"),
        "MODULE": module,
    }
    texts = {
        "pyproject.toml": template.PYPROJECT,
        "README.md": template.README,
        f"src/{module}/__init__.py": template.INIT,
        f"src/{module}/{verb}.py": template.CLASS if as_class else template.FUNCTION,
        f"tests/test_{verb}.py": template.TEST,
    }
    return {path: _filled(text, names) for path, text in texts.items()}


def _filled(text: str, names: Mapping[str, str]) -> str:
    return re.sub(r"@([A-Z]+)@", lambda match: names[match[1]], text)


def _write(folder: Path, files: Mapping[str, str], *, force: bool) -> None:
    """Write all files, or none if one is there.

    Raises:
        Conflict: A file is there and may not be overwritten.
        Unavailable: A file cannot be written.
    """
    there = [str(folder / each) for each in files if (folder / each).exists()]
    if there and not force:
        raise Conflict(
            f"{', '.join(there)}: there already, nothing was written",
            hint="Choose another folder with --into, or overwrite with --force.",
        )
    try:
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"cannot write {error.filename}: {error.strerror}") from None
