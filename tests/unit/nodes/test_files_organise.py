# SPDX-License-Identifier: Apache-2.0
"""files.organise in a folder of its own."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from legato.nodes.files import organising
from legato.ports.grants import Grants
from legato.ports.node import NodeContext
from tests.unit.nodes.world import World

ORGANISE = organising.organise
NOW_NS = 1_800_000_000_000_000_000
DAY_NS = 86_400_000_000_000


@pytest.fixture
def root(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The granted folder; it is always 15 January 2027, 08:00 UTC."""
    folder = world.folder / "granted"
    (folder / "in").mkdir(parents=True)
    world.grants = Grants(roots=(folder,))

    def now_ns(ctx: NodeContext) -> int:
        return NOW_NS

    monkeypatch.setattr(organising, "_now_ns", now_ns)
    return folder


def put(root: Path, *names: str, days: float = 0) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
        modified_ns = NOW_NS - int(days * DAY_NS)
        os.utime(path, ns=(modified_ns, modified_ns))


def tree(folder: Path) -> dict[str, str]:
    """Return each file's path and what it was called first."""
    return {
        str(each.relative_to(folder)): each.read_text(encoding="utf-8")
        for each in sorted(folder.rglob("*"))
        if each.is_file() and not each.name.endswith(".undo.json")
    }


def rule(to: str, **match: Any) -> dict[str, Any]:
    return {"match": match, "to": to}


async def sort(world: World, *rules: Any, **config: Any) -> Any:
    attempt = config.pop("attempt", 1)
    node = config.pop("node", "sort")
    config = {"folder": "in", "rules": list(rules), "dry_run": False, **config}
    return await world.output(ORGANISE, config, attempt=attempt, node=node)


async def test_without_being_asked_to_nothing_is_moved(world: World, root: Path) -> None:
    """The plan says from, to, rule and conflict; the disk is as before [ND49]."""
    put(root, "in/a.pdf", "in/b.txt", "in/c", "in/docs/b.txt")
    (root / "in/link").symlink_to("a.pdf")
    before = sorted(os.walk(root))
    rules = [rule("docs", extensions=["TXT", "pdf"])]
    output = await world.output(ORGANISE, {"folder": "in", "rules": rules, "on_conflict": "rename"})
    assert output == {
        "dry_run": True, "moved": 0, "left": [], "manifest": None,
        "moves": [
            {"from": "in/a.pdf", "to": "in/docs/a.pdf", "rule": 1, "conflict": None},
            {"from": "in/b.txt", "to": "in/docs/b (1).txt", "rule": 1, "conflict": "rename"},
        ],
        "unmatched": 1, "in_place": 0, "skipped": 1,
    }  # fmt: skip
    assert sorted(os.walk(root)) == before


@pytest.mark.parametrize(
    ("config", "effect"),
    [({}, "pure"), ({"dry_run": True}, "pure"), ({"dry_run": False}, "idempotent"),
     ({"dry_run": "${{ inputs.dry }}"}, "idempotent")],
)  # fmt: skip
def test_only_a_dry_run_is_pure(config: dict[str, Any], effect: str) -> None:
    """What may move files is not taken for harmless [ND49, ND2]."""
    assert ORGANISE.info.effect_of(config) == effect


@pytest.mark.parametrize(
    ("match", "found"),
    [
        ({}, {"a1.pdf", "b.tar.gz", "c"}),
        ({"pattern": "a*"}, {"a1.pdf"}),
        ({"extensions": ["gz"]}, {"b.tar.gz"}),
        ({"larger_than": 9}, {"b.tar.gz"}),
        ({"smaller_than": 9}, {"c"}),
        ({"older_than": "10d"}, {"b.tar.gz", "c"}),
        ({"newer_than": "20d"}, {"a1.pdf", "b.tar.gz"}),
        ({"older_than": "10d", "newer_than": "20d", "pattern": "b*"}, {"b.tar.gz"}),
        ({"older_than": "10d", "pattern": "a*"}, set()),
    ],
)
async def test_a_rule_covers_files_that_fit_all_it_says(
    world: World, root: Path, match: Any, found: set[str]
) -> None:
    """Name, extension, size and age [ND49]."""
    put(root, "in/a1.pdf", days=1)
    put(root, "in/b.tar.gz", days=15)
    put(root, "in/c", days=30)
    output = await sort(world, rule("to", **match), dry_run=True)
    assert {each["to"] for each in output["moves"]} == {f"in/to/{name}" for name in found}
    assert output["unmatched"] == 3 - len(found)


