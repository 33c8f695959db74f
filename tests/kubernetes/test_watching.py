"""The source, while the API server misbehaves: no change is lost."""

from __future__ import annotations

import json
import signal
import time

import pytest
from chain import ROOT, eventually
from kube_api_server import KubeApiServer
from kube_chain import ACCOUNT, ACCOUNT_NAMESPACE, KubeChain, Reconciler

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]


RBAC = ROOT / "deploy" / "kustomize" / "base" / "reconciler-rbac.yaml"

#: As if the reconciler might watch pods and nothing else.
WITHOUT_RESOURCES = [{"op": "replace", "path": "/rules/0/resources", "value": ["limits"]}]


@pytest.fixture
def watched(chain: KubeChain) -> tuple[KubeChain, Reconciler]:
    """A reconciler that has seen an object."""
    reconciler = chain.reconciler()
    set_depth(chain, 1)
    assert_seen(chain, 1)
    return chain, reconciler


def set_depth(chain: KubeChain, depth: int) -> None:
    chain.apply(chain.object("Limits", "seen", {"request": {"limited": {"json": {"nestingDepth": depth}}}}))


def assert_seen(chain: KubeChain, generation: int) -> None:
    """The reconciler reports on the object's latest generation."""
    assert chain.read("Limits", "seen")["metadata"]["generation"] == generation
    eventually(
        lambda: chain.read("Limits", "seen").get("status", {}).get("observedGeneration") == generation,
        f"generation {generation} to be seen",
    )


def test_a_restart_of_the_api_server_is_survived(watched: tuple[KubeChain, Reconciler]) -> None:
    chain, reconciler = watched
    chain.cluster.stop()
    time.sleep(1)
    chain.cluster.start()

    set_depth(chain, 2)
    assert_seen(chain, 2)
    assert any("cannot watch" in message for message in reconciler.messages())


def test_history_that_is_gone_is_listed_anew(watched: tuple[KubeChain, Reconciler]) -> None:
    """Also objects that were deleted meanwhile, of which no watch will ever tell."""
    chain, reconciler = watched
    chain.apply(chain.object("SidecarGateway", "gone", {"applications": [{}]}))
    eventually(lambda: chain.redis_has("gone"), "the gateway to be published")
    reconciler.signal(signal.SIGSTOP)
    set_depth(chain, 2)
    chain.cluster.kubectl("delete", "-n", chain.namespace, "sidecargateway", "gone")
    for number in range(3):
        chain.cluster.kubectl("create", "configmap", "-n", chain.namespace, f"noise-{number}")
    chain.cluster.stop()
    chain.cluster.compact()
    chain.cluster.start()
    reconciler.signal(signal.SIGCONT)

    assert_seen(chain, 2)
    eventually(lambda: not chain.redis_has("gone"), "the gateway to be removed")
    assert any("listing" in message for message in reconciler.messages())


def test_a_token_that_expires_is_read_again(chain: KubeChain) -> None:
    reconciler = chain.reconciler()
    set_depth(chain, 1)
    assert_seen(chain, 1)
    cluster, account = chain.cluster, reconciler.account
    cluster.renew_token(account, ACCOUNT_NAMESPACE, ACCOUNT, seconds=-1)
    cluster.stop()  # ends the watches, which outlive the token they began with
    cluster.start()
    eventually(lambda: any("401" in message for message in reconciler.messages()), "the token to be refused")

    cluster.renew_token(account, ACCOUNT_NAMESPACE, ACCOUNT)
    set_depth(chain, 2)
    assert_seen(chain, 2)


def test_nothing_is_published_before_everything_is_known(chain: KubeChain, cluster: KubeApiServer) -> None:
    """An API server that answers only half of the questions."""
    chain.apply_shop()
    cluster.kubectl("patch", "clusterrole", ACCOUNT, "--type=json", "-p", json.dumps(WITHOUT_RESOURCES))
    try:
        reconciler = chain.reconciler()
        eventually(lambda: any("403" in message for message in reconciler.messages()), "a refusal")
        time.sleep(2)
        assert reconciler.readiness() == (503, "not everything has been listed yet")
        assert not reconciler.leads()
        assert not chain.redis_has("shop")
    finally:
        cluster.apply(RBAC.read_text())
    eventually(lambda: chain.redis_has("shop"), "the gateway to be published")
    assert reconciler.readiness() == (200, "ok")


def test_namespaces_come_and_go_with_their_labels(chain: KubeChain) -> None:
    chain.apply_shop()
    label = f"shop={chain.namespace}"
    chain.reconciler("--namespace-selector", label).await_lead()
    assert not chain.redis_has("shop")

    chain.cluster.kubectl("label", "namespace", chain.namespace, label)
    eventually(lambda: chain.redis_has("shop"), "the gateway to be published")
    chain.cluster.kubectl("label", "namespace", chain.namespace, "shop-")
    eventually(lambda: not chain.redis_has("shop"), "the gateway to be removed")


def test_pods_are_followed_from_creation_to_deletion(chain: KubeChain) -> None:
    chain.reconciler()
    chain.apply(chain.object("SidecarGateway", "shop", {"applications": [{}]}))

    def total() -> int:
        return int(chain.read("SidecarGateway", "shop").get("status", {}).get("totalPods", -1))

    eventually(lambda: total() == 0, "no pod")
    chain.apply(chain.pod("shop-0"), chain.pod("shop-1"))
    eventually(lambda: total() == 2, "two pods")
    chain.cluster.kubectl("label", "pod", "-n", chain.namespace, "shop-1", "--overwrite",
                          "sidecar.microgateway.airlock.com/inject=false")  # fmt: skip
    eventually(lambda: total() == 1, "one pod: a label that no longer fits ends its watch")
    chain.cluster.kubectl("delete", "pod", "-n", chain.namespace, "shop-0", "--wait=false")
    eventually(lambda: total() == 0, "no pod again")


def test_defaults_come_back_from_the_api_server(chain: KubeChain) -> None:
    """The round trip: what the server stores is what the models read, with the defaults filled in."""
    chain.apply_shop()
    gateway = chain.read("SidecarGateway", "shop")
    (application,) = gateway["spec"]["applications"]
    assert application["containerPort"] == 8080
    chain.reconciler()
    for kind in ("SidecarGateway", "ContentSecurity", "DenyRules", "Limits", "HeaderRewrites", "Telemetry"):
        chain.await_condition(kind, "shop", "Accepted", "True", "Accepted")
