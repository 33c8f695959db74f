"""How an exchange ended."""

from __future__ import annotations

from enum import Enum


class Outcome(Enum):
    """For log and metrics. label: the value, quicker to get at."""

    FORWARDED = "forwarded"
    BLOCKED = "blocked"
    REFUSED = "refused"
    FAILED = "failed"
    CLIENT_GONE = "client_gone"

    def __init__(self, label: str) -> None:
        self.label = label
