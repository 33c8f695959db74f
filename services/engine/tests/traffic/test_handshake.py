"""TLS with clients, over real connections: curl, openssl and Python's ssl."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from certificates import DAY, Authority, Certified, authority, pem, self_signed
from running_gateway import Gateway, StartGateway, eventually
from scripted_origin import PATIENCE, Origin, OriginConnection, StartOrigin
from tls_configurations import IGNORED, MODERN, config, materials, optional, required, server_tls

from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.ir.matching import Exact
from microgateway_common.ir.tls import (
    AllowedSan,
    ClientCertificate,
    CrlScope,
    Pins,
    SanType,
    TlsProtocol,
    TlsVersion,
    Xfcc,
)
from microgateway_engine.config.runtime import Runtime
from microgateway_engine.traffic import handshake

MakeRuntime = Callable[..., Runtime]


@dataclass
class Shop:
    """Certificates of everybody, as files too."""

    folder: Path
    ca: Authority = field(default_factory=authority)
    clients: Authority = field(default_factory=lambda: authority("Client CA"))

    def __post_init__(self) -> None:
        self.server = self.ca.leaf("shop.example", "shop.example", "127.0.0.1")
        self.ca_file = self.folder / "ca.crt"
        self.ca_file.write_bytes(pem(self.ca.certificate))

    def config(
        self,
        client: ClientCertificate = IGNORED,
        *,
        protocol: TlsProtocol = MODERN,
        crl: bytes = b"",
        xfcc: Xfcc = Xfcc.SANITIZE,
        server: Certified | None = None,
    ) -> GatewayConfig:
        secrets = materials(server or self.server, self.clients, crl)
        return config(secrets, server_tls(client, protocol), xfcc=xfcc)

    def files(self, who: Certified) -> list[str]:
        """Arguments of curl."""
        chain, key = who.files(self.folder, "client")
        return ["--cert", str(chain), "--key", str(key)]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
async def origin(start_origin: StartOrigin) -> Origin:
    return await start_origin()


async def run(*command: str) -> tuple[int, str]:
    """Exit code and output, standard error among it."""
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


async def curl(shop: Shop, gateway: Gateway, *arguments: str) -> tuple[int, str]:
    url = f"https://{gateway.address.host}:{gateway.address.port}/x"
    return await run("curl", "-sS", "--max-time", "5", "--cacert", str(shop.ca_file), *arguments, url)


def errors(gateway: Gateway) -> dict[str, int]:
    return gateway.port_metrics.tls.errors


@pytest.mark.parametrize(("asked", "spoken"), [("--http1.1", "1.1"), ("--http2", "2")])
async def test_curl_is_served(
    shop: Shop, origin: Origin, start_gateway: StartGateway, asked: str, spoken: str
) -> None:
    gateway = await start_gateway(origin.address, shop.config())

    code, output = await curl(shop, gateway, asked, "-w", " %{http_version} %{ssl_verify_result}")

    assert (code, output.split()[-2:]) == (0, [spoken, "0"])
    assert b"x-forwarded-proto: https\r\n" in origin.heads[0]
    tls = gateway.port_metrics.tls
    assert (tls.handshakes, tls.versions, tls.errors) == (1, {"TLSv1.3": 1}, {})
    assert gateway.port_metrics.connections == 1
    await eventually(lambda: gateway.port_metrics.active == 0, "the connection to be closed")


async def test_a_client_that_does_not_trust_the_authority_says_so(
    shop: Shop, origin: Origin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway(origin.address, shop.config())
    stranger = shop.folder / "other.crt"
    stranger.write_bytes(pem(authority("Other CA").certificate))

    code, _ = await curl(shop, gateway, "--cacert", str(stranger))

    assert code == 60
    await eventually(lambda: errors(gateway) == {"alert_of_client": 1}, "the alert to be counted")


@pytest.mark.parametrize(
    ("minimum", "maximum", "asked", "spoken"),
    [
        (TlsVersion.TLS_1_2, TlsVersion.TLS_1_3, "-tls1_3", "TLSv1.3"),
        (TlsVersion.TLS_1_2, TlsVersion.TLS_1_3, "-tls1_2", "TLSv1.2"),
        (TlsVersion.TLS_1_2, TlsVersion.TLS_1_3, "-tls1_1", ""),
        (TlsVersion.TLS_1_3, TlsVersion.TLS_1_3, "-tls1_2", ""),
        (TlsVersion.TLS_1_0, TlsVersion.TLS_1_2, "-tls1", "TLSv1"),
        (TlsVersion.TLS_1_0, TlsVersion.TLS_1_2, "-tls1_3", ""),
    ],
)
async def test_openssl_gets_the_versions_of_the_configuration(
    shop: Shop,
    origin: Origin,
    start_gateway: StartGateway,
    minimum: TlsVersion,
    maximum: TlsVersion,
    asked: str,
    spoken: str,
) -> None:
    gateway = await start_gateway(origin.address, shop.config(protocol=TlsProtocol(minimum, maximum, ())))

    code, output = await run(
        "openssl", "s_client", "-brief", asked, "-cipher", "ALL:@SECLEVEL=0", "-connect", str(gateway.address)
    )

    assert (code == 0) == bool(spoken)
    if spoken:
        assert f"Protocol version: {spoken}\n" in output
    else:
        await eventually(lambda: errors(gateway) == {"unsupported_version": 1}, f"a refusal: {output}")


async def test_openssl_gets_a_cipher_suite_of_the_configuration(
    shop: Shop, origin: Origin, start_gateway: StartGateway
) -> None:
    suite = "ECDHE-ECDSA-CHACHA20-POLY1305"
    protocol = TlsProtocol(TlsVersion.TLS_1_2, TlsVersion.TLS_1_2, (suite,))
    gateway = await start_gateway(origin.address, shop.config(protocol=protocol))
    connect = ("openssl", "s_client", "-brief", "-connect", str(gateway.address), "-cipher")

    code, output = await run(*connect, "ALL")
    assert (code, f"Ciphersuite: {suite}\n" in output) == (0, True)
    code, _ = await run(*connect, "ECDHE-ECDSA-AES128-GCM-SHA256")
    assert code != 0
    assert errors(gateway) == {"no_shared_cipher": 1}


async def test_cleartext_gets_nothing_from_a_port_with_tls(
    shop: Shop, origin: Origin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway(origin.address, shop.config())

    code, _ = await run("curl", "-sS", f"http://{gateway.address.host}:{gateway.address.port}/x")
    assert code in (52, 56)  # nothing, or a reset
    client = await gateway.client()
    await client.send(b"\x00" * 100)
    assert await client.closed() == b""

    assert errors(gateway) == {"plain_http": 1, "not_tls": 1}
    assert gateway.port_metrics.active == 0
    assert origin.heads == []


async def test_who_says_nothing_is_closed(
    shop: Shop, origin: Origin, start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake, "TIMEOUT", 0.1)
    gateway = await start_gateway(origin.address, shop.config())

    client = await gateway.client()

    assert await client.closed() == b""
    assert errors(gateway) == {"timeout": 1}
    assert gateway.port_metrics.active == 0


@pytest.mark.parametrize("begun", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"])
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_who_leaves_during_the_handshake_is_forgotten(
    shop: Shop, origin: Origin, start_gateway: StartGateway, begun: bytes, how: str
) -> None:
    gateway = await start_gateway(origin.address, shop.config())
    client = await gateway.client()
    if begun:
        await client.send(begun)
    await eventually(lambda: gateway.port_metrics.active == 1, "the connection")

    getattr(client, how)()

    await eventually(lambda: gateway.port_metrics.active == 0, "the end of the connection")
    assert sum(errors(gateway).values()) == 1
    assert set(errors(gateway)) <= {"aborted", "client_gone", "failed"}


async def test_a_server_that_drains_waits_for_no_handshake(
    shop: Shop, origin: Origin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway(origin.address, shop.config())
    client = await gateway.client()
    await eventually(lambda: gateway.port_metrics.active == 1, "the connection")
    async with asyncio.timeout(30):
        await gateway.server.drain(60)
    assert await client.refused()
    assert gateway.port_metrics.active == 0


def _mutual(shop: Shop) -> dict[str, tuple[ClientCertificate, bytes, Certified | None, str]]:
    """By what is tried: configuration, revocation lists, the client's certificate, why it is refused."""
    good = shop.clients.leaf("client", "client.example")
    deep = shop.clients.intermediate("Region").intermediate("Branch").leaf("client")
    expired = shop.clients.leaf("client", ends=-DAY / 2)
    stranger = authority("Other CA").leaf("client")
    own = self_signed("client")
    san = AllowedSan(SanType.DNS, Exact("client.example", False))
    other_san = AllowedSan(SanType.DNS, Exact("other.example", False))
    pins = Pins((hashlib.sha256(good.der).digest(),), ())
    own_pins = Pins((hashlib.sha256(own.der).digest(),), ())
    revoked = shop.clients.revoke(good)
    return {
        "required": (required(), b"", good, ""),
        "required, none": (required(), b"", None, "no_certificate"),
        "required, stranger": (required(), b"", stranger, "certificate_refused"),
        "required, expired": (required(), b"", expired, "certificate_refused"),
        "required, deep": (required(depth=1), b"", deep, "certificate_refused"),
        "required, deep enough": (required(depth=2), b"", deep, ""),
        "required, revoked": (required(crl=CrlScope.CHAIN), revoked, good, "certificate_refused"),
        "required, another revoked": (required(crl=CrlScope.LEAF), shop.clients.revoke(deep), good, ""),
        "required, name": (required(sans=(san,)), b"", good, ""),
        "required, wrong name": (required(sans=(other_san,)), b"", good, "wrong_name"),
        "required, pinned": (required(pins=pins), b"", good, ""),
        "required, not pinned": (required(pins=own_pins), b"", good, "not_pinned"),
        "pinned without authority": (required(any_chain=True, pins=own_pins), b"", own, ""),
        "not pinned without authority": (required(any_chain=True, pins=own_pins), b"", good, "not_pinned"),
        "optional": (optional(), b"", good, ""),
        "optional, none": (optional(), b"", None, ""),
        "optional, stranger": (optional(), b"", stranger, "certificate_refused"),
        "ignored, stranger": (IGNORED, b"", stranger, ""),
    }


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("tried", _mutual(Shop(Path("/tmp"))))
async def test_client_certificates(
    shop: Shop, origin: Origin, start_gateway: StartGateway, tried: str, tls: str
) -> None:
    client, crl, certificate, refused = _mutual(shop)[tried]
    gateway = await start_gateway(origin.address, shop.config(client, crl=crl))
    files = shop.files(certificate) if certificate else []

    code, output = await curl(shop, gateway, "--tlsv1.2", "--tls-max", tls, *files)

    assert (code != 0) == bool(refused), output
    if refused:
        await eventually(lambda: errors(gateway) == {refused: 1}, f"{refused}, got {errors(gateway)}")
        assert origin.heads == []
        assert gateway.port_metrics.active == 0


