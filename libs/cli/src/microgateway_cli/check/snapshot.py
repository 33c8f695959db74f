"""What the API server answered, at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .expected import Right

#: Any object of the API server, as JSON.
Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such object."""


@dataclass(frozen=True, slots=True)
class Unread:
    """It could not be read. reason: in the API server's words."""

    reason: str


One = Raw | Missing | Unread
Many = list[Raw] | Unread


@dataclass(frozen=True, slots=True)
class Lacking:
    """The right is not there. namespaces: in which; none for one that counts everywhere or by itself."""

    namespaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    pass


@dataclass(frozen=True, slots=True)
class Places:
    """Namespaces of an installation."""

    system: str = "microgateway-system"
    cni: str = "microgateway-cni"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """definitions: by kind. webhooks: by kind of the configuration. deployments: by name. certificates: the
    Secrets that may hold the webhook's, by name. agents: pods of the DaemonSet. pods: labelled ones, of all
    namespaces. bootstraps: by namespace with labelled pods. rights: of our service accounts."""

    places: Places
    version: Raw
    definitions: Mapping[str, One]
    webhooks: Mapping[str, One]
    certificates: Mapping[str, One]
    deployments: Mapping[str, One]
    daemonset: One
    agents: Many
    nodes: Many
    lease: One
    gateways: Many
    pods: Many
    bootstraps: Mapping[str, One]
    rights: Mapping[tuple[str, Right], Held | Lacking | Unread]


def name_of(raw: Raw) -> str:
    return str(raw["metadata"]["name"])


def namespace_of(raw: Raw) -> str:
    return str(raw["metadata"].get("namespace", ""))
