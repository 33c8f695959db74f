"""Two reconcilers: one publishes, and a change of leader loses nothing."""

from __future__ import annotations

import signal
import time

import pytest
from chain import eventually
from kube_chain import ACCOUNT, ACCOUNT_NAMESPACE, FAILOVER, KubeChain, Reconciler

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]


def generation(chain: KubeChain) -> int:
    return chain.redis_generation("shop")


def change(chain: KubeChain, header: str) -> None:
    add = {"custom": [{"name": "x", "headers": [{"name": "X-Marker", "value": header}]}]}
    chain.patch("HeaderRewrites", "shop", {"spec": {"request": {"add": add}}})


def two(chain: KubeChain) -> tuple[Reconciler, Reconciler]:
    chain.apply_shop()
    first = chain.reconciler()
    first.await_lead()
    eventually(lambda: generation(chain) or None, "the gateway to be published")
    second = chain.reconciler()
    eventually(lambda: any("waiting for the lease" in line for line in second.messages()), "it to wait")
    return first, second


def test_a_leader_that_stops_hands_over_at_once(chain: KubeChain) -> None:
    first, second = two(chain)
    chain.stop(first)
    before = time.monotonic()
    published = generation(chain)
    change(chain, "after")
    eventually(lambda: generation(chain) > published, "the change to be published", FAILOVER)

    assert time.monotonic() - before < 13  # a retry, not a lease's duration
    assert second.leads()


def test_a_leader_that_dies_is_replaced_and_its_last_changes_are_published(chain: KubeChain) -> None:
    first, second = two(chain)
    published = generation(chain)
    first.end(signal.SIGKILL)
    change(chain, "while nobody led")
    eventually(lambda: generation(chain) > published, "the change to be published", FAILOVER)
    assert second.leads()


def test_a_leader_that_slept_stops_and_writes_nothing(chain: KubeChain) -> None:
    first, second = two(chain)
    first.signal(signal.SIGSTOP)
    second.await_lead()
    published = generation(chain)
    change(chain, "by the second")
    eventually(lambda: generation(chain) > published, "the change to be published")
    published = generation(chain)

    first.signal(signal.SIGCONT)
    eventually(lambda: any("leading no longer" in line for line in first.messages()), "it to notice")
    time.sleep(1)
    assert generation(chain) == published
    assert (first.leads(), second.leads()) == (False, True)
    change(chain, "by the second again")
    eventually(lambda: generation(chain) > published, "the second to go on")


def test_the_lease_tells_who_leads(chain: KubeChain) -> None:
    chain.reconciler().await_lead()
    spec = chain.cluster.get("lease", ACCOUNT_NAMESPACE, ACCOUNT)["spec"]
    assert spec["holderIdentity"].startswith("replica-0_")
    assert spec["leaseDurationSeconds"] == 15


def test_a_leader_without_api_server_stops_leading_until_it_is_back(chain: KubeChain) -> None:
    """Engines keep what they have; whoever reaches the API server first goes on."""
    chain.apply_shop()
    leader = chain.reconciler()
    leader.await_lead()
    published = eventually(lambda: generation(chain) or None, "the gateway to be published")
    chain.cluster.stop()
    try:
        eventually(lambda: not leader.leads(), "it to stop leading", FAILOVER)
    finally:
        chain.cluster.start()

    change(chain, "after the outage")
    eventually(lambda: generation(chain) > published, "the change to be published", FAILOVER)
