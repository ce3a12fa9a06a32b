# SPDX-License-Identifier: Apache-2.0
"""How much work a JSON Schema can make: a small one can take longer than the sun lasts.

Twenty definitions of which each says twice `anyOf` the next are a million checks of one value, and
forty never end; a schema that asks twice for itself one level down doubles with each level of the
value. Whoever checks values on a loop that others wait for asks here first. Pure.

Rules: DO27, ND72, ND74.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from legato.errors import InvalidInput
from legato.model.values import JSON_DEPTH_MAX

FORM_COST_MAX: Final = 1_000
"""Schemas that one value of an answer to a form can meet: enough for some hundred fields."""
INPUTS_COST_MAX: Final = 10_000
"""The same of inputs, which may be trees: one definition that leads back to itself counts 64."""
_STEPS_MAX: Final = 500_000
"""Steps of the count itself; a schema in a document of ordinary size needs some thousand."""
_NESTING_MAX: Final = 200
"""Schemas in schemas, references included."""

_HERE: Final = ("not", "if", "then", "else", "$ref", "$dynamicRef")
_HERE_LISTS: Final = ("allOf", "anyOf", "oneOf")
_HERE_MAPS: Final = ("dependentSchemas", "dependencies")
_ELEMENTS: Final = ("items", "prefixItems", "contains", "unevaluatedItems", "additionalItems")
_OTHERS: Final = ("additionalProperties", "unevaluatedProperties")

Schema = Mapping[str, Any]


class Slot(NamedTuple):
    """Where a schema goes on: `named`, by `pattern`, `beside` the names, a `name`, an `element`."""

    kind: str
    name: str = ""
    names: frozenset[str] = frozenset()


def schema_cost(schema: Schema, most: int, *, may_recur: bool = False) -> int:
    """Return how many schemas one value can meet, references followed.

    Args:
        schema: A valid schema whose references lead into itself.
        most: Counting ends here.
        may_recur: A schema may lead back to itself below a value, once at each place: it then
            counts for every level that a value can have.

    Raises:
        InvalidInput: More than `most`, or a reference that leads back to where it came from.
    """
    return _Counter(schema, most, may_recur=may_recur).cost(schema)


def value_size(value: object) -> int:
    """Return how many values a value holds, itself included; its depth is bounded by the reader."""
    if isinstance(value, dict):
        return 1 + sum(value_size(inner) for inner in value.values())
    if isinstance(value, list):
        return 1 + sum(value_size(inner) for inner in value)
    return 1


@dataclass(slots=True)
class _Spread:
    """What a schema asks of a value, all that it says in place included."""

    count: int = 1
    """Schemas that the value itself meets."""
    below: dict[Slot, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    """How often which schema meets what is below, by place; schemas by `id`."""


@dataclass(slots=True)
class _Found:
    """A schema while Tarjan's algorithm looks for circles (doi:10.1137/0201010)."""

    number: int
    lowest: int
    is_open: bool = True


