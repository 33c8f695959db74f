"""Versions of the API server, as far as injection depends on them."""

from __future__ import annotations

from typing import NamedTuple

import re2

_VERSION = re2.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})(?:[^0-9].*)?")


class ServerVersion(NamedTuple):
    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    @property
    def has_native_sidecars(self) -> bool:
        """Whether init containers may have `restartPolicy: Always` (KEP-753, on by default from 1.29)."""
        return self >= (1, 29)


def parse_version(text: str) -> ServerVersion:
    """Of `gitVersion` or shorter: `v1.29.3-gke.1`, `1.31`, `1.28+`. Raises ValueError."""
    parts = _VERSION.fullmatch(text)
    if parts is None:
        raise ValueError(f"server version: expected one such as 1.29, got {text[:64]!r}")
    return ServerVersion(int(parts[1]), int(parts[2]))
