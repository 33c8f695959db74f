"""Gateways: how each is doing, in short and in full."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from microgateway_common.names import PodKey, split_key
from microgateway_common.problems import Severity, errors
from microgateway_common.status import Condition, ConditionStatus, GatewayStatus, Phase

from .problems import ProblemView, problem_view
from .publication import PublicationView, publication_view

_EXAMPLE_PUBLICATION: JsonDict = {
    "state": "published",
    "generation": 1767225600000,
    "digest": "sha256:" + "ab" * 32,
    "compiled_at": "2026-01-01T00:00:00Z",
}


class GatewaySummary(BaseModel):
    """One line of the list of gateways. pods, in_sync, unprotected, errors, warnings: counts."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "namespace": "shop",
                    "name": "webshop",
                    "phase": "Active",
                    "up_to_date": True,
                    "published": _EXAMPLE_PUBLICATION,
                    "pods": 3,
                    "in_sync": 3,
                    "unprotected": 0,
                    "errors": 0,
                    "warnings": 0,
                }
            ]
        }
    )

    namespace: str
    name: str
    phase: Phase
    up_to_date: bool = Field(description="what is published is the latest resources, not an earlier state")
    published: PublicationView
    pods: int = Field(description="pods that the gateway selects and owns")
    in_sync: int = Field(description="of those, pods whose engine serves the published generation")
    unprotected: int = Field(description="pods that the gateway selects and that have no engine")
    errors: int
    warnings: int


class ConditionView(BaseModel):
    """A Kubernetes condition as the reconciler derives it."""

    type: str
    status: ConditionStatus
    reason: str
    message: str


class PodView(BaseModel):
    """A pod of the gateway, `namespace/name` taken apart."""

    namespace: str
    name: str
    in_sync: bool


class UnmanagedPodView(BaseModel):
    """A pod that the gateway selects and an older gateway owns. managed_by: `namespace/name`."""

    namespace: str
    name: str
    managed_by: str


class UnprotectedPodView(BaseModel):
    """A pod with the inject label that the gateway selects and that has no engine."""

    namespace: str
    name: str


class GatewayView(BaseModel):
    """Everything the reconciler says of a gateway."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "namespace": "shop",
                    "name": "webshop",
                    "phase": "Active",
                    "observed_generation": 4,
                    "up_to_date": True,
                    "published": _EXAMPLE_PUBLICATION,
                    "conditions": [
                        {
                            "type": "Accepted",
                            "status": "True",
                            "reason": "Accepted",
                            "message": "the resources compile",
                        }
                    ],
                    "problems": [],
                    "pods": [{"namespace": "shop", "name": "webshop-7d9f-x2x", "in_sync": True}],
                    "unmanaged_pods": [],
                    "unprotected_pods": [],
                }
            ]
        }
    )

    namespace: str
    name: str
    phase: Phase
    observed_generation: int = Field(description="metadata.generation of the SidecarGateway")
    up_to_date: bool = Field(description="what is published is the latest resources, not an earlier state")
    published: PublicationView
    conditions: list[ConditionView]
    problems: list[ProblemView]
    pods: list[PodView]
    unmanaged_pods: list[UnmanagedPodView]
    unprotected_pods: list[UnprotectedPodView]


def gateway_summary(status: GatewayStatus) -> GatewaySummary:
    namespace, name = split_key(status.gateway)
    return GatewaySummary(
        namespace=namespace,
        name=name,
        phase=status.phase,
        up_to_date=status.up_to_date,
        published=publication_view(status.published),
        pods=len(status.pods),
        in_sync=len(status.in_sync),
        unprotected=len(status.unprotected_pods),
        errors=len(errors(status.problems)),
        warnings=sum(problem.severity is Severity.WARNING for problem in status.problems),
    )


def gateway_view(status: GatewayStatus) -> GatewayView:
    namespace, name = split_key(status.gateway)
    in_sync = set(status.in_sync)
    return GatewayView(
        namespace=namespace,
        name=name,
        phase=status.phase,
        observed_generation=status.observed_generation,
        up_to_date=status.up_to_date,
        published=publication_view(status.published),
        conditions=[_condition_view(condition) for condition in status.conditions],
        problems=[problem_view(problem) for problem in status.problems],
        pods=[_pod_view(pod, pod in in_sync) for pod in status.pods],
        unmanaged_pods=[
            UnmanagedPodView(
                namespace=split_key(each.pod)[0], name=split_key(each.pod)[1], managed_by=each.managed_by
            )
            for each in status.unmanaged_pods
        ],
        unprotected_pods=[
            UnprotectedPodView(namespace=split_key(pod)[0], name=split_key(pod)[1])
            for pod in status.unprotected_pods
        ],
    )


def _condition_view(condition: Condition) -> ConditionView:
    return ConditionView(
        type=condition.type,
        status=condition.status,
        reason=condition.reason,
        message=condition.message,
    )


def _pod_view(pod: PodKey, in_sync: bool) -> PodView:
    namespace, name = split_key(pod)
    return PodView(namespace=namespace, name=name, in_sync=in_sync)
