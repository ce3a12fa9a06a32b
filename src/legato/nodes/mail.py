# SPDX-License-Identifier: Apache-2.0
"""notify.email: mail through a server that the operator named, to recipients that are granted.

The message is composed in `mail_message`; here it is delivered. Nothing is sent unless every
recipient was taken: a mail to half of its recipients cannot be tried again.

Rules: ND58, CR17.
"""

import asyncio
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self

from pydantic import Field, model_validator

from legato.errors import LegatoError
from legato.nodes.fields import Config, Output, credential_field, without_nul
from legato.nodes.mail_message import Letter, address_of, compose, message_id, refuse
from legato.ports.credentials import OpenCredential
from legato.ports.grants import Grants, MailServer
from legato.ports.node import Blob, NodeContext, NodeFailure, node

if TYPE_CHECKING:
    import aiosmtplib

RECIPIENTS_MAX: Final = 50
TEXT_CHARACTERS_MAX: Final = 1_000_000
FILES_MAX: Final = 20
FILES_BYTES_MAX: Final = 20 * 1024 * 1024
"""Together; in base64 that is 27 MB, about what servers take."""
COMMAND_S: Final = 60.0
"""For each answer of the server; the attempt's time-out bounds them all."""
QUIT_S: Final = 2.0
"""A server that took the message and does not say goodbye is not waited for."""
_TEMPORARY: Final = range(400, 500)
_REFUSALS: Final = range(400, 600)
"""Any other answer to a message leaves open whether it was taken."""

Addresses = tuple[str, ...]


class EmailConfig(Config):
    """`with` of notify.email."""

    server: str | None = Field(
        default=None, description="Which granted server: NAME of [grants.mail.servers.NAME]."
    )
    credential: str | None = credential_field("smtp")
    sender: str | None = Field(
        default=None, description="Who it is from, with a credential: Ann <ann@example.org>."
    )
    to: Addresses = Field(
        min_length=1, max_length=RECIPIENTS_MAX, description="ann@example.org, or Ann <ann@…>."
    )
    cc: Addresses = Field(default=(), max_length=RECIPIENTS_MAX, description="Copies.")
    bcc: Addresses = Field(
        default=(), max_length=RECIPIENTS_MAX, description="Copies that nobody else sees."
    )
    reply_to: str | None = Field(default=None, description="Whom an answer goes to.")
    subject: str = Field(max_length=500, description="One line.")
    text: str = Field(max_length=TEXT_CHARACTERS_MAX, description="The message as text.")
    html: str | None = Field(
        default=None, max_length=TEXT_CHARACTERS_MAX, description="The same as HTML."
    )
    attachments: tuple[Blob, ...] = Field(
        default=(), max_length=FILES_MAX, description="Payloads; 20 MiB together."
    )

    @model_validator(mode="after")
    def _one_server(self) -> Self:
        if (self.server is None) == (self.credential is None):
            raise ValueError("exactly one of server and credential is needed")
        if (self.credential is None) != (self.sender is None):
            raise ValueError("sender goes with a credential; a granted server has its own")
        return self


class EmailOutput(Output):
    """Output of notify.email."""

    message_id: str = Field(description="Message-ID: the same for every attempt.")
    recipients: int = Field(description="How many addresses the server took.")
    answer: str = Field(description="What the server said when it took the message.")


@node(
    "notify.email",
    title="Send an email",
    group="people",
    icon="mail",
    effect="non_idempotent",
    timeout_ms=180_000,
    secret_fields=("credential",),
    example="""\
uses: notify.email
with:
  server: office
  to: [ann@example.org]
  subject: "Report of ${{ inputs.week }}"
  text: ${{ nodes.report.output.text }}
""",
)
async def email(ctx: NodeContext, config: EmailConfig) -> EmailOutput:
    """Send an email through a server of the operator.

    By default there is none; the operator names servers, and who may get mail, in `legato.toml`:
    `[grants.mail.servers.office] host = "mail.example.org"` with `sender` and
    `recipients = ["@example.org"]`: addresses, or whole domains. The connection is encrypted
    unless the grant says otherwise; the password is a secret that it names.

    Or `credential` names a mail server of the workspace, at a public address or at one that
    `[grants.http] allow_private` names: then the workflow says `sender`, and anybody may get mail.

    All recipients get it or none: if the server refuses one, nothing is sent. Message-ID is
    derived from the node's key, so that a repeat can be recognised.

    Fails with `not_granted`, `invalid_argument` (an address or a line end in a header),
    `too_large`, `network`, `tls_refused`, `auth_refused`, `refused_sender`, `refused_recipient`,
    `refused_message`. Only when the connection is lost while the message is handed over is it
    unknown whether it was sent.
    """
    server, password = await _server_of(ctx, config)
    letter = _letter(ctx, config, server)
    _check_recipients(letter.recipients, config.server, server)
    files = [await _payload(ctx, each) for each in _bounded(config.attachments)]
    message = await asyncio.to_thread(compose, letter, files)
    if config.credential is None:
        password = await _password(ctx, server)
    else:
        server = await guarded(server, ctx.grants)
    answer = await _deliver(server, password, letter, message)
    return EmailOutput(
        message_id=letter.message_id,
        recipients=len(letter.recipients),
        answer=answer,
    )


