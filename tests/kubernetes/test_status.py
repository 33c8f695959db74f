"""What the API server shows of the objects: true, and written only when it changes."""

from __future__ import annotations

import importlib.metadata
import time

import pytest
from chain import eventually
from kube_chain import KubeChain

from microgateway_common.resources.registry import KINDS

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]


def test_a_shop_is_programmed_when_its_engine_serves_it(chain: KubeChain) -> None:
    chain.apply_shop()
    chain.reconciler()
    chain.await_condition("SidecarGateway", "shop", "Programmed", "False", "Pending")
    waiting = chain.read("SidecarGateway", "shop")["status"]
    assert (waiting["status"], waiting["ackedPods"], waiting["totalPods"]) == ("Warning", 0, 1)

    engine = chain.engine("shop-0")
    engine.await_ready()
    for kind in ("sidecargateway", "contentsecurity", "denyrules", "limits", "headerrewrites", "telemetry"):
        chain.cluster.kubectl(
            "wait", "-n", chain.namespace, f"{kind}/shop", "--for=condition=Programmed", "--timeout=120s"
        )
    status = chain.read("SidecarGateway", "shop")["status"]
    assert (status["status"], status["ackedPods"], status["totalPods"]) == ("Active", 1, 1)
    version = importlib.metadata.version("microgateway-engine")
    assert status["pods"] == [{"name": "shop-0", "engineVersion": version}]
    assert status["outdatedPods"] == 0
    assert status["configHash"].startswith("sha256:")
    assert {each["type"]: each["status"] for each in status["conditions"]} == {
        "Accepted": "True", "ResolvedRefs": "True", "Programmed": "True", "ConfigReferencesLoaded": "True",
        "ConfigAccepted": "True", "PodsSelected": "True", "EnvoyConfigSynced": "True",
    }  # fmt: skip
    assert chain.events("shop") == []


def test_a_broken_resource_says_so_where_it_stands_and_where_it_matters(chain: KubeChain) -> None:
    chain.apply_shop()
    chain.reconciler()
    chain.await_condition("DenyRules", "shop", "Accepted", "True", "Accepted")

    rule = {"ruleKey": "BAD", "blockData": {"path": {"matcher": {"regex": "("}}}}
    chain.patch("DenyRules", "shop", {"spec": {"request": {"custom": {"rules": [rule]}}}})

    broken = chain.await_condition("DenyRules", "shop", "Accepted", "False", "InvalidField")
    assert "spec.request.custom.rules[0].blockData.path.matcher.regex" in broken["message"]
    assert chain.read("DenyRules", "shop")["status"]["status"] == "Error"
    chain.await_condition("DenyRules", "shop", "Programmed", "False", "Invalid")
    chain.await_condition("ContentSecurity", "shop", "ResolvedRefs", "False", "BrokenReference")
    chain.await_condition("SidecarGateway", "shop", "Programmed", "False", "Invalid")
    chain.await_condition("SidecarGateway", "shop", "ConfigReferencesLoaded", "False", "BrokenReference")
    assert chain.read("Limits", "shop")["status"]["status"] == "Active"  # a neighbour

    event = chain.await_event("shop", "InvalidField")
    assert event["regarding"]["kind"] == "DenyRules"
    assert event["note"] == broken["message"]
    described = chain.cluster.kubectl("describe", "-n", chain.namespace, "denyrules", "shop")
    assert "InvalidField" in described

    chain.patch("DenyRules", "shop", {"spec": {"request": {"custom": None}}})
    chain.await_condition("DenyRules", "shop", "Accepted", "True", "Accepted")
    chain.await_condition("ContentSecurity", "shop", "ResolvedRefs", "True", "ResolvedRefs")


def test_an_object_without_a_gateway_is_accepted_and_not_programmed(chain: KubeChain) -> None:
    chain.reconciler()
    chain.apply(chain.object("Limits", "alone", {}))

    chain.await_condition("Limits", "alone", "Accepted", "True", "Accepted")
    chain.await_condition("Limits", "alone", "Programmed", "False", "NotReferenced")


def test_a_pod_two_gateways_want_is_shown_at_the_younger(chain: KubeChain) -> None:
    chain.reconciler()
    chain.apply(chain.object("SidecarGateway", "elder", {"applications": [{}]}), chain.pod("shop-0"))
    time.sleep(1.1)  # creationTimestamp counts seconds
    chain.apply(chain.object("SidecarGateway", "younger", {"applications": [{}]}))

    chain.await_condition("SidecarGateway", "younger", "PodsSelected", "False", "PodAlreadyOwned")
    status = chain.read("SidecarGateway", "younger")["status"]
    assert status["unmanagedPods"] == [{"name": "shop-0", "managedBy": "elder"}]
    assert status["status"] == "Error"
    chain.await_event("younger", "PodAlreadyOwned")


def test_names_as_long_as_kubernetes_lets_them_be_are_reported(chain: KubeChain) -> None:
    chain.reconciler()
    gateway, pod = "g" * 253, "p" * 253
    chain.apply(chain.object("SidecarGateway", gateway, {"applications": [{}]}), chain.pod(pod))

    chain.await_condition("SidecarGateway", gateway, "PodsSelected", "True", "PodsSelected")
    assert chain.read("SidecarGateway", gateway)["status"]["pods"] == [{"name": pod}]


