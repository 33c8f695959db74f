"""A pod without what an earlier injection added.

Whatever has a reserved name is ours: a container that only pretends to be the engine goes, too.
"""

from __future__ import annotations

from typing import Any

from microgateway_webhook import probes

from . import names

Pod = dict[str, Any]

CONTAINER_FIELDS = ("initContainers", "containers")


def strip(pod: Pod) -> Pod:
    """The pod as its owner wrote it, as far as injection changed it. The argument stays as it is."""
    spec = dict(pod["spec"])
    definitions = _definitions(spec)
    for field in CONTAINER_FIELDS:
        if spec.get(field):
            spec[field] = [
                probes.restore(container, definitions)
                for container in spec[field]
                if container["name"] not in names.CONTAINERS
            ]
    if spec.get("volumes"):
        spec["volumes"] = [volume for volume in spec["volumes"] if volume["name"] not in names.VOLUMES]
    metadata = dict(pod["metadata"])
    if names.STATUS in (metadata.get("annotations") or {}):
        annotations = dict(metadata["annotations"])
        del annotations[names.STATUS]
        metadata["annotations"] = annotations
    return {**pod, "metadata": metadata, "spec": spec}


def _definitions(spec: dict[str, Any]) -> probes.Definitions:
    for field in CONTAINER_FIELDS:
        for container in spec.get(field) or []:
            if container["name"] == names.ENGINE:
                for variable in container.get("env") or []:
                    if variable.get("name") == probes.VARIABLE and isinstance(variable.get("value"), str):
                        return probes.decode(variable["value"])
    return {}
