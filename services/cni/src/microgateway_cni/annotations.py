"""What a pod's owner says about the redirect, in annotations `sidecar.microgateway.airlock.com/…`."""

from __future__ import annotations

from collections.abc import Mapping

from .ports import parse_ports

EXCLUDE_INBOUND_PORTS = "sidecar.microgateway.airlock.com/excludeInboundPorts"
SERVICE_MESH = "sidecar.microgateway.airlock.com/serviceMesh"

#: Ports of each service mesh's own proxy in the pod (Istio: "Ports used by Istio", sidecar proxy).
MESH_PORTS: Mapping[str, frozenset[int]] = {
    "none": frozenset(),
    "istio": frozenset({15000, 15001, 15004, 15006, 15008, 15009, 15020, 15021, 15053, 15090}),
}


class AnnotationError(ValueError):
    """The message names the annotation, what was expected and what came."""

    def __init__(self, annotation: str, problem: str) -> None:
        super().__init__(f"annotation {annotation}: {problem}")
        self.annotation = annotation


def excluded_ports(annotations: Mapping[str, str]) -> frozenset[int]:
    """Inbound ports that stay as they are, and so unprotected: those listed and the mesh's.

    annotations: all of a pod's, by full name; others are ignored. Raises AnnotationError.
    """
    try:
        listed = parse_ports(annotations.get(EXCLUDE_INBOUND_PORTS, ""))
    except ValueError as error:
        raise AnnotationError(EXCLUDE_INBOUND_PORTS, str(error)) from error
    mesh = annotations.get(SERVICE_MESH, "none")
    if mesh not in MESH_PORTS:
        raise AnnotationError(SERVICE_MESH, f"expected one of {', '.join(MESH_PORTS)}, got {mesh[:64]!r}")
    return listed | MESH_PORTS[mesh]
