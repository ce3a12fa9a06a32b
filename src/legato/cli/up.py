# SPDX-License-Identifier: Apache-2.0
"""`legato up`: the server, its engine and the practice service under a supervisor, on one computer.

This process finds out whether all of it can be started, takes the ports, and then becomes the
supervisor: by `exec`, so that settings and command line do not stay in memory.

Rules: UP1-UP8.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from legato.cli.invocation import Invocation, command_options, examples

if TYPE_CHECKING:
    from legato.cli.plan import Plan, Practice
    from legato.settings import Settings

PORT_MAX: Final = 65_535
_HELD_BACK: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


@click.command(
    epilog=examples(
        "legato up",
        "legato --home ./demo up --port 8500",
        "legato up --no-open --json",
    )
)
@click.option("--host", help="Address to listen on; default 127.0.0.1.")
@click.option(
    "--port", type=click.IntRange(0, PORT_MAX), help="Default 8420; if it is taken, the next one."
)
@click.option("--no-open", is_flag=True, help="Do not open the browser.")
@click.option(
    "--practice-delay-factor", type=click.FloatRange(0, 10), default=1.0, hidden=True,
    help="How slow the practice service is; smaller in tests.",
)  # fmt: skip
@command_options
def up(invocation: Invocation, **given: Any) -> int:
    """Start everything on this computer, and open it in the browser.

    That is the HTTP server with its engine, and the practice service that the sample customer-mail
    asks. What crashes is started again, and runs go on by themselves. The first time, a link that
    is good once makes you the owner, without a password. Ctrl-C or SIGTERM drains and ends all.
    """
    settings = _settings(invocation, given["host"], given["port"])
    _refuse_open(settings)
    plan = _plan(invocation, settings, given)
    _become_supervisor(plan, dict(invocation.env))


def _settings(invocation: Invocation, host: str | None, port: int | None) -> Settings:
    from legato.settings import load_settings

    # Without the log, which nothing here needs; the server warns of names that are no settings.
    settings = load_settings(invocation.env, invocation.home)
    given = {"host": host, "port": port}
    chosen = {name: value for name, value in given.items() if value is not None}
    if settings.server_keys:
        names = ", ".join(settings.server_keys)
        invocation.terminal.note(f"note: legato up uses the keys of its own folder, not {names}")
    return settings.model_copy(update={"server": settings.server.model_copy(update=chosen)})


def _refuse_open(settings: Settings) -> None:
    """Refuse to let others in while the owner has no password, or where they could read along."""
    from legato.api.origin import is_loopback

    server = settings.server
    is_own = is_loopback(server.host)
    if is_own and not (server.public_url or server.tls_certificate or server.tls_key):
        return
    from legato.api.startup import refuse_readable

    refuse_readable(settings)
    if not is_own:
        from legato.app import run
        from legato.cli.owners import refuse_without_password

        run(refuse_without_password(settings))


def _plan(invocation: Invocation, settings: Settings, given: dict[str, Any]) -> Plan:
    from legato.api.listening import url_of
    from legato.cli import places
    from legato.cli.plan import Plan

    server, home = settings.server, settings.home
    lock = places.hold_home(home)
    practice_port = places.remembered_port(home) or places.PRACTICE_PORT
    listening = places.listen(server.host, server.port, tries=places.TRIES, avoid=(practice_port,))
    port = listening.getsockname()[1]
    if server.port not in {0, port}:
        text = f"note: port {server.port} is taken by another program; using {port}"
        invocation.terminal.note(text)
    is_tls = server.tls_certificate is not None
    places.note_url(lock, url_of(listening, server.host, is_tls=is_tls))
    practice, has_sample = _practice(invocation, settings, given["practice_delay_factor"])
    return Plan(
        home=str(home),
        host=server.host,
        listening=listening.detach(),
        lock=lock,
        practice=practice,
        has_sample=has_sample,
        as_json=invocation.as_json,
        opens=_has_person(invocation) and not given["no_open"],
    )


def _has_person(invocation: Invocation) -> bool:
    """Tell whether somebody sits before it; `Terminal` would load the log for this."""
    is_talk = not invocation.as_json and invocation.env.get("TERM") != "dumb"
    return is_talk and sys.stdout.isatty() and sys.stdin is not None and sys.stdin.isatty()


def _practice(
    invocation: Invocation, settings: Settings, delay_factor: float
) -> tuple[Practice | None, bool]:
    """Take the port of the practice service, and grant it in a fresh home.

    Returns:
        The service, or None where its port is taken; and whether the sample shall be published.
    """
    from legato.cli import places
    from legato.cli.fresh_home import grant_practice, is_fresh
    from legato.cli.plan import Practice
    from legato.errors import Conflict, InvalidInput
    from legato.practice.sample import NAME, endpoint

    home = settings.home
    known = places.remembered_port(home)
    can_move = known is None or is_fresh(home)
    try:
        listening = places.listen(
            places.PRACTICE_HOST,
            known or places.PRACTICE_PORT,
            tries=places.TRIES if can_move else 1,
            avoid=(settings.server.port,),
        )
    except (Conflict, InvalidInput) as error:
        text = f"note: no practice service, {error.message}: the sample {NAME} cannot run now"
        invocation.terminal.note(text)
        return None, False
    port = listening.getsockname()[1]
    if port != known:
        places.remember_port(home, port)
    is_own_file = invocation.settings_file(settings) == home / "legato.toml"
    has_sample = is_own_file and grant_practice(home, endpoint(port))
    if not has_sample and endpoint(port) not in settings.grants.http.allow_private:
        file = invocation.settings_file(settings)
        invocation.terminal.note(f"note: the sample {NAME} needs a grant in {file}:")
        invocation.terminal.note(f'  [grants.http] allow_private = ["{endpoint(port)}"]')
    return Practice(listening.detach(), port, delay_factor), has_sample


def _become_supervisor(plan: Plan, env: dict[str, str]) -> NoReturn:
    """Become the program that keeps the others running; this process keeps its number."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    practice = () if plan.practice is None else (plan.practice.descriptor,)
    for descriptor in (plan.listening, plan.lock, *practice):
        os.set_inheritable(descriptor, True)
    # What comes between the two programs waits until the supervisor listens to it.
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    argv = [sys.executable, "-P", "-m", "legato.cli.upkeep", plan.encode()]
    os.execve(sys.executable, argv, env)  # noqa: S606 - that is the point of it
