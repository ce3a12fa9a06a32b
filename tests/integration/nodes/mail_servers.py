# SPDX-License-Identifier: Apache-2.0
"""Mail servers on loopback that refuse, hang or die where a test wants them to."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from tests.services import is_ci


class Post:
    """A handler that takes every mail, but for what it is told to answer."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.letters: list[Envelope] = []
        self.said: list[str] = []
        self.in_data = asyncio.Event()

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.said.append(f"MAIL {address}")
        if "MAIL" in self.answers:
            return self.answers["MAIL"]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.said.append(f"RCPT {address}")
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        self.in_data.set()
        answer = self.answers.get("DATA", "250 taken as 1")
        if answer == "die":
            server.transport.abort()
            return "250 nobody reads this"
        if answer == "hang":
            await asyncio.Event().wait()
        if answer.startswith("250"):
            self.letters.append(envelope)
        return answer


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    """Let in who knows the password."""
    assert isinstance(data, LoginPassword)
    return AuthResult(success=data.password.decode() == "correct horse", handled=False)


@asynccontextmanager
async def serve_mail(
    post: Post, *, implicit_tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[int]:
    """Run a server; yields its port."""
    loop = asyncio.get_running_loop()
    made: list[SMTP] = []

    def protocol() -> SMTP:
        made.append(SMTP(post, hostname="mail.test", loop=loop, **options))
        return made[-1]

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=implicit_tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for each in made:
            if each._handler_coroutine is not None:
                each._handler_coroutine.cancel()
            if each.transport is not None:
                each.transport.abort()  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        await server.wait_closed()


@asynccontextmanager
async def serve_lines(talk: Callable[[Any, Any], Any]) -> AsyncIterator[int]:
    """Run a server that speaks as the test writes; yields its port."""
    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)
        await server.wait_closed()


def make_certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return contexts of a server with a fresh certificate and of a client that trusts it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        assert not is_ci(), "openssl is missing"
        pytest.skip("SKIP: openssl is missing, so there is no certificate to test with")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=str(certificate))
