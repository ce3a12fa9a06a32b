# SPDX-License-Identifier: Apache-2.0
"""shell.run before anything is started: grants, arguments, variables, what its result means."""

from pathlib import Path
from typing import Any

import pytest

from legato.nodes import shell
from legato.ports.grants import Grants
from legato.ports.node import NodeFailure, ProgramCall, ProgramResult
from tests.unit.nodes.world import CANARY, World


class Programs:
    """Keeps `Programs`: notes the call and answers."""

    def __init__(self, result: ProgramResult) -> None:
        self.result = result
        self.calls: list[ProgramCall] = []

    async def run(self, call: ProgramCall, scratch: Path, on_stderr: Any) -> ProgramResult:
        self.calls.append(call)
        return self.result


def answer(world: World, **fields: Any) -> Programs:
    given: dict[str, Any] = {"exit_code": 0, "stdout": b"", "stderr": b""}
    programs = Programs(ProgramResult(**{**given, **fields}))
    world.launcher = programs  # type: ignore[assignment]
    world.grants = Grants(programs=("true", "/bin/echo"), roots=(world.folder,))
    return programs


@pytest.fixture
def programs(world: World) -> Any:
    """A world whose programs only pretend."""
    launcher = world.launcher
    yield answer(world)
    world.launcher = launcher


@pytest.mark.parametrize(
    ("grants", "program", "found"),
    [
        (("true",), "true", "true"),
        (("/bin/true",), "true", "true"),
        (("true",), "/usr/bin/true", None),
        (("no-such-program", "true"), "true", "true"),
    ],
)
def test_a_granted_program_is_found_by_name_or_path(
    grants: tuple[str, ...], program: str, found: str | None
) -> None:
    """Names are looked up in a fixed path; the same file under its path is granted too [ND13]."""
    try:
        path = shell.granted_program(Grants(programs=grants), program)
    except NodeFailure as failure:
        assert found is None and failure.error.kind == "not_granted"
    else:
        assert path.is_absolute() and path.name in {found, "true"}


@pytest.mark.parametrize(
    "program", ["sh", "../bin/true", "./true", "bin/true", "/tmp/true", "true ", "", "tru\0e"]
)
def test_no_other_program_is_granted(program: str) -> None:
    """The refusal says which line to add [ND13]."""
    with pytest.raises(NodeFailure) as caught:
        shell.granted_program(Grants(programs=("true",)), program)
    error = caught.value.error
    assert (error.kind, error.may_have_happened, error.retryable) == ("not_granted", False, False)
    assert "[grants.shell] programs = [" in error.message


def test_by_default_no_program_is_granted() -> None:
    """Without a grant nothing runs [ND13]."""
    with pytest.raises(NodeFailure, match="may not be run here"):
        shell.granted_program(Grants(), "true")


def test_a_granted_program_that_is_missing_did_not_run() -> None:
    """A grant of what is not installed is `not_found` [ND15]."""
    with pytest.raises(NodeFailure) as caught:
        shell.granted_program(Grants(programs=("no-such-program",)), "no-such-program")
    assert (caught.value.error.kind, caught.value.error.may_have_happened) == ("not_found", False)


async def test_arguments_arrive_as_they_are(world: World, programs: Programs) -> None:
    """Texts are not split or expanded; numbers are written plainly [ND12]."""
    args = ["$(id)", ";id", "a\nb", "--output=/etc/x", "", "*", 5, 2.5, 3.0, "`id`"]
    await world.output(shell.run, {"program": "true", "args": args})
    assert programs.calls[0].args == (
        "$(id)", ";id", "a\nb", "--output=/etc/x", "", "*", "5", "2.5", "3", "`id`",
    )  # fmt: skip


@pytest.mark.parametrize("args", [[True], [None], [["a"]], [{"secret": "token"}], "true"])
async def test_other_arguments_are_refused(world: World, programs: Programs, args: Any) -> None:
    """A secret never becomes an argument, which every user of the machine can read [ND12]."""
    error = await world.error(shell.run, {"program": "true", "args": args})
    assert error.kind == "invalid_config"
    assert programs.calls == []


