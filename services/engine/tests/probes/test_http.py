"""httpGet, as the kubelet does it."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from scripted_origin import Origin, OriginConnection, Script

from microgateway_engine.http.errors import ProtocolError
from microgateway_engine.probes import http
from microgateway_engine.probes.definitions import HttpProbe
from microgateway_engine.probes.outcomes import SUCCEEDED, Failed, Outcome

HOST = "127.0.0.1"
AGENT = "kube-probe/1.29"

Application = Callable[[Script], Awaitable[Origin]]


def answering(response: bytes) -> Script:
    async def script(connection: OriginConnection) -> None:
        await connection.head()
        await connection.send(response)

    return script


async def run(origin: Origin, path: str = "/healthz", *headers: tuple[str, str]) -> Outcome:
    probe = HttpProbe(origin.address.port, path, False, headers, 1.0)
    async with asyncio.timeout(30):
        return await http.run(probe, HOST, AGENT)


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", SUCCEEDED),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", SUCCEEDED),
        (b"HTTP/1.1 204 No Content\r\n\r\n", SUCCEEDED),
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", SUCCEEDED),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", SUCCEEDED),
        (b"HTTP/1.1 399 \r\nContent-Length: 0\r\n\r\n", SUCCEEDED),
        (b"HTTP/1.1 400 \r\nContent-Length: 0\r\n\r\n", Failed("HTTP status 400", 400)),
        (b"HTTP/1.1 503 \r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Failed("HTTP status 503", 503)),
    ],
)
async def test_the_status_decides(response: bytes, outcome: Outcome, application: Application) -> None:
    assert await run(await application(answering(response))) == outcome


async def test_what_the_kubelet_sends(application: Application) -> None:
    origin = await application(answering(b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"))
    assert await run(origin, "/healthz?full=1#part", ("X-Tenant", "a"), ("X-Tenant", "b")) == SUCCEEDED
    assert origin.heads == [
        b"GET /healthz?full=1 HTTP/1.1\r\n"
        b"host: 127.0.0.1:%d\r\nuser-agent: kube-probe/1.29\r\naccept: */*\r\nconnection: close\r\n"
        b"X-Tenant: a\r\nX-Tenant: b\r\n\r\n" % origin.address.port
    ]


async def test_the_probes_own_headers_win(application: Application) -> None:
    origin = await application(answering(b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"))
    headers = (("host", "shop"), ("User-Agent", "mine"), ("Accept", ""), ("Content-Length", "7"))
    assert await run(origin, "a path/\u00e9\r\nX: y", *headers) == SUCCEEDED
    assert origin.heads == [
        b"GET /a%20path/%C3%A9%0D%0AX:%20y HTTP/1.1\r\n"
        b"host: shop\r\nconnection: close\r\nUser-Agent: mine\r\n\r\n"
    ]


@pytest.mark.parametrize(
    ("location", "host", "target"),
    [
        (b"/there?a=b#c", b"shop", b"/there?a=b"),
        (b"there", b"shop", b"/deep/there"),
        (b"http://127.0.0.1:%d/there", b"127.0.0.1:%d", b"/there"),
        (b"//127.0.0.1:%d", b"127.0.0.1:%d", b"/"),
    ],
)
async def test_redirects_within_the_host_are_followed(
    location: bytes, host: bytes, target: bytes, application: Application
) -> None:
    async def script(connection: OriginConnection) -> None:
        head = await connection.head()
        if head.startswith(b"GET /deep/start "):
            await connection.send(
                b"HTTP/1.1 302 \r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % at(location)
            )
        else:
            await connection.send(b"HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n")

    def at(template: bytes) -> bytes:
        return template.replace(b"%d", b"%d" % origin.address.port)

    origin = await application(script)
    assert await run(origin, "/deep/start", ("Host", "shop")) == Failed("HTTP status 500", 500)
    assert origin.heads[1].startswith(b"GET %b HTTP/1.1\r\nhost: %b\r\n" % (target, at(host)))


@pytest.mark.parametrize(
    "location", [b"http://elsewhere/", b"https://login.example:8443/x", b"ftp://127.0.0.1/"]
)
async def test_a_redirect_to_another_host_is_a_success(location: bytes, application: Application) -> None:
    response = b"HTTP/1.1 301 \r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % location
    origin = await application(answering(response))
    assert await run(origin) == SUCCEEDED
    assert origin.connections == 1


async def test_redirects_come_to_an_end(application: Application) -> None:
    origin = await application(answering(b"HTTP/1.1 307 \r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"))
    assert await run(origin) == Failed("stopped after 10 redirects")
    assert origin.connections == 10


async def test_a_redirect_without_a_location_is_a_success(application: Application) -> None:
    assert await run(await application(answering(b"HTTP/1.1 301 \r\nContent-Length: 0\r\n\r\n"))) == SUCCEEDED


async def test_a_body_without_an_end_is_not_waited_for(application: Application) -> None:
    async def endless(connection: OriginConnection) -> None:
        await connection.head()
        await connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await connection.send(b"x" * 65536)

    assert await run(await application(endless)) == SUCCEEDED


@pytest.mark.parametrize(
    "response", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhalf"]
)
async def test_half_a_response_is_none(response: bytes, application: Application) -> None:
    origin = await application(answering(response))
    with pytest.raises(ConnectionResetError, match="before the response did"):
        await run(origin)


async def test_what_is_no_http_is_named(application: Application) -> None:
    origin = await application(answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"))
    with pytest.raises(ProtocolError):
        await run(origin)


@pytest.fixture
async def https(tmp_path: Path) -> AsyncIterator[int]:
    """Port of a server whose certificate nobody should believe: short key, expired, another name."""
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "elsewhere")])
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(past)
        .not_valid_after(past + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(pem)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, HOST, 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_https_believes_any_certificate(https: int) -> None:
    assert await http.run(HttpProbe(https, "/", True, (), 1.0), HOST, AGENT) == SUCCEEDED


async def test_http_to_a_port_that_speaks_https_fails(https: int) -> None:
    with pytest.raises((OSError, ProtocolError)):
        await http.run(HttpProbe(https, "/", False, (), 1.0), HOST, AGENT)