async def test_the_first_rule_that_fits_decides(world: World, root: Path) -> None:
    """Every file goes to one place [ND49]."""
    put(root, "in/a.pdf", "in/b.pdf", "in/c.txt")
    output = await sort(world, rule("first", pattern="a*"), rule("second", extensions=["pdf"]))
    assert tree(root) == {
        "in/first/a.pdf": "in/a.pdf", "in/second/b.pdf": "in/b.pdf", "in/c.txt": "in/c.txt",
    }  # fmt: skip
    assert [each["rule"] for each in output["moves"]] == [1, 2]
    assert (output["moved"], output["unmatched"]) == (2, 1)


@pytest.mark.parametrize(
    ("name", "to", "folder"),
    [
        ("a.PDF", "{year}/{month}/{day}", "2027/01/15"),
        ("a.PDF", "{extension}/{stem}", "pdf/a"),
        ("a", "{extension}/{stem}", "none/a"),
        ("über.x.y", "{first_letter}-{stem}", "Ü-über.x"),
        ("-1", "{first_letter}", "_"),
        ("{year}.t", "{stem}", "{year}"),
        ("${{ 1 }}", "{stem}", "${{ 1 }}"),
    ],
)
async def test_placeholders_are_filled_in_once(
    world: World, root: Path, name: str, to: str, folder: str
) -> None:
    """From the file's name and time; what a name holds is not filled in again [ND49]."""
    put(root, f"in/{name}")
    await sort(world, rule(to), target="out")
    assert list(tree(root)) == [f"out/{folder}/{name}"]


async def test_days_are_told_in_the_time_zone(world: World, root: Path) -> None:
    """Late in the evening in UTC it is the next day in Tokyo [ND49]."""
    put(root, "in/a", days=0.5)
    for zone, folder in (("UTC", "14"), ("Asia/Tokyo", "15")):
        output = await sort(world, rule("{day}"), timezone=zone, dry_run=True)
        assert output["moves"][0]["to"] == f"in/{folder}/a"


@pytest.mark.parametrize("seconds", [-(2**33), 2**40])
async def test_a_time_beyond_the_calendar_has_a_folder_too(
    world: World, root: Path, seconds: int
) -> None:
    """Whatever the file system says [ND49]."""
    put(root, "in/a")
    os.utime(root / "in/a", (0, seconds))
    output = await sort(world, rule("{year}"), timezone="Asia/Tokyo", dry_run=True)
    assert len(output["moves"]) == 1


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"rules": []}, "either `rules` or `undo`"),
        ({"undo": "x"}, "either `rules` or `undo`"),
        ({"rules": [rule("{owner}")]}, "{year}, {month}"),
        ({"rules": [rule("{year")]}, "no other placeholders"),
        ({"rules": [rule("../{year}")]}, "path of a folder"),
        ({"rules": [rule("/etc/{year}")]}, "path of a folder"),
        ({"rules": [rule(".{stem}")]}, "path of a folder"),
        ({"rules": [rule("x", older_than="soon")]}, "no duration"),
        ({"rules": [rule("x", extensions=[".pdf"])]}, "without its dot"),
        ({"rules": [rule("x", regex=".*")]}, "not a field"),
        ({"rules": [rule("x")] * 101}, "100"),
        ({"timezone": "Mars/Olympus"}, "time zone"),
        ({"timezone": "../../etc/passwd"}, "time zone"),
        ({"on_conflict": "overwrite"}, "on_conflict"),
    ],
)
async def test_wrong_rules_are_named_before_anything_is_moved(
    world: World, root: Path, config: Any, says: str
) -> None:
    """A rule that could lead out, or means nothing, is no rule [ND49, ND40]."""
    put(root, "in/a")
    error = await world.error(
        ORGANISE, {"folder": "in", "rules": [rule("x")], "dry_run": False, **config}
    )
    assert error.kind == "invalid_config"
    assert says in error.message
    assert list(tree(root)) == ["in/a"]


