# SPDX-License-Identifier: Apache-2.0
"""Functions over lists. Rules: EX9, EX18."""

from itertools import chain

from legato.model.expressions.functions.define import define, fault
from legato.model.expressions.functions.order import field_of, identity, order_key


@define(
    "first(list) -> any",
    "The first element, or null if the list is empty.",
    group="lists",
    example=("first(['a', 'b'])", '"a"'),
    takes=(("list",),),
    growth=1,
)
def first(values: list[object]) -> object:
    """Return the first element."""
    return values[0] if values else None


@define(
    "last(list) -> any",
    "The last element, or null if the list is empty.",
    group="lists",
    example=("last(['a', 'b'])", '"b"'),
    takes=(("list",),),
    growth=1,
)
def last(values: list[object]) -> object:
    """Return the last element."""
    return values[-1] if values else None


@define(
    "slice(list, start, end?) -> list",
    "The elements from start up to, not including, end. Negative places count from the end; "
    "places beyond the list are cut off. A text gives its characters.",
    group="lists",
    example=("slice([1, 2, 3, 4], 1, -1)", "[2,3]"),
    takes=(("list|text", "int"), ("list|text", "int", "int")),
)
def part(values: list[object] | str, start: int, end: int | None = None) -> object:
    """Return consecutive elements."""
    return values[start:end]


@define(
    "reverse(list) -> list",
    "The elements from last to first; a text backwards.",
    group="lists",
    example=("reverse([1, 2, 3])", "[3,2,1]"),
    takes=(("list|text",),),
)
def backwards(values: list[object] | str) -> object:
    """Return the elements from last to first."""
    return values[::-1]


@define(
    "index_of(list, value) -> int",
    "The index of the first element equal to the value, or -1.",
    group="lists",
    example=("index_of(['a', 'b'], 'b')", "1"),
    takes=(("list", "any"),),
    growth=0,
)
def index_of(values: list[object], wanted: object) -> int:
    """Find an element."""
    key = identity(wanted)
    return next((index for index, value in enumerate(values) if identity(value) == key), -1)


@define(
    "unique(list) -> list",
    "The elements without repetitions, in the order of their first appearance.",
    group="lists",
    example=("unique(['b', 'a', 'b'])", '["b","a"]'),
    takes=(("list",),),
)
def unique(values: list[object]) -> list[object]:
    """Drop repetitions."""
    found: dict[object, object] = {}
    for value in values:
        found.setdefault(identity(value), value)
    return list(found.values())


def _is_descending(name: str, order: str) -> bool:
    if order not in {"asc", "desc"}:
        raise fault(f"{name}: the order is {order!r:.40}; it must be 'asc' or 'desc'")
    return order == "desc"


@define(
    "sort(list, order?) -> list",
    "The elements in order ('asc', the default, or 'desc'): numbers, texts or booleans of one kind."
    " Texts compare by code point.",
    group="lists",
    example=("sort([3, 1.5, 2])", "[1.5,2,3]"),
    takes=(("list",), ("list", "text")),
)
def ordered(values: list[object], order: str = "asc") -> list[object]:
    """Sort."""
    descending = _is_descending("sort", order)
    return sorted(values, key=order_key("sort", values), reverse=descending)


@define(
    "sort_by(list, field, order?) -> list",
    "The maps of a list, ordered by one field; equal ones keep their order.",
    group="lists",
    example=("sort_by([{'n': 2}, {'n': 1}], 'n')", '[{"n":1},{"n":2}]'),
    takes=(("list", "text"), ("list", "text", "text")),
)
def ordered_by(values: list[object], field: str, order: str = "asc") -> list[object]:
    """Sort maps by a field."""
    descending = _is_descending("sort_by", order)
    keys = [field_of("sort_by", index, value, field) for index, value in enumerate(values)]
    key = order_key("sort_by", keys)
    # Sorting the negated order, not reversing the sorted one: equal elements keep their order.
    places = sorted(range(len(values)), key=lambda at: key(keys[at]), reverse=descending)
    return [values[at] for at in places]


