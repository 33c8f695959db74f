"""Decoding bytes that others wrote: whatever is wrong with them, one kind of exception."""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec

T = TypeVar("T", covariant=True)


class Decoder(Protocol[T]):
    """`msgspec.json.Decoder` or `msgspec.msgpack.Decoder`."""

    def decode(self, data: bytes | memoryview, /) -> T: ...


def decode(decoder: Decoder[T], data: bytes | memoryview) -> T:
    """Raises msgspec.MsgspecError, also for text that is not UTF-8 and for nesting without end.

    msgspec lets these two escape as UnicodeDecodeError and RecursionError.
    """
    try:
        return decoder.decode(data)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error
