# SPDX-License-Identifier: Apache-2.0
"""The client for issuers, against a server that answers what it is told to."""

import asyncio
import datetime
import gzip
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from legato.adapters.issuer_http import IssuerClient, trusted
from legato.errors import Unavailable
from legato.ports.issuers import ANSWER_BYTES_MAX, Question


class Wire:
    """A server: says the same to everybody and keeps what it was sent."""

    def __init__(self) -> None:
        """It says yes."""
        self.sent: list[bytes] = []
        self.reply = reply(b"{}")
        self.tls: ssl.SSLContext | None = None
        self.cuts = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)

    @property
    def url(self) -> str:
        """Where."""
        assert self._server is not None
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/keys"

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        names = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        self.sent.append(head + await reader.readexactly(int(names.get(b"content-length", 0))))
        if self.cuts:
            self.cuts -= 1
            writer.close()
            return
        writer.write(self.reply)
        if self.reply:
            await writer.drain()
            writer.close()
        else:
            await reader.read()  # it says nothing until the other gives up
            writer.close()


def reply(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """Return an answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """A server that listens on plain HTTP."""
    made = Wire()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def client() -> AsyncIterator[IssuerClient]:
    """The client, without much patience."""
    made = IssuerClient(tls=trusted(), answer_s=1)
    yield made
    await made.close()


async def test_questions_are_plain_requests(wire: Wire, client: IssuerClient) -> None:
    """A GET, or the POST of a form, with the headers that are given and no others [AU108]."""
    answer = await client.ask(Question(url=wire.url, headers={"apikey": "a"}))
    assert (answer.status, answer.body) == (200, b"{}")
    form = {"token": "a.b+c", "token_type_hint": "access_token"}
    await client.ask(Question(url=wire.url, headers={"authorization": "Basic x"}, form=form))
    get, post = wire.sent
    assert get.startswith(b"GET /keys HTTP/1.1\r\n")
    assert b"apikey: a\r\n" in get
    assert b"accept-encoding: identity\r\n" in get
    assert post.startswith(b"POST /keys HTTP/1.1\r\n")
    assert b"authorization: Basic x\r\n" in post
    assert post.endswith(b"\r\n\r\ntoken=a.b%2Bc&token_type_hint=access_token")


async def test_a_redirect_is_an_answer(wire: Wire, client: IssuerClient) -> None:
    """Nobody follows it, with a token least of all [AU108]."""
    wire.reply = reply(b"", "302 Found", f"Location: {wire.url}/elsewhere")
    assert (await client.ask(Question(url=wire.url))).status == 302
    assert len(wire.sent) == 1


async def test_no_cookie_goes_from_one_question_to_the_next(
    wire: Wire, client: IssuerClient
) -> None:
    """They may be about different people [AU108]."""
    wire.reply = reply(b"{}", "200 OK", "Set-Cookie: session=ada; Path=/")
    for _ in range(2):
        await client.ask(Question(url=wire.url))
    assert b"cookie" not in wire.sent[1].lower()


async def test_a_connection_that_was_closed_meanwhile_is_made_anew(
    wire: Wire, client: IssuerClient
) -> None:
    """Once: a question may be asked twice [AU108]."""
    wire.cuts = 1
    assert (await client.ask(Question(url=wire.url))).status == 200
    wire.cuts = 2
    with pytest.raises(Unavailable):
        await client.ask(Question(url=wire.url))
    assert len(wire.sent) == 4


async def test_the_environment_names_no_way_and_no_credentials(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither a proxy nor a password [AU108]."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / "netrc").write_text("default login ada password x\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    client = IssuerClient(tls=trusted(), answer_s=1)
    assert (await client.ask(Question(url=wire.url))).status == 200
    assert b"authorization" not in wire.sent[0].lower()
    await client.close()


async def test_what_is_no_whole_answer_is_none(wire: Wire, client: IssuerClient) -> None:
    """Too large, cut short, packed, or no HTTP at all [AU108]."""
    packed = gzip.compress(bytes(ANSWER_BYTES_MAX))
    for each in (
        reply(bytes(ANSWER_BYTES_MAX + 1)),
        reply(b"{}")[:-1],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        reply(packed, "200 OK", "Content-Encoding: gzip"),
        b"nonsense\r\n\r\n",
        reply(b"{}", "200 OK", "X: " + "x" * 200_000),
    ):
        wire.reply = each
        with pytest.raises(Unavailable) as caught:
            await client.ask(Question(url=wire.url))
        assert "127.0.0.1" not in caught.value.message
    wire.reply = reply(bytes(ANSWER_BYTES_MAX))
    assert len((await client.ask(Question(url=wire.url))).body) == ANSWER_BYTES_MAX


async def test_who_says_nothing_or_is_not_there_is_unavailable(wire: Wire) -> None:
    """After a time, or at once [AU108]."""
    wire.reply = b""
    client = IssuerClient(tls=trusted(), answer_s=0.1)
    with pytest.raises(Unavailable, match="TimeoutError"):
        await client.ask(Question(url=wire.url))
    for url in ("http://127.0.0.1:9/", "http://nowhere.invalid/", "http://[::1/"):
        with pytest.raises(Unavailable):
            await client.ask(Question(url=url))
    await client.close()


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """A good one, and no request is sent; whom the operator trusts is believed [AU108]."""
    wire = Wire()
    file = _certificate(tmp_path)
    wire.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    wire.tls.load_cert_chain(file)
    await wire.start()
    client = IssuerClient(tls=trusted(), answer_s=5)
    with pytest.raises(Unavailable):
        await client.ask(Question(url=wire.url))
    assert wire.sent == []
    await client.close()
    trusting = IssuerClient(answer_s=5, tls=ssl.create_default_context(cafile=str(file)))
    assert (await trusting.ask(Question(url=wire.url))).status == 200
    with pytest.raises(Unavailable):  # it is for the address, not for that name
        await trusting.ask(Question(url=wire.url.replace("127.0.0.1", "localhost")))
    await trusting.close()
    await wire.stop()


def _certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file
