"""Connections that came in before the terms of coming in changed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from certificates import Authority, Certified, authority
from raw_client import RawClient
from running_gateway import StartGateway
from scripted_origin import PATIENCE, OriginConnection, StartOrigin
from tls_configurations import IGNORED, client_context, config, materials, required, server_tls

from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.ir.tls import ClientCertificate, CrlScope
from microgateway_common.settings import Address
from microgateway_engine.config.runtime import Runtime

MakeRuntime = Callable[..., Runtime]


class People:
    def __init__(self) -> None:
        self.ca: Authority = authority()
        self.server: Certified = self.ca.leaf("shop.example", "shop.example")
        self.client: Certified = self.ca.leaf("client")

    def config(
        self, client: ClientCertificate = IGNORED, *, crl: bytes = b"", server: Certified | None = None
    ) -> GatewayConfig:
        return config(materials(server or self.server, self.ca, crl), server_tls(client))


@pytest.fixture
def people() -> People:
    return People()


async def connect(address: Address, client: Certified | None = None, folder: Path | None = None) -> RawClient:
    context = client_context()
    context.set_alpn_protocols(["http/1.1"])
    if client is not None and folder is not None:
        context.load_cert_chain(*client.files(folder, "client"))
    reader, writer = await asyncio.open_connection(*address, ssl=context)
    return RawClient(reader, writer)


async def is_closed(client: RawClient) -> bool:
    try:
        return await client.closed() == b""
    except (ConnectionError, ssl.SSLError):
        return True


async def test_an_idle_connection_is_closed_when_certificates_become_required(
    people: People, start_origin: StartOrigin, start_gateway: StartGateway, make_runtime: MakeRuntime
) -> None:
    gateway = await start_gateway((await start_origin()).address, people.config())
    client = await connect(gateway.address)
    assert (await client.get("/x")).status == 200

    gateway.server.serve(make_runtime(people.config(required()), 2))

    assert await is_closed(client)
    client.close()


async def test_a_busy_connection_gets_its_response_and_is_told_to_go(
    people: People, start_origin: StartOrigin, start_gateway: StartGateway, make_runtime: MakeRuntime
) -> None:
    arrived, release = asyncio.Event(), asyncio.Event()

    async def slow(connection: OriginConnection) -> None:
        await connection.request()
        arrived.set()
        async with asyncio.timeout(PATIENCE):
            await release.wait()
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    gateway = await start_gateway((await start_origin(slow)).address, people.config())
    client = await connect(gateway.address)
    asking = asyncio.create_task(client.get("/x"))
    async with asyncio.timeout(PATIENCE):
        await arrived.wait()

    gateway.server.serve(make_runtime(people.config(required()), 2))
    release.set()

    answer = await asking
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert await is_closed(client)
    client.close()


async def test_a_revoked_client_is_closed(
    people: People,
    start_origin: StartOrigin,
    start_gateway: StartGateway,
    make_runtime: MakeRuntime,
    tmp_path: Path,
) -> None:
    asked = required(crl=CrlScope.LEAF)
    before = people.config(asked, crl=people.ca.revoke())
    gateway = await start_gateway((await start_origin()).address, before)
    client = await connect(gateway.address, people.client, tmp_path)
    assert (await client.get("/x")).status == 200

    gateway.server.serve(make_runtime(people.config(asked, crl=people.ca.revoke(people.client)), 2))

    assert await is_closed(client)
    client.close()


async def test_cleartext_ends_when_tls_begins(
    people: People, start_origin: StartOrigin, start_gateway: StartGateway, make_runtime: MakeRuntime
) -> None:
    gateway = await start_gateway((await start_origin()).address)
    client = await gateway.client()
    assert (await client.get("/x")).status == 200

    gateway.server.serve(make_runtime(people.config(), 2))

    assert await is_closed(client)


async def test_a_renewed_certificate_of_our_own_and_other_changes_close_nothing(
    people: People, start_origin: StartOrigin, start_gateway: StartGateway, make_runtime: MakeRuntime
) -> None:
    gateway = await start_gateway((await start_origin()).address, people.config())
    client = await connect(gateway.address)
    assert (await client.get("/x")).status == 200
    for generation in range(2, 5):
        renewed = people.config(server=people.ca.leaf(f"shop-{generation}.example"))
        gateway.server.serve(make_runtime(renewed, generation))
        assert (await client.get("/x")).status == 200
    client.close()