class _Counter:
    def __init__(self, root: Schema, most: int, *, may_recur: bool) -> None:
        self._root = root
        self._most = most
        self._may_recur = may_recur
        self._steps = 0
        self._schemas: dict[int, Schema] = {}
        self._spreads: dict[int, _Spread | None] = {}
        self._reference: dict[int, str] = {}
        self._found: dict[int, _Found] = {}
        self._open: list[int] = []
        self._costs: dict[int, int] = {}

    def cost(self, schema: Schema) -> int:
        """Return the cost of a schema."""
        self._look(self._known(schema), 0)
        return self._costs[id(schema)]

    # --- what a schema asks of a value, and of what is below -----------------------------------

    def _spread(self, key: int, nesting: int) -> _Spread:
        if key in self._spreads:
            spread = self._spreads[key]
            if spread is None:
                raise InvalidInput(f"the reference {self._name(key)} leads back to itself")
            return spread
        if nesting > _NESTING_MAX:
            raise InvalidInput(f"it is nested too deeply: more than {_NESTING_MAX} schemas")
        self._spreads[key] = None
        schema, spread = self._schemas[key], _Spread()
        for inner in self._in_place(schema):
            found = self._spread(self._known(inner), nesting + 1)
            spread.count += found.count
            for slot, targets in found.below.items():
                self._add(spread, slot, targets)
        for slot, inner in _below(schema):
            self._add(spread, slot, {self._known(inner): 1})
        self._too_much(spread.count)
        self._spreads[key] = spread
        return spread

    def _add(self, spread: _Spread, slot: Slot, targets: Mapping[int, int]) -> None:
        self._steps += 1 + len(targets)
        self._too_much(0 if self._steps <= _STEPS_MAX else self._most + 1)
        counts = spread.below[slot]
        for target, times in targets.items():
            counts[target] = counts.get(target, 0) + times
            self._too_much(counts[target])

    def _in_place(self, schema: Schema) -> Iterator[Schema]:
        for keyword in _HERE:
            inner = schema.get(keyword)
            if keyword in {"$ref", "$dynamicRef"} and isinstance(inner, str):
                reference, inner = inner, self._resolved(inner)
                self._reference.setdefault(id(inner), reference)
            if isinstance(inner, Mapping):
                yield inner
        for keyword in _HERE_LISTS:
            yield from _schemas_of(schema.get(keyword))
        for keyword in _HERE_MAPS:
            inner = schema.get(keyword)
            yield from _schemas_of(list(inner.values()) if isinstance(inner, Mapping) else None)

    def _resolved(self, reference: str) -> object:
        if "%" in reference:
            raise InvalidInput(f"the reference {reference} has a %; write it plain")
        found: object = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list):
                found = found[int(name)] if name.isdigit() and int(name) < len(found) else None
            else:
                found = found.get(name) if isinstance(found, Mapping) else None
        return found

    # --- circles, and the sum ---------------------------------------------------------------

    def _look(self, key: int, nesting: int) -> _Found:
        """Visit a schema and all below it; a whole circle is summed up when it is left."""
        if nesting > _NESTING_MAX:
            raise InvalidInput(f"it is nested too deeply: more than {_NESTING_MAX} schemas")
        found = self._found[key] = _Found(len(self._found), len(self._found))
        self._open.append(key)
        for targets in self._spread(key, nesting).below.values():
            for target in targets:
                seen = self._found.get(target)
                if seen is None:
                    seen = self._look(target, nesting + 1)
                if seen.is_open:
                    found.lowest = min(found.lowest, seen.lowest)
        if found.lowest == found.number:
            start = self._open.index(key)
            circle, self._open[start:] = self._open[start:], []
            for member in circle:
                self._found[member].is_open = False
            self._sum(circle)
        return found

    def _sum(self, circle: list[int]) -> None:
        inside = frozenset(circle)
        spreads = [self._spread(key, 0) for key in circle]
        leads_back = [_times_back(spread, inside) for spread in spreads]
        total = sum(
            spread.count
            + sum(
                times * self._costs[target]
                for targets in spread.below.values()
                for target, times in targets.items()
                if target not in inside
            )
            for spread in spreads
        )
        if any(leads_back):
            if not self._may_recur:
                raise InvalidInput(f"the reference {self._name(*circle)} leads back to itself")
            if max(leads_back) > 1:
                raise InvalidInput(
                    f"the reference {self._name(*circle)} leads back to itself in two ways at one "
                    "place, which doubles the work with each level of a value"
                )
            total *= JSON_DEPTH_MAX
        self._too_much(total)
        for key in circle:
            self._costs[key] = total

    def _known(self, schema: Schema) -> int:
        self._schemas[id(schema)] = schema
        return id(schema)

    def _name(self, *keys: int) -> str:
        return next((self._reference[key] for key in keys if key in self._reference), "#")

    def _too_much(self, count: int) -> None:
        if count > self._most:
            raise InvalidInput(f"it is too much to check: more than {self._most} schemas")


def _schemas_of(values: object) -> Iterator[Schema]:
    """Yield the schemas of a list; `true` and `false` cost nothing."""
    for inner in values if isinstance(values, list) else [values]:
        if isinstance(inner, Mapping):
            yield inner


def _below(schema: Schema) -> Iterator[tuple[Slot, Schema]]:
    """Yield what a schema asks of properties and elements, by place."""
    properties = schema.get("properties")
    names = frozenset(properties) if isinstance(properties, Mapping) else frozenset()
    for name, inner in properties.items() if isinstance(properties, Mapping) else ():
        if isinstance(inner, Mapping):
            yield Slot("named", name), inner
    patterns = schema.get("patternProperties")
    for inner in _schemas_of(list(patterns.values()) if isinstance(patterns, Mapping) else None):
        yield Slot("pattern"), inner
    for keyword in _OTHERS:
        for inner in _schemas_of(schema.get(keyword)):
            yield Slot("beside", names=names), inner
    for inner in _schemas_of(schema.get("propertyNames")):
        yield Slot("name"), inner
    for keyword in _ELEMENTS:
        for inner in _schemas_of(schema.get(keyword)):
            yield Slot("element"), inner


def _times_back(spread: _Spread, inside: frozenset[int]) -> int:
    """Return how often one value below can meet a schema of the circle, at the worst place."""
    back = {
        slot: sum(times for target, times in targets.items() if target in inside)
        for slot, targets in spread.below.items()
    }
    patterns = back.get(Slot("pattern"), 0)
    beside = [(slot.names, times) for slot, times in back.items() if slot.kind == "beside"]
    named = [
        times + patterns + sum(more for names, more in beside if slot.name not in names)
        for slot, times in back.items()
        if slot.kind == "named"
    ]
    others = patterns + sum(times for _, times in beside)
    single = [times for slot, times in back.items() if slot.kind in {"name", "element"}]
    return max([*named, others, *single], default=0)
