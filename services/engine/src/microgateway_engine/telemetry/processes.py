"""The processes of this engine, as its metrics tell of them."""

from __future__ import annotations

import resource

from msgspec import Struct


class Processes(Struct, frozen=True):
    """workers: that run at the moment. memory: bytes of all processes. restarts: workers replaced."""

    workers: int
    memory: int
    restarts: int = 0


def one_process() -> Processes:
    """The only one there is."""
    return Processes(1, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
