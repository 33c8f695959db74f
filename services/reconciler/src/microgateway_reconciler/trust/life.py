"""The life of one key and the next. No I/O; time comes as an argument, in seconds since the epoch.

    state        used       accepted             ends when
    ─────────    ───────    ─────────────────    ─────────────────────────
    Settled      current    current              its lifetime is over
    Introducing  current    current, successor   the overlap is over
    Retiring     current    current, former      the overlap is over

    (nothing) ─► Settled ─► Introducing ─► Retiring ─► Settled …

The overlap covers what cannot be observed: the kubelet takes up to two minutes to bring a changed Secret into
a pod. A key is used only when it has been accepted everywhere for an overlap, and is accepted for another one
after its last use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from msgspec import Struct


class Policy(Struct, frozen=True):
    """Seconds."""

    lifetime: float
    overlap: float


class Settled(Struct, frozen=True, tag="settled"):
    """since: when it came to be used."""

    current: bytes
    since: float


class Introducing(Struct, frozen=True, tag="introducing"):
    """since: when the successor was made."""

    current: bytes
    successor: bytes
    since: float


class Retiring(Struct, frozen=True, tag="retiring"):
    """since: when the former was used last."""

    current: bytes
    former: bytes
    since: float


Life = Settled | Introducing | Retiring


def accepted(life: Life) -> tuple[bytes, ...]:
    """The keys to be accepted, the one in use first."""
    match life:
        case Settled(current):
            return (current,)
        case Introducing(current, successor):
            return current, successor
        case Retiring(current, former):
            return current, former
        case _:
            assert_never(life)


def advance(life: Life, policy: Policy, now: float, make: Callable[[], bytes]) -> Life:
    """The state that should be now; the same object when nothing is due."""
    match life:
        case Settled(current, since) if now - since >= policy.lifetime:
            return Introducing(current, make(), now)
        case Introducing(former, successor, since) if now - since >= policy.overlap:
            return Retiring(successor, former, now)
        case Retiring(current, _, since) if now - since >= policy.overlap:
            return Settled(current, since)
        case _:
            return life
