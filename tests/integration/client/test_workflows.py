# SPDX-License-Identifier: Apache-2.0
"""`legato workflows` on a server says and does what it does in the store here."""

import json

import pytest

from tests.integration.cli.site import Result
from tests.integration.cli.workflows import HELLO
from tests.integration.client.conftest import Computer, logged_in

ODD = HELLO.replace("nodes:", "# a comment, \u00e9\r\n\nnodes:  ")


@pytest.fixture
def ada(computer: Computer) -> Computer:
    """A computer that is logged in."""
    return logged_in(computer)


def outcome(result: Result) -> list[tuple[str, int, str]]:
    """Return (name, number, outcome) of what was applied."""
    assert result.code == 0, result
    return [(each["name"], each["number"], each["outcome"]) for each in result.values]


def test_files_are_applied_listed_and_pulled_byte_for_byte(ada: Computer) -> None:
    """By a server, the same as by a store [CC27]."""
    text = ODD.replace("name: hello", "name: remote-one")
    file = ada.site.folder / "one.yaml"
    file.write_bytes(text.encode())
    apply = ("workflows", "apply", file, "--json")
    assert outcome(ada.site.run(*apply, "--check")) == [("remote-one", 1, "published")]
    assert outcome(ada.site.run(*apply)) == [("remote-one", 1, "published")]
    assert outcome(ada.site.run(*apply)) == [("remote-one", 1, "unchanged")]
    file.write_bytes((text + "layout: {greet: [1, 2]}\n").encode())
    assert outcome(ada.site.run(*apply)) == [("remote-one", 2, "text")]
    listed = ada.site.ok("workflows", "list", "--json").values
    assert ("remote-one", 2) in [(each["name"], each["number"]) for each in listed]
    back = ada.site.folder / "back.yaml"
    ada.site.ok("workflows", "pull", "remote-one@1", "--output", back)
    assert back.read_bytes() == text.encode()
    restored = ada.site.ok("workflows", "restore", "remote-one", 1, "--json").value
    assert (restored["number"], restored["outcome"]) == (3, "published")
    versions = ada.site.ok("workflows", "versions", "remote-one", "--json").values
    assert [each["number"] for each in versions] == [3, 2, 1]
    assert versions[0]["version"] == versions[2]["version"]
    diff = ada.site.ok("workflows", "diff", "remote-one@2", "remote-one@1")
    assert "the logic is the same" in diff.out


def test_the_server_says_what_is_wrong_with_a_file(ada: Computer) -> None:
    """With the file's name, line and column; nothing is published [CC27]."""
    bad = ada.site.write("legato: 1\nname: remote-bad\nnodes: {a: {uses: nothing}}\n", "bad.yaml")
    result = ada.site.run("workflows", "apply", bad)
    assert (result.code, "nothing was published" in result.err) == (2, True), result
    assert f"error: {bad}:3:" in result.err
    result = ada.site.run("workflows", "pull", "nothing-of-that-name")
    assert (result.code, "no workflow nothing-of-that-name is published" in result.err) == (2, True)


def test_a_command_says_which_server_it_has_asked(ada: Computer) -> None:
    """On stderr, and not in JSON [CC23]."""
    said = ada.site.ok("workflows", "list")
    assert f"{ada.serving.url} as ada@example.org, workspace main" in said.err
    assert ada.site.ok("workflows", "list", "--json").err == ""


def test_a_server_is_named_by_option_variable_or_log_in(ada: Computer) -> None:
    """And the store here by `local`, or by a home that is named [CC22]."""
    ada.site.write(HELLO, "local.yaml")
    store = ada.site.folder / "store"
    store.mkdir()

    def names(*options: object, **env: str) -> list[str]:
        result = ada.site.run(*options[:2], "workflows", "list", *options[2:], "--json", **env)
        assert result.code == 0, result
        return [each["name"] for each in result.values]

    home = ("--home", store)
    file = ada.site.folder / "local.yaml"
    assert ada.site.run(*home, "workflows", "apply", file).code == 0
    assert names(*home) == ["hello"]
    assert "hello" not in names(*home, "--server", ada.serving.url)
    assert "hello" not in names(*home, LEGATO_SERVER=ada.serving.url)
    assert names(*home, "--server", "local", LEGATO_SERVER=ada.serving.url) == ["hello"]
    result = ada.site.run("workflows", "list", "--server", "http://127.0.0.1:9")
    assert (result.code, "you are not logged in to" in result.err) == (3, True)
    result = ada.site.run("workflows", "list", "--server", "nonsense")
    assert (result.code, "is no address" in result.err) == (2, True)


def test_a_server_that_is_away_is_said_in_a_line(ada: Computer) -> None:
    """Exit code 3, as for a store that is away [CC23]."""
    value = json.loads(ada.file.read_text())
    value["servers"][0]["url"] = value["current"] = "http://127.0.0.1:9"
    ada.file.write_text(json.dumps(value))
    result = ada.site.run("workflows", "list")
    assert (result.code, "does not answer" in result.err) == (3, True), result
