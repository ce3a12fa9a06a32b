# SPDX-License-Identifier: Apache-2.0
"""`legato keys`: the keys of an installation by name, a fresh secret, and rotations.

No secret is printed but a fresh one of `new`, which is used nowhere yet. Rules: CL70-CL76, CR31.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from legato.cli.invocation import OK, RUN_FAILED, Invocation, command_options, examples
from legato.cli.main import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Callable

    from legato.app import App
    from legato.auth.hook_resealing import ResealedHooks
    from legato.auth.keys import Keys
    from legato.auth.resealing import Resealed
    from legato.auth.sealing import Sealer
    from legato.auth.vault import ResealedCredentials
    from legato.settings import Settings

SETTLE_S: Final = 2.0
"""Before old master keys are dropped: a server that runs looks for new ones once a second."""
_JWT_ADVICE: Final = (
    "Make a secret with: legato keys new. Start the server with it as LEGATO_JWT_SECRET_KEY, and "
    "with the one of now as LEGATO_JWT_SECRET_KEY_OLD; after 20 minutes without the old one."
)
_MASTER_ADVICE: Final = (
    "Make a secret with: legato keys new. Start the server with it as LEGATO_MASTER_KEY, and with "
    "the one of now as LEGATO_MASTER_KEY_OLD; then run this with both, to seal anew what is sealed."
)

keys = LazyGroup(
    name="keys",
    help="Look at the keys that sign tokens and seal secrets, and rotate them.\n\n"
    "legato up keeps them in its home; legato serve is given them in its environment.",
    table={
        "list": (f"{__name__}:list_keys", "List the keys by name; no secret is shown."),
        "new": (f"{__name__}:new", "Print a fresh secret for LEGATO_JWT_SECRET_KEY and such."),
        "rotate": (f"{__name__}:rotate", "Make a new key; the one of now stays good for a while."),
    },
    epilog=examples(
        "legato keys list",
        "legato keys rotate jwt",
        "legato keys rotate master --drop-old",
        "export LEGATO_MASTER_KEY=$(legato keys new)",
    ),
)


@click.command("list", epilog=examples("legato keys list", "legato keys list --json"))
@command_options
def list_keys(invocation: Invocation) -> int:
    """List the keys by name, with their age and end; no secret is shown."""
    from legato.app import build

    settings = invocation.settings()
    found, place = _keys(settings)
    now_ms = build(settings, role="reader").clock.now_ms()
    rows: list[dict[str, Any]] = [
        {
            "kind": "jwt",
            "id": each.kid,
            "use": _use_of_jwt(index, each.ends_at, now_ms),
            "made_at": each.made_at,
            "ends_at": each.ends_at,
        }
        for index, each in enumerate(found.jwt)
    ]
    rows += [
        {
            "kind": "master",
            "id": each.id,
            "use": "seals" if index == 0 else "opens",
            "made_at": each.made_at,
            "ends_at": None,
        }
        for index, each in enumerate(found.master)
    ]
    _say_keys(invocation, rows, place, now_ms)
    return OK


@click.command(epilog=examples("export LEGATO_JWT_SECRET_KEY=$(legato keys new)"))
@command_options
def new(invocation: Invocation) -> int:
    """Print a fresh secret of 48 random bytes. It is stored nowhere."""
    import secrets

    from legato.auth.keys import weakness

    secret = secrets.token_urlsafe(48)
    while weakness(secret) is not None:  # one in millions holds a word that no key should hold
        secret = secrets.token_urlsafe(48)
    invocation.terminal.json({"secret": secret})
    invocation.terminal.line(secret)
    return OK


@click.command(
    epilog=examples(
        "legato keys rotate jwt",
        "legato keys rotate jwt --overlap 0 --yes",
        "legato keys rotate master",
        "legato keys rotate master --drop-old",
    )
)
@click.argument("what", type=click.Choice(["jwt", "master"]))
@click.option(
    "--overlap", metavar="TIME",
    help="jwt: how long tokens of the old key stay good; default 20m, 0 ends them all now.",
)  # fmt: skip
@click.option("--drop-old", is_flag=True, help="master: drop the old keys when nothing needs them.")
@click.option("--yes", is_flag=True, help="Do it without a question.")
@command_options
def rotate(
    invocation: Invocation, what: str, overlap: str | None, *, drop_old: bool, yes: bool
) -> int:
    """Make a new key that signs (jwt) or seals (master) from now on; a server needs no restart.

    An end in the middle loses nothing: run it again. The keys of `legato serve` are in its
    environment: then this says what to do, and seals anew when it is given both master keys.
    """
    if overlap is not None and what == "master":
        raise click.UsageError("--overlap goes with jwt: what is sealed does not end")
    if drop_old and what == "jwt":
        raise click.UsageError("--drop-old goes with master; a jwt key ends by itself")
    if what == "jwt":
        return _rotate_jwt(invocation, overlap, yes=yes)
    return _rotate_master(invocation, drop_old=drop_old)


def _keys(settings: Settings) -> tuple[Keys, str]:
    """Return the keys of the environment, or of the home, and where they are.

    Raises:
        NotFound: There are none.
        InvalidInput: Those of the environment are no good.
    """
    from legato.auth.keys import FILE_NAME, keys_from_environment, load
    from legato.errors import NotFound

    if settings.server_keys:
        return keys_from_environment(settings.server_keys), "the environment"
    found = load(settings.home)
    if found is None:
        raise NotFound(
            f"there are no keys in {settings.home}, and none in the environment.",
            hint="legato up makes them at its first start; legato serve is given them.",
        )
    return found, str(settings.home / FILE_NAME)


def _use_of_jwt(index: int, ends_at: int | None, now_ms: int) -> str:
    if index == 0:
        return "signs"
    return "ended" if ends_at is not None and ends_at <= now_ms else "verifies"


def _say_keys(invocation: Invocation, rows: list[dict[str, Any]], place: str, now_ms: int) -> None:
    from legato.cli.text import duration, local_time, table
    from legato.model.instants import iso

    terminal = invocation.terminal
    shown = [("KEY", "ID", "USE", "AGE", "ENDS")]
    for row in rows:
        made_at = row["made_at"]
        times = {"made_at": iso(made_at), "ends_at": iso(row["ends_at"])}
        terminal.json({**row, **times, "place": place})
        age = "-" if made_at is None else duration(now_ms - made_at)
        shown.append((row["kind"], row["id"], row["use"], age, local_time(row["ends_at"])))
    terminal.lines(table(shown))
    terminal.line(f"in {place}")


def _rotate_jwt(invocation: Invocation, overlap: str | None, *, yes: bool) -> int:
    from legato.app import run
    from legato.auth.keys import OVERLAP_MS, rotate_jwt
    from legato.cli.people import administration, confirm, entry
    from legato.errors import NotAllowed
    from legato.model.durations import format_duration, parse_duration

    settings = invocation.settings()
    _keys(settings)
    if settings.server_keys:
        raise NotAllowed("the keys of this server are in its environment.", hint=_JWT_ADVICE)
    overlap_ms = OVERLAP_MS
    if overlap is not None:
        overlap_ms = 0 if overlap in {"0", "0s"} else parse_duration(overlap)
    if overlap_ms < OVERLAP_MS:
        question = "Access tokens of now end early, and whoever has one asks for another. Go on?"
        confirm(invocation, question, yes=yes)

    async def work() -> None:
        async with administration(invocation) as app:
            made = rotate_jwt(settings.home, now_ms=app.clock.now_ms(), overlap_ms=overlap_ms)
            kid = made.jwt[0].kid
            data = {"overlap_s": overlap_ms // 1000}
            await app.stores.audit.write(entry("auth.key_rotate", ("jwt_key", kid), data=data))
            invocation.terminal.json({"kind": "jwt", "id": kid, "overlap_ms": overlap_ms})
            invocation.terminal.line(f"key {kid} signs access tokens from now on")
            if overlap_ms:
                old = f"those before it verify for {format_duration(overlap_ms)}"
                invocation.terminal.line(old)

    run(work())
    return OK


def _rotate_master(invocation: Invocation, *, drop_old: bool) -> int:
    from legato.app import run
    from legato.auth.sealing import Sealer
    from legato.cli.people import administration
    from legato.errors import NotAllowed

    settings = invocation.settings()
    found, _ = _keys(settings)
    if settings.server_keys:
        if len(found.master) == 1:
            raise NotAllowed("the keys of this server are in its environment.", hint=_MASTER_ADVICE)
        if drop_old:
            raise NotAllowed("the old key is in the environment.", hint="Take it out there.")

    async def work() -> int:
        async with administration(invocation) as app:
            current = found if settings.server_keys else await _with_new_master(app, found)
            sealer = Sealer(current.master)
            done = await _seal_anew(invocation, app, sealer)
            dropped = 0
            if drop_old and not done.lost:
                dropped = await _drop_old(invocation, app, sealer, current)
            await _say_resealed(invocation, app, current, done, dropped)
            return RUN_FAILED if done.lost else OK

    return run(work())


async def _with_new_master(app: App, found: Keys) -> Keys:
    """Make a new key, unless an earlier rotation has not come to its end: that one goes on."""
    from legato.auth import resealing, vault
    from legato.auth.hook_resealing import hooks_need_resealing
    from legato.auth.keys import rotate_master
    from legato.auth.sealing import Sealer

    sealer = Sealer(found.master)
    if len(found.master) > 1 and (
        await resealing.needs_resealing(app.stores.accounts, sealer)
        or await vault.needs_resealing(app.stores.credentials, sealer)
        or await hooks_need_resealing(app.stores.triggers, app.stores.notices, sealer)
    ):
        return found
    return rotate_master(app.settings.home, now_ms=app.clock.now_ms())


@dataclass(frozen=True, slots=True)
class _Done:
    """What was sealed anew, and what no key here opens."""

    users: Resealed
    credentials: ResealedCredentials
    hooks: ResealedHooks

    @property
    def count(self) -> int:
        return self.users.count + self.credentials.count + self.hooks.count

    @property
    def lost(self) -> int:
        """Those that would be gone for ever with the old keys; a webhook gets a new secret."""
        return len(self.users.lost) + len(self.credentials.lost)


async def _seal_anew(invocation: Invocation, app: App, sealer: Sealer) -> _Done:
    from legato.auth.hook_resealing import reseal_hooks
    from legato.auth.resealing import reseal
    from legato.auth.vault import reseal_credentials

    def teller(what: str) -> Callable[[int], None]:
        def tell(looked_at: int) -> None:
            if invocation.terminal.is_live:
                invocation.terminal.note(f"looked at {looked_at} {what}")

        return tell

    hooks = await reseal_hooks(app.stores.triggers, app.stores.notices, sealer)
    for each in hooks.lost:
        invocation.terminal.note(f"no key here opens the secret of webhook {each}; rotate it")
    return _Done(
        await reseal(app.stores.accounts, sealer, teller("accounts")),
        await reseal_credentials(app.stores.credentials, sealer, teller("credentials")),
        hooks,
    )


async def _drop_old(invocation: Invocation, app: App, sealer: Sealer, current: Keys) -> int:
    """Drop the old keys; return how many.

    A server that has not looked at the file since the new key was made may still have sealed
    something with the old one: it is waited for, and everything is looked at once more.
    """
    from legato.auth.keys import drop_old_masters

    await asyncio.sleep(SETTLE_S)
    if (await _seal_anew(invocation, app, sealer)).lost:
        return 0
    drop_old_masters(app.settings.home, current=current.master[0].id)
    return len(current.master) - 1


async def _say_resealed(
    invocation: Invocation, app: App, current: Keys, done: _Done, dropped: int
) -> None:
    from legato.cli.people import entry, find_user
    from legato.cli.text import plural

    name, terminal = current.master[0].id, invocation.terminal
    data = {"resealed": done.count, "lost": done.lost, "dropped": dropped}
    await app.stores.audit.write(entry("auth.key_rotate", ("master_key", name), data=data))
    lost = {
        "lost": list(done.users.lost),
        "lost_credentials": [each.id for each in done.credentials.lost],
    }
    terminal.json({"kind": "master", "id": name, **data, **lost})
    terminal.line(f"key {name} seals from now on; {plural(done.count, 'secret')} sealed anew")
    if dropped:
        terminal.line(f"{plural(dropped, 'old key')} dropped")
    for each in done.credentials.lost:
        terminal.note(
            f"no key here opens the credential {each.name} of the workspace {each.workspace}; "
            "write it anew, or bring its key back"
        )
    for user_id in done.users.lost:
        email = (await find_user(app, user_id)).email
        terminal.note(
            f"no key here opens the second factor of {email}; "
            f"legato user reset {email} --drop-second-factor takes it away"
        )
