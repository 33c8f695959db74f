"""The gRPC health protocol, against grpcio's server and against what is none."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_origin import Origin, OriginConnection, Script

from microgateway_engine.probes import grpc as probe
from microgateway_engine.probes.definitions import GrpcProbe
from microgateway_engine.probes.outcomes import SUCCEEDED, Failed, Outcome

HOST = "127.0.0.1"

#: grpc.health.v1.HealthCheckResponse by service; SERVING is 1, NOT_SERVING 2.
RESPONSES = {b"": b"\x08\x01", b"\x0a\x04shop": b"\x08\x01", b"\x0a\x02db": b"\x08\x02"}


async def run(port: int, service: str = "") -> Outcome:
    async with asyncio.timeout(30):
        return await probe.run(GrpcProbe(port, service, 1.0), HOST, "kube-probe/1.29")


class Server:
    """A grpc.aio server and the metadata of its calls."""

    def __init__(self) -> None:
        self.server = grpc.aio.server()
        self.port: int = self.server.add_insecure_port(f"{HOST}:0")
        self.agents: list[str] = []

    def implement(self) -> None:
        async def check(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
            metadata = dict(context.invocation_metadata())
            self.agents.append(metadata["user-agent"])
            if request not in RESPONSES:
                await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
            return RESPONSES[request]

        handlers = {"Check": grpc.unary_unary_rpc_method_handler(check)}
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("grpc.health.v1.Health", handlers),)
        )


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    yield server
    await server.server.stop(None)


@pytest.mark.parametrize(
    ("service", "outcome"),
    [
        ("", SUCCEEDED),
        ("shop", SUCCEEDED),
        ("db", Failed("health status NOT_SERVING")),
        ("mail", Failed("gRPC status 5: unknown service")),
    ],
)
async def test_the_status_of_a_service(service: str, outcome: Outcome, server: Server) -> None:
    server.implement()
    await server.server.start()
    assert await run(server.port, service) == outcome
    assert server.agents == ["kube-probe/1.29"]


async def test_a_server_without_the_protocol(server: Server) -> None:
    await server.server.start()
    outcome = await run(server.port)
    assert isinstance(outcome, Failed)
    assert "does not implement the gRPC health protocol" in outcome.reason


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", b"\x00" * 100, b"\x00\xff\xff\xff" * 99],
)
async def test_what_is_no_http2(said: bytes, application: Callable[[Script], Awaitable[Origin]]) -> None:
    async def script(connection: OriginConnection) -> None:
        await connection.send(said)

    origin = await application(script)
    try:
        outcome = await run(origin.address.port)
    except ConnectionResetError:
        return
    assert isinstance(outcome, Failed)
    assert "no HTTP/2" in outcome.reason


def framed(message: bytes) -> bytes:
    return struct.pack("!BI", 0, len(message)) + message


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"", 0),
        (b"\x08\x01", 1),
        (b"\x08\x02\x08\x01", 1),  # the last one counts
        (b"\x12\x03abc\x08\x01", 1),  # a field of later versions
        (b"\x11" + b"\x00" * 8 + b"\x1d" + b"\x00" * 4 + b"\x08\x03", 3),
    ],
)
def test_messages(message: bytes, status: int) -> None:
    assert probe.serving_status(framed(message)) == status


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00\x00", b"\x01" + framed(b"")[1:], framed(b"\x08"), framed(b"\x12\x7f"), framed(b"\x0b"),
     framed(b"\x08" + b"\xff" * 11), framed(b"\x08\x01") + b"x"],
)  # fmt: skip
def test_what_is_no_message(body: bytes) -> None:
    with pytest.raises(ValueError, match="expected"):
        probe.serving_status(body)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_status_or_an_error(message: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert probe.serving_status(framed(message)) >= 0
