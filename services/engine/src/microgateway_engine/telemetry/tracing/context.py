"""W3C Trace Context (https://www.w3.org/TR/trace-context/): which trace a request belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from microgateway_engine.http.messages import Headers

PARENT: Final = b"traceparent"
STATE: Final = b"tracestate"
NAMES: Final = frozenset((PARENT, STATE))

SAMPLED: Final = 0x01

#: Section 3.2: version, trace, parent, flags, and between them dashes; what later versions append is ignored.
_LENGTH: Final = 55
_DASHES: Final = (2, 35, 52)
_DIGITS: Final = frozenset(b"0123456789abcdef")

#: Section 3.3.1.5: what must at least go on; longer lists are dropped.
_LONGEST_STATE: Final = 512


@dataclass(frozen=True, slots=True)
class Parent:
    """trace, span: in hexadecimal. state: of other systems, as it goes on."""

    trace: str
    span: str
    flags: int
    state: str

    @property
    def sampled(self) -> bool:
        return bool(self.flags & SAMPLED)


@dataclass(frozen=True, slots=True)
class NoParent:
    """The request begins a trace."""


def parent_of(headers: Headers) -> Parent | NoParent:
    """Whatever is not valid counts as absent (section 4.3), a repeated traceparent among it."""
    parents = [value for name, value in headers if name == PARENT]
    if len(parents) != 1:
        return NoParent()
    value = parents[0].strip(b" \t")
    known, rest = value[:_LENGTH], value[_LENGTH:]
    version, trace, span, flags = known[:2], known[3:35], known[36:52], known[53:]
    if (
        len(known) < _LENGTH
        or any(known[at] != ord("-") for at in _DASHES)
        or not _DIGITS.issuperset(version + trace + span + flags)
        or not (rest == b"" or rest.startswith(b"-"))
    ):
        return NoParent()
    if version == b"ff" or (version == b"00" and rest) or not int(trace, 16) or not int(span, 16):
        return NoParent()
    return Parent(trace.decode(), span.decode(), int(flags, 16), _state(headers))


def _state(headers: Headers) -> str:
    """The list of all fields of that name, or nothing when it is too long or no text."""
    joined = b",".join(value.strip(b" \t") for name, value in headers if name == STATE)
    if len(joined) > _LONGEST_STATE or not joined.isascii():
        return ""
    text = joined.decode("ascii")
    return text if text.isprintable() else ""


def fields(trace: str, span: str, flags: int, state: str) -> Headers:
    """What the application gets."""
    found = [(PARENT, f"00-{trace}-{span}-{flags:02x}".encode())]
    if state:
        found.append((STATE, state.encode()))
    return found
