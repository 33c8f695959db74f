"""TLS with applications: nginx, and what is none."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from certificates import self_signed
from running_gateway import Gateway, StartGateway
from scripted_origin import PATIENCE, OriginConnection, StartOrigin
from tls_configurations import MODERN, config

from microgateway_common.ir.gateway import AutoProtocol, GatewayConfig, Http1Protocol, Protocol
from microgateway_common.ir.tls import ClientTls, TlsProtocol, TlsVersion
from microgateway_common.settings import Address
from microgateway_engine.config.runtime import Runtime

AUTO = AutoProtocol(allow_connect=False)

#: Starts nginx: (ssl_protocols, ssl_ciphers).
StartNginx = Callable[..., Awaitable[Address]]


@pytest.fixture
async def start_nginx(tmp_path: Path) -> AsyncIterator[StartNginx]:
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    async with AsyncExitStack() as stack:

        async def start(protocols: str = "TLSv1.2 TLSv1.3", ciphers: str = "HIGH") -> Address:
            return await stack.enter_async_context(nginx(tmp_path, protocols, ciphers))

        yield start


@asynccontextmanager
async def nginx(folder: Path, protocols: str, ciphers: str) -> AsyncIterator[Address]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    chain, key = self_signed("application").files(folder, "application")
    configuration = folder / "nginx.conf"
    configuration.write_text(f"""
        daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
        events {{ worker_connections 100; }}
        http {{
          access_log off;
          client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
          server {{
            listen 127.0.0.1:{port} ssl http2;
            ssl_certificate {chain}; ssl_certificate_key {key};
            ssl_protocols {protocols}; ssl_ciphers {ciphers};
            location / {{ return 200 "$server_protocol $ssl_protocol $ssl_cipher $ssl_server_name."; }}
          }}
        }}""")
    process = _run(configuration)
    try:
        await connectable(port)
        yield Address("127.0.0.1", port)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _run(configuration: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["nginx", "-c", str(configuration)], stderr=subprocess.DEVNULL)


async def connectable(port: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


def over_tls(protocol: Protocol = AUTO, tls: TlsProtocol = MODERN) -> GatewayConfig:
    made = config({}, upstream=ClientTls(tls))
    [application] = made.applications
    upstream = msgspec.structs.replace(application.upstream, protocol=protocol)
    return msgspec.structs.replace(
        made, applications=(msgspec.structs.replace(application, upstream=upstream),)
    )


async def told(gateway: Gateway) -> str:
    """What nginx says of its connection."""
    client = await gateway.client()
    answer = await client.get("/x")
    assert answer.status == 200, answer
    return answer.body.decode()


@pytest.mark.parametrize(("protocol", "spoken"), [(AUTO, "HTTP/2.0"), (Http1Protocol(), "HTTP/1.1")])
async def test_nginx_is_spoken_to_with_tls(
    start_nginx: StartNginx, start_gateway: StartGateway, protocol: Protocol, spoken: str
) -> None:
    gateway = await start_gateway(await start_nginx(), over_tls(protocol))

    assert await told(gateway) == f"{spoken} TLSv1.3 TLS_AES_256_GCM_SHA384 ."
    assert await told(gateway) == f"{spoken} TLSv1.3 TLS_AES_256_GCM_SHA384 ."

    tls = gateway.port_metrics.upstream_tls
    assert (tls.handshakes, tls.versions, tls.errors) == (1, {"TLSv1.3": 1}, {})


async def test_versions_and_cipher_suites_are_those_of_the_configuration(
    start_nginx: StartNginx, start_gateway: StartGateway
) -> None:
    suite = "ECDHE-ECDSA-CHACHA20-POLY1305"
    tls = TlsProtocol(TlsVersion.TLS_1_2, TlsVersion.TLS_1_2, (suite,))
    gateway = await start_gateway(await start_nginx(), over_tls(Http1Protocol(), tls))
    assert await told(gateway) == f"HTTP/1.1 TLSv1.2 {suite} ."


async def test_an_application_that_speaks_another_version_is_not_available(
    start_nginx: StartNginx, start_gateway: StartGateway
) -> None:
    tls = TlsProtocol(TlsVersion.TLS_1_3, TlsVersion.TLS_1_3, ())
    gateway = await start_gateway(await start_nginx("TLSv1.2"), over_tls(AUTO, tls))

    answer = await (await gateway.client()).get("/x")

    assert answer.status == 503
    [line] = await gateway.log(1)
    assert line["event"]["reason"] == "upstream_connect_tls_failure"
    assert sum(gateway.port_metrics.upstream_tls.errors.values()) == 1


async def test_an_application_that_speaks_no_tls_is_not_available(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    async def in_cleartext(connection: OriginConnection) -> None:
        await connection.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    origin = await start_origin(in_cleartext)
    gateway = await start_gateway(origin.address, over_tls())
    assert (await (await gateway.client()).get("/x")).status == 503
    assert gateway.port_metrics.upstream_tls.errors == {"not_tls": 1}


async def test_a_reload_keeps_connections_and_other_settings_open_their_own(
    start_nginx: StartNginx, start_gateway: StartGateway, make_runtime: Callable[..., Runtime]
) -> None:
    gateway = await start_gateway(await start_nginx(), over_tls(Http1Protocol()))
    await told(gateway)

    gateway.server.serve(make_runtime(over_tls(Http1Protocol()), 2))
    await told(gateway)
    assert gateway.port_metrics.upstream_tls.handshakes == 1

    older = TlsProtocol(TlsVersion.TLS_1_2, TlsVersion.TLS_1_2, ())
    gateway.server.serve(make_runtime(over_tls(Http1Protocol(), older), 3))
    assert "TLSv1.2" in await told(gateway)
    assert gateway.port_metrics.upstream_tls.handshakes == 2
