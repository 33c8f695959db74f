"""Request and correlation ids (CRD Telemetry `correlation`)."""

from __future__ import annotations

import os
from typing import Final, assert_never

from microgateway_common.ir.telemetry import CorrelationHeader, NoCorrelation, Telemetry
from microgateway_engine.http.messages import Headers

from .forwarding import first

#: Longest id taken from a client.
MAX_ID_LENGTH = 128

_SAFE: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=:")


class _Randomness:
    """Random bytes for ids, fetched from the kernel for many at a time: the call costs more than the id."""

    BLOCK = 4096
    ID = 16

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._block = b""
        self._used = 0

    def hex(self) -> str:
        if self._used == len(self._block):
            self._block = os.urandom(self.BLOCK)
            self._used = 0
        start = self._used
        self._used = end = start + self.ID
        return self._block[start:end].hex()


_random = _Randomness()
# Two workers must not continue one block.
os.register_at_fork(after_in_child=_random.forget)


def new_id() -> str:
    """128 random bits in the form of a UUID, version 4 (RFC 9562)."""
    bits = _random.hex()
    return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-{'89ab'[int(bits[16], 16) & 3]}{bits[17:20]}-{bits[20:]}"


def request_id(telemetry: Telemetry, headers: Headers) -> str:
    """The client's X-Request-Id where the Telemetry resource allows it, else a new one.

    An allowed id in the form of a UUID has its version nibble set to 4 when ids are to be altered, as
    gateways do that keep a trace decision there: this one decides for no trace.
    """
    rules = telemetry.request_ids
    if not rules.allow_downstream:
        return new_id()
    given = _safe(first(headers, b"x-request-id"))
    if not given:
        return new_id()
    if rules.alter and len(given) == 36 and given[8] == given[13] == given[18] == given[23] == "-":
        return f"{given[:14]}4{given[15:]}"
    return given


def correlation_id(telemetry: Telemetry, headers: Headers) -> str:
    """The value of the configured header, or the empty string."""
    match telemetry.correlation:
        case NoCorrelation():
            return ""
        case CorrelationHeader(name):
            return _safe(first(headers, name.lower().encode("latin-1")))
        case _:
            assert_never(telemetry.correlation)


def _safe(value: bytes | None) -> str:
    if not value or len(value) > MAX_ID_LENGTH or not _SAFE.issuperset(value):
        return ""
    return value.decode("ascii")
