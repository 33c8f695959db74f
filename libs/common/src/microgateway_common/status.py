"""How a gateway is doing, as the reconciler reports it (CRD `status`, and the config-api)."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from .names import Digest, GatewayKey, Generation, PodKey
from .problems import Problem


class Phase(StrEnum):
    """CRD `status.status`: ERROR, the latest resources do not apply; WARNING, they do with remarks."""

    ACTIVE = "Active"
    WARNING = "Warning"
    ERROR = "Error"


class ConditionStatus(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Struct, frozen=True):
    """A Kubernetes condition without its transition time, which belongs to whoever stores it."""

    type: str
    status: ConditionStatus
    reason: str
    message: str


class Published(Struct, frozen=True, tag="published"):
    """The bundle that engines are given."""

    generation: Generation
    digest: Digest


class NeverPublished(Struct, frozen=True, tag="never"):
    """There has been no valid configuration yet; its engines refuse all connections."""


class UnmanagedPod(Struct, frozen=True):
    """A pod the gateway selects but another, older gateway owns."""

    pod: PodKey
    managed_by: GatewayKey


class GatewayStatus(Struct, frozen=True):
    """observed_generation: `metadata.generation` of the SidecarGateway this speaks of.
    up_to_date: the published configuration is that of the latest resources, not an earlier good one.
    in_sync: pods whose engine acknowledged the published generation.
    unprotected_pods: those that the gateway selects and that have no engine.
    engine_versions: of those pods whose engine has said something.
    """

    gateway: GatewayKey
    phase: Phase
    observed_generation: int
    published: Published | NeverPublished
    up_to_date: bool
    conditions: tuple[Condition, ...]
    problems: tuple[Problem, ...]
    pods: tuple[PodKey, ...]
    in_sync: tuple[PodKey, ...]
    unmanaged_pods: tuple[UnmanagedPod, ...]
    unprotected_pods: tuple[PodKey, ...] = ()
    engine_versions: dict[PodKey, str] = {}