async def test_a_taken_name_is_a_matter_of_policy(world: World, root: Path) -> None:
    """Fail moves nothing, skip leaves that file, rename counts on [ND49]."""
    put(root, "in/a", "in/b", "in/x/a")
    error = await world.error(ORGANISE, {"folder": "in", "rules": [rule("x")], "dry_run": False})
    assert (error.kind, error.may_have_happened) == ("exists", False)
    assert "'in/x/a'" in error.message
    assert sorted(tree(root)) == ["in/a", "in/b", "in/x/a"]
    output = await sort(world, rule("x"), on_conflict="skip", node="skip")
    assert output["left"] == [{"path": "in/a", "why": "in/x/a exists"}]
    assert output["moved"] == 1
    assert tree(root) == {"in/a": "in/a", "in/x/a": "in/x/a", "in/x/b": "in/b"}
    await sort(world, rule("x"), on_conflict="rename", node="rename")
    assert tree(root) == {"in/x/a": "in/x/a", "in/x/a (1)": "in/a", "in/x/b": "in/b"}


async def test_two_files_that_go_to_one_name_are_told_apart(world: World, root: Path) -> None:
    """The second one meets the first one of the same run [ND49]."""
    put(root, "in/p/a", "in/q/a", "in/q/r/a")
    config: dict[str, Any] = {"recursive": True, "target": "all"}
    error = await world.error(
        ORGANISE, {"folder": "in", "rules": [rule("x")], "dry_run": False, **config}
    )
    assert error.kind == "exists"
    await sort(world, rule("x"), on_conflict="rename", **config)
    assert tree(root) == {
        "all/x/a": "in/p/a", "all/x/a (1)": "in/q/a", "all/x/a (2)": "in/q/r/a",
    }  # fmt: skip


async def test_files_in_place_stay_there(world: World, root: Path) -> None:
    """Sorting a sorted folder moves nothing and leaves no manifest [ND49]."""
    put(root, "in/a.txt", "in/b.pdf")
    first = await sort(world, rule("{extension}"), recursive=True)
    assert first["moved"] == 2
    second = await sort(world, rule("{extension}"), recursive=True, node="again")
    assert (second["moves"], second["in_place"], second["manifest"]) == ([], 2, None)


async def test_a_manifest_is_not_sorted_away(world: World, root: Path) -> None:
    """A rule for every file does not cover what is needed to take it back [ND49]."""
    put(root, "in/a")
    first = await sort(world, rule("x"))
    second = await sort(world, rule("{extension}"), folder=".", node="again")
    assert (second["moves"], second["unmatched"]) == ([], 0)
    assert first["manifest"] in os.listdir(root)


async def test_a_run_is_taken_back(world: World, root: Path) -> None:
    """Every file to where it was, and the folders that were made for it go [ND49]."""
    put(root, "in/a.txt", "in/b.pdf", "in/keep/c.txt")
    before = tree(root)
    output = await sort(world, rule("keep/{extension}/{year}"), recursive=True)
    assert sorted(tree(root)) == [
        "in/keep/pdf/2027/b.pdf", "in/keep/txt/2027/a.txt", "in/keep/txt/2027/c.txt",
    ]  # fmt: skip
    name = output["manifest"]
    assert name.startswith("organise-20270115T080000Z-")
    assert name.endswith(".undo.json")
    after = tree(root)
    told = await world.output(ORGANISE, {"undo": name}, node="undo")
    assert (told["dry_run"], told["moved"], told["left"]) == (True, 0, [])
    assert {"from": "in/keep/pdf/2027/b.pdf", "to": "in/b.pdf", "rule": 1, "conflict": None} in (
        told["moves"]
    )
    assert tree(root) == after
    for attempt in (1, 2):
        config = {"undo": name, "dry_run": False}
        back = await world.output(ORGANISE, config, node="undo", attempt=attempt)
        assert (back["moved"], back["left"]) == (3, [])
        assert tree(root) == before
    assert not (root / "in/keep/pdf").exists()


