# SPDX-License-Identifier: Apache-2.0
"""notify.email against real servers on loopback."""

import asyncio
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from legato.model.events import NodeError
from legato.model.signals import ReportCancelled
from legato.nodes import mail
from legato.nodes.mail_message import message_id
from legato.ports.grants import Grants, MailServer
from tests.integration.nodes.mail_servers import (
    Post,
    authenticate,
    make_certificate,
    serve_lines,
    serve_mail,
)
from tests.unit.nodes.world import EXECUTION, World, request

CONFIG: dict[str, Any] = {
    "server": "office", "to": ["Ann <ann@example.org>"], "subject": "Häl ⚡", "text": "Text\n.\n",
}  # fmt: skip


def grant(world: World, port: int, **changes: Any) -> None:
    office = {
        "host": "127.0.0.1", "port": port, "sender": "legato@example.org",
        "recipients": ("@example.org",), "tls": "none", **changes,
    }  # fmt: skip
    world.grants = Grants(mail_servers={"office": MailServer(**office)})


async def fail(world: World, post: Post, **changes: Any) -> NodeError:
    async with serve_mail(post) as port:
        grant(world, port)
        return await world.error(mail.email, {**CONFIG, **changes})


def read(content: Any) -> EmailMessage:
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


async def test_a_mail_arrives_whole(world: World) -> None:
    """Recipients of all fields, text, HTML and a payload of the blob store [ND58]."""
    ref = await world.blobs.put(None, b"a,b\n" * 100_000)  # type: ignore[arg-type]
    post = Post()
    config = {
        **CONFIG, "cc": ["cc@example.org"], "bcc": ["bcc@example.org", "ann@example.org"],
        "html": "<b>Text</b>",
        "attachments": [
            {"hash": ref.hash, "size": ref.size, "type": "text/csv", "name": "t.csv"}
        ],
    }  # fmt: skip
    async with serve_mail(post) as port:
        grant(world, port)
        output = await world.output(mail.email, config)
    [letter] = post.letters
    assert letter.mail_from == "legato@example.org"
    assert letter.rcpt_tos == ["ann@example.org", "cc@example.org", "bcc@example.org"]
    message = read(letter.content)
    assert message["Subject"] == "Häl ⚡"
    assert message["Bcc"] is None
    assert message["Message-ID"] == message_id(f"{EXECUTION}:step_one", "example.org")
    [part] = message.iter_attachments()
    assert part.get_content() == ("a,b\n" * 100_000)
    assert output == {
        "message_id": message["Message-ID"], "recipients": 3, "answer": "taken as 1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "kind", "retryable"),
    [
        ({"MAIL": "550 not you"}, "refused_sender", False),
        ({"MAIL": "451 later"}, "refused_sender", True),
        ({"ann@example.org": "550 no such person"}, "refused_recipient", False),
        ({"ann@example.org": "450 try later"}, "refused_recipient", True),
        ({"DATA": "554 spam"}, "refused_message", False),
        ({"DATA": "452 full"}, "refused_message", True),
    ],
)
async def test_a_server_that_refuses_got_nothing(
    world: World, answers: dict[str, str], kind: str, retryable: bool
) -> None:
    """Each refusal is typed, certainly did not happen, and says whether later may do [ND58]."""
    post = Post(**answers)
    error = await fail(world, post)
    assert (error.kind, error.may_have_happened, error.retryable) == (kind, False, retryable)
    assert next(iter(answers.values())) in error.message
    assert post.letters == []


async def test_all_get_it_or_nobody(world: World) -> None:
    """One refused recipient stops the mail before its content is sent [ND58]."""
    post = Post(**{"bad@example.org": "550 no such person"})
    error = await fail(world, post, to=["ann@example.org", "bad@example.org", "c@example.org"])
    assert (error.kind, error.may_have_happened) == ("refused_recipient", False)
    assert "'bad@example.org'" in error.message
    assert not post.in_data.is_set()


