# SPDX-License-Identifier: Apache-2.0
"""Functions that read lines of columns. Rules: EX9, EX18."""

from legato.model.expressions.functions.define import define, fault
from legato.model.expressions.functions.text import lines


@define(
    "rows(text, separator, names) -> list",
    "Reads lines of columns into a list of maps: one per line that is not empty, with the given "
    "names. The last column keeps the rest of its line; missing columns are empty texts.",
    group="text",
    example=(
        r"rows('ann,1\n\nbob,2,x\n', ',', ['who', 'n'])",
        '[{"n":"1","who":"ann"},{"n":"2,x","who":"bob"}]',
    ),
    takes=(("text", "text", "list"),),
)
def rows(text: str, separator: str, names: list[object]) -> list[object]:
    """Read a table."""
    columns = [name for name in names if isinstance(name, str)]
    if not columns or len(columns) != len(names):
        raise fault("rows: the names must be a list of texts, at least one")
    if len(set(columns)) != len(columns):
        raise fault("rows: a name stands twice")
    if not separator:
        raise fault("rows: the separator is empty")
    made: list[object] = []
    for line in lines(text):
        if line:
            cells = line.split(separator, len(columns) - 1)
            cells += [""] * (len(columns) - len(cells))
            made.append(dict(zip(columns, cells, strict=True)))
    return made
