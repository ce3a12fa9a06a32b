# SPDX-License-Identifier: Apache-2.0

import json
import sqlite3
import subprocess

import pytest

from tests.integration.cli.site import COMMAND, Site
from tests.integration.cli.workflows import ASK, HELLO

HEAVY = (
    "alembic", "asyncpg", "cel_expr_python", "httpx2", "jsonschema_rs", "legato.adapters",
    "legato.app", "legato.engine", "legato.model", "legato.nodes", "legato.runtime",
    "legato.settings", "legato.telemetry", "msgspec", "obstore", "orjson", "pydantic", "rich",
    "ruamel", "sqlalchemy", "structlog", "uvloop",
)  # fmt: skip


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("executions", "--help")])
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    """Neither engine nor store nor settings: what Python imported is looked at [CL13]."""
    result = subprocess.run(
        [COMMAND[0], "-X", "importtime", *COMMAND[1:], *arguments],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Usage: legato" in result.stdout
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "click" in imported
    assert [
        name for name in HEAVY if any(f"{each}.".startswith(f"{name}.") for each in imported)
    ] == []


def test_the_installed_command_is_the_same() -> None:
    """`legato` and `python -m legato.cli` are one program [CL13]."""
    from importlib.metadata import entry_points

    (point,) = entry_points(group="console_scripts", name="legato")
    assert point.value == "legato.cli.main:main"


def test_validate_prints_every_problem_of_every_file(site: Site) -> None:
    """Place, path, message, nearest name; good files list their nodes; exit 2 [CL5, DO2, DO3]."""
    bad = site.write(
        "legato: 1\nname: bad\nnodes:\n  a:\n    uses: data.transfrom\n    with: {value: 1}\n"
        "  b: {needs: [c], uses: data.transform, with: {value: 1}}\n",
        "bad.yaml",
    )
    good = site.write(ASK, "good.yaml")
    result = site.run("validate", bad, good)
    assert result.code == 2
    lines = result.err.splitlines()
    assert lines[0].startswith(f"error: {bad}:5:")
    assert "did you mean data.transform?" in lines[0]
    assert lines[1].startswith(f"error: {bad}:7:")
    assert lines[2] == f"{bad}: 2 problems"
    assert result.out.splitlines()[0] == f"{good}: ok, ask, 3 nodes"
    assert [line.split()[1] for line in result.out.splitlines()[1:]] == ["count", "ask", "send"]
    values = site.run("validate", bad, good, "--json").values
    assert [each["ok"] for each in values] == [False, True]
    assert len(values[0]["problems"]) == 2
    assert not (site.home / "legato.db").exists()


def test_validate_checks_test_files_too(site: Site) -> None:
    """By their own rules; what they ask for need not be allowed, as nothing is run [CL5]."""
    workflow = site.write(
        "legato: 1\nname: w\nnodes: {a: {uses: delay, with: {for: 1s}}}\n", "w.yaml"
    )
    head = "legato_test: 1\nworkflow: w.yaml\n"
    good = site.write(
        f"{head}grants: {{programs: [rm]}}\ncases: [{{name: one}}, {{name: two}}]\n", "w.test.yaml"
    )
    found = site.ok("validate", workflow, good, "--json").values
    assert found[1] == {"file": str(good), "ok": True, "tests": "w", "cases": ["one", "two"]}
    bad = site.write(f"{head}cases: [{{name: one, pin: {{b: 1}}}}]\n", "bad.test.yaml")
    result = site.run("validate", good, bad)
    assert result.code == 2
    assert "2 cases of w; legato test runs them" in result.out
    assert f"{bad}:3:27: cases[0].pin.b: there is no node b" in result.err


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"\xff\xfe", b"a: &x [1]\nb: *x\n", b"legato: 1\nlegato: 1\n",
        b"x: " + b"[" * 5_000, b"x" * 3_000_000, b"nodes: \0",
    ],
)  # fmt: skip
def test_no_file_makes_validate_fall_over(site: Site, content: bytes) -> None:
    """Whatever it holds: exit 2 and a place, never a traceback [CL1, CL10, DO5, DO6, DO8, DO9]."""
    file = site.folder / "odd.yaml"
    file.write_bytes(content)
    result = site.run("validate", file)
    assert result.code == 2
    assert f"error: {file}:" in result.err
    assert "Traceback" not in result.err


def test_validate_names_a_file_that_cannot_be_read(site: Site) -> None:
    """One that is missing, and a folder [CL1, CL10]."""
    result = site.run("validate", "missing.yaml", site.folder)
    assert result.code == 2
    assert "there is no file missing.yaml" in result.err
    assert f"{site.folder}: cannot be read" in result.err


