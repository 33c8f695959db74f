"""Which protocol serves a connection, by its configuration and its first bytes."""

from __future__ import annotations

import asyncio

import engine_configurations as configurations
import pytest
from h2.errors import ErrorCodes
from h2_peers import connect, get
from running_gateway import StartGateway, eventually
from scripted_origin import StartOrigin

from microgateway_common.ir.gateway import Http1Protocol, Http2Protocol
from microgateway_engine.traffic.downstream.choice import PREFACE

GET = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
ONE = configurations.gateway_config(configurations.application(protocol=Http1Protocol()))
TWO = configurations.gateway_config(configurations.application(protocol=Http2Protocol(allow_connect=False)))


@pytest.mark.parametrize("request_line", [b"P", b"PRI", b"PRI * HTTP/2.0\r\n\r\nS"])
async def test_half_a_preface_is_waited_for(
    request_line: bytes, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway((await start_origin()).address)
    client = await gateway.client()
    await client.send(request_line)
    await asyncio.sleep(0.05)
    await client.send(PREFACE[len(request_line) :] + b"\0\0\0\4\0\0\0\0\0")
    frame = await client.reader.readexactly(9)
    assert frame[3] == 4  # SETTINGS


@pytest.mark.parametrize("cut", range(1, 5))
async def test_a_request_that_begins_like_a_preface_is_one(
    cut: int, start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    client = await (await start_gateway((await start_origin()).address)).client()
    request = b"PRIX / HTTP/1.1\r\nHost: shop\r\n\r\n"
    await client.send(request[:cut])
    await asyncio.sleep(0.02)
    await client.send(request[cut:])
    assert (await client.answer()).status == 200


async def test_half_a_preface_and_an_end_is_no_request(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway((await start_origin()).address)
    client = await gateway.client()
    await client.send(PREFACE[:10])
    client.end()
    assert await client.closed() == b""
    await eventually(lambda: gateway.port_metrics.active == 0)


async def test_half_a_preface_times_out(start_origin: StartOrigin, start_gateway: StartGateway) -> None:
    config = configurations.gateway_config(configurations.application(head_timeout=0.1))
    gateway = await start_gateway((await start_origin()).address, config)
    client = await gateway.client()
    await client.send(PREFACE[:10])
    assert await client.refused()


async def test_who_says_nothing_is_closed_in_time(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    config = configurations.gateway_config(configurations.application(idle_timeout=0.1))
    gateway = await start_gateway((await start_origin()).address, config)
    assert await (await gateway.client()).refused()


async def test_http_1_alone_takes_no_preface(start_origin: StartOrigin, start_gateway: StartGateway) -> None:
    gateway = await start_gateway((await start_origin()).address, ONE)
    client = await gateway.client()
    await client.send(PREFACE)
    assert (await client.answer()).status == 505
    assert (await (await gateway.client()).get("/")).status == 200


async def test_http_2_alone_takes_nothing_else(
    start_origin: StartOrigin, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway((await start_origin()).address, TWO)
    client = await gateway.client()
    await client.send(GET)
    answer = await client.closed()
    assert answer[-4:] == ErrorCodes.PROTOCOL_ERROR.to_bytes(4)
    multiplexed = await connect(gateway.address)
    assert (await multiplexed.ask(get("/"))).status == 200
    multiplexed.close()