async def _server_of(ctx: NodeContext, config: EmailConfig) -> tuple[MailServer, str | None]:
    """Return the server, and the password of a credential."""
    if config.credential is None:
        return granted_server(ctx.grants, config.server or ""), None
    found = await ctx.credential(config.credential, "smtp")
    return server_of(found, config.sender or "")


def server_of(found: OpenCredential, sender: str) -> tuple[MailServer, str | None]:
    """Return the server that a credential describes, and its password."""
    data = found.data
    server = MailServer(
        host=data["host"],
        port=data["port"],
        tls=data["tls"],
        username=data.get("username"),
        sender=sender,
        recipients=(),
    )
    return server, data.get("password")


async def guarded(server: MailServer, grants: Grants) -> MailServer:
    """Return the server at an address that may be reached.

    It is the very address that was checked, unless the server has to prove its name.

    Raises:
        NodeFailure: `address_refused` or `network`.
    """
    from legato.nodes.http_guard import CONNECT_S, resolve  # noqa: PLC0415 - 150 ms, for these only

    try:
        async with asyncio.timeout(CONNECT_S):
            addresses = await resolve(server.host, server.port, frozenset(grants.hosts))
    except TimeoutError:
        why = f"{server.host!r:.100}: resolving took too long"
        raise NodeFailure("network", why, may_have_happened=False) from None
    return replace(server, host=addresses[0]) if server.tls == "none" else server


def granted_server(grants: Grants, name: str) -> MailServer:
    """Return a server by its name.

    Raises:
        NodeFailure: `not_granted`.
    """
    server = grants.mail_servers.get(name)
    if server is None:
        line = f'[grants.mail.servers.{name:.63}] host = "mail.example.org"'
        raise refuse(
            "not_granted",
            f"there is no mail server {name!r:.80}; the operator can add to legato.toml: {line}, "
            "with sender and recipients",
        )
    return server


def _letter(ctx: NodeContext, config: EmailConfig, server: MailServer) -> Letter:
    sender = address_of(server.sender)
    return Letter(
        message_id=message_id(ctx.idempotency_key, sender.domain),
        date=ctx.now,
        sender=sender,
        to=tuple(map(address_of, config.to)),
        cc=tuple(map(address_of, config.cc)),
        bcc=tuple(map(address_of, config.bcc)),
        reply_to=None if config.reply_to is None else address_of(config.reply_to),
        subject=config.subject,
        text=config.text,
        html=config.html,
    )


def _check_recipients(recipients: list[str], name: str | None, server: MailServer) -> None:
    """Compare with the grant, in lower case; a domain covers itself, not those below it."""
    if len(recipients) > RECIPIENTS_MAX:
        raise refuse("too_large", f"more than {RECIPIENTS_MAX} recipients")
    if name is None:  # a server of the workspace: the operator has not said who may get mail
        return
    granted = {each.lower() for each in server.recipients}
    for each in recipients:
        address = each.lower()
        if address not in granted and f"@{address.rpartition('@')[2]}" not in granted:
            line = f'[grants.mail.servers.{name}] recipients = ["{address}"]'
            raise refuse(
                "not_granted",
                f"{address!r:.200} may not get mail; the operator can add to legato.toml: {line}",
            )


def _bounded(attachments: tuple[Blob, ...]) -> tuple[Blob, ...]:
    if sum(each.size for each in attachments) > FILES_BYTES_MAX:
        raise refuse("too_large", f"the attachments have more than {FILES_BYTES_MAX} bytes")
    return attachments


async def _payload(ctx: NodeContext, blob: Blob) -> tuple[Blob, bytes]:
    """Read an attachment; never more than its reference says."""
    payload = bytearray()
    try:
        async for piece in ctx.blobs.stream(blob.ref):
            payload += piece
            if len(payload) > blob.size:
                raise refuse("too_large", f"an attachment has more than its {blob.size} bytes")
    except LegatoError as error:
        raise refuse(error.code, f"an attachment: {error}", retryable=error.retryable) from None
    return blob, bytes(payload)


async def _password(ctx: NodeContext, server: MailServer) -> str | None:
    if server.password is None:
        return None
    try:
        return await ctx.secret(server.password)
    except LegatoError as error:
        raise refuse(error.code, str(error), retryable=error.retryable) from None


async def _client(server: MailServer, own_name: str | None) -> "aiosmtplib.SMTP":
    import aiosmtplib  # noqa: PLC0415 - loaded when the first mail is sent

    return aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.tls == "implicit",
        start_tls=server.tls == "starttls",
        tls_context=None if server.tls == "none" else await asyncio.to_thread(tls_context),
        local_hostname=own_name,
        timeout=COMMAND_S,
    )


