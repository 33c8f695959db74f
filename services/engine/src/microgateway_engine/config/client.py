"""Who the client is (CRD `downstream.remoteIP`)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import assert_never

from microgateway_common.ir.gateway import (
    ConnectionAddress,
    ForwardedHops,
    ForwardedRanges,
    HeaderAddress,
    RemoteAddress,
)
from microgateway_engine.http.messages import Headers

#: Address of the client as text from the request's headers and the peer's address; None when the
#: request must be refused with 403.
ClientAddress = Callable[[Headers, str], str | None]


def client_address(source: RemoteAddress) -> ClientAddress:
    """The function for a source. An address that is no IP address counts as absent."""
    match source:
        case ConnectionAddress():
            return lambda _headers, peer: peer
        case HeaderAddress(name, required):
            return _from_header(name.lower().encode("latin-1"), required)
        case ForwardedHops(trusted):
            return _from_hops(trusted)
        case ForwardedRanges(trusted):
            return _from_ranges(trusted)
        case _:
            assert_never(source)


def _from_header(name: bytes, required: bool) -> ClientAddress:
    def address(headers: Headers, peer: str) -> str | None:
        for each, value in headers:
            if each == name and (found := _parse(value)) is not None:
                return found
        return None if required else peer

    return address


def _from_hops(trusted: int) -> ClientAddress:
    def address(headers: Headers, peer: str) -> str:
        entries = _forwarded_for(headers)
        if len(entries) < trusted:
            return peer
        return _parse(entries[-trusted]) or peer

    return address


def _from_ranges(trusted: tuple[str, ...]) -> ClientAddress:
    networks = [ipaddress.ip_network(each, strict=False) for each in trusted]

    def is_trusted(text: str) -> bool:
        parsed = ipaddress.ip_address(text)
        return any(parsed.version == network.version and parsed in network for network in networks)

    def address(headers: Headers, peer: str) -> str:
        found = peer
        for entry in reversed(_forwarded_for(headers)):
            parsed = _parse(entry)
            if parsed is None:
                return found  # what stands left of garbage was written by nobody we trust
            found = parsed
            if not is_trusted(parsed):
                return found
        return found

    return address


def _forwarded_for(headers: Headers) -> list[bytes]:
    values = [value for name, value in headers if name == b"x-forwarded-for"]
    if not values:
        return []
    return [entry.strip() for entry in b",".join(values).split(b",") if entry.strip()]


def _parse(entry: bytes) -> str | None:
    """An address with or without a port, `1.2.3.4:5`, `[::1]:5`."""
    text = entry.decode("latin-1").strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    if "%" in text:
        return None  # a zone (RFC 4007) is any text at all, and means nothing on another host
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
