"""One line of the answer."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

#: Names in one message.
SHOWN = 5


class State(StrEnum):
    OK = "ok"
    #: It works for now.
    WARNING = "warning"
    #: Also what could not be looked at.
    FAILED = "failed"


class Finding(Struct, frozen=True):
    """about: the part of the installation. fix: what to do; empty when it is ok."""

    state: State
    about: str
    message: str
    fix: str = ""


def ok(about: str, message: str) -> Finding:
    return Finding(State.OK, about, message)


def warning(about: str, message: str, fix: str) -> Finding:
    return Finding(State.WARNING, about, message, fix)


def failed(about: str, message: str, fix: str) -> Finding:
    return Finding(State.FAILED, about, message, fix)


def unread(about: str, what: str, reason: str) -> Finding:
    """Not a warning: who sees nothing must not hear that all is well."""
    return failed(about, f"cannot {what}: {reason}", "ask as somebody with more rights")


def listed(names: Iterable[str]) -> str:
    """The first few, and how many more."""
    found = sorted(names)
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more
