"""Who somebody is by the word of the API server, and what they want."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GROUP = "microgateway.airlock.com"
RESOURCE = "sidecargateways"

#: All namespaces.
EVERYWHERE = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """`status.user` of a TokenReview, to be handed back in a SubjectAccessReview as it came."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Unknown:
    """The API server knows no such token. expired: it did once."""

    expired: bool


@dataclass(frozen=True, slots=True)
class Right:
    """To read SidecarGateways. namespace: EVERYWHERE for all. name: empty for all of the namespace."""

    verb: Literal["get", "list"]
    namespace: str
    name: str = ""

    def __str__(self) -> str:
        what = f"{RESOURCE}.{GROUP}" + (f" {self.name}" if self.name else "")
        return f"to {self.verb} {what} in " + (
            f"namespace {self.namespace}" if self.namespace else "all namespaces"
        )
