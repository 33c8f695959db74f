"""Which application a connection is for.

Explicit       every connection goes to one given address (`--upstream`)
Transparent    the redirect keeps the original destination; its port names the application
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Protocol

from msgspec import Struct

from microgateway_common.settings import Address

#: linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h; the number is the same for both.
SO_ORIGINAL_DST = 80


class Destination(Struct, frozen=True):
    """target: where to connect. port: the application's key in the configuration."""

    target: Address
    port: int


class Refused(Struct, frozen=True):
    reason: str


class Destinations(Protocol):
    def of(self, transport: asyncio.Transport, ports: frozenset[int]) -> Destination | Refused:
        """Where a new connection goes. ports: those of the configured applications."""


class Explicit:
    """port: the application to apply; None takes the one with the target's port, else the only one."""

    def __init__(self, target: Address, port: int | None) -> None:
        self._target = target
        self._port = port

    def of(self, transport: asyncio.Transport, ports: frozenset[int]) -> Destination | Refused:  # noqa: ARG002
        for port in (self._port, self._target.port):
            if port in ports:
                return Destination(self._target, port)
        if self._port is None and len(ports) == 1:
            return Destination(self._target, next(iter(ports)))
        return Refused(f"expected an application for {self._target}, got ports {sorted(ports)}")


class Transparent:
    """listen_port: our own, which a redirected connection never has as its original destination."""

    def __init__(self, listen_port: int) -> None:
        self._listen_port = listen_port

    def of(self, transport: asyncio.Transport, ports: frozenset[int]) -> Destination | Refused:
        original = original_destination(transport.get_extra_info("socket"))
        if original is None or original.port == self._listen_port:
            return Refused("the connection was not redirected")
        if original.port not in ports:
            return Refused(f"no application on port {original.port}")
        return Destination(original, original.port)


def original_destination(connection: socket.socket) -> Address | None:
    """Where the client wanted to go before the redirect; None when there was no redirect."""
    try:
        if connection.family == socket.AF_INET6:
            # struct sockaddr_in6: family, port, flow, 16 bytes of address, scope
            raw = connection.getsockopt(socket.IPPROTO_IPV6, SO_ORIGINAL_DST, 28)
            (port,) = struct.unpack_from("!H", raw, 2)
            return Address(socket.inet_ntop(socket.AF_INET6, raw[8:24]), port)
        raw = connection.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
        (port,) = struct.unpack_from("!H", raw, 2)
        return Address(socket.inet_ntop(socket.AF_INET, raw[4:8]), port)
    except OSError:
        return None
