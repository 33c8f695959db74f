"""Request conditions made ready: does a rule apply to this request?"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import assert_never

from microgateway_common.ir.matching import (
    ALWAYS,
    AddressMatch,
    AnyAddress,
    AnyHeaders,
    AnyString,
    HasHeader,
    HeadersMatch,
    InRanges,
    RequestConditions,
)

from .matching import compile_header_match, compile_match
from .request import Request

#: Whether the conditions hold. Never raises.
Condition = Callable[[Request], bool]


def is_always(conditions: RequestConditions) -> bool:
    """They hold for every request: callers need not ask."""
    return conditions == ALWAYS


def compile_conditions(conditions: RequestConditions) -> Condition:
    """All parts hold, or with `invert` not all of them.

    Raises ValueError that names the regular expression or CIDR range that cannot be read.
    """
    parts = [
        *_methods(conditions.methods),
        *_path(conditions),
        *_media_type(conditions),
        *_remote_ip(conditions.remote_ip),
        *_header(conditions.header),
    ]
    holds = _all_of(parts)
    if conditions.invert:
        return lambda request: not holds(request)
    return holds


def _all_of(parts: list[Condition]) -> Condition:
    if not parts:
        return lambda _request: True
    if len(parts) == 1:
        return parts[0]
    return lambda request: all(part(request) for part in parts)


def _methods(methods: tuple[str, ...]) -> list[Condition]:
    if not methods:
        return []
    wanted = frozenset(methods)
    return [lambda request: request.method in wanted]


def _path(conditions: RequestConditions) -> list[Condition]:
    if isinstance(conditions.path, AnyString):
        return []
    path = compile_match(conditions.path)
    return [lambda request: path(request.path)]


def _media_type(conditions: RequestConditions) -> list[Condition]:
    if isinstance(conditions.media_type, AnyString):
        return []
    media_type = compile_match(conditions.media_type)
    return [lambda request: media_type(request.media_type)]


def _header(match: HeadersMatch) -> list[Condition]:
    match match:
        case AnyHeaders():
            return []
        case HasHeader(header):
            test = compile_header_match(header)
            return [lambda request: any(test(name, value) for name, value in request.headers)]
        case _:
            assert_never(match)


def _remote_ip(match: AddressMatch) -> list[Condition]:
    match match:
        case AnyAddress():
            return []
        case InRanges(ranges, invert):
            inside = _in_ranges(ranges)
            if invert:
                return [lambda request: not inside(request.remote_ip)]
            return [lambda request: inside(request.remote_ip)]
        case _:
            assert_never(match)


def _in_ranges(ranges: tuple[str, ...]) -> Callable[[str], bool]:
    """An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is the IPv4 address that it carries, in
    a range as in a request. What is no address is in no range."""
    masks: dict[int, dict[int, set[int]]] = {4: {}, 6: {}}
    for text in ranges:
        network = _network(text)
        mask = int(network.netmask)
        masks[network.version].setdefault(mask, set()).add(int(network.network_address))
    by_version = {version: tuple(found.items()) for version, found in masks.items()}

    def inside(text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        number = int(address)
        return any(number & mask in networks for mask, networks in by_version[address.version])

    return inside


def _network(text: str) -> IPv4Network | IPv6Network:
    """A CIDR range; host bits are ignored, as Envoy does."""
    try:
        network = ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(f"expected a CIDR range such as 10.0.0.0/8, got {text!r}") from error
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((int(mapped), network.prefixlen - 96))
    return network
