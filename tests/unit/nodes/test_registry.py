# SPDX-License-Identifier: Apache-2.0
"""Node types of Legato and of installed packages."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from pydantic import ValidationError

from legato.errors import Internal, InvalidInput
from legato.nodes import registry
from legato.ports.node import NodeType
from legato.runtime.attempt.config import ConfigReader
from tests.unit.nodes import samples

WITH_PROBLEM: Any = "tests.unit.nodes.test_registry"


def several() -> list[NodeType]:
    return [samples.typed, samples.talk]


def named() -> dict[str, NodeType]:
    return {"x": samples.login}


def twice() -> list[NodeType]:
    return [samples.hang, samples.hang]


def nothing() -> list[NodeType]:
    return []


def broken() -> None:
    raise RuntimeError("no such library")


def leaving() -> None:
    raise SystemExit(0)


taken = registry.builtin_node_types()["shell.run"]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Pretend that packages with these entry points are installed."""

    def install(**points: str) -> None:
        made = [EntryPoint(name, value, registry.GROUP) for name, value in points.items()]
        made.append(EntryPoint("builtin", registry.BUILT_IN, registry.GROUP))
        monkeypatch.setattr(registry, "entry_points", lambda group: made)

    return install


def test_the_built_in_types_are_there_with_all_that_is_declared() -> None:
    """Each has a title, a group, docs, schemas, an effect class and an example [ND2]."""
    types = registry.load_node_types()
    assert set(types) >= {
        "shell.run", "http.request", "data.transform", "data.template", "files.write", "delay",
        "human.approval", "workflow.call", "loop.until", "code.python", "data.validate", "data.csv",
        "data.json", "data.markdown", "chart.render", "report.markdown",
        "notify.webhook", "notify.email", "blob.put", "blob.get",
    }  # fmt: skip
    for uses, info in registry.catalogue(types).items():
        assert info.uses == uses
        assert info.title and info.group and info.icon
        assert len(info.docs) > 40
        assert f"uses: {uses}" in info.example
        assert info.config_schema["type"] == "object"
        assert isinstance(info.output_schema, dict)
        assert info.effect_of({}) in {"pure", "idempotent", "non_idempotent"}
        for field in info.config_schema["properties"].values():
            assert field.get("description"), f"{uses}: {field}"


def test_every_example_is_a_valid_config() -> None:
    """An example fits the config model of its type [ND2]."""
    from ruamel.yaml import YAML

    for uses, each in registry.builtin_node_types().items():
        document = YAML(typ="safe").load(each.info.example)
        assert document.pop("uses") == uses
        config = document["with"]
        found = ConfigReader(each).references(_json(config))
        for path, _ in found:
            holder = config
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = "resolved"
        try:
            ConfigReader(each).read(_json(config))
        except ValidationError as error:
            # What an expression makes is not known yet, and may be more than text.
            assert all("${{" in str(one["input"]) for one in error.errors()), uses


def test_types_of_packages_are_found_in_every_form(installed: Callable[..., None]) -> None:
    """An entry point is a node type, or a function that returns several [ND1]."""
    installed(
        one="tests.unit.nodes.samples:echo",
        some=f"{WITH_PROBLEM}:several",
        mapped=f"{WITH_PROBLEM}:named",
    )
    types = registry.load_node_types()
    assert {"test.echo", "test.typed", "test.talk", "test.login", "shell.run"} <= set(types)
    assert "test.echo" not in registry.load_node_types(include_entry_points=False)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("tests.unit.nodes.no_such_module:x", "cannot be loaded: ModuleNotFoundError"),
        (f"{WITH_PROBLEM}:no_such_name", "cannot be loaded: AttributeError"),
        (f"{WITH_PROBLEM}:broken", "cannot be loaded: RuntimeError: no such library"),
        (f"{WITH_PROBLEM}:leaving", "cannot be loaded: SystemExit: 0"),
        (f"{WITH_PROBLEM}:nothing", "offers no node types"),
        (f"{WITH_PROBLEM}:WITH_PROBLEM", "offers no node types"),
        (f"{WITH_PROBLEM}:taken", "'shell.run' of package"),
        (f"{WITH_PROBLEM}:twice", "'test.hang' of package"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_named_and_the_rest_works(
    installed: Callable[..., None], value: str, says: str
) -> None:
    """The problem names the package; built-in types and other plugins still work [ND11]."""
    installed(bad=value, good="tests.unit.nodes.samples:echo")
    with pytest.raises(InvalidInput, match="package"):
        registry.load_node_types()
    problems: list[InvalidInput] = []
    types = registry.load_node_types(on_problem=problems.append)
    assert {"shell.run", "test.echo"} <= set(types)
    assert len(problems) == 1
    assert value in str(problems[0]) and says in str(problems[0])
    assert "test.hang" not in types


def test_importing_the_registry_loads_no_http_library() -> None:
    """The HTTP library, which takes 150 ms, is loaded by the first request [CL13]."""
    code = (
        "import sys, legato.nodes.registry as r; r.load_node_types();"
        "print([m for m in ('httpx2', 'httpcore2', 'anyio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_closing_shared_things_that_were_never_made_does_nothing() -> None:
    """An engine that made no request has nothing to close [EN14]."""
    await registry.close_node_types()


async def test_types_that_the_engine_carries_out_have_no_code() -> None:
    """Running one as an attempt is a defect [ND26, ND27]."""
    for uses in ("delay", "human.approval", "workflow.call", "loop.until"):
        each = registry.builtin_node_types()[uses]
        assert each.info.kind != "task"
        with pytest.raises(Internal, match=uses):
            await each.run(None, None)


@pytest.mark.parametrize(
    ("uses", "config", "is_valid"),
    [
        ("delay", {"for": "1h30m"}, True),
        ("delay", {"for": 5}, True),
        ("delay", {"until": "2027-03-01T09:00:00+01:00"}, True),
        ("delay", {"until": "2027-03-01T09:00:00Z"}, True),
        ("delay", {"until": "2027-03-01T09:00:00"}, False),
        ("delay", {"until": "tomorrow"}, False),
        ("delay", {"for": "soon"}, False),
        ("delay", {"for": True}, False),
        ("delay", {"for": "1s", "until": "2027-03-01T09:00:00Z"}, False),
        ("delay", {}, False),
        ("human.approval", {"message": "Go?"}, True),
        ("human.approval", {"message": "Go?", "details": {"any": [1]}}, True),
        ("human.approval", {}, False),
        ("workflow.call", {"workflow": "other"}, True),
        ("workflow.call", {"workflow": "other", "input": {"a": 1}, "version": 2}, False),
        ("loop.until", {"workflow": "w", "until": "${{ true }}", "max_iterations": 3}, True),
        ("loop.until", {"do": {}, "until": "${{ true }}", "max_iterations": 1000}, True),
        ("loop.until", {"do": {}, "workflow": "w", "until": "x", "max_iterations": 3}, False),
        ("loop.until", {"workflow": "w", "until": "x", "max_iterations": 1001}, False),
        ("loop.until", {"until": "x", "max_iterations": 3}, False),
    ],
)
def test_configs_of_control_nodes_are_checked(
    uses: str, config: dict[str, Any], is_valid: bool
) -> None:
    """Delays, approvals, calls and loops take what the engine understands
    [ND26, ND27, GR23, DO17].
    """
    reader = ConfigReader(registry.builtin_node_types()[uses])
    if is_valid:
        reader.read(_json(config))
        return
    with pytest.raises(ValueError):
        reader.read(_json(config))


def _json(value: Any) -> bytes:
    import orjson

    return orjson.dumps(value)
