"""The pod's own ports."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator

import pytest
from raw_client import RawClient

from microgateway_common.settings import Address
from microgateway_engine import admin
from microgateway_engine.admin import AdminServer, Answer


async def later() -> Answer:
    await asyncio.sleep(0.01)
    return Answer(200, b"at last\n")


@pytest.fixture
async def address() -> AsyncIterator[Address]:
    pages: admin.Pages = {
        "/ready": lambda _: Answer(503, b"no configuration yet\n"),
        "/metrics": lambda _: Answer(200, b"up 1\n", b"text/plain; version=0.0.4"),
        "/later": lambda _: later(),
        "/large": lambda _: Answer(200, b"x" * 20_000_000),
    }
    server = await AdminServer.open(Address("127.0.0.1", 0), pages)
    yield server.address
    server.close()


@pytest.mark.parametrize(
    ("method", "target", "status", "body"),
    [
        ("GET", "/metrics", 200, b"up 1\n"),
        ("GET", "/metrics?name[]=up", 200, b"up 1\n"),
        ("GET", "/ready", 503, b"no configuration yet\n"),
        ("GET", "/later", 200, b"at last\n"),
        ("GET", "/", 404, b"not found\n"),
        ("GET", "/metrics/", 404, b"not found\n"),
        ("POST", "/metrics", 405, b"expected GET\n"),
        ("HEAD", "/metrics", 200, b""),
        ("HEAD", "/missing", 404, b""),
    ],
)
async def test_pages(method: str, target: str, status: int, body: bytes, address: Address) -> None:
    client = await RawClient.connect(address)
    answer = await client.get(target, "X: y", method=method)
    assert (answer.status, answer.body) == (status, body)
    assert answer.headers["connection"] == "close"
    assert answer.headers.get("allow") == ("GET, HEAD" if status == 405 else None)
    if method == "HEAD":
        assert int(answer.headers["content-length"]) > 0
    assert await client.closed() == b""
    client.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\r\n\r\n", 400),
        (b"\xff\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET /metrics\r\n\r\n", 400),
        (b"GET /metrics HTTP/2.0\r\n\r\n", 505),
        (b"GET /metrics HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 100_000, 431),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 150000\r\n\r\n" + b"x" * 150_000, 405),
    ],
)
async def test_what_is_no_request_is_told_so(sent: bytes, status: int, address: Address) -> None:
    bad = await RawClient.connect(address)
    await bad.send(sent)
    bad.end()
    assert (await bad.answer()).status == status
    assert await bad.closed() == b""
    bad.close()
    good = await RawClient.connect(address)
    assert (await good.get("/metrics")).status == 200
    good.close()


async def test_who_says_nothing_is_told_nothing(address: Address) -> None:
    client = await RawClient.connect(address)
    client.end()
    assert await client.closed() == b""
    client.close()


async def test_a_client_that_sends_nothing_is_dropped(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "TIMEOUT", 0.05)
    slow = await RawClient.connect(address)
    await slow.send(b"GET /metrics HTTP/1.1\r\n")
    assert (await slow.answer()).status == 408
    slow.close()


async def test_a_client_that_reads_nothing_is_dropped(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "TIMEOUT", 0.1)
    slow = await RawClient.connect(address, receive_buffer=4096)
    await slow.send(b"GET /large HTTP/1.1\r\n\r\n")
    await asyncio.sleep(0.5)
    size = 0
    try:
        while piece := await slow.reader.read(1 << 20):
            size += len(piece)
    except ConnectionError:
        pass
    assert size < 20_000_000
    slow.close()


async def test_who_holds_connections_open_keeps_nobody_out(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "MAX_CONNECTIONS", 20)
    slow = [await RawClient.connect(address) for _ in range(40)]
    for _ in range(10):
        client = await RawClient.connect(address)
        assert (await client.get("/metrics")).status == 200
        client.close()
    assert await slow[0].refused()
    for each in slow:
        each.close()


async def test_an_address_that_is_taken_is_an_error(address: Address) -> None:
    with pytest.raises(OSError, match=r"(?i)in use"):
        await AdminServer.open(address, {})


async def test_many_at_once(address: Address) -> None:
    async def ask() -> int:
        client = await RawClient.connect(address)
        try:
            return (await client.get("/metrics")).status
        finally:
            client.close()

    assert set(await asyncio.gather(*(ask() for _ in range(50)))) == {200}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_any_address_means_both_families(host: str) -> None:
    server = await AdminServer.open(Address("::", 0), {})
    client = await RawClient.connect(Address(host, server.address.port))
    assert (await client.get("/")).status == 404
    client.close()
    server.close()


async def test_a_pod_without_ipv6_serves_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    create_server = socket.create_server

    def without_ipv6(
        address: tuple[str, int], *, family: int = socket.AF_INET, dualstack_ipv6: bool = False
    ) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return create_server(address, family=family, dualstack_ipv6=dualstack_ipv6)

    monkeypatch.setattr(socket, "create_server", without_ipv6)
    server = await AdminServer.open(Address("::", 0), {})
    assert server.address.host == "0.0.0.0"
    client = await RawClient.connect(Address("127.0.0.1", server.address.port))
    assert (await client.get("/")).status == 404
    client.close()
    server.close()
