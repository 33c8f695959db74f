from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

import pytest
from scripted_origin import Origin, OriginConnection, Script

from microgateway_engine.probes import tcp
from microgateway_engine.probes.definitions import TcpProbe
from microgateway_engine.probes.outcomes import SUCCEEDED


async def test_an_application_that_accepts(application: Callable[[Script], Awaitable[Origin]]) -> None:
    async def listen(connection: OriginConnection) -> None:
        assert await connection.closed() == b""

    origin = await application(listen)
    assert await tcp.run(TcpProbe(origin.address.port, 1.0), "127.0.0.1") == SUCCEEDED


async def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match=r"(?i)connect"):
            await tcp.run(TcpProbe(unused.getsockname()[1], 1.0), "127.0.0.1")
