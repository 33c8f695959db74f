from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable

import pytest
from scripted_origin import Origin, OriginConnection, Script, never_accepting

from microgateway_engine.probes.definitions import GrpcProbe, HttpProbe, Probe, TcpProbe
from microgateway_engine.probes.outcomes import SUCCEEDED, Failed, Outcome
from microgateway_engine.probes.prober import Prober

PATH = "/app-health/shop/livez"

Application = Callable[[Script], Awaitable[Origin]]


def get(port: int, timeout: float = 5.0) -> HttpProbe:
    return HttpProbe(port, "/", False, (), timeout)


async def outcome_of(probe: Probe) -> Outcome:
    return await Prober({PATH: probe}, "127.0.0.1").run(PATH, "test")


def failed(outcome: Outcome) -> str:
    assert isinstance(outcome, Failed)
    assert outcome.status == 503
    return outcome.reason


async def silent(connection: OriginConnection) -> None:
    await connection.closed()


@pytest.mark.parametrize("kind", [get, lambda port, timeout: GrpcProbe(port, "", timeout)])
async def test_no_answer_in_time(kind: Callable[[int, float], Probe], application: Application) -> None:
    origin = await application(silent)
    assert failed(await outcome_of(kind(origin.address.port, 0.1))) == "no answer within 0.1 s"


async def test_nobody_accepts() -> None:
    with never_accepting() as address:
        assert failed(await outcome_of(TcpProbe(address.port, 0.1))) == "no answer within 0.1 s"


@pytest.mark.parametrize(
    "kind", [get, lambda port: TcpProbe(port, 1.0), lambda port: GrpcProbe(port, "", 1.0)]
)
async def test_nobody_listens(kind: Callable[[int], Probe]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert "refused" in failed(await outcome_of(kind(unused.getsockname()[1]))).lower()


async def test_no_http(application: Application) -> None:
    async def script(connection: OriginConnection) -> None:
        await connection.send(b"220 mail ready\r\n\r\n")

    origin = await application(script)
    assert "no HTTP/1.1" in failed(await outcome_of(get(origin.address.port)))


async def test_who_asks_meanwhile_shares_the_outcome(application: Application) -> None:
    async def script(connection: OriginConnection) -> None:
        await connection.head()
        await asyncio.sleep(0.1)
        await connection.respond(b"")

    origin = await application(script)
    prober = Prober({PATH: get(origin.address.port)}, "127.0.0.1")
    outcomes = await asyncio.gather(*(prober.run(PATH, "test") for _ in range(50)))
    assert outcomes == [SUCCEEDED] * 50
    assert origin.connections == 1
    assert await prober.run(PATH, "test") == SUCCEEDED
    assert origin.connections == 2


async def test_who_gives_up_spoils_it_for_nobody(application: Application) -> None:
    async def script(connection: OriginConnection) -> None:
        await connection.head()
        await asyncio.sleep(0.1)
        await connection.respond(b"")

    origin = await application(script)
    prober = Prober({PATH: get(origin.address.port)}, "127.0.0.1")
    first = asyncio.ensure_future(prober.run(PATH, "test"))
    second = asyncio.ensure_future(prober.run(PATH, "test"))
    await asyncio.sleep(0.01)
    first.cancel()
    assert await second == SUCCEEDED
    assert origin.connections == 1


async def test_changes_are_logged_once(application: Application, caplog: pytest.LogCaptureFixture) -> None:
    statuses = iter(["500 x", "500 x", "200 OK", "200 OK"])

    async def script(connection: OriginConnection) -> None:
        await connection.head()
        await connection.respond(b"", status=next(statuses))

    origin = await application(script)
    prober = Prober({PATH: get(origin.address.port)}, "127.0.0.1")
    with caplog.at_level(logging.INFO, "microgateway_engine"):
        for _ in range(4):
            await prober.run(PATH, "test")
    assert caplog.messages == [
        f"probe {PATH} failed: HTTP status 500",
        f"probe {PATH} succeeds again",
    ]
