# SPDX-License-Identifier: Apache-2.0
"""files.organise: sorts the files of a folder by rules, so that it can be taken back.

A real run first decides every move and writes them into an undo manifest, then makes them one by
one. An attempt after a crash finds that manifest by the node's idempotency key and goes on from
it: it decides nothing anew, and a move that was made is seen to be made.

Rules: ND40, ND49.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from legato.model.policy import EffectClass
from legato.nodes.fields import Output, refused
from legato.nodes.files import organise_manifest as manifests
from legato.nodes.files.disk import time_of
from legato.nodes.files.organise_manifest import Counts, LeftOut, Manifest, Step
from legato.nodes.files.organise_moves import Mover
from legato.nodes.files.organise_plan import Place, Plan, Planner
from legato.nodes.files.organise_rules import RULES_MAX, Rule, RuleBook
from legato.nodes.files.walk import Selection
from legato.nodes.safe_paths import folder_names, granted_root, granted_roots, names_of
from legato.ports.node import NodeContext, node

_NAMED_MAX: Final = 3
"""How many files a refusal names."""


def _checked_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("should be a time zone such as Europe/Berlin") from None
    return name


class OrganiseConfig(Selection):
    """`with` of files.organise: `rules`, or `undo`."""

    rules: tuple[Rule, ...] = Field(
        default=(), max_length=RULES_MAX, description="In order; the first that fits decides."
    )
    target: str | None = Field(
        default=None,
        description="The folder that the rules' folders lie in; else the one that is sorted.",
    )
    to_root: str | None = Field(
        default=None, description="Which granted folder `target` lies in; else the same."
    )
    dry_run: bool = Field(default=True, description="Only say what would be moved; false moves it.")
    on_conflict: Literal["fail", "rename", "skip"] = Field(
        default="fail",
        description="If a name is taken: fail before anything is moved, rename to `name (1).ext`, "
        "or skip that file.",
    )
    timezone: Annotated[str, AfterValidator(_checked_zone)] = Field(
        default="UTC", description="In which {year}, {month} and {day} are told."
    )
    undo: str | None = Field(
        default=None, description="Take back the run with this manifest, instead of sorting."
    )

    @model_validator(mode="after")
    def _one_task(self) -> Self:
        if bool(self.rules) == (self.undo is not None):
            raise ValueError("either `rules` or `undo` is needed")
        return self


class Move(Output):
    """One file."""

    from_: str = Field(alias="from", description="Where it is, relative to its granted folder.")
    to: str = Field(description="Where it goes, relative to its granted folder.")
    rule: int = Field(description="Which rule, from 1.")
    conflict: Literal["fail", "rename", "skip"] | None = Field(
        default=None, description="What is done because the name is taken there."
    )


class Left(Output):
    """A file that stayed."""

    path: str = Field(description="Where it is, relative to its granted folder.")
    why: str = Field(description="Why it stayed.")


class OrganiseOutput(Output):
    """Output of files.organise."""

    dry_run: bool = Field(description="Nothing was changed.")
    moves: list[Move] = Field(description="What is to be moved, or was.")
    moved: int = Field(description="How many files were moved.")
    left: list[Left] = Field(description="Files that a rule covers and that stayed all the same.")
    unmatched: int = Field(description="How many files no rule covers.")
    in_place: int = Field(description="How many are where their rule puts them already.")
    skipped: int = Field(description="How many entries nodes may not touch.")
    manifest: str | None = Field(
        description="The undo manifest, relative to the granted folder that was moved to."
    )


def _effect(config: Mapping[str, Any]) -> EffectClass:
    return "pure" if config.get("dry_run", True) is True else "idempotent"


@node(
    "files.organise",
    title="Sort a folder by rules",
    group="files",
    icon="folder-tree",
    effect=_effect,
    timeout_ms=1_800_000,
    example="""\
uses: files.organise
with:
  folder: inbox
  rules:
    - {match: {pattern: "invoice*", extensions: [pdf]}, to: "invoices/{year}/{month}"}
    - {match: {older_than: 90d}, to: "old/{extension}"}
  on_conflict: rename
  dry_run: false
