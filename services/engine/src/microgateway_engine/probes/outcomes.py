"""What a probe found out."""

from __future__ import annotations

from dataclasses import dataclass

#: Of a failure for which the application gave no status.
UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The kubelet would count it as a success."""


@dataclass(frozen=True, slots=True)
class Failed:
    """status: the application's own where it gave one, so that the kubelet's event shows it."""

    reason: str
    status: int = UNAVAILABLE


Outcome = Succeeded | Failed

SUCCEEDED = Succeeded()
