# SPDX-License-Identifier: Apache-2.0
"""Functions over maps. A map has no order: keys are always taken in alphabetical order.

Rules: EX18.
"""

from legato.model.expressions.functions.define import define, fault
from legato.model.expressions.plain import kind_name


def _names(name: str, values: dict[object, object]) -> list[str]:
    for key in values:
        if not isinstance(key, str):
            raise fault(f"{name}: the map has the key {key!r:.40}; keys must be text")
    return sorted(key for key in values if isinstance(key, str))


@define(
    "keys(map) -> list",
    "The keys in alphabetical order.",
    group="maps",
    example=("keys({'b': 1, 'a': 2})", '["a","b"]'),
    takes=(("map",),),
)
def keys(values: dict[object, object]) -> list[str]:
    """Return the keys."""
    return _names("keys", values)


@define(
    "values(map) -> list",
    "The values in the order of their keys.",
    group="maps",
    example=("values({'b': 1, 'a': 2})", "[2,1]"),
    takes=(("map",),),
)
def values_of(values: dict[object, object]) -> list[object]:
    """Return the values."""
    return [values[key] for key in _names("values", values)]


@define(
    "entries(map) -> list",
    "The entries as a list of {key, value} in the order of their keys.",
    group="maps",
    example=(
        "entries({'b': 1, 'a': 2})",
        '[{"key":"a","value":2},{"key":"b","value":1}]',
    ),
    takes=(("map",),),
)
def entries(values: dict[object, object]) -> list[object]:
    """Return the entries."""
    return [{"key": key, "value": values[key]} for key in _names("entries", values)]


@define(
    "from_entries(list) -> map",
    "A map of a list of {key, value} or of pairs; a later key wins.",
    group="maps",
    example=("from_entries([['a', 1], {'key': 'b', 'value': 2}])", '{"a":1,"b":2}'),
    takes=(("list",),),
)
def from_entries(values: list[object]) -> dict[str, object]:
    """Build a map."""
    made: dict[str, object] = {}
    for index, entry in enumerate(values):
        if isinstance(entry, dict) and {"key", "value"} <= entry.keys():
            key, value = entry["key"], entry["value"]
        elif isinstance(entry, list) and len(entry) == 2:
            key, value = entry
        else:
            raise fault(f"from_entries: element {index} is neither {{key, value}} nor a pair")
        if not isinstance(key, str):
            raise fault(f"from_entries: the key of element {index} is {kind_name(key)}, not text")
        made[key] = value
    return made


@define(
    "merge(map, map) -> map",
    "The entries of both maps; where both have a key, the second wins. Inner maps are not merged.",
    group="maps",
    example=("merge({'a': 1, 'b': 1}, {'b': 2})", '{"a":1,"b":2}'),
    takes=(("map", "map"),),
)
def merge(left: dict[object, object], right: dict[object, object]) -> dict[object, object]:
    """Join two maps."""
    return {**left, **right}


def _wanted(name: str, wanted: list[object]) -> set[str]:
    names = {value for value in wanted if isinstance(value, str)}
    if len(names) != len(wanted) and not all(isinstance(value, str) for value in wanted):
        raise fault(f"{name}: the names must be a list of texts")
    return names


@define(
    "pick(map, names) -> map",
    "The entries with these keys; keys that the map does not have are left out.",
    group="maps",
    example=("pick({'a': 1, 'b': 2}, ['a', 'z'])", '{"a":1}'),
    takes=(("map", "list"),),
)
def pick(values: dict[object, object], wanted: list[object]) -> dict[object, object]:
    """Keep some entries."""
    names = _wanted("pick", wanted)
    return {key: value for key, value in values.items() if key in names}


@define(
    "omit(map, names) -> map",
    "The entries without these keys.",
    group="maps",
    example=("omit({'a': 1, 'b': 2}, ['a'])", '{"b":2}'),
    takes=(("map", "list"),),
)
def omit(values: dict[object, object], wanted: list[object]) -> dict[object, object]:
    """Drop some entries."""
    names = _wanted("omit", wanted)
    return {key: value for key, value in values.items() if key not in names}
