# SPDX-License-Identifier: Apache-2.0
"""What a shell offers while a person types."""

import shutil
import subprocess

import pytest

from tests.integration.cli.site import Site
from tests.integration.cli.workflows import HELLO


def offered(site: Site, *words: str, **env: str) -> list[str]:
    """Return what is offered for the last word."""
    result = site.run(
        _LEGATO_COMPLETE="bash_complete", COMP_WORDS=" ".join(("legato", *words)),
        COMP_CWORD=str(len(words)), **env,
    )  # fmt: skip
    assert result.err == ""
    return [line.partition(",")[2] for line in result.out.splitlines() if line]


def test_commands_ids_names_and_types_are_offered(site: Site) -> None:
    """Each where it is wanted, of the store that is used [CL37]."""
    assert offered(site, "exec") == ["executions"]
    assert {"fork", "force-node"} <= set(offered(site, "executions", "fo"))
    assert offered(site, "nodes", "show", "wait") == ["wait.signal"]
    ran = [site.ok("run", site.write(HELLO), "--json").values[0]["execution_id"] for _ in range(2)]
    assert offered(site, "executions", "show", ran[0][:6]) == [ran[1], ran[0]]
    assert offered(site, "executions", "fork", ran[0]) == [ran[0]]
    site.ok("workflows", "apply", site.write(HELLO))
    assert offered(site, "workflows", "versions", "h") == ["hello"]
    assert "hello" in offered(site, "run", "he")
    assert "--from" in offered(site, "executions", "fork", "--f")
    other = str(site.folder / "other")
    assert offered(site, "--home", other, "executions", "show", ran[0][:6]) == []


def test_a_store_that_is_not_there_offers_nothing(site: Site) -> None:
    """Quickly, quietly, and without making one [CL37]."""
    assert offered(site, "executions", "show", "0") == []
    assert not (site.home / "legato.db").exists()
    away = "postgresql://127.0.0.1:1/x"
    assert offered(site, "executions", "show", "0", LEGATO_DATABASE_URL=away) == []
    assert offered(site, "workflows", "versions", "h", LEGATO_ENV="nonsense") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_printed(site: Site, shell: str) -> None:
    """It names the program and its variable; an unknown shell is refused [CL37]."""
    script = site.ok("completion", shell).out
    assert "_LEGATO_COMPLETE" in script
    assert site.ok("completion", shell, "--json").value["script"].strip() == script.strip()
    assert site.run("completion", "tcsh").code == 2
    program = shutil.which(shell)
    if program is not None and shell != "fish":
        checked = subprocess.run([program, "-n"], input=script, text=True, check=False)
        assert checked.returncode == 0
