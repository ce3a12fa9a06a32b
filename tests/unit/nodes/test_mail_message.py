# SPDX-License-Identifier: Apache-2.0
"""Mail before it is sent: addresses, headers, grants, attachments."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from legato.nodes import mail
from legato.nodes.mail_message import Letter, address_of, compose, message_id
from legato.ports.grants import Grants, MailServer
from legato.ports.node import Blob, NodeFailure
from tests.unit.nodes.world import World

OFFICE = MailServer(
    host="127.0.0.1", port=1, sender="Legato <legato@example.org>",
    recipients=("@example.org", "bob@Partner.example"), tls="none",
)  # fmt: skip
CONFIG: dict[str, Any] = {
    "server": "office", "to": ["ann@example.org"], "subject": "Hello", "text": "Text",
}  # fmt: skip


def letter(**changes: Any) -> Letter:
    base = Letter(
        message_id=message_id("key", "example.org"), date=datetime(2026, 11, 29, 12, tzinfo=UTC),
        sender=address_of("Legato <legato@example.org>"), to=(address_of("ann@example.org"),),
        cc=(), bcc=(), reply_to=None, subject="Hello", text="Text", html=None,
    )  # fmt: skip
    return replace(base, **changes)


def parsed(data: bytes) -> EmailMessage:
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_a_message_is_what_was_asked_for() -> None:
    """Sender, recipients, subject, text, HTML and files; Bcc stands in no header [ND58]."""
    files = [
        (Blob(hash="0" * 64, size=3, type="text/csv; charset=utf-8", name="täble.csv"), b"a,b"),
        (Blob(hash="0" * 64, size=3, type="message/rfc822", name="../../x.eml"), b"a: b"),
        (Blob(hash="0" * 64, size=3, type="no type"), b"\0\1"),
    ]
    made = compose(
        letter(
            cc=(address_of("Jürg, Ünlü <j@example.org>"),), bcc=(address_of("b@example.org"),),
            reply_to=address_of("r@example.org"), subject="Grüße ⚡ " + "long " * 60,
            text="Ümläut\n.\nend", html="<p>Ü</p>",
        ),
        files,
    )  # fmt: skip
    assert made.isascii()
    assert b"b@example.org" not in made
    message = parsed(made)
    assert str(message["From"]) == "Legato <legato@example.org>"
    assert message["Cc"].addresses[0].display_name == "Jürg, Ünlü"
    assert str(message["Subject"]).startswith("Grüße ⚡ long")
    assert message["Auto-Submitted"] == "auto-generated"
    text, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None and html is not None
    assert text.get_content() == "Ümläut\r\n.\r\nend\r\n"
    assert html.get_content() == "<p>Ü</p>\r\n"
    found = [(each.get_content_type(), each.get_filename()) for each in message.iter_attachments()]
    assert found == [
        ("text/csv", "täble.csv"), ("application/octet-stream", "x.eml"),
        ("application/octet-stream", "attachment-3"),
    ]  # fmt: skip


def test_repeats_have_the_same_message_id() -> None:
    """Message-ID comes from the key alone, and does not show it [ND58]."""
    assert message_id("key", "example.org") == message_id("key", "example.org")
    assert message_id("key", "example.org") != message_id("kez", "example.org")
    assert "key" not in message_id("key", "example.org")


@pytest.mark.parametrize(
    ("text", "address", "name"),
    [
        ("ann@example.org", "ann@example.org", ""),
        (" Ann <ann@Example.ORG> ", "ann@example.org", "Ann"),
        ('"Doe, Ann" <ann.doe+x@example.org>', "ann.doe+x@example.org", "Doe, Ann"),
        ("<ann@example.org>", "ann@example.org", ""),
        ("ann@bücher.example", "ann@xn--bcher-kva.example", ""),
        ("ann@localhost", "ann@localhost", ""),
    ],
)
def test_addresses_are_read(text: str, address: str, name: str) -> None:
    """With or without a name [ND58]."""
    found = address_of(text)
    assert (found.addr_spec, found.display_name) == (address, name)


INJECTIONS = [
    "ann@example.org\r\nBcc: evil@evil.example", "ann@example.org\nX: y", "ann@example.org\0",
    "ann@example.org\u2028x", "Ann\r\nBcc: x <ann@example.org>",
    "=?utf-8?q?a=0d=0aBcc:_evil@evil.example?= <ann@example.org>",
]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        *INJECTIONS, "", "ann", "@example.org", "ann@", "a b@example.org", '"a b"@example.org',
        "ann@example.org, evil@evil.example", "ann@example.org,evil@evil.example",
        "evil@evil.example <ann@example.org>, <evil@evil.example>", "ann@example.org>",
        "<ann@example.org", "ann@example.org <", "Ann <ann@example.org> x", "ann@[127.0.0.1]",
        "victim%evil.example@example.org", "evil.example!victim@example.org", "-ann@example.org",
        "a..b@example.org", "a.@example.org", "ann@example.org@evil.example",
        "ann@exa_mple.org", "ann@" + "x" * 300, "x" * 80 + "@example.org", "ünn@example.org",
        "ann@example..org", "x" * 10_000, "ann@example.org> SIZE=1",
    ],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused(text: str) -> None:
    """No line ends, second addresses, routes, quotes or encoded words [ND58]."""
    with pytest.raises(NodeFailure) as caught:
        address_of(text)
    error = caught.value.error
    assert (error.kind, error.may_have_happened) == ("invalid_argument", False)


@pytest.mark.parametrize(
    "subject",
    ["a\r\nBcc: evil@evil.example", "a\nb", "a\rb", "a\0b", "a\x1b[2Jb", "a\x85b", "a\u2029b",
     "=?utf-8?q?a=0d=0aBcc:_evil@evil.example?=", "x =?utf-8?b?DQpCY2M6IGE=?= y"],
)  # fmt: skip
def test_a_subject_is_one_line_and_stays_what_it_is(subject: str) -> None:
    """Line ends are refused, also those inside encoded words, which Python decodes [ND58]."""
    with pytest.raises(NodeFailure) as caught:
        compose(letter(subject=subject), [])
    assert caught.value.error.kind == "invalid_argument"


@pytest.mark.parametrize(
    "name", ["a\r\nX-Evil: 1", "=?utf-8?q?a=0d=0aX-Evil:_1?=.txt", 'a"; x="y', "../../etc/passwd"]
)
def test_a_file_name_is_no_header_and_no_path(name: str) -> None:
    """What a blob is called cannot break out of its parameter [ND58]."""
    blob = Blob(hash="0" * 64, size=1, type="text/plain", name=name)
    message = parsed(compose(letter(), [(blob, b"x")]))
    [found] = message.iter_attachments()
    assert set(found.keys()) == {
        "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "MIME-Version",
    }  # fmt: skip
    assert "/" not in (found.get_filename() or "")


async def fail(world: World, **changes: Any) -> Any:
    world.grants = Grants(mail_servers={"office": OFFICE})
    return await world.error(mail.email, {**CONFIG, **changes})


async def test_no_mail_without_a_server(world: World) -> None:
    """By default there is none; the refusal names the line to add [ND58]."""
    error = await world.error(mail.email, CONFIG)
    assert (error.kind, error.may_have_happened, error.retryable) == ("not_granted", False, False)
    assert "[grants.mail.servers.office] host = " in error.message


@pytest.mark.parametrize(
    "address",
    ["eve@evil.example", "ann@sub.example.org", "ann@example.org.evil.example",
     "ann@notexample.org", "alice@partner.example", "bob@partner.example.org"],
)  # fmt: skip
@pytest.mark.parametrize("field", ["to", "cc", "bcc"])
async def test_only_granted_recipients_get_mail(world: World, address: str, field: str) -> None:
    """Addresses and whole domains, compared in lower case; every field is looked at [ND58]."""
    error = await fail(world, **{field: [address]})
    assert (error.kind, error.may_have_happened) == ("not_granted", False)
    assert f'[grants.mail.servers.office] recipients = ["{address}"]' in error.message


async def test_granted_recipients_pass(world: World) -> None:
    """These get as far as the connection, which nobody answers here [ND58]."""
    for address in ("Bob <BOB@partner.example>", "x@EXAMPLE.org"):
        error = await fail(world, to=[address])
        assert (error.kind, error.may_have_happened) == ("network", False)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"to": []}, "invalid_config"),
        ({"to": "ann@example.org"}, "invalid_config"),
        ({"to": ["ann@example.org"] * 51}, "invalid_config"),
        ({"subject": "x" * 501}, "invalid_config"),
        ({"text": None}, "invalid_config"),
        ({"attachments": ["0" * 64]}, "invalid_config"),
        ({"attachments": [{"hash": "0" * 64, "size": 20 * 1024**2 + 1}]}, "too_large"),
        ({"attachments": [{"hash": "0" * 64, "size": 1}]}, "not_found"),
        ({"to": [f"u{n}@example.org" for n in range(40)],
          "cc": [f"c{n}@example.org" for n in range(40)]}, "too_large"),
        ({"subject": "a\r\nBcc: evil@evil.example"}, "invalid_argument"),
        ({"reply_to": "a\r\nBcc: evil@evil.example"}, "invalid_argument"),
    ],
)  # fmt: skip
async def test_what_cannot_be_sent_is_named_before(world: World, changes: Any, kind: str) -> None:
    """Nothing is connected for a mail that cannot go out [ND58, DO17]."""
    error = await fail(world, **changes)
    assert (error.kind, error.may_have_happened) == (kind, False)


async def test_an_attachment_that_is_longer_than_it_says_is_refused(world: World) -> None:
    """A reference with a wrong size does not fill the memory [ND58]."""
    ref = await world.blobs.put(None, b"x" * 1000)  # type: ignore[arg-type]
    error = await fail(world, attachments=[{"hash": ref.hash, "size": 5}])
    assert (error.kind, error.may_have_happened) == ("too_large", False)
