"""Engine and network validator as Kubernetes containers.

Every field that the API server would fill in with a default is written out, so that injecting again finds
no difference.
"""

from __future__ import annotations

from typing import Any

from microgateway_webhook import probes

from . import names
from .template import ContainerTemplate, Template
from .users import Users

#: Where the engine keeps its last good configuration; the folder of its image.
STATE_DIR = "/var/lib/microgateway"
BOOTSTRAP_DIR = "/etc/microgateway/bootstrap"
#: Where the API server mounts a pod's token in every container that has nothing mounted there.
TOKEN_DIR = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path

Container = dict[str, Any]


def netcheck(template: Template, users: Users) -> Container:
    """The first init container: exits 0 when inbound traffic is redirected, else the pod does not start."""
    return {
        "name": names.NETCHECK,
        **_common(template.netcheck, users.netcheck),
        "args": ["--timeout", str(template.netcheck_seconds)],
        "volumeMounts": [_no_token()],
    }


def engine(
    template: Template, users: Users, drain_seconds: int, definitions: probes.Definitions, *, native: bool
) -> Container:
    """definitions: the application's probes. native: an init container that stays."""
    health = {"path": "/ready", "port": names.HEALTH_PORT, "scheme": "HTTP"}
    alive = {"port": names.HEALTH_PORT}
    environment = {
        "MICROGATEWAY_REDIS": template.redis,
        "MICROGATEWAY_STATE_DIR": STATE_DIR,
        "MICROGATEWAY_BOOTSTRAP_DIR": BOOTSTRAP_DIR,
        "MICROGATEWAY_LOG_LEVEL": template.log_level,
        "MICROGATEWAY_DRAIN_SECONDS": str(drain_seconds),
    }
    if template.collector:
        environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = template.collector
        environment["OTEL_TRACES_SAMPLER"] = "parentbased_traceidratio"
        environment["OTEL_TRACES_SAMPLER_ARG"] = f"{template.sample_ratio:g}"
    if template.masked_words:
        environment["MICROGATEWAY_MASK"] = ",".join(template.masked_words)
    if template.unmasked_names:
        environment["MICROGATEWAY_UNMASK"] = ",".join(template.unmasked_names)
    if definitions:
        environment[probes.VARIABLE] = probes.encode(definitions)
    return {
        "name": names.ENGINE,
        **_common(template.engine, users.engine),
        "env": [
            _field("POD_NAME", "metadata.name"),
            _field("POD_NAMESPACE", "metadata.namespace"),
            _field("POD_UID", "metadata.uid"),
            _field("POD_IP", "status.podIP"),
            *({"name": name, "value": value} for name, value in environment.items()),
        ],
        "ports": [
            _port("mgw-inbound", names.INBOUND_PORT),
            _port("mgw-health", names.HEALTH_PORT),
            _port("mgw-metrics", names.METRICS_PORT),
        ],
        # Started and alive is a process that accepts; only readiness asks for a configuration. A restart
        # would not bring one, and the application's containers may start meanwhile.
        "startupProbe": _probe({"tcpSocket": alive}, period=1, failures=60, timeout=1),
        "livenessProbe": _probe({"tcpSocket": alive}, period=10, failures=3, timeout=2),
        "readinessProbe": _probe({"httpGet": health}, period=5, failures=3, timeout=1),
        "volumeMounts": [
            {"name": names.BOOTSTRAP_VOLUME, "mountPath": BOOTSTRAP_DIR, "readOnly": True},
            {"name": names.STATE_VOLUME, "mountPath": STATE_DIR},
            _no_token(),
        ],
        **({"restartPolicy": "Always"} if native else {}),
    }


def volumes(template: Template) -> list[dict[str, Any]]:
    secret: dict[str, Any] = {"secretName": template.bootstrap_secret, "defaultMode": 0o444}
    if template.bootstrap_optional:
        secret["optional"] = True
    return [
        {"name": names.BOOTSTRAP_VOLUME, "secret": secret},
        {"name": names.STATE_VOLUME, "emptyDir": {"sizeLimit": "64Mi"}},
        {"name": names.NO_TOKEN_VOLUME, "emptyDir": {"sizeLimit": "1Mi"}},
    ]


def _common(template: ContainerTemplate, user: int) -> Container:
    return {
        "image": template.image,
        "imagePullPolicy": template.image_pull_policy,
        "resources": {kind: dict(amounts) for kind, amounts in template.resources.items() if amounts},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsGroup": user,
            "runAsNonRoot": True,
            "runAsUser": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }


def _probe(action: dict[str, Any], *, period: int, failures: int, timeout: int) -> dict[str, Any]:
    return {
        **action,
        "failureThreshold": failures,
        "periodSeconds": period,
        "successThreshold": 1,
        "timeoutSeconds": timeout,
    }


def _no_token() -> dict[str, Any]:
    """The gateway does not speak to the API server: it gets an empty folder instead of the pod's token."""
    return {"name": names.NO_TOKEN_VOLUME, "mountPath": TOKEN_DIR, "readOnly": True}


def _field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _port(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "containerPort": number, "protocol": "TCP"}
