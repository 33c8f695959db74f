"""What is injected: everything that does not depend on the pod."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import msgspec

from microgateway_common.operator_config import SidecarMode
from microgateway_common.resources.amount import parse_amount

from .annotations import AnnotationError, PodOptions
from .names import ENGINE_RESOURCES

#: `requests` and `limits`, each by `cpu` and `memory`; as quantities.
Resources = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class ContainerTemplate:
    image: str
    resources: Resources
    image_pull_policy: str = "IfNotPresent"


@dataclass(frozen=True)
class Template:
    """redis: URL of the bus, without password. managed_by: our own namespace.
    excluded_namespaces: where nothing is injected, besides our own.
    bootstrap_secret: in the pod's namespace; keys and credentials. bootstrap_optional: pods start without.
    drain_seconds: that the engine gives running requests; less in pods with a shorter grace period.
    collector: URL that takes spans, empty for no tracing. sample_ratio: of traces that begin at the gateway.
    masked_words, unmasked_names: what logs hide besides secrets, and what they show all the same.
    """

    version: str
    engine: ContainerTemplate
    netcheck: ContainerTemplate
    mode: SidecarMode = SidecarMode.AUTO
    redis: str = "redis://microgateway-redis.microgateway-system.svc:6379/0"
    managed_by: str = "microgateway-system"
    excluded_namespaces: tuple[str, ...] = ("kube-system",)
    log_level: str = "info"
    bootstrap_secret: str = "microgateway-bootstrap"  # noqa: S105 - a Secret's name
    bootstrap_optional: bool = False
    netcheck_seconds: int = 20
    drain_seconds: int = 20
    collector: str = ""
    sample_ratio: float = 1.0
    masked_words: tuple[str, ...] = ()
    unmasked_names: tuple[str, ...] = ()

    def excludes(self, namespace: str) -> bool:
        """Whether nothing is injected there."""
        return namespace == self.managed_by or namespace in self.excluded_namespaces

    @cached_property
    def digest(self) -> str:
        """Says whether a pod was injected with this very template."""
        encoded = msgspec.json.encode(asdict(self), order="deterministic")
        return f"sha256:{hashlib.sha256(encoded).hexdigest()[:32]}"


#: Requests as the commercial engine's; limits for a scan of the largest inspected body.
ENGINE_RESOURCES_DEFAULT: Resources = {
    "requests": {"cpu": "100m", "memory": "256Mi"},
    "limits": {"cpu": "2", "memory": "512Mi"},
}

#: The interpreter does not start with less than 32Mi; its CPU limit decides how fast pods start.
NETCHECK_RESOURCES_DEFAULT: Resources = {
    "requests": {"cpu": "5m", "memory": "32Mi"},
    "limits": {"cpu": "500m", "memory": "64Mi"},
}


def default_template(version: str, tag: str) -> Template:
    """tag: of the images. version: of the webhook."""
    return Template(
        version=version,
        engine=ContainerTemplate(f"microgateway/engine:{tag}", ENGINE_RESOURCES_DEFAULT),
        netcheck=ContainerTemplate(f"microgateway/netcheck:{tag}", NETCHECK_RESOURCES_DEFAULT),
    )


def with_options(template: Template, options: PodOptions) -> Template:
    """The template for one pod. Each option replaces one value. Raises AnnotationError."""
    resources = {kind: dict(amounts) for kind, amounts in template.engine.resources.items()}
    for (kind, unit), amount in options.resources.items():
        resources.setdefault(kind, {})[unit] = amount.text
    for annotation, (kind, unit) in ENGINE_RESOURCES.items():
        request, limit = (resources.get(each, {}).get(unit) for each in ("requests", "limits"))
        is_given = (kind, unit) in options.resources
        if is_given and request and limit and parse_amount(request).value > parse_amount(limit).value:
            problem = f"expected a request of at most the limit, got {request} and {limit} of {unit}"
            raise AnnotationError(annotation, problem)
    engine = replace(template.engine, resources=resources)
    return replace(template, engine=engine, log_level=options.log_level or template.log_level)
