"""Spans as an `ExportTraceServiceRequest` (opentelemetry-proto 1.x, `collector/trace/v1`), and of protobuf
only what that needs."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import cache
from typing import Final

from .spans import Attributes, Span, Value

_ERROR = 2


def encode(resource: Iterable[tuple[str, str]], version: str, spans: Iterable[Span]) -> bytes:
    """version: of the engine, whose instrumentation this is."""
    scope = _bytes(1, b"microgateway") + _bytes(2, version.encode())
    of_scope = _bytes(1, scope) + b"".join(_bytes(2, _span(span)) for span in spans)
    of_resource = _attributes(1, tuple(resource))
    return _bytes(1, _bytes(1, of_resource) + _bytes(2, of_scope))


def _span(span: Span) -> bytes:
    parts = [_bytes(1, bytes.fromhex(span.trace)), _bytes(2, bytes.fromhex(span.span))]
    if span.state:
        parts.append(_bytes(3, span.state.encode()))
    if span.parent:
        parts.append(_bytes(4, bytes.fromhex(span.parent)))
    parts += [
        _bytes(5, span.name.encode()),
        _number(6, span.kind),
        _fixed64(7, span.begins),
        _fixed64(8, span.ends),
        _attributes(9, span.attributes),
    ]
    if span.failed:
        parts.append(_bytes(15, _number(3, _ERROR)))
    return b"".join(parts)


def _attributes(field: int, attributes: Attributes) -> bytes:
    return b"".join([_bytes(field, _pair(name, value)) for name, value in attributes])


def _pair(name: str, value: Value) -> bytes:
    """KeyValue with its AnyValue."""
    encoded = _number(3, value) if isinstance(value, int) else _bytes(1, value.encode())
    return _key(name) + _bytes(2, encoded)


@cache
def _key(name: str) -> bytes:
    """Names of attributes are ours, and few."""
    return _bytes(1, name.encode())


# Wire types (https://protobuf.dev/programming-guides/encoding/)

_SMALL: Final = tuple(bytes((value,)) for value in range(0x80))


def _number(field: int, value: int) -> bytes:
    return _SMALL[field << 3] + _varint(value)


def _fixed64(field: int, value: int) -> bytes:
    return _SMALL[field << 3 | 1] + struct.pack("<Q", value)


def _bytes(field: int, value: bytes) -> bytes:
    return b"%b%b%b" % (_SMALL[field << 3 | 2], _varint(len(value)), value)


def _varint(value: int) -> bytes:
    if value < 0x80:
        return _SMALL[value]
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
