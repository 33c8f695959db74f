"""What the installation's OperatorConfig changes about the default template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from microgateway_common.operator_config import Amounts, Container, OperatorConfig
from microgateway_common.operator_config import Resources as ConfiguredResources

from .template import ContainerTemplate, Resources, Template


def apply(config: OperatorConfig, default: Template) -> Template:
    """The default with what the configuration says; each value replaces one."""
    sidecar = config.spec.sidecar
    given: Mapping[str, Any] = {
        "mode": sidecar.mode,
        "redis": sidecar.redis_url,
        "bootstrap_secret": sidecar.bootstrap_secret.name,
        "bootstrap_optional": sidecar.bootstrap_secret.optional,
        "excluded_namespaces": sidecar.excluded_namespaces,
        "log_level": sidecar.log_level,
        "drain_seconds": sidecar.drain_seconds,
        "collector": sidecar.tracing.endpoint,
        "sample_ratio": sidecar.tracing.sample_ratio,
        "masked_words": sidecar.masking.words,
        "unmasked_names": sidecar.masking.exceptions,
        "netcheck_seconds": sidecar.network_validator.timeout_seconds,
    }
    return replace(
        default,
        engine=_container(sidecar.engine, default.engine),
        netcheck=_container(sidecar.network_validator, default.netcheck),
        **{name: value for name, value in given.items() if value is not None},
    )


def _container(given: Container, default: ContainerTemplate) -> ContainerTemplate:
    return ContainerTemplate(
        image=given.image or default.image,
        resources=_resources(given.resources, default.resources),
        image_pull_policy=given.image_pull_policy or default.image_pull_policy,
    )


def _resources(given: ConfiguredResources, default: Resources) -> Resources:
    return {
        "requests": _amounts(given.requests, default.get("requests", {})),
        "limits": _amounts(given.limits, default.get("limits", {})),
    }


def _amounts(given: Amounts, default: Mapping[str, str]) -> dict[str, str]:
    amounts = {"cpu": given.cpu, "memory": given.memory}
    return {**default, **{unit: amount for unit, amount in amounts.items() if amount is not None}}
