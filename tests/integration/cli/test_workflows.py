# SPDX-License-Identifier: Apache-2.0
"""Publishing workflows: apply, list, pull, diff, versions, restore, and running them by name."""

from tests.integration.cli.site import Site
from tests.integration.cli.workflows import HELLO, NESTED

ODD = (
    HELLO.replace("nodes:", "# a comment, \u00e9\r\n\nnodes:  ") + "layout:\n  greet: [1, 2]\n\n\n"
)


def outcomes(site: Site, *arguments: object) -> list[tuple[str, int, str]]:
    """Return (name, number, outcome) of what is applied."""
    found = site.ok("workflows", "apply", *arguments, "--json").values
    return [(each["name"], each["number"], each["outcome"]) for each in found]


def test_applying_is_idempotent(any_site: Site) -> None:
    """The same file twice changes nothing; another text of the same logic is kept as a text
    [CL30, DO22].
    """
    file = any_site.write(HELLO)
    assert outcomes(any_site, file) == [("hello", 1, "published")]
    assert outcomes(any_site, file) == [("hello", 1, "unchanged")]
    moved = any_site.write(HELLO + "layout: {greet: [5, 5]}\n")
    assert outcomes(any_site, moved) == [("hello", 2, "text")]
    changed = any_site.write(HELLO.replace("default: world", "default: moon"))
    assert outcomes(any_site, changed, "--check") == [("hello", 3, "published")]
    assert outcomes(any_site, changed) == [("hello", 3, "published")]
    listed = any_site.ok("workflows", "list", "--json").values
    assert [(each["name"], each["number"]) for each in listed] == [("hello", 3)]
    assert "hello: unchanged" in any_site.ok("workflows", "apply", changed).out


def test_nothing_is_published_if_one_file_is_wrong(site: Site) -> None:
    """Every problem of every file is said first [CL30, DO2]."""
    good = site.write(HELLO, "good.yaml")
    bad = site.write("legato: 1\nname: bad\nnodes: {a: {uses: nothing}}\n", "bad.yaml")
    twin = site.write(HELLO + "# twin\n", "twin.yaml")
    result = site.run("workflows", "apply", good, bad)
    assert (result.code, "nothing was published" in result.err) == (2, True)
    assert f"error: {bad}:3:" in result.err
    result = site.run("workflows", "apply", good, twin)
    assert (result.code, "both have the name hello" in result.err) == (2, True)
    assert site.run("workflows", "apply", "missing.yaml").code == 2
    assert site.ok("workflows", "list", "--json").values == []
    said = site.ok("workflows", "apply", site.write(NESTED, "nested.yaml"))
    assert "calls asking, which is not published" in said.err


def test_a_workflow_comes_back_byte_for_byte(any_site: Site) -> None:
    """Comments, line ends and spelling as they were applied [CL31, DO21]."""
    file = any_site.folder / "odd.yaml"
    file.write_bytes(ODD.encode())
    any_site.ok("workflows", "apply", file)
    any_site.ok("workflows", "apply", any_site.write(HELLO))
    back = any_site.folder / "back.yaml"
    any_site.ok("workflows", "pull", "hello@1", "--output", back)
    assert back.read_bytes() == ODD.encode()
    assert any_site.ok("workflows", "pull", "hello", "--output", "-").out == HELLO
    assert "already there" in any_site.ok("workflows", "pull", "hello@1", "--output", back).out
    refused = any_site.run("workflows", "pull", "hello", "--output", back)
    assert (refused.code, back.read_bytes()) == (3, ODD.encode())
    any_site.ok("workflows", "pull", "hello", "--output", back, "--force")
    assert back.read_text() == HELLO
    assert outcomes(any_site, back) == [("hello", 2, "unchanged")]


def test_a_difference_shows_logic_apart_from_layout(site: Site) -> None:
    """File against name, name against before, two of anything [CL32, DO22]."""
    site.ok("workflows", "apply", site.write(HELLO))
    file = site.write(HELLO.replace("item * inputs.times", "item") + "layout: {greet: [1, 1]}\n")
    text = site.ok("workflows", "diff", file).out
    assert '~ nodes.again.with.value: "${{ item * inputs.times }}" -> "${{ item }}"' in text
    assert "layout: moved greet" in text
    site.ok("workflows", "apply", file)
    for arguments in (("hello",), ("hello@2", "hello@1"), (file, "hello@1")):
        found = site.ok("workflows", "diff", *arguments, "--json").value
        assert (found["is_same_logic"], found["moved"]) == (False, ["greet"])
    assert site.ok("workflows", "diff", file).out == "the same\n"
    for wrong, said in (("hello@9", "no version 9"), ("nobody", "is published"),
                        ("hello@1", "no version before 1")):  # fmt: skip
        result = site.run("workflows", "diff", wrong)
        assert (result.code, said in result.err) == (2, True)


def test_an_old_version_is_published_again(any_site: Site) -> None:
    """The history stays, and a run by name takes what stands there now
    [CL33, CL34, LG20].
    """
    first = any_site.write(HELLO)
    any_site.ok("workflows", "apply", first)
    any_site.ok("workflows", "apply", any_site.write(HELLO.replace("'hello '", "'hi '"), "b.yaml"))
    assert any_site.ok("run", "hello", "--json").values[-1]["outputs"]["greeting"] == "hi world"
    old = any_site.ok("workflows", "versions", "hello", "--json").values[-1]
    restored = any_site.ok("workflows", "restore", "hello", old["version"][:12], "--json").value
    assert (restored["number"], restored["restores"], restored["version"]) == (
        3, 1, old["version"],
    )  # fmt: skip
    assert any_site.ok("run", "hello", "--json").values[-1]["outputs"]["greeting"] == "hello world"
    versions = any_site.ok("workflows", "versions", "hello", "--json").values
    assert [each["number"] for each in versions] == [3, 2, 1]
    assert "version 1 again" in any_site.ok("workflows", "versions", "hello").out
    assert any_site.ok("workflows", "pull", "hello", "--output", "-").out == HELLO
    again = any_site.ok("workflows", "restore", "hello", "1", "--json").value
    assert (again["number"], again["outcome"]) == (3, "unchanged")
    for wrong in ("9", "ab", "zzzz"):
        assert any_site.run("workflows", "restore", "hello", wrong).code == 2


def test_a_run_keeps_the_version_it_began_with(site: Site) -> None:
    """Whatever is published later: the log pins it [CL34, LG20, GR24]."""
    site.ok("workflows", "apply", site.write(HELLO))
    run = site.ok("run", "hello", "--json").values[0]["execution_id"]
    site.ok("workflows", "apply", site.write(HELLO.replace("'hello '", "'hi '")))
    fork = site.ok("executions", "fork", run, "--from", "greet", "--json")
    assert fork.values[-1]["outputs"]["greeting"] == "hello world"
