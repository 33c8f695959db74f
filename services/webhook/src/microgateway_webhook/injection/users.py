"""User IDs for engine and network validator that nobody else in the pod has.

The redirect lets the engine's user pass. An application with the same user would walk around the
engine, and a network validator with it would find no redirect. A container that names no user has
that of its image, which nobody can see here: hence numbers that images do not use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

#: Not a user that images have by custom (1000, 1001, 1337, 2102, 65532, 65534). It is also the inbound port.
PREFERRED_USER = 13378

#: Where OpenShift says which users a namespace may have: `1000680000/10000` is first and number.
OPENSHIFT_RANGE = "openshift.io/sa.scc.uid-range"


@dataclass(frozen=True, slots=True)
class UserRange:
    """The users that a namespace may have."""

    first: int
    last: int


class NoUserLeftError(ValueError):
    """The namespace's range has no two users that the pod does not use."""


@dataclass(frozen=True, slots=True)
class Users:
    engine: int
    netcheck: int


def parse_range(text: str) -> UserRange:
    """OpenShift's `FIRST/COUNT` or `FIRST-LAST`. Raises ValueError."""
    for separator, offset in (("/", 1), ("-", 0)):
        first, found, second = text.partition(separator)
        if found and all(part.isascii() and part.isdecimal() and len(part) <= 10 for part in (first, second)):
            last = int(second) + (int(first) - 1 if offset else 0)
            if int(first) <= last:
                return UserRange(int(first), last)
    raise ValueError(f"{OPENSHIFT_RANGE}: expected FIRST/COUNT, got {text[:64]!r}")


def users_of(spec: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """`(path, user)` of everything in a pod's spec that names one."""
    places = [("spec", spec)]
    for field in ("initContainers", "containers", "ephemeralContainers"):
        places += [(f"spec.{field}[{position}]", each) for position, each in enumerate(spec.get(field) or [])]
    for path, place in places:
        match place:
            case {"securityContext": {"runAsUser": int(user)}}:
                yield f"{path}.securityContext.runAsUser", user


def choose_users(spec: dict[str, Any], allowed: UserRange | None) -> Users:
    """The same for the same pod. allowed: None for any. Raises NoUserLeftError."""
    taken = {user for _, user in users_of(spec)}
    # From the end of a range: OpenShift gives applications the first of it.
    candidates = range(PREFERRED_USER, 2**31) if allowed is None else range(allowed.last, allowed.first, -1)
    free = (user for user in candidates if user not in taken)
    engine, netcheck = next(free, None), next(free, None)
    if engine is None or netcheck is None:
        assert allowed is not None
        raise NoUserLeftError(
            f"user IDs: expected two from {allowed.first} to {allowed.last}, the namespace's range,"
            " that no container has, got fewer"
        )
    return Users(engine, netcheck)
