"""tcpSocket: the application accepts a connection."""

from __future__ import annotations

import asyncio

from .definitions import TcpProbe
from .outcomes import SUCCEEDED, Outcome


async def run(probe: TcpProbe, host: str) -> Outcome:
    """Raises OSError."""
    _, writer = await asyncio.open_connection(host, probe.port)
    writer.transport.abort()
    return SUCCEEDED