async def test_the_application_learns_who_the_client_is(
    shop: Shop, origin: Origin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway(origin.address, shop.config(required(), xfcc=Xfcc.SANITIZE_AND_SET))
    client = shop.clients.leaf("client", "client.example")

    await curl(shop, gateway, *shop.files(client), "-H", "X-Forwarded-Client-Cert: Hash=forged")

    expected = f'x-forwarded-client-cert: Hash={hashlib.sha256(client.der).hexdigest()};Subject="CN=client"'
    assert expected.encode() in origin.heads[0]
    assert b"forged" not in origin.heads[0]


async def test_what_a_client_says_of_itself_is_removed(
    shop: Shop, origin: Origin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway(origin.address, shop.config())
    for path in ("/x", "/open"):
        url = f"https://{gateway.address.host}:{gateway.address.port}{path}"
        header = "X-Forwarded-Client-Cert: Hash=forged"
        await run("curl", "-sS", "--cacert", str(shop.ca_file), "-H", header, url)
    assert len(origin.heads) == 2
    assert not any(b"forged" in head for head in origin.heads)


async def test_a_renewed_certificate_is_used_by_new_connections_and_old_ones_live_on(
    shop: Shop, origin: Origin, start_gateway: StartGateway, make_runtime: MakeRuntime
) -> None:
    gateway = await start_gateway(origin.address, shop.config())
    context = ssl.create_default_context(cafile=str(shop.ca_file))
    renewed = shop.ca.leaf("renewed.example", "127.0.0.1")
    answered = 0
    stop = asyncio.Event()

    async def keep_asking() -> None:
        nonlocal answered
        reader, writer = await asyncio.open_connection(*gateway.address, ssl=context)
        while not stop.is_set():
            await ask(reader, writer)
            answered += 1
        writer.close()

    async def connect_again_and_again() -> None:
        nonlocal answered
        while not stop.is_set():
            reader, writer = await asyncio.open_connection(*gateway.address, ssl=context)
            await ask(reader, writer)
            writer.close()
            answered += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(keep_asking())
            group.create_task(connect_again_and_again())
        for generation in range(2, 12):
            server = renewed if generation % 2 else shop.server
            gateway.server.serve(make_runtime(shop.config(server=server), generation))
            goal = answered + 8
            await eventually(lambda goal=goal: answered >= goal)  # type: ignore[misc]
        seen = await asyncio.to_thread(
            ssl.get_server_certificate,
            (gateway.address.host, gateway.address.port),
            ca_certs=str(shop.ca_file),
        )
        stop.set()

    assert errors(gateway) == {}
    assert seen.strip() == pem(renewed.certificate).decode().strip()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request, answered well."""
    writer.write(b"GET /x HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)


async def test_large_bodies_pass_both_ways(
    shop: Shop, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    origin = await start_origin(echo_body)
    gateway = await start_gateway(origin.address, shop.config())
    sent = shop.folder / "sent"
    sent.write_bytes(bytes(range(256)) * 20_000)
    url = f"https://{gateway.address.host}:{gateway.address.port}/open"

    received = shop.folder / "received"
    code, output = await run(
        "curl", "-sS", "--cacert", str(shop.ca_file), "--data-binary", f"@{sent}", "-o", str(received), url
    )

    assert (code, output) == (0, "")
    assert received.read_bytes() == sent.read_bytes()


async def echo_body(connection: OriginConnection) -> None:
    _, body = await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
