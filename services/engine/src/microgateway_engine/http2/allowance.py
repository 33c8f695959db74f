"""How often a peer may do what costs us and brings nothing."""

from __future__ import annotations

from typing import Final


class Allowance:
    """A bucket of `burst` units that refills at `rate` units a second and by what is useful."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, burst: float, rate: float, now: float) -> None:
        self._burst: Final = burst
        self._rate: Final = rate
        self._left = burst
        self._at = now

    def take(self, units: float, now: float) -> bool:
        """False when that is more than is left."""
        left = min(self._burst, self._left + (now - self._at) * self._rate) - units
        self._at = now
        self._left = left
        return left >= 0

    def give(self, units: float) -> None:
        self._left = min(self._burst, self._left + units)
