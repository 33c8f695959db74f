"""The health port as the kubelet sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from raw_client import RawClient
from scripted_origin import Origin, OriginConnection, Script

from microgateway_common.settings import Address
from microgateway_engine.admin import AdminServer
from microgateway_engine.probes import page
from microgateway_engine.probes.definitions import HttpProbe
from microgateway_engine.probes.prober import Prober

PATH = "/app-health/shop/livez"


@pytest.mark.parametrize(
    ("said", "status", "body"),
    [
        ("204 No Content", 200, b"ok\n"),
        ("500 x", 500, b"HTTP status 500\n"),
        ("599 x", 599, b"HTTP status 599\n"),
    ],
)
async def test_the_kubelet_learns_what_the_application_said(
    said: str, status: int, body: bytes, application: Callable[[Script], Awaitable[Origin]]
) -> None:
    async def script(connection: OriginConnection) -> None:
        await connection.head()
        await connection.send(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % said.encode())

    origin = await application(script)
    prober = Prober({PATH: HttpProbe(origin.address.port, "/", False, (), 1.0)}, "127.0.0.1")
    server = await AdminServer.open(Address("127.0.0.1", 0), page.pages(prober))
    for agent in ("User-Agent: kube-probe/1.29", "User-Agent:"):
        client = await RawClient.connect(server.address)
        answer = await client.get(PATH, agent)
        assert (answer.status, answer.body) == (status, body)
        client.close()
    assert [head.split(b"user-agent: ")[1].split(b"\r\n")[0] for head in origin.heads] == [
        b"kube-probe/1.29",
        b"kube-probe/",
    ]
    client = await RawClient.connect(server.address)
    assert (await client.get("/app-health/shop/readyz")).status == 404
    client.close()
    server.close()
