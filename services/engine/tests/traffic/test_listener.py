from __future__ import annotations

import asyncio
import socket

import pytest

from microgateway_common.settings import Address
from microgateway_engine.traffic.listener import Listener, check_free


class Greeter(asyncio.Protocol):
    """Says hello and goodbye."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(b"hello")  # type: ignore[attr-defined]
        transport.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_it_listens_on_both_families(host: str) -> None:
    listener = await Listener.open(asyncio.get_running_loop(), Address(host, 0), Greeter)
    reader, writer = await asyncio.open_connection(*listener.address)
    assert await reader.read() == b"hello"
    writer.close()
    await listener.close()
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection(*listener.address)


async def test_who_is_in_the_queue_when_it_closes_is_served() -> None:
    listener = await Listener.open(asyncio.get_running_loop(), Address("127.0.0.1", 0), Greeter)
    # Blocking connects: the loop has no turn in which it could accept.
    clients = [socket.create_connection(listener.address) for _ in range(20)]
    await listener.close()
    loop = asyncio.get_running_loop()
    for client in clients:
        client.setblocking(False)
        assert await asyncio.wait_for(loop.sock_recv(client, 100), 30) == b"hello"
        client.close()


async def test_a_taken_address_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address(*taken.getsockname())
        with pytest.raises(OSError, match="in use"):
            await Listener.open(asyncio.get_running_loop(), address, Greeter)


async def test_a_port_that_workers_of_others_share_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as taken:
        address = Address(*taken.getsockname())
        with pytest.raises(OSError, match="in use"):
            check_free(address)
    check_free(address)