async def test_a_server_that_dies_in_data_leaves_it_open(world: World) -> None:
    """The connection is lost while the message is handed over: nobody knows [ND58, AT11]."""
    error = await fail(world, Post(DATA="die"))
    assert (error.kind, error.may_have_happened) == ("network", True)
    assert "may have been sent" in error.message


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"250 OK \xff\x00 taken", "completed"),
        (b"250-two\r\n250 lines", "completed"),
        (b"299 hm", "network"),
        (b"354 go on", "network"),
        (b"nonsense", "network"),
        (b"421 closing", "refused_message"),
    ],
)
async def test_only_a_clear_answer_to_a_message_is_believed(
    world: World, answer: bytes, outcome: str
) -> None:
    """250 is success whatever stands behind it, 4xx and 5xx a refusal, all else open [ND58]."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        for reply in (b"250 hi", b"250 OK", b"250 OK", b"354 go on"):
            await reader.readline()
            writer.write(reply + b"\r\n")
        await reader.readuntil(b"\r\n.\r\n")
        writer.write(answer + b"\r\n")
        await reader.readline()

    async with serve_lines(talk) as port:
        grant(world, port)
        if outcome == "completed":
            output = await world.output(mail.email, CONFIG)
            assert output["recipients"] == 1
            return
        error = await world.error(mail.email, CONFIG)
    assert (error.kind, error.may_have_happened) == (outcome, outcome == "network")


async def test_a_server_that_hangs_in_data_runs_into_the_timeout(world: World) -> None:
    """What happened is not known then either [ND58, AT18]."""
    post = Post(DATA="hang")
    async with serve_mail(post) as port:
        grant(world, port)
        error = await world.error(mail.email, CONFIG, timeout_ms=500)
    assert (error.kind, error.may_have_happened) == ("timeout", True)
    assert post.letters == []


async def test_stopping_ends_the_connection(world: World) -> None:
    """A cancelled mail is not finished behind the back [EN12, ND58]."""
    world.types["notify.email"] = mail.email
    post = Post(DATA="hang")
    async with serve_mail(post) as port:
        grant(world, port)
        runner = world.runner()
        asked = request(mail.email, CONFIG, effect="non_idempotent")
        attempt = asyncio.ensure_future(runner.run(asked))
        await post.in_data.wait()
        runner.stop(asked.key)
        report = await attempt
    assert isinstance(report, ReportCancelled)
    assert report.outcome_unknown is True


async def test_nobody_there_is_a_network_failure(world: World) -> None:
    """Connection refused certainly did not happen [ND58, AT10]."""
    async with serve_mail(Post()) as port:
        pass
    grant(world, port)
    error = await world.error(mail.email, CONFIG)
    assert (error.kind, error.may_have_happened, error.retryable) == ("network", False, True)


@pytest.mark.parametrize(
    "said",
    [b"", b"nonsense\r\n", b"554 go away\r\n", b"220" * 20_000, b"220 hi\r\n", b"2\xff0 x\r\n",
     b"220 hi\r\n500 what\r\n500 what\r\n"],
)  # fmt: skip
async def test_a_server_that_talks_nonsense_got_nothing(world: World, said: bytes) -> None:
    """Garbage, an early end or an endless line before the message: it was not sent [ND58]."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    async with serve_lines(talk) as port:
        grant(world, port)
        error = await world.error(mail.email, CONFIG)
    assert error.may_have_happened is False
    assert error.kind in {"network", "tls_refused"}


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_an_encrypted_connection_is_made_and_used(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    """STARTTLS and TLS from the start; the password goes over it alone [ND58, ND10]."""
    server, client = make_certificate(tmp_path)
    monkeypatch.setattr(mail, "tls_context", lambda: client)
    world.secrets.values["mail_password"] = "correct horse"
    post = Post()
    logins: list[bool] = []

    def note(*asked: Any) -> AuthResult:
        logins.append(authenticate(*asked).success)
        return authenticate(*asked)

    options: dict[str, Any] = {"tls_context": server, "require_starttls": True}
    if tls == "implicit":
        options = {"implicit_tls": server, "auth_require_tls": False}
    async with serve_mail(post, authenticator=note, **options) as port:
        grant(world, port, tls=tls, username="legato", password="mail_password")
        report = await world.run(mail.email, CONFIG)
    assert len(post.letters) == 1
    assert logins == [True]
    assert "correct horse" not in await world.everything_said(report)


async def test_a_wrong_password_is_named_and_not_said(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """auth_refused: nothing was sent, and trying again would not help [ND58, ND10]."""
    server, client = make_certificate(tmp_path)
    monkeypatch.setattr(mail, "tls_context", lambda: client)
    world.secrets.values["mail_password"] = "wrong horse"
    post = Post()
    async with serve_mail(post, tls_context=server, authenticator=authenticate) as port:
        grant(world, port, tls="starttls", username="legato", password="mail_password")
        report = await world.run(mail.email, CONFIG)
        grant(world, port, tls="starttls", username="legato", password="no_such_secret")
        missing = await world.error(mail.email, CONFIG)
    error = report.error  # type: ignore[union-attr]
    assert (error.kind, error.may_have_happened, error.retryable) == ("auth_refused", False, False)
    assert "wrong horse" not in await world.everything_said(report)
    assert (missing.kind, missing.may_have_happened) == ("not_found", False)
    assert post.said == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_server_without_tls_gets_nothing(world: World, tls: str) -> None:
    """There is no falling back to plain text [ND58]."""
    post = Post()
    async with serve_mail(post) as port:
        grant(world, port, tls=tls)
        error = await world.error(mail.email, CONFIG)
    assert (error.kind, error.may_have_happened) == ("tls_refused", False)
    assert post.said == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_certificate_that_nobody_signed_is_refused(
    world: World, tmp_path: Path, tls: str
) -> None:
    """The server must be who it says [ND58]."""
    server, _ = make_certificate(tmp_path)
    post = Post()
    options = {"tls_context": server} if tls == "starttls" else {"implicit_tls": server}
    async with serve_mail(post, **options) as port:
        grant(world, port, tls=tls)
        error = await world.error(mail.email, CONFIG)
    assert (error.kind, error.may_have_happened) == ("tls_refused", False)
    assert "certificate" in error.message
    assert post.said == []