@pytest.mark.parametrize(
    "name",
    ["LD_PRELOAD", "ld_preload", "DYLD_X", "GIT_SSH_COMMAND", "BASH_ENV", "PYTHONPATH", "PATH",
     "IFS", "NODE_OPTIONS", "PAGER", "GIT_PAGER", "MANPAGER", "SSH_ASKPASS", "EDITOR", "HOME",
     "A=B", "1A", "", "A B", "LEGATO_X", "PERL5OPT", "JAVA_TOOL_OPTIONS"],
)  # fmt: skip
async def test_variables_that_run_other_code_are_refused(
    world: World, programs: Programs, name: str
) -> None:
    """No variable makes a granted program load or start something else [ND14]."""
    error = await world.error(shell.run, {"program": "true", "env": {name: "x"}})
    assert (error.kind, error.may_have_happened) == ("invalid_argument", False)
    assert programs.calls == []


async def test_other_variables_are_passed(world: World, programs: Programs) -> None:
    """A variable that the config names reaches the program [ND14]."""
    await world.output(shell.run, {"program": "true", "env": {"TZ": "UTC", "my_var": "1"}})
    assert dict(programs.calls[0].env) == {"TZ": "UTC", "my_var": "1"}


async def test_a_secret_goes_to_standard_input_only(world: World, programs: Programs) -> None:
    """Standard input may be a secret [ND14]."""
    await world.output(shell.run, {"program": "true", "stdin": {"secret": "token"}})
    assert programs.calls[0].stdin == CANARY.encode()


@pytest.mark.parametrize(
    ("cwd", "kind"),
    [("..", "path_refused"), ("/etc", "not_granted"), ("missing", "not_found"),
     (".hidden", "path_refused"), ("link", "path_refused")],
)  # fmt: skip
async def test_the_folder_is_inside_a_granted_root(
    world: World, programs: Programs, cwd: str, kind: str
) -> None:
    """A program runs in its scratch folder or in a granted one [ND14]."""
    (world.folder / "link").symlink_to("/etc")
    error = await world.error(shell.run, {"program": "true", "cwd": cwd})
    assert error.kind == kind
    assert error.may_have_happened is False


async def test_a_granted_folder_is_taken_by_both_of_its_names(
    world: World, programs: Programs
) -> None:
    """A folder may be named from the root of the file system or of the grant [ND14]."""
    inner = world.folder / "inner"
    inner.mkdir()
    for cwd in ("inner", str(inner), ".", str(world.folder)):
        await world.output(shell.run, {"program": "true", "cwd": cwd})
    folders = [call.cwd for call in programs.calls]
    assert folders == [inner, inner, world.folder, world.folder]


async def test_output_is_text_whatever_the_bytes(world: World, programs: Programs) -> None:
    """Invalid UTF-8 and NUL are replaced [ND15]."""
    programs.result = ProgramResult(
        exit_code=0, stdout=b"a\xffb\0c\n", stderr=b"\xc3", truncated=True
    )
    output = await world.output(shell.run, {"program": "true"})
    assert output == {
        "stdout": "a\ufffdb\ufffdc\n", "stderr": "\ufffd", "exit_code": 0, "truncated": True,
    }  # fmt: skip


async def test_an_exit_code_is_a_typed_failure(world: World, programs: Programs) -> None:
    """`exit.N` with the end of stderr; allowed codes succeed [ND15]."""
    programs.result = ProgramResult(exit_code=3, stdout=b"", stderr=b"x" * 5_000 + b" why\n")
    error = await world.error(shell.run, {"program": "true"})
    assert error.kind == "exit.3"
    assert error.message.endswith("x why")
    output = await world.output(shell.run, {"program": "true", "ok_exit_codes": [0, 3]})
    assert output["exit_code"] == 3


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (11, "SIGSEGV"), (63, "signal 63")])
async def test_a_signal_is_a_typed_failure(
    world: World, programs: Programs, number: int, name: str
) -> None:
    """A program ended by a signal did not say how it ended [ND15]."""
    programs.result = ProgramResult(exit_code=-number, stdout=b"", stderr=b"")
    error = await world.error(shell.run, {"program": "true"})
    assert error.kind == "killed"
    assert name in error.message
