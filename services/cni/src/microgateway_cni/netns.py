"""Which network namespace a command works in."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class OwnNamespace(NamedTuple):
    """The one this process is in."""

    def enter(self) -> list[str]:
        return []

    def __str__(self) -> str:
        return "this network namespace"


class NamespaceAt(NamedTuple):
    """The one bound to a file, `/run/netns/NAME` or `/proc/PID/ns/net`; CNI gives it as CNI_NETNS."""

    path: Path

    def enter(self) -> list[str]:
        return ["nsenter", f"--net={self.path}", "--"]

    def __str__(self) -> str:
        return f"network namespace {self.path}"


#: `enter()` is the command prefix that runs a program there; only the network namespace changes, so
#: the program itself is still found in our own file system.
NetworkNamespace = OwnNamespace | NamespaceAt
