"""What the pipeline makes of one gateway."""

from __future__ import annotations

from dataclasses import dataclass

from microgateway_common.names import GatewayKey, PodKey
from microgateway_common.problems import Problem
from microgateway_common.status import UnmanagedPod

from .compile.gateway import Compiled, Failed


@dataclass(frozen=True, slots=True)
class GatewayOutcome:
    """observed_generation: `metadata.generation` of the SidecarGateway, 0 where nobody counts.
    configuration: Failed when a problem is an error; engines keep the last good one then.
    problems: of the gateway and of everything it refers to, each with its subject.
    pods: those it owns. unmanaged_pods: those it selects and an older gateway owns.
    unprotected_pods: those that would be its own, but have no engine.
    """

    gateway: GatewayKey
    observed_generation: int
    configuration: Compiled | Failed
    problems: tuple[Problem, ...]
    pods: tuple[PodKey, ...]
    unmanaged_pods: tuple[UnmanagedPod, ...]
    unprotected_pods: tuple[PodKey, ...] = ()