async def test_what_has_changed_since_stays_where_it_is(world: World, root: Path) -> None:
    """Taking back moves only what was moved, and over nothing [ND49]."""
    put(root, "in/a", "in/b", "in/c", "in/d")
    output = await sort(world, rule("x"))
    (root / "in/x/a").write_text("edited", encoding="utf-8")
    (root / "in/x/b").unlink()
    put(root, "in/c")
    for dry_run in (True, False):
        config = {"undo": output["manifest"], "dry_run": dry_run}
        back = await world.output(ORGANISE, config, node="undo")
        assert {each["path"] for each in back["left"]} == {"in/x/a", "in/x/b", "in/x/c"}
        assert back["moved"] == (0 if dry_run else 1)
    assert tree(root) == {
        "in/x/a": "edited", "in/c": "in/c", "in/x/c": "in/c", "in/d": "in/d",
    }  # fmt: skip


async def test_an_attempt_after_a_crash_goes_on_from_the_manifest(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was decided stays decided, also if new files have come [ND49]."""
    put(root, "in/a", "in/b", "in/c")
    rules = [rule("x")]
    real, calls = os.link, 0

    def die(*arguments: Any, **options: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:  # the manifest, one file
            raise OSError(5, "Input/output error")
        real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", die)
        config = {"folder": "in", "rules": rules, "dry_run": False}
        error = await world.error(ORGANISE, config, node="sort")
    assert (error.kind, error.may_have_happened) == ("file_error", True)
    assert sorted(tree(root)) == ["in/b", "in/c", "in/x/a"]
    put(root, "in/new")
    output = await sort(world, *rules, attempt=2)
    assert output["moved"] == 3
    assert sorted(tree(root)) == ["in/new", "in/x/a", "in/x/b", "in/x/c"]
    assert sum(name.endswith(".undo.json") for name in os.listdir(root)) == 1
    assert await sort(world, *rules, attempt=3) == output


async def test_progress_is_reported(world: World, root: Path) -> None:
    """One can see how far it is [ND49, ND4]."""
    put(root, *(f"in/{number}" for number in range(5)))
    await sort(world, rule("x"))
    assert max(line.progress for line in world.logs.lines if line.progress is not None) == 1.0


async def test_another_granted_folder_may_be_the_target(world: World, root: Path) -> None:
    """Both have to be granted; the manifest lies where the files go [ND49, ND40]."""
    other = world.folder / "other"
    other.mkdir()
    put(root, "in/a")
    config = {"folder": "in", "rules": [rule("x")], "dry_run": False, "to_root": str(other)}
    assert (await world.error(ORGANISE, config)).kind == "not_granted"
    world.grants = Grants(roots=(root, other))
    output = await world.output(ORGANISE, config)
    assert tree(other) == {"x/a": "in/a"}
    assert (other / output["manifest"]).exists()
    undo = {"undo": output["manifest"], "to_root": str(other), "dry_run": False}
    world.grants = Grants(roots=(other,))
    assert (await world.error(ORGANISE, undo, node="undo")).kind == "not_granted"
    world.grants = Grants(roots=(root, other))
    await world.output(ORGANISE, undo, node="undo")
    assert tree(root) == {"in/a": "in/a"}


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"legato": "other"}, {"moves": [{"from": "a"}]}, {"more": 1}, {"root": 1},
        None,
    ],
)  # fmt: skip
async def test_a_manifest_that_is_none_is_refused(
    world: World, root: Path, change: dict[str, Any] | None
) -> None:
    """It is data of the folder, and checked [ND49]."""
    put(root, "in/a")
    output = await sort(world, rule("x"))
    path = root / output["manifest"]
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text("[" if change is None else json.dumps(manifest | change), encoding="utf-8")
    error = await world.error(ORGANISE, {"undo": output["manifest"], "dry_run": False}, node="undo")
    assert (error.kind, error.retryable) == ("invalid_content", False)
    assert list(tree(root)) == ["in/x/a"]
    assert (await world.error(ORGANISE, {"undo": "no"}, node="undo")).kind == "not_found"
