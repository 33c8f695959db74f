"""What a probe found out."""

from __future__ import annotations

from msgspec import Struct

#: Of a failure for which the application gave no status.
UNAVAILABLE = 503


class Succeeded(Struct, frozen=True):
    """The kubelet would count it as a success."""


class Failed(Struct, frozen=True):
    """status: the application's own where it gave one, so that the kubelet's event shows it."""

    reason: str
    status: int = UNAVAILABLE


Outcome = Succeeded | Failed

SUCCEEDED = Succeeded()