""",
)
def organise(ctx: NodeContext, config: OrganiseConfig) -> OrganiseOutput:
    """Sort the files of a folder into other folders by rules, below folders the operator granted.

    By default no folder is granted; the operator names them in `legato.toml`:
    `[grants.files] roots = ["/srv/reports"]`. The first rule that fits a file decides. Unless
    `dry_run: false` is said, nothing is changed and the output says what would be moved. There is
    no overwriting: what was replaced could not be brought back.

    A real run writes an undo manifest into the granted folder before the first move;
    `undo: MANIFEST` with `dry_run: false` takes it back, as far as files have not changed since.
    Repeating it is harmless: an attempt after a crash goes on from the manifest.

    Fails with `not_granted`, `path_refused`, `not_found`, `exists`, `too_large`,
    `invalid_content` (of a manifest), `disk_full`, `read_only` or `file_error`.
    """
    root, to_root = granted_roots(ctx.grants, config.root, config.to_root)
    if config.undo is not None:
        return _undo(ctx, config, to_root, config.undo)
    key = manifests.key_of(ctx.idempotency_key)
    if not config.dry_run:
        earlier = manifests.find(to_root, key)
        if earlier is not None:
            manifest = manifests.read(to_root, earlier, [earlier])
            if (manifest.key, manifest.root, manifest.to_root) == (key, str(root), str(to_root)):
                ctx.log(f"going on from {earlier}")
                return _carry_out(ctx, config, manifest, earlier)
    plan = _plan(ctx, config, root, to_root)
    if config.dry_run:
        return _told(plan)
    _refuse_conflicts(plan)
    manifest = _manifest_of(plan, key, root, to_root)
    if not manifest.moves:
        return _done(manifest, None, [])
    name = manifests.write(to_root, manifest, f"{time_of(_now_ns(ctx)):%Y%m%dT%H%M%SZ}")
    return _carry_out(ctx, config, manifest, name)


def _manifest_of(plan: Plan, key: str, root: Path, to_root: Path) -> Manifest:
    return Manifest(
        key=key,
        root=str(root),
        to_root=str(to_root),
        counts=Counts(unmatched=plan.unmatched, in_place=plan.in_place, skipped=plan.skipped),
        left=tuple(
            LeftOut(path=each.source, why=f"{each.target:.400} exists")
            for each in plan.wishes
            if each.conflict == "skip"
        ),
        folders=tuple(plan.folders),
        moves=tuple(
            Step(
                from_=each.source,
                to=each.target,
                rule=each.rule,
                conflict="rename" if each.conflict == "rename" else None,
                mark=each.mark,
            )
            for each in plan.wishes
            if each.conflict != "skip"
        ),
    )


def _plan(ctx: NodeContext, config: OrganiseConfig, root: Path, to_root: Path) -> Plan:
    source = Place(root, tuple(folder_names(config.folder)))
    names = source.names if to_root == root else ()
    if config.target is not None:
        names = tuple(folder_names(config.target))
    needs_time = any(rule.match.needs_time for rule in config.rules)
    book = RuleBook(
        config.rules,
        now_ns=_now_ns(ctx) if needs_time else 0,
        zone=ZoneInfo(config.timezone),
    )
    planner = Planner(ctx, source, Place(to_root, names), config.on_conflict)
    return planner.plan(book, pattern=config.pattern, depth=config.depth if config.recursive else 1)


def _now_ns(ctx: NodeContext) -> int:
    """Return the time by the clock that also gives files theirs: ages are told with that one."""
    return ctx.scratch.stat().st_ctime_ns


def _refuse_conflicts(plan: Plan) -> None:
    taken = [each.target for each in plan.wishes if each.conflict == "fail"]
    if taken:
        names = ", ".join(f"{each!r:.200}" for each in taken[:_NAMED_MAX])
        more = len(taken) - _NAMED_MAX
        raise refused(
            "exists",
            f"nothing was moved, as names are taken: {names}"
            + (f" and {more} more" if more > 0 else "")
            + "; use on_conflict: rename or skip",
        )


def _told(plan: Plan) -> OrganiseOutput:
    return OrganiseOutput(
        dry_run=True,
        moves=[
            Move(from_=each.source, to=each.target, rule=each.rule, conflict=each.conflict)
            for each in plan.wishes
        ],
        moved=0,
        left=[],
        unmatched=plan.unmatched,
        in_place=plan.in_place,
        skipped=plan.skipped,
        manifest=None,
    )


def _carry_out(
    ctx: NodeContext, config: OrganiseConfig, manifest: Manifest, name: str
) -> OrganiseOutput:
    mover = Mover(ctx, manifest)
    for number, step in enumerate(manifest.moves, start=1):
        mover.move(step, strict=config.on_conflict == "fail")
        ctx.progress(number / len(manifest.moves), step.to)
    return _done(manifest, name, mover.left)


def _done(manifest: Manifest, name: str | None, left: list[LeftOut]) -> OrganiseOutput:
    return OrganiseOutput(
        dry_run=False,
        moves=[
            Move(from_=each.from_, to=each.to, rule=each.rule, conflict=each.conflict)
            for each in manifest.moves
        ],
        moved=len(manifest.moves) - len(left),
        left=[Left(path=each.path, why=each.why) for each in (*manifest.left, *left)],
        manifest=name,
        **manifest.counts.model_dump(),
    )


def _undo(ctx: NodeContext, config: OrganiseConfig, to_root: Path, path: str) -> OrganiseOutput:
    manifest = manifests.read(to_root, path, names_of(path))
    for each in (manifest.root, manifest.to_root):
        granted_root(ctx.grants, each)
    steps = manifest.moves[::-1]
    mover = Mover(ctx, manifest)
    for number, step in enumerate(steps, start=1):
        if config.dry_run:
            mover.look_back(step)
        else:
            mover.move_back(step)
            ctx.progress(number / len(steps), step.from_)
    if not config.dry_run:
        mover.remove_folders()
    return OrganiseOutput(
        dry_run=config.dry_run,
        moves=[Move(from_=each.to, to=each.from_, rule=each.rule) for each in steps],
        moved=0 if config.dry_run else len(steps) - len(mover.left),
        left=[Left(path=each.path, why=each.why) for each in mover.left],
        unmatched=0,
        in_place=0,
        skipped=0,
        manifest=path,
    )
