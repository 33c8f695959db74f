"""Two reconcilers with keys in Secrets: one set of keys, no update lost with a leader, and none by a former
leader."""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from chain import eventually
from kube_api_server import KubeApiServer
from kube_chain import ACCOUNT_NAMESPACE, FAILOVER, Engine, Reconciler
from secure_kube_chain import KEYS, SecureKubeChain, secret

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]


@pytest.fixture
def chain(cluster: KubeApiServer, namespace: str, tmp_path: Path) -> Iterator[SecureKubeChain]:
    with SecureKubeChain(cluster, tmp_path, namespace) as started:
        yield started


@pytest.fixture
def replicas(chain: SecureKubeChain) -> tuple[Reconciler, Reconciler, Engine]:
    """The one that leads, the one that waits, and the shop's engine, which serves. Both started at once."""
    chain.apply_shop()
    both = chain.reconciler(), chain.reconciler()
    chain.installed_redis.run()
    engine = chain.engine("shop-0")
    engine.await_ready()
    leader, other = sorted(both, key=lambda each: each.leads(), reverse=True)
    assert (leader.leads(), other.leads()) == (True, False)
    return leader, other, engine


def forbid(chain: SecureKubeChain, value: str) -> None:
    matcher = {"name": {"matcher": {"exact": "coupon"}}, "value": {"matcher": {"exact": value}}}
    rule = {"ruleKey": "COUPON", "blockData": {"parameter": matcher}}
    chain.patch("DenyRules", "shop", {"spec": {"request": {"custom": {"rules": [rule]}}}})


def rejections(engine: Engine) -> list[str]:
    """What the engine says of bundles that it does not take."""
    return [message for message in engine.messages() if "configuration refused" in message]


class Changes(threading.Thread):
    """Changes the shop's rule again and again until stopped. count: of the changes that are stored."""

    def __init__(self, chain: SecureKubeChain) -> None:
        super().__init__(daemon=True)
        self._chain = chain
        self._stopped = threading.Event()
        self.count = 0

    def run(self) -> None:
        for number in itertools.count(1):
            forbid(self._chain, f"V{number}")
            self.count = number
            if self._stopped.wait(0.05):
                return

    def stop(self) -> int:
        self._stopped.set()
        self.join()
        return self.count


def test_replicas_that_start_together_have_one_set_of_keys(
    chain: SecureKubeChain, replicas: tuple[Reconciler, Reconciler, Engine]
) -> None:
    leader, other, engine = replicas
    before = secret(chain.cluster, ACCOUNT_NAMESPACE, KEYS), chain.bootstrap()
    generation = chain.redis_generation("shop")
    leader.end(signal.SIGKILL)
    other.await_lead()
    chain.await_condition("SidecarGateway", "shop", "Programmed", "True", "Programmed")

    assert (secret(chain.cluster, ACCOUNT_NAMESPACE, KEYS), chain.bootstrap()) == before
    assert chain.redis_generation("shop") == generation, "what engines have needs no other signature"
    assert rejections(engine) == []


def test_no_change_is_lost_when_the_leader_is_killed_amid_changes(
    chain: SecureKubeChain, replicas: tuple[Reconciler, Reconciler, Engine]
) -> None:
    leader, other, engine = replicas
    term = chain.term()
    changes = Changes(chain)
    changes.start()
    eventually(lambda: changes.count > 20, "some changes")
    leader.end(signal.SIGKILL)
    killed_at, published = changes.count, chain.redis_generation("shop")
    other.await_lead()
    eventually(lambda: chain.redis_generation("shop") > published, "the next leader to publish")
    after = changes.count
    eventually(lambda: changes.count > after + 20, "some changes more")
    last = changes.stop()

    assert killed_at < after < last
    eventually(lambda: engine.status_of(f"/products?coupon=V{last}") == 400, "the last change to be served")
    assert engine.status_of(f"/products?coupon=V{last - 1}") == 200, "and only the last"
    assert chain.term() > term
    assert rejections(engine) == []
    chain.await_condition("SidecarGateway", "shop", "Programmed", "True", "Programmed")
    chain.await_condition("DenyRules", "shop", "Programmed", "True", "Programmed")


def test_a_leader_that_slept_through_its_lease_publishes_nothing_and_changes_no_key(
    chain: SecureKubeChain, replicas: tuple[Reconciler, Reconciler, Engine]
) -> None:
    leader, other, engine = replicas
    wrote = leader.metric("microgateway_bundles_published_total")
    # It has heard of a change and not published it when it falls asleep, or is about to hear of it.
    forbid(chain, "BEFORE")
    leader.signal(signal.SIGSTOP)
    eventually(other.leads, "the other to lead", FAILOVER)
    forbid(chain, "AFTER")
    eventually(lambda: engine.status_of("/products?coupon=AFTER") == 400, "the change to be served")
    term, generation = chain.term(), chain.redis_generation("shop")
    kept = secret(chain.cluster, ACCOUNT_NAMESPACE, KEYS)

    leader.signal(signal.SIGCONT)
    eventually(lambda: any("leading no longer" in message for message in leader.messages()), "it to notice")
    eventually(lambda: leader.metric("microgateway_leader ") == 0, "it to say so")
    forbid(chain, "LATER")
    eventually(lambda: engine.status_of("/products?coupon=LATER") == 400, "the other to go on")

    assert other.leads()
    assert chain.term() == term, "nobody else has claimed to publish"
    assert chain.redis_generation("shop") > generation
    assert leader.metric("microgateway_bundles_published_total") <= wrote + 1
    assert secret(chain.cluster, ACCOUNT_NAMESPACE, KEYS) == kept
    assert rejections(engine) == []