def test_node_types_are_listed_and_shown(site: Site) -> None:
    """All of them; one with its fields and an example; the nearest of an unknown one
    [CL7, ND2].
    """
    listed = {each["uses"]: each for each in site.ok("nodes", "list", "--json").values}
    assert {"shell.run", "http.request", "human.approval", "loop.until"} <= set(listed)
    page = site.ok("nodes", "show", "shell.run").out
    assert "shell.run: Run a program" in page
    assert "program" in page
    assert "uses: shell.run" in page
    schema = site.ok("nodes", "show", "shell.run", "--json").value["config_schema"]
    assert "program" in schema["properties"]
    wrong = site.run("nodes", "show", "shel.run")
    assert (wrong.code, "Did you mean shell.run?" in wrong.err) == (2, True)


def test_the_schema_of_workflow_files_is_printed(site: Site) -> None:
    """As JSON Schema, readable and in one line [CL7, DO20]."""
    text = json.loads(site.ok("schema").out)
    assert text == site.ok("schema", "--json").value
    assert text["required"] == ["legato", "name", "nodes"]


def test_migrate_says_what_it_found_and_did(site: Site) -> None:
    """An empty home: refused by --check, made once, then nothing to do [CL8, LG21]."""
    checked = site.run("migrate", "--check", "--json")
    assert (checked.code, checked.value["state"]) == (3, "empty")
    assert not (site.home / "legato.db").exists()
    made = site.ok("migrate", "--json").value
    assert (made["found"], made["changed"], made["state"]) == (None, True, "current")
    assert "nothing to do" in site.ok("migrate").out
    assert site.ok("migrate", "--check").code == 0


def test_a_database_of_a_newer_program_is_refused(site: Site) -> None:
    """By every command, in one line, exit 3 [CL8, LG22, CL1]."""
    site.ok("migrate")
    with sqlite3.connect(site.home / "legato.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for command in (("migrate",), ("migrate", "--check"), ("executions", "list")):
        result = site.run(*command)
        assert result.code == 3, command
        assert "schema 9999" in result.err
        assert "newer Legato" in result.err


@pytest.mark.parametrize(
    ("env", "code", "said"),
    [
        ({"LEGATO_ENV": "prod"}, 2, "LEGATO_ENV: should be 'production' or 'development'"),
        ({"LEGATO_ENGINE__LEASE_S": "soon"}, 2, "LEGATO_ENGINE__LEASE_S"),
        ({"LEGATO_DATABASE_URL": "mysql://x"}, 2, "LEGATO_DATABASE_URL"),
        ({"LEGATO_CONFIG": "/nowhere/legato.toml"}, 2, "there is no file /nowhere/legato.toml"),
        ({"LEGATO_ENGNE__LEASE_S": "4"}, 0, "did you mean LEGATO_ENGINE__LEASE_S?"),
        ({"LEGATO_DATABASE_URL": "postgresql://ada:hush@127.0.0.1:1/x"}, 3, "cannot be used"),
        ({"LEGATO_DATABASE_URL": "sqlite:////proc/none/x.db"}, 3, "cannot write the database"),
    ],
)  # fmt: skip
def test_wrong_settings_give_one_clear_line(
    site: Site, env: dict[str, str], code: int, said: str
) -> None:
    """The name of the variable, what is wrong, the exit code; a password is not repeated
    [CL1, CL10, CL11, LG24].
    """
    result = site.run("executions", "list", **env)
    assert result.code == code, result
    assert said in result.err
    assert "Traceback" not in result.err
    assert "hush" not in result.err


def test_a_file_that_is_no_database_is_named(site: Site) -> None:
    """Damage is said, not met with a traceback [CL10, LG28]."""
    (site.home / "legato.db").write_bytes(b"this is no database at all" * 100)
    result = site.run("executions", "list")
    assert result.code == 3
    assert str(site.home / "legato.db") in result.err
    assert "Traceback" not in result.err


def test_errors_are_json_if_results_are(site: Site) -> None:
    """On stderr, with a code; stdout stays empty [CL3, CL10]."""
    for arguments in (
        ("executions", "show", "0000-none", "--json"),
        ("run", "none.yaml", "--json"),
        ("run", "--json"),
    ):
        result = site.run(*arguments)
        assert (result.code, result.out) == (2, "")
        assert set(json.loads(result.err)["error"]) >= {"code", "message", "hint"}


def test_a_home_can_be_named_on_the_command_line(site: Site) -> None:
    """`--home` wins over LEGATO_HOME [CL11]."""
    other = site.folder / "other"
    site.ok("--home", other, "run", site.write(HELLO))
    assert site.ok("executions", "list", "--json").values == []
    assert len(site.ok("--home", other, "executions", "list", "--json").values) == 1


def test_output_to_a_closed_pipe_ends_quietly(site: Site) -> None:
    """`| head` takes what it wants; no traceback, the command's own code [CL10]."""
    first = subprocess.Popen(
        [*COMMAND, "schema"], env=site.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert first.stdout is not None
    assert first.stderr is not None
    first.stdout.readline()
    first.stdout.close()
    said = first.stderr.read()
    assert (first.wait(), said) == (0, b"")
    first.stderr.close()
