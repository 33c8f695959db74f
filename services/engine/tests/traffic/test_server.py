"""Listening, refusing, draining."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from raw_client import CutOffError, RawClient
from running_gateway import StartGateway, before, eventually
from scripted_origin import OriginConnection, StartOrigin

from microgateway_common.settings import Address
from microgateway_engine.config.runtime import Runtime
from microgateway_engine.telemetry.metrics import Metrics
from microgateway_engine.telemetry.sink import LineSink
from microgateway_engine.traffic import server
from microgateway_inspection.rule_set import RuleSet

GET = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"


async def test_it_listens_only_while_there_is_a_configuration(
    start_origin: StartOrigin, start_gateway: StartGateway, make_runtime: Callable[..., Runtime]
) -> None:
    gateway = await start_gateway((await start_origin()).address)
    address = gateway.address
    gateway.server.serve(None)
    await eventually(lambda: not gateway.server.listening)
    with pytest.raises(ConnectionRefusedError):
        await RawClient.connect(address)
    await gateway.serve(make_runtime(generation=2))
    assert (await (await gateway.client()).get("/")).status == 200


async def test_a_configuration_is_replaced_without_a_failed_request(
    start_origin: StartOrigin, start_gateway: StartGateway, make_runtime: Callable[..., Runtime]
) -> None:
    gateway = await start_gateway((await start_origin()).address)
    done = asyncio.Event()
    statuses: list[int] = []

    async def ask() -> None:
        client = await gateway.client()
        while not done.is_set():
            statuses.append((await client.get("/")).status)

    asking = [asyncio.ensure_future(ask()) for _ in range(4)]
    for generation in range(2, 102):
        gateway.server.serve(make_runtime(generation=generation))
        await asyncio.sleep(0)
    done.set()
    await asyncio.gather(*asking)
    assert set(statuses) == {200}
    assert gateway.port_metrics.connections == 4


async def test_an_address_that_is_taken_is_an_error(
    start_origin: StartOrigin,
    start_gateway: StartGateway,
    make_runtime: Callable[..., Runtime],
) -> None:
    gateway = await start_gateway((await start_origin()).address)
    second = server.Server((gateway.address,), before(gateway.address), Metrics(gateway.sink), gateway.sink)
    second.serve(make_runtime())
    with pytest.raises(OSError, match=r"(?i)address already in use"):
        await second.listen()


async def test_a_host_without_one_family_serves_the_other(
    start_origin: StartOrigin, rules: RuleSet, make_runtime: Callable[..., Runtime]
) -> None:
    origin = await start_origin()
    sink = LineSink(1)
    nowhere = Address("2001:db8::1", 0)  # documentation prefix: no interface has it
    both = server.Server((Address("127.0.0.1", 0), nowhere), before(origin.address), Metrics(sink), sink)
    both.serve(make_runtime())
    listening = asyncio.ensure_future(both.listen())
    await eventually(lambda: both.listening)
    assert [address.host for address in both.listening] == ["127.0.0.1"]
    listening.cancel()
    await both.drain(0)
    sink.close()


async def test_ipv6(start_origin: StartOrigin, start_gateway: StartGateway) -> None:
    gateway = await start_gateway((await start_origin()).address, host="::1")
    assert (await (await gateway.client()).get("/")).status == 200
    (line,) = await gateway.log(1)
    assert (line["source"]["ip"], line["network"]["forwarded_ip"]) == ("::1", "::1")


async def test_connections_above_the_limit_are_refused_and_the_others_go_on(
    start_origin: StartOrigin, start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 2)
    gateway = await start_gateway((await start_origin()).address)
    first, second = await gateway.client(), await gateway.client()
    assert (await first.get("/")).status == 200
    assert (await second.get("/")).status == 200
    assert await (await gateway.client()).refused()
    assert gateway.metrics.refused_connections == 1
    assert (await first.get("/")).status == 200
    second.close()
    await eventually(lambda: gateway.port_metrics.active == 1)
    assert sum(gateway.port_metrics.lives.counts) == 1
    assert (await (await gateway.client()).get("/")).status == 200


async def test_draining_finishes_what_is_under_way(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    answering = asyncio.Event()

    async def wait(connection: OriginConnection) -> None:
        await connection.request()
        await answering.wait()
        await connection.respond(b"done")

    origin = await start_origin(wait)
    gateway = await start_gateway(origin.address)
    busy, idle = await gateway.client(), await gateway.client()
    await busy.send(GET)
    await eventually(lambda: origin.heads)
    draining = asyncio.ensure_future(gateway.server.drain(60))
    assert await idle.refused()
    assert not gateway.server.listening
    answering.set()
    answer = await busy.answer()
    assert (answer.body, answer.headers["connection"]) == (b"done", "close")
    assert await busy.closed() == b""
    await asyncio.wait_for(draining, 30)


async def test_a_client_that_asks_while_we_drain_is_told_to_go(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    """Closing a kept connection without a word loses the request that is on its way."""
    gateway = await start_gateway((await start_origin()).address)
    asking, attacking = await gateway.client(), await gateway.client()
    assert (await asking.get("/")).status == 200
    draining = asyncio.ensure_future(gateway.server.drain(60))
    await asyncio.sleep(0.02)
    answer = await asking.get("/")
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    refused = await attacking.get("/?q=%27%20UNION%20SELECT%20a%20FROM%20b--")
    assert (refused.status, refused.headers["connection"]) == (400, "close")
    assert await asking.closed() == await attacking.closed() == b""
    await asyncio.wait_for(draining, 30)


async def test_who_is_queued_when_listening_ends_is_served(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway((await start_origin()).address)
    address = gateway.address
    with ExitStack() as stack:
        queued = [stack.enter_context(socket.create_connection(address)) for _ in range(20)]
        for client in queued:
            client.sendall(GET)  # the loop has not run since: nobody is accepted yet
        draining = asyncio.ensure_future(gateway.server.drain(60))
        for client in queued:
            client.setblocking(False)
            received = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 4096), 30)
            assert received.startswith(b"HTTP/1.1 200 OK\r\n")
        await asyncio.wait_for(draining, 30)


async def test_draining_ends_at_its_deadline(start_origin: StartOrigin, start_gateway: StartGateway) -> None:
    async def never(connection: OriginConnection) -> None:
        await connection.request()
        assert await connection.closed() == b""

    origin = await start_origin(never)
    gateway = await start_gateway(origin.address)
    client = await gateway.client()
    await client.send(GET)
    await eventually(lambda: origin.heads)
    started = asyncio.get_running_loop().time()
    async with asyncio.timeout(10):
        await gateway.server.drain(0.2)
    assert asyncio.get_running_loop().time() - started > 0.15
    with pytest.raises(CutOffError):
        await client.answer()
    (line,) = await gateway.log(1)
    assert line["airlock"]["summary"]["action"] == "client_gone"


async def test_a_configuration_that_comes_while_draining_opens_nothing(
    start_origin: StartOrigin, start_gateway: StartGateway, make_runtime: Callable[..., Runtime]
) -> None:
    gateway = await start_gateway((await start_origin()).address)
    await gateway.server.drain(0)
    gateway.server.serve(make_runtime(generation=2))
    await asyncio.sleep(0.05)
    assert not gateway.server.listening


async def test_received_bytes_are_counted(start_origin: StartOrigin, start_gateway: StartGateway) -> None:
    gateway = await start_gateway((await start_origin()).address)
    client = await gateway.client()
    await client.send(GET)
    await client.answer()
    metrics = gateway.port_metrics
    assert (metrics.received, metrics.requests, metrics.active) == (len(GET), 1, 1)
    assert metrics.sent > 0