def test_a_pod_that_no_gateway_selects_gets_an_event(chain: KubeChain) -> None:
    chain.apply(chain.pod("lonely"))
    chain.reconciler()

    event = chain.await_event("lonely", "NoSidecarGateway")
    assert event["regarding"]["kind"] == "Pod"
    assert "no SidecarGateway in namespace" in event["note"]
    assert [each["reason"] for each in chain.events("lonely")] == ["NoSidecarGateway"]


def test_a_labelled_pod_without_engine_is_shown_counted_and_told_of(chain: KubeChain) -> None:
    unprotected = f'microgateway_unprotected_pods{{namespace="{chain.namespace}"}} '
    chain.apply_shop()
    reconciler = chain.reconciler()
    chain.engine("shop-0").await_ready()
    chain.await_condition("SidecarGateway", "shop", "Programmed", "True", "Programmed")
    assert reconciler.metric(unprotected) == 0

    chain.apply(chain.pod_without_engine("old", app="shop"), chain.pod_without_engine("other", app="other"))

    chain.await_condition("SidecarGateway", "shop", "PodsSelected", "False", "EngineMissing")
    chain.await_condition("SidecarGateway", "shop", "Programmed", "False", "EngineMissing")
    status = chain.read("SidecarGateway", "shop")["status"]
    assert status["unprotectedPods"] == [{"name": "old"}]
    assert (status["status"], status["totalPods"]) == ("Error", 1)
    assert [each["name"] for each in status["pods"]] == ["shop-0"]
    for pod in ("old", "other"):
        event = chain.await_event(pod, "EngineMissing")
        assert (event["regarding"]["kind"], event["type"]) == ("Pod", "Warning")
    assert reconciler.metric(unprotected) == 2

    # Created again, the webhook adds one.
    chain.cluster.kubectl(
        "delete", "pod", "-n", chain.namespace, "old", "other", "--force", "--grace-period=0"
    )
    eventually(lambda: reconciler.metric(unprotected) == 0, "nothing to count")
    chain.await_condition("SidecarGateway", "shop", "PodsSelected", "True", "PodsSelected")
    chain.await_condition("SidecarGateway", "shop", "Programmed", "True", "Programmed")
    assert chain.read("SidecarGateway", "shop")["status"]["unprotectedPods"] == []


def test_nothing_is_written_when_nothing_changed(chain: KubeChain) -> None:
    chain.apply_shop()
    reconciler = chain.reconciler()
    chain.await_condition("SidecarGateway", "shop", "Programmed", "False", "Pending")
    eventually(lambda: reconciler.metric("microgateway_statuses_written_total") >= 6, "all statuses")
    time.sleep(1)
    version = chain.read("DenyRules", "shop")["metadata"]["resourceVersion"]
    written = reconciler.metric("microgateway_statuses_written_total")

    chain.stop(reconciler)
    restarted = chain.reconciler()
    restarted.await_lead()
    eventually(lambda: restarted.metric("microgateway_redis_connected ") == 1, "Redis to be synchronised")
    time.sleep(1)

    assert written >= 6
    assert restarted.metric("microgateway_statuses_written_total") == 0
    assert chain.read("DenyRules", "shop")["metadata"]["resourceVersion"] == version


def test_kubectl_get_shows_the_columns(chain: KubeChain) -> None:
    chain.apply_shop()
    chain.reconciler()
    chain.await_condition("SidecarGateway", "shop", "Programmed", "False", "Pending")

    header, row = chain.cluster.kubectl("get", "-n", chain.namespace, "sidecargateways").splitlines()
    assert header.split() == ["NAME", "STATUS", "PROGRAMMED", "IN", "SYNC", "PODS", "AGE"]
    assert row.split()[:5] == ["shop", "Warning", "False", "0", "1"]


def test_every_kind_can_be_waited_for_and_shows_its_columns(chain: KubeChain) -> None:
    chain.apply_shop()
    policy = chain.read("ContentSecurity", "shop")["spec"] | {"parserRef": {"name": "shop"}}
    chain.apply(chain.object("Parser", "shop", {}), chain.object("ContentSecurity", "shop", policy))
    chain.reconciler()
    chain.engine("shop-0").await_ready()

    for kind, resource in KINDS.items():
        name = f"{resource.PLURAL}/shop"
        chain.cluster.kubectl(
            "wait", "-n", chain.namespace, name, "--for=condition=Programmed", "--timeout=120s"
        )
        found = chain.read(kind, "shop")
        generation = found["metadata"]["generation"]
        assert found["status"]["observedGeneration"] == generation
        assert {each["observedGeneration"] for each in found["status"]["conditions"]} == {generation}
        assert {"Accepted", "ResolvedRefs", "Programmed"} <= {
            each["type"] for each in found["status"]["conditions"]
        }
        header, row = chain.cluster.kubectl("get", "-n", chain.namespace, resource.PLURAL).splitlines()
        assert header.split()[:3] == ["NAME", "STATUS", "PROGRAMMED"]
        assert row.split()[:3] == ["shop", "Active", "True"]
