"""Names that users, dashboards and the CNI plugin see; those of the commercial gateway where it had one."""

from __future__ import annotations

PREFIX = "sidecar.microgateway.airlock.com/"

INJECT_LABEL = PREFIX + "inject"
MANAGED_BY_LABEL = "microgateway.airlock.com/managedBy"

EXCLUDE_INBOUND_PORTS = PREFIX + "excludeInboundPorts"
SERVICE_MESH = PREFIX + "serviceMesh"
ENGINE_LOG_LEVEL = PREFIX + "engineLogLevel"
REWRITE_PROBES = PREFIX + "rewriteProbes"
#: Written by injection: template, version and mode, as JSON.
STATUS = PREFIX + "status"

#: Annotation → where its value goes in the engine's `resources`.
ENGINE_RESOURCES = {
    PREFIX + "engineCpuRequests": ("requests", "cpu"),
    PREFIX + "engineCpuLimits": ("limits", "cpu"),
    PREFIX + "engineMemoryRequests": ("requests", "memory"),
    PREFIX + "engineMemoryLimits": ("limits", "memory"),
}

#: Which container `kubectl logs` and `kubectl exec` take.
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
#: The kubelet's copy of a pod that runs from a file of the node.
MIRROR_POD = "kubernetes.io/config.mirror"

ENGINE = "airlock-microgateway-engine"
NETCHECK = "airlock-microgateway-network-validator"
CONTAINERS = frozenset({ENGINE, NETCHECK})

BOOTSTRAP_VOLUME = "airlock-microgateway-bootstrap-secret-volume"
STATE_VOLUME = "airlock-microgateway-state-volume"
NO_TOKEN_VOLUME = "airlock-microgateway-no-token-volume"  # noqa: S105 - a volume's name
VOLUMES = frozenset({BOOTSTRAP_VOLUME, STATE_VOLUME, NO_TOKEN_VOLUME})

INBOUND_PORT = 13378
HEALTH_PORT = 19001
METRICS_PORT = 19002
#: No container of the application may have one of these: inbound, admin, health, metrics, netcheck.
RESERVED_PORTS = frozenset({INBOUND_PORT, 19000, HEALTH_PORT, METRICS_PORT, 19003})