@define(
    "pluck(list, field) -> list",
    "One field of every map of a list: `list.map(x, x.field)` for lists of any length.",
    group="lists",
    example=("pluck([{'id': 1}, {'id': 2}], 'id')", "[1,2]"),
    takes=(("list", "text"),),
)
def pluck(values: list[object], field: str) -> list[object]:
    """Return one field of every element."""
    return [field_of("pluck", index, value, field) for index, value in enumerate(values)]


@define(
    "where(list, field, value) -> list",
    "The maps of a list whose field equals the value: `filter` for lists of any length.",
    group="lists",
    example=("where([{'ok': true}, {'ok': false}], 'ok', true)", '[{"ok":true}]'),
    takes=(("list", "text", "any"),),
)
def where(values: list[object], field: str, wanted: object) -> list[object]:
    """Keep the elements whose field equals a value."""
    key = identity(wanted)
    return [
        value
        for index, value in enumerate(values)
        if identity(field_of("where", index, value, field)) == key
    ]


def _keys_of(name: str, values: list[object], field: str | None) -> list[object]:
    if field is None:
        return values
    return [field_of(name, index, value, field) for index, value in enumerate(values)]


@define(
    "group_by(list, field) -> list",
    "Collects the maps of a list by one field: a list of {key, items}, in the order in which the "
    "keys first appear.",
    group="lists",
    example=(
        "group_by([{'by': 'ann', 'n': 1}, {'by': 'bob', 'n': 2}, {'by': 'ann', 'n': 3}], 'by')"
        ".map(g, g.key + ': ' + string(size(g.items)))",
        '["ann: 2","bob: 1"]',
    ),
    takes=(("list", "text"),),
)
def group_by(values: list[object], field: str) -> list[object]:
    """Collect elements by a field."""
    groups: dict[object, dict[str, object]] = {}
    members: dict[object, list[object]] = {}
    for key, value in zip(_keys_of("group_by", values, field), values, strict=True):
        known = identity(key)
        members.setdefault(known, []).append(value)
        groups.setdefault(known, {"key": key, "items": members[known]})
    return list(groups.values())


@define(
    "count_by(list, field?) -> list",
    "Counts equal elements, or equal fields of maps: a list of {key, count}, the most frequent "
    "first, equal counts in the order in which the keys first appear.",
    group="lists",
    example=("count_by(['a', 'b', 'a'])", '[{"count":2,"key":"a"},{"count":1,"key":"b"}]'),
    takes=(("list",), ("list", "text")),
)
def count_by(values: list[object], field: str | None = None) -> list[object]:
    """Count equal elements."""
    keys: dict[object, object] = {}
    counts: dict[object, int] = {}
    for key in _keys_of("count_by", values, field):
        known = identity(key)
        keys.setdefault(known, key)
        counts[known] = counts.get(known, 0) + 1
    order = sorted(counts, key=lambda known: counts[known], reverse=True)
    return [{"key": keys[known], "count": counts[known]} for known in order]


@define(
    "zip(list, list) -> list",
    "Pairs of the elements at the same index, up to the end of the shorter list.",
    group="lists",
    example=("zip(['a', 'b'], [1, 2, 3])", '[["a",1],["b",2]]'),
    takes=(("list", "list"),),
)
def pairs(left: list[object], right: list[object]) -> list[object]:
    """Pair two lists up."""
    return [[one, other] for one, other in zip(left, right, strict=False)]


@define(
    "flatten(list) -> list",
    "Replaces every element that is a list by its elements, one level deep.",
    group="lists",
    example=("flatten([[1, 2], 3, [[4]]])", "[1,2,3,[4]]"),
    takes=(("list",),),
)
def flatten(values: list[object]) -> list[object]:
    """Remove one level of lists."""
    return list(chain.from_iterable(v if isinstance(v, list) else (v,) for v in values))


@define(
    "chunk(list, size) -> list",
    "Cuts a list into lists of at most `size` elements.",
    group="lists",
    example=("chunk([1, 2, 3], 2)", "[[1,2],[3]]"),
    takes=(("list", "int"),),
)
def chunk(values: list[object], size: int) -> list[object]:
    """Cut a list into parts."""
    if size < 1:
        raise fault(f"chunk: the size is {size}; it must be 1 or more")
    return [values[at : at + size] for at in range(0, len(values), size)]
