"""What is said of each overlay and component in deploy/kustomize/README.md."""

from __future__ import annotations

from collections.abc import Mapping

import kustomize
import pytest
import yaml
from chain import ROOT
from kustomize import NODES, OVERLAYS, SYSTEM, Account, Installation, Permission, Raw, Variant

RECONCILER, WEBHOOK = (Account(SYSTEM, f"microgateway-{name}") for name in ("reconciler", "webhook"))
AGENT = Account(NODES, "microgateway-cni")


@pytest.fixture
def dev() -> Installation:
    return kustomize.build(OVERLAYS[0])


@pytest.fixture
def staging() -> Installation:
    return kustomize.build(OVERLAYS[1])


@pytest.fixture
def prod() -> Installation:
    return kustomize.build(OVERLAYS[2])


def replicas(installation: Installation) -> Mapping[str, int]:
    return {raw["metadata"]["name"]: raw["spec"]["replicas"] for raw in installation.all("Deployment")}


def redis_of(installation: Installation) -> str:
    return installation.environment(installation.workload("microgateway-reconciler"))["MICROGATEWAY_REDIS"]


def test_replicas(dev: Installation, staging: Installation, prod: Installation) -> None:
    assert set(replicas(dev).values()) == {1}
    assert replicas(staging)["microgateway-reconciler"] == replicas(staging)["microgateway-webhook"] == 2
    assert replicas(prod)["microgateway-webhook"] == 3


def test_redis_is_reached_over_tls_but_in_development(
    dev: Installation, staging: Installation, prod: Installation
) -> None:
    assert redis_of(dev).startswith("redis://")
    for installation in (staging, prod):
        assert redis_of(installation).startswith("rediss://")


def test_what_may_be_disrupted(dev: Installation, staging: Installation, prod: Installation) -> None:
    assert list(dev.all("PodDisruptionBudget")) == []
    assert len(list(staging.all("PodDisruptionBudget"))) == 2
    assert len(list(prod.all("PodDisruptionBudget"))) == 3


def test_who_may_speak_to_whom(dev: Installation, staging: Installation, prod: Installation) -> None:
    policies = [
        {raw["metadata"]["name"]: raw["spec"] for raw in installation.all("NetworkPolicy")}
        for installation in (dev, staging, prod)
    ]
    assert [each["default-deny"]["policyTypes"] for each in policies] == [
        ["Ingress"],
        ["Ingress", "Egress"],
        ["Ingress", "Egress"],
    ]
    assert set(policies[0]) < set(policies[1]) == set(policies[2])
    dns = [each["to-dns"]["egress"][0]["to"][0] for each in policies[1:]]
    assert ["podSelector" in each for each in dns] == [False, True]


def test_production_puts_no_two_of_a_kind_on_a_node(prod: Installation) -> None:
    for workload in prod.workloads():
        if workload.name in ("microgateway-reconciler", "microgateway-webhook"):
            strict = [
                each["topologyKey"]
                for each in workload.pod["topologySpreadConstraints"]
                if each["whenUnsatisfiable"] == "DoNotSchedule"
            ]
            assert strict == ["kubernetes.io/hostname"]


def test_names_of_config_maps_change_with_their_content(
    dev: Installation, staging: Installation, prod: Installation
) -> None:
    names = {
        raw["metadata"]["name"]
        for installation in (dev, staging, prod)
        for raw in installation.all("ConfigMap")
        if "operator-config.yaml" in raw["data"]
    }
    assert len(names) == 3


def test_nobody_may_everything(installation: Installation) -> None:
    for account in (RECONCILER, WEBHOOK, AGENT):
        granted = installation.granted(account)
        assert granted
        for permission in granted:
            assert "*" not in (permission.group, permission.resource, permission.verb)
            assert permission.verb not in ("escalate", "bind", "impersonate", "deletecollection")


def test_nobody_reads_all_secrets_but_the_reconciler(staging: Installation) -> None:
    reading = {"get", "list", "watch"}
    for account in (WEBHOOK, AGENT):
        for permission in staging.granted(account):
            assert permission.resource != "secrets" or permission.verb not in reading or permission.name


def test_with_cert_manager_the_webhook_neither_keeps_keys_nor_says_whom_to_trust() -> None:
    installation = kustomize.build(Variant("deploy/kustomize/overlays/staging", ("cert-manager",)))
    granted = installation.granted(WEBHOOK)
    assert {(each.group, each.verb) for each in granted} == {
        ("", "get"), ("events.k8s.io", "create"), ("microgateway.airlock.com", "get"),
    }  # fmt: skip
    assert "secrets" not in {permission.resource for permission in granted}
    for raw in installation.objects:
        if "webhooks" in raw:
            source = raw["metadata"]["annotations"]["cert-manager.io/inject-ca-from"]
            assert ("Certificate", *source.split("/")) in map(kustomize.key, installation.objects)
    service = f"microgateway-webhook.{SYSTEM}.svc"
    (certificate,) = (raw for raw in installation.all("Certificate") if "dnsNames" in raw["spec"])
    assert service in certificate["spec"]["dnsNames"]


def test_with_an_external_redis_nothing_of_ours_is_left() -> None:
    installation = kustomize.build(Variant("deploy/kustomize/overlays/staging", ("external-redis",)))
    ours = [raw for raw in installation.objects if raw["metadata"]["name"].startswith("microgateway-redis")]
    assert ours == []
    environment = installation.environment(installation.workload("microgateway-reconciler"))
    assert "MICROGATEWAY_REDIS_SERVER_SECRET" not in environment
    names = {permission.name for permission in installation.granted(RECONCILER)}
    assert not any(name.startswith("microgateway-redis") for name in names)


def test_namespaced_rights_are_those_of_the_cluster_in_two_namespaces(staging: Installation) -> None:
    installation = kustomize.build(Variant("examples/namespaced"))
    for account in (RECONCILER, WEBHOOK):
        wide = in_cluster(staging, account)
        left = in_cluster(installation, account)
        for namespace in ("shop", "billing"):
            narrow = {
                permission._replace(namespace="")
                for permission in installation.granted(account)
                if permission.namespace == namespace
            }
            # Which namespaces there are is only asked with a selector.
            assert narrow | left == wide - {
                Permission("", "", "namespaces", "", verb) for verb in ("list", "watch")
            }
    assert in_cluster(installation, RECONCILER) == set()
    assert {permission.name for permission in in_cluster(installation, WEBHOOK)} == {"microgateway-webhook"}


def in_cluster(installation: Installation, account: Account) -> set[Permission]:
    return {permission for permission in installation.granted(account) if not permission.namespace}


def test_the_namespaces_of_the_example_are_the_same_in_all_places() -> None:
    installation = kustomize.build(Variant("examples/namespaced"))
    config = ROOT / "examples" / "namespaced" / "operator-config.yaml"
    watched = set(yaml.safe_load(config.read_text())["spec"]["watchNamespaces"])
    rights = {permission.namespace for permission in installation.granted(WEBHOOK)} - {"", SYSTEM}
    assert rights == watched
    for webhook in webhooks(installation):
        (expression,) = webhook["namespaceSelector"]["matchExpressions"]
        assert set(expression["values"]) == watched


def webhooks(installation: Installation) -> list[Raw]:
    return [webhook for raw in installation.objects for webhook in raw.get("webhooks", ())]
