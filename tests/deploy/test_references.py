"""What one object says of another is true: names, labels, ports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import kustomize
from kustomize import NODES, SYSTEM, Installation, Raw, Workload

#: Who makes the Secrets that no manifest holds.
SECRETS = {
    "microgateway-redis": "the reconciler",
    "microgateway-redis-reader": "the reconciler, or who runs Redis",
    "microgateway-redis-writer": "the reconciler, or who runs Redis",
    "microgateway-webhook-certificates": "the webhook",
    "microgateway-webhook-tls": "cert-manager",
}


def test_service_accounts_exist(installation: Installation) -> None:
    for workload in installation.workloads():
        assert installation.has("ServiceAccount", workload.namespace, workload.pod["serviceAccountName"])


def test_accounts_without_rights_have_no_token(installation: Installation) -> None:
    for workload in installation.workloads():
        account = kustomize.Account(workload.namespace, workload.pod["serviceAccountName"])
        has_token = workload.pod.get("automountServiceAccountToken", True)
        assert has_token == bool(installation.granted(account)), workload.name


def test_namespaces_exist(installation: Installation) -> None:
    namespaces = {raw["metadata"]["name"] for raw in installation.all("Namespace")}
    assert namespaces == {SYSTEM, NODES}
    used = {raw["metadata"].get("namespace") for raw in installation.objects} - {None}
    assert used - {"shop", "billing"} == namespaces


def test_mounted_volumes_and_what_is_in_them_exist(installation: Installation) -> None:
    for workload in installation.workloads():
        volumes = {each["name"]: each for each in workload.pod.get("volumes", ())}
        mounts = workload.container.get("volumeMounts", ())
        assert {each["name"] for each in mounts} == set(volumes), workload.name
        for mount in mounts:
            volume = volumes[mount["name"]]
            if "configMap" in volume:
                data = config_map(installation, workload, volume["configMap"]["name"])
                assert mount.get("subPath") in data
            if "secret" in volume:
                assert volume["secret"]["secretName"] in SECRETS
                assert volume["secret"]["defaultMode"] == 0o440
                assert (
                    workload.pod["securityContext"]["fsGroup"] == workload.pod["securityContext"]["runAsUser"]
                )


def config_map(installation: Installation, workload: Workload, name: str) -> Mapping[str, Any]:
    (data,) = (
        raw["data"]
        for raw in installation.all("ConfigMap")
        if kustomize.key(raw) == ("ConfigMap", workload.namespace, name)
    )
    found: Mapping[str, Any] = data
    return found


def test_a_workload_selects_its_own_pods_only(installation: Installation) -> None:
    for workload in installation.workloads():
        selector = workload.raw["spec"]["selector"]
        assert [each.name for each in installation.selected(workload.namespace, selector)] == [workload.name]


def test_services_lead_to_a_port(installation: Installation) -> None:
    for service in installation.all("Service"):
        (workload,) = installation.selected(
            service["metadata"]["namespace"], {"matchLabels": service["spec"]["selector"]}
        )
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in workload.ports


def test_probes_ask_a_port(installation: Installation) -> None:
    for workload in installation.workloads():
        probes = [value for name, value in workload.container.items() if name.endswith("Probe")]
        assert {"livenessProbe", "readinessProbe"} <= set(workload.container), workload.name
        for probe in probes:
            (asked,) = (probe[kind] for kind in ("httpGet", "tcpSocket") if kind in probe)
            assert asked["port"] in workload.ports


def test_disruption_budgets_leave_somebody_to_go(installation: Installation) -> None:
    for budget in installation.all("PodDisruptionBudget"):
        (workload,) = installation.selected(budget["metadata"]["namespace"], budget["spec"]["selector"])
        assert 0 < budget["spec"]["minAvailable"] < workload.raw["spec"]["replicas"]


def test_spreading_is_over_the_own_pods(installation: Installation) -> None:
    for workload in installation.workloads():
        constraints = workload.pod.get("topologySpreadConstraints", [])
        affinity = workload.pod.get("affinity", {}).get("podAntiAffinity", {})
        terms = affinity.get("preferredDuringSchedulingIgnoredDuringExecution", [])
        selectors = [each["labelSelector"] for each in constraints]
        selectors += [each["podAffinityTerm"]["labelSelector"] for each in terms]
        for selector in selectors:
            assert [each.name for each in installation.selected(workload.namespace, selector)] == [
                workload.name
            ]


def test_bindings_bind_what_exists(installation: Installation) -> None:
    for binding in (*installation.all("RoleBinding"), *installation.all("ClusterRoleBinding")):
        reference = binding["roleRef"]
        namespace = binding["metadata"].get("namespace", "") if reference["kind"] == "Role" else ""
        assert installation.has(reference["kind"], namespace, reference["name"])
        for subject in binding["subjects"]:
            assert installation.has("ServiceAccount", subject["namespace"], subject["name"])


#: Of people, whom no manifest of ours names.
FOR_PEOPLE = {("ClusterRole", "", "microgateway-viewer")}


def test_every_role_is_bound(installation: Installation) -> None:
    bound = set(FOR_PEOPLE)
    for binding in (*installation.all("RoleBinding"), *installation.all("ClusterRoleBinding")):
        reference = binding["roleRef"]
        namespace = binding["metadata"].get("namespace", "") if reference["kind"] == "Role" else ""
        bound.add((reference["kind"], namespace, reference["name"]))
    roles = (*installation.all("Role"), *installation.all("ClusterRole"))
    assert {kustomize.key(role) for role in roles} == bound


def webhooks(installation: Installation) -> Iterator[Raw]:
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        for configuration in installation.all(kind):
            yield from configuration["webhooks"]


def test_webhooks_ask_a_service(installation: Installation) -> None:
    assert len(list(webhooks(installation))) == 3
    for webhook in webhooks(installation):
        asked = webhook["clientConfig"]["service"]
        (service,) = (
            raw
            for raw in installation.all("Service")
            if kustomize.key(raw) == ("Service", asked["namespace"], asked["name"])
        )
        assert asked["port"] in {port["port"] for port in service["spec"]["ports"]}


def test_pods_of_ours_wait_for_no_webhook(installation: Installation) -> None:
    """Else a cluster that lost all of them could not bring them back."""
    for webhook in webhooks(installation):
        for expression in webhook.get("namespaceSelector", {}).get("matchExpressions", ()):
            ours = {SYSTEM, NODES, "kube-system"} & set(expression["values"])
            assert len(ours) == {"NotIn": 3, "In": 0}[expression["operator"]]
    for workload in installation.workloads():
        assert "sidecar.microgateway.airlock.com/inject" not in workload.labels


def test_network_policies_speak_of_pods_and_ports_that_exist(installation: Installation) -> None:
    for policy in installation.all("NetworkPolicy"):
        namespace, spec = policy["metadata"]["namespace"], policy["spec"]
        subjects = installation.selected(namespace, spec["podSelector"])
        assert subjects, policy["metadata"]["name"]
        for rule in spec.get("ingress", ()):
            for port in rule["ports"]:
                assert any(port["port"] in workload.ports for workload in subjects)
        for rule in spec.get("egress", ()):
            peers = [
                workload
                for peer in rule.get("to", ())
                if set(peer) == {"podSelector"}
                for workload in installation.selected(namespace, peer["podSelector"])
            ]
            for port in rule["ports"]:
                if isinstance(port["port"], str):
                    assert all(port["port"] in workload.ports for workload in peers)
                    assert peers


def test_monitors_ask_a_port(installation: Installation) -> None:
    for monitor in installation.all("PodMonitor"):
        spec = monitor["spec"]
        if spec.get("namespaceSelector", {}).get("any"):
            continue  # engines, whose ports the webhook's contract names
        (workload,) = installation.selected(monitor["metadata"]["namespace"], spec["selector"])
        assert {each["port"] for each in spec["podMetricsEndpoints"]} <= set(workload.ports)
    for monitor in installation.all("ServiceMonitor"):
        (service,) = (
            raw
            for raw in installation.all("Service")
            if kustomize.matches(monitor["spec"]["selector"], raw["metadata"]["labels"])
        )
        for endpoint in monitor["spec"]["endpoints"]:
            assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
            if "tlsConfig" in endpoint:
                secret = endpoint["tlsConfig"]["ca"]["secret"]["name"]
                assert secret in SECRETS
                own = any(
                    each.get("secret", {}).get("secretName") == secret
                    for each in installation.workload("microgateway-webhook").pod["volumes"]
                )
                assert own == (secret == "microgateway-webhook-tls")