async def try_log_in(server: MailServer, password: str | None) -> None:
    """Connect and log in, and send nothing.

    Raises:
        NodeFailure: `network`, `tls_refused` or `auth_refused`.
    """
    client = await _client(server, "localhost")
    try:
        await _open(client, server, password)
        await _leave(client)
    finally:
        client.close()


async def _deliver(server: MailServer, password: str | None, letter: Letter, message: bytes) -> str:
    """Hand the message over; return what the server said."""
    client = await _client(server, letter.sender.domain)
    try:
        await _open(client, server, password)
        await _announce(client, letter)
        answer = await _hand_over(client, message)
        await _leave(client)
        return answer
    finally:
        # Closing would still send what is buffered: after a cancellation nothing more goes out.
        if client.transport is not None and client.is_connected:
            client.transport.abort()  # type: ignore[attr-defined]
        client.close()


def tls_context() -> ssl.SSLContext:
    """Return how servers are verified: by the certificates that this machine trusts."""
    return ssl.create_default_context()


async def _open(client: "aiosmtplib.SMTP", server: MailServer, password: str | None) -> None:
    import aiosmtplib  # noqa: PLC0415 - see above

    where = f"{server.host}:{server.port}"
    try:
        await client.connect()
    except (ssl.SSLError, ssl.CertificateError) as error:
        raise refuse("tls_refused", f"{where}: no encrypted connection: {_reason(error)}") from None
    except aiosmtplib.SMTPConnectError as error:
        if isinstance(error.__cause__, ssl.SSLError):
            raise refuse(
                "tls_refused", f"{where}: no encrypted connection: {_reason(error.__cause__)}"
            ) from None
        raise _network(where, error) from None
    except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError) as error:
        raise _network(where, error) from None
    except aiosmtplib.SMTPException as error:
        # Connected, and STARTTLS is not offered or was refused.
        raise refuse("tls_refused", f"{where}: {_said(error)}") from None
    if server.username is None:
        return
    try:
        await client.login(server.username, password or "")
    except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError) as error:
        raise _network(where, error) from None
    except aiosmtplib.SMTPException as error:
        message = f"{where}: {_said(error)}"
        raise refuse("auth_refused", message, retryable=_is_temporary(error)) from None


async def _announce(client: "aiosmtplib.SMTP", letter: Letter) -> None:
    """Name sender and recipients: until the message itself follows, nothing is sent."""
    import aiosmtplib  # noqa: PLC0415 - see above

    where = f"{client.hostname}:{client.port}"
    try:
        await client.mail(letter.sender.addr_spec)
        for each in letter.recipients:
            await client.rcpt(each)
    except aiosmtplib.SMTPSenderRefused as error:
        raise _refused("refused_sender", f"{where} refuses the sender", error) from None
    except aiosmtplib.SMTPRecipientRefused as error:
        what = f"{where} refuses {error.recipient!r:.200}, so nobody got the message"
        raise _refused("refused_recipient", what, error) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        raise _network(where, error) from None


async def _hand_over(client: "aiosmtplib.SMTP", message: bytes) -> str:
    import aiosmtplib  # noqa: PLC0415 - see above

    where = f"{client.hostname}:{client.port}"
    try:
        answer = await client.data(message)
    except (aiosmtplib.SMTPException, OSError) as error:
        if isinstance(error, aiosmtplib.SMTPDataError) and error.code in _REFUSALS:
            raise _refused("refused_message", f"{where} refuses the message", error) from None
        raise NodeFailure(
            "network", f"{where}: no clear answer while the message was handed over, so it may "
            f"have been sent: {_said(error)}",
        ) from None  # fmt: skip
    return _one_line(answer.message)


async def _leave(client: "aiosmtplib.SMTP") -> None:
    """Say goodbye; the message was taken, whatever comes now."""
    import aiosmtplib  # noqa: PLC0415 - see above

    try:
        await client.quit(timeout=QUIT_S)
    except (aiosmtplib.SMTPException, OSError):
        return


def _network(where: str, error: Exception) -> NodeFailure:
    return NodeFailure("network", f"{where}: {_said(error)}", may_have_happened=False)


def _refused(kind: str, what: str, error: "aiosmtplib.SMTPResponseException") -> NodeFailure:
    return refuse(kind, f"{what}: {_said(error)}", retryable=_is_temporary(error))


def _is_temporary(error: Exception) -> bool:
    return getattr(error, "code", 0) in _TEMPORARY


def _said(error: Exception) -> str:
    """Return an error's text in one line, with the server's code if there is one."""
    code = getattr(error, "code", None)
    text = _one_line(str(getattr(error, "message", error)))
    return f"{code} {text}" if code else text


def _one_line(text: str) -> str:
    """Make a server's words fit for an output; bytes that are no UTF-8 come as surrogates."""
    text = " ".join(text.split())[:300]
    return without_nul(text.encode("utf-8", "replace").decode())


def _reason(error: Exception) -> str:
    return str(getattr(error, "verify_message", "") or getattr(error, "reason", "") or error)[:200]
