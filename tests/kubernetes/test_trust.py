"""Keys on the API server: the reconciler makes Secrets, engines mount theirs; a pod is not its successor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chain import eventually
from kube_api_server import KubeApiServer
from kube_chain import ACCOUNT_NAMESPACE
from secure_kube_chain import BOOTSTRAP, KEYS, READER, SecureKubeChain, secret

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]


@pytest.fixture
def chain(cluster: KubeApiServer, namespace: str, tmp_path: Path) -> Iterator[SecureKubeChain]:
    with SecureKubeChain(cluster, tmp_path, namespace) as started:
        yield started


def test_everything_is_made_handed_out_and_served(chain: SecureKubeChain) -> None:
    chain.apply_shop()
    first = chain.reconciler()
    chain.installed_redis.run()
    engine = chain.engine("shop-0")
    engine.await_ready()
    chain.cluster.kubectl(
        "wait", "-n", chain.namespace, "sidecargateway/shop", "--for=condition=Programmed", "--timeout=120s"
    )
    reader = secret(chain.cluster, ACCOUNT_NAMESPACE, READER)
    assert reader is not None
    with (
        chain.installed_redis.connect("mgw-ns-other", "x") as other,
        pytest.raises(Exception, match="invalid username-password"),
    ):
        other.ping()
    assert chain.bootstrap(ACCOUNT_NAMESPACE) is None, "only namespaces with engines get one"

    # Another replica goes on with the same keys.
    before = chain.bootstrap()
    chain.stop(first)
    second = chain.reconciler()
    second.await_lead()
    assert chain.bootstrap() == before

    # What somebody deletes comes back with the next session or after a while; the kept keys are the truth.
    chain.stop(second)
    chain.cluster.kubectl("delete", "secret", "-n", chain.namespace, BOOTSTRAP)
    chain.reconciler()
    assert eventually(chain.bootstrap, "the bootstrap to be made again") == before
    logs = "".join(each.log.read_text() for each in (first, second, engine))
    assert before is not None
    for key in (*before["namespace_keys"], before["redis"]["password"]):
        assert key not in logs
    kept = secret(chain.cluster, ACCOUNT_NAMESPACE, KEYS)
    assert kept is not None


def test_a_pod_that_is_created_again_is_not_in_sync_by_its_predecessors_word(chain: SecureKubeChain) -> None:
    chain.apply_shop()
    chain.reconciler()
    chain.installed_redis.run()
    former = chain.engine("shop-0")
    chain.await_condition("SidecarGateway", "shop", "Programmed", "True", "Programmed")
    pod = chain.cluster.get("pod", chain.namespace, "shop-0")
    chain.cluster.kubectl("delete", "pod", "-n", chain.namespace, "shop-0", "--force", "--grace-period=0")
    chain.apply(
        {**pod, "metadata": {each: pod["metadata"][each] for each in ("name", "namespace", "labels")}}
    )

    chain.await_condition("SidecarGateway", "shop", "Programmed", "False", "Pending")
    chain.stop(former)
    chain.engine("shop-0")
    chain.await_condition("SidecarGateway", "shop", "Programmed", "True", "Programmed")


def test_a_namespace_that_is_not_watched_any_more_gives_its_keys_back(chain: SecureKubeChain) -> None:
    chain.apply_shop()
    broken = {
        "request": {
            "custom": {"rules": [{"ruleKey": "BAD", "blockData": {"path": {"matcher": {"regex": "("}}}}]}
        }
    }
    chain.apply(chain.object("Parser", "shop", {}), chain.object("DenyRules", "broken", broken))
    label = f"shop={chain.namespace}"
    chain.cluster.kubectl("label", "namespace", chain.namespace, label)
    chain.reconciler("--namespace-selector", label, "--key-overlap", "1")
    chain.installed_redis.run()
    eventually(chain.bootstrap, "the bootstrap")
    chain.await_condition("Parser", "shop", "Accepted", "True", "Accepted")
    chain.cluster.kubectl("label", "namespace", chain.namespace, "shop-")
    eventually(lambda: chain.bootstrap() is None, "the bootstrap to be taken back")
