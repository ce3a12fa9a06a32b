# SPDX-License-Identifier: Apache-2.0

import json

import click
import pytest

from legato import __version__, errors
from legato.cli.invocation import Invocation, command_options
from legato.cli.main import EXIT_CODES, invoke, legato
from legato.model.document.problems import Problem


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """Add a command `fail` that raises what the test puts into the list."""
    raised: list[BaseException] = []

    @click.command()
    @command_options
    def fail(_: Invocation) -> int:
        raise raised[0]

    found = legato.get_command
    monkeypatch.setitem(legato.table, "fail", ("none:none", "Fails."))
    monkeypatch.setattr(
        legato, "get_command", lambda ctx, name: fail if name == "fail" else found(ctx, name)
    )
    return raised


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidInput("wrong"), 2),
        (errors.ExpressionError("wrong"), 2),
        (errors.NotFound("none"), 2),
        (errors.NotAllowed("no"), 3),
        (errors.Conflict("late"), 3),
        (errors.LimitExceeded("much"), 3),
        (errors.StoreUnavailable("away", hint="Wait."), 3),
        (errors.Internal("defect"), 1),
        (ZeroDivisionError("defect"), 1),
        (click.UsageError("usage"), 2),
        (click.exceptions.Abort(), 130),
        (click.exceptions.Exit(7), 7),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_error_has_its_exit_code(
    failing: list[BaseException],
    error: BaseException,
    code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One table maps errors to codes; none of them shows a traceback [CL1, CL10]."""
    failing.append(error)
    assert invoke(["fail"], {}) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_every_class_of_errors_is_mapped() -> None:
    """A new branch of the tree cannot be forgotten: only defects end with 1 [CL1]."""
    mapped = {kind for kind, _ in EXIT_CODES}
    known = errors.LegatoError.__subclasses__()
    own = {each for each in known if each.__module__ == errors.__name__}
    assert own - mapped == {errors.Internal}


def test_a_defect_says_how_to_see_more(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    """LEGATO_DEBUG=1 lets the traceback through, and is no unknown setting [CL10, CL11]."""
    failing.append(ZeroDivisionError("oops"))
    assert invoke(["fail"], {}) == 1
    assert "LEGATO_DEBUG=1" in capsys.readouterr().err
    with pytest.raises(ZeroDivisionError):
        invoke(["fail"], {"LEGATO_DEBUG": "1"})


def test_an_error_is_json_if_results_are(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    """Code, message and hint, on stderr [CL3, CL10]."""
    failing.append(errors.Conflict("late", hint="Try again."))
    assert invoke(["fail", "--json"], {}) == 3
    body = {"code": "conflict", "message": "late", "hint": "Try again."}
    assert json.loads(capsys.readouterr().err) == {"error": body}


def test_every_problem_of_a_document_is_written(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    """One line each, or all in one JSON error [CL5, CL10]."""
    problems = tuple(
        Problem(file="w.yaml", line=each, column=1, path="nodes", message="wrong")
        for each in (1, 2)
    )
    failing.append(errors.InvalidDocument(problems))
    assert invoke(["fail"], {}) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: w.yaml:1:1: nodes: wrong",
        "error: w.yaml:2:1: nodes: wrong",
    ]
    assert invoke(["fail", "--json"], {}) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert (error["code"], error["message"]) == ("invalid_document", "2 problems")
    assert [each["line"] for each in error["problems"]] == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnu"], "there is no command rnu; did you mean run?"),
        (["xyzzy"], "there is no command xyzzy"),
        (["executions", "shwo", "x"], "there is no command shwo; did you mean show?"),
        (["run"], "Missing argument"),
        (["run", "x.yaml", "--inptu", "a=b"], "--inptu"),
        (["executions", "list", "--limit", "0"], "--limit"),
    ],
)
def test_wrong_usage_is_explained(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, what is wrong, and where help is [CL1, CL10]."""
    assert invoke(arguments, {}) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert "--help" in captured.err


def test_the_table_of_commands_is_true() -> None:
    """Every command has help with examples, and --json unless it is a group [CL38, CL3]."""
    groups: list[click.Group] = [legato]
    found = 0
    while groups:
        group = groups.pop()
        ctx = click.Context(group)
        for name in group.list_commands(ctx):
            command = group.get_command(ctx, name)
            assert command is not None, name
            assert command.help, name
            assert "Examples:" in (command.epilog or ""), name
            if isinstance(command, click.Group):
                groups.append(command)
                continue
            found += 1
            assert "--json" in {option for each in command.params for option in each.opts}, name
    assert found >= 35


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """As an option, as a command, and as JSON [CL3]."""
    assert invoke(["--version"], {}) == 0
    assert capsys.readouterr().out == f"legato {__version__}\n"
    assert invoke(["version"], {}) == 0
    assert __version__ in capsys.readouterr().out
    assert invoke(["version", "--json"], {}) == 0
    assert json.loads(capsys.readouterr().out)["legato"] == __version__


def test_help_shows_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """And the exit codes [CL1]."""
    assert invoke(["--help"], {}) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in legato.list_commands(click.Context(legato)))
    assert "130 cancelled" in text
