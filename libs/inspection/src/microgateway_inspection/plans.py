"""What to do with the body of a request."""

from __future__ import annotations

from msgspec import Struct

from microgateway_common.ir.parser import BodyFormat


class StreamBody(Struct, frozen=True):
    """No parser reads the body. limit: bytes, None for no limit."""

    limit: int | None


class BufferBody(Struct, frozen=True):
    """A parser needs the whole body. limit: bytes, None for no limit."""

    format: BodyFormat
    limit: int | None


BodyPlan = StreamBody | BufferBody
