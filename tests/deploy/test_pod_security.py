"""Pods fit the standard that their namespace enforces, and run with as little as they need."""

from __future__ import annotations

from collections.abc import Iterator

import kustomize
import pytest
from chain import ROOT
from kustomize import NODES, SYSTEM, Installation, Raw, Workload

from microgateway_webhook.injection import names
from microgateway_webhook.injection.inject import Injected, Namespace, inject
from microgateway_webhook.injection.template import default_template
from microgateway_webhook.injection.versions import ServerVersion

#: Pod Security Standards, restricted: volume types.
VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def violations(pod: Raw) -> Iterator[str]:
    """What of the Pod Security Standard `restricted` (kubernetes.io, version 1.34) a pod's spec breaks."""
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield field
    for volume in pod.get("volumes", ()):
        if kinds := set(volume) - {"name"} - VOLUMES:
            yield f"volume {volume['name']}: {kinds}"
    whole = pod.get("securityContext", {})
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        own = container.get("securityContext", {})
        both = {**whole, **own}
        name = container["name"]
        if own.get("allowPrivilegeEscalation") is not False:
            yield f"{name}: allowPrivilegeEscalation"
        if own.get("privileged"):
            yield f"{name}: privileged"
        capabilities = own.get("capabilities", {})
        if "ALL" not in capabilities.get("drop", ()) or set(capabilities.get("add", ())) - {
            "NET_BIND_SERVICE"
        }:
            yield f"{name}: capabilities"
        if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0:
            yield f"{name}: runs as root"
        if both.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
            yield f"{name}: seccompProfile"
        if own.get("procMount", "Default") != "Default" or any(
            "hostPort" in p for p in container.get("ports", ())
        ):
            yield f"{name}: procMount or hostPort"


def in_system(installation: Installation) -> list[Workload]:
    return [workload for workload in installation.workloads() if workload.namespace == SYSTEM]


def test_our_namespace_is_restricted_and_its_pods_fit(installation: Installation) -> None:
    labels = {raw["metadata"]["name"]: raw["metadata"]["labels"] for raw in installation.all("Namespace")}
    assert labels[SYSTEM]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {name: list(violations(each.pod)) for each in in_system(installation) for name in [each.name]} == {
        each.name: [] for each in in_system(installation)
    }


def test_only_the_cni_agent_needs_more(installation: Installation) -> None:
    (agent,) = (each for each in installation.workloads() if each.namespace == NODES)
    assert set(violations(agent.pod)) == {
        "hostNetwork",
        *(
            f"volume {name}: {{'hostPath'}}"
            for name in ("cni-net-dir", "cni-bin-dir", "agent-socket", "proc")
        ),
        "agent: capabilities",
        "agent: runs as root",
        "agent: procMount or hostPort",
    }
    assert agent.container["securityContext"]["privileged"] is False


def test_nobody_writes_to_the_image_or_takes_all_of_a_node(installation: Installation) -> None:
    for workload in installation.workloads():
        assert workload.container["securityContext"]["readOnlyRootFilesystem"] is True
        resources = workload.container["resources"]
        assert set(resources["requests"]) == {"cpu", "memory"}
        assert "memory" in resources["limits"]
        for volume in workload.pod["volumes"]:
            assert "emptyDir" not in volume or "sizeLimit" in volume["emptyDir"]


def test_critical_pods_are_allowed_where_a_quota_decides(installation: Installation) -> None:
    quotas = {
        (raw["metadata"]["namespace"], value)
        for raw in installation.all("ResourceQuota")
        for expression in raw["spec"]["scopeSelector"]["matchExpressions"]
        for value in expression["values"]
    }
    used = {
        (workload.namespace, workload.pod["priorityClassName"])
        for workload in installation.workloads()
        if "priorityClassName" in workload.pod
    }
    assert used == quotas


@pytest.mark.parametrize("server", [ServerVersion(1, 28), ServerVersion(1, 34)])
def test_the_example_stays_restricted_with_the_gateway_in_it(server: ServerVersion) -> None:
    (deployment,) = (
        raw for raw in kustomize.build_folder(ROOT / "examples" / "kubernetes") if raw["kind"] == "Deployment"
    )
    outcome = inject(
        deployment["spec"]["template"], default_template("0.1.0", "dev"), server, Namespace("shop")
    )
    assert isinstance(outcome, Injected)
    assert outcome.warnings == ()
    assert list(violations(outcome.pod["spec"])) == []
    named = {
        each["name"] for field in ("initContainers", "containers") for each in outcome.pod["spec"][field]
    }
    assert named >= {names.ENGINE, names.NETCHECK}
