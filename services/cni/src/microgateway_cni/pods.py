"""A pod, as far as the redirect depends on it: from the API server's object, or over the agent's socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

PREFIX = "sidecar.microgateway.airlock.com/"
INJECT_LABEL = PREFIX + "inject"
#: Written by injection, so a pod that has it has an engine.
STATUS_ANNOTATION = PREFIX + "status"
#: The kubelet's copy of a static pod; the value is the UID the container runtime knows it by.
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"

ENGINE = "airlock-microgateway-engine"
NETCHECK = "airlock-microgateway-network-validator"


class Pod(NamedTuple):
    """containers: names, of init containers too, as a native sidecar is one."""

    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    containers: tuple[str, ...]

    @property
    def is_labelled(self) -> bool:
        return self.labels.get(INJECT_LABEL) == "true"

    @property
    def has_engine(self) -> bool:
        return ENGINE in self.containers

    def is_known_as(self, uid: str) -> bool:
        """Whether the container runtime's UID is this pod's; an empty one is not told apart."""
        return uid in ("", self.uid, self.annotations.get(MIRROR_ANNOTATION))

    def __str__(self) -> str:
        return f"pod {self.namespace}/{self.name}"


def from_object(pod: Mapping[str, Any]) -> Pod:
    """pod: a v1 Pod as JSON. Raises ValueError for what is none."""
    try:
        metadata, spec = pod["metadata"], pod["spec"]
        listed = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
        return Pod(
            namespace=_text(metadata["namespace"]),
            name=_text(metadata["name"]),
            uid=_text(metadata["uid"]),
            labels=_texts(metadata.get("labels") or {}),
            annotations=_texts(metadata.get("annotations") or {}),
            containers=tuple(_text(container["name"]) for container in listed),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"expected a pod, got an object without {error}") from error


def to_wire(pod: Pod) -> dict[str, Any]:
    return pod._asdict()


def from_wire(raw: Mapping[str, Any]) -> Pod:
    """The inverse of `to_wire`. Raises ValueError."""
    try:
        return Pod(
            namespace=_text(raw["namespace"]),
            name=_text(raw["name"]),
            uid=_text(raw["uid"]),
            labels=_texts(raw["labels"]),
            annotations=_texts(raw["annotations"]),
            containers=tuple(_text(name) for name in raw["containers"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"expected a pod, got an answer without {error}") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text: {value!r}")
    return value


def _texts(raw: Mapping[Any, Any]) -> dict[str, str]:
    return {_text(key): _text(value) for key, value in raw.items()}
