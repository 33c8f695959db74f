"""`kubectl apply` of a changed rule until the engine blocks by it."""

from __future__ import annotations

import statistics
import time

import httpx
import pytest
from chain import eventually
from kube_chain import Engine, KubeChain

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]

#: Changes that are timed.
ROUNDS = 60


def coupon_rule(value: str) -> dict[str, object]:
    """A rule that forbids one value of the parameter `coupon`."""
    matcher = {"name": {"matcher": {"exact": "coupon"}}, "value": {"matcher": {"exact": value}}}
    return {"ruleKey": "COUPON", "blockData": {"parameter": matcher}}


def forbid(chain: KubeChain, value: str) -> None:
    chain.patch("DenyRules", "shop", {"spec": {"request": {"custom": {"rules": [coupon_rule(value)]}}}})


@pytest.fixture
def engine(chain: KubeChain) -> Engine:
    """The shop's, ready."""
    chain.apply_shop()
    chain.reconciler()
    started = chain.engine("shop-0")
    started.await_ready()
    return started


def test_an_applied_rule_blocks(chain: KubeChain, engine: Engine) -> None:
    assert engine.status_of("/products?coupon=SPRING") == 200
    rules = chain.read("DenyRules", "shop")["spec"]
    rules["request"]["custom"]["rules"].append(coupon_rule("SPRING"))
    chain.apply(chain.object("DenyRules", "shop", rules))

    eventually(lambda: engine.status_of("/products?coupon=SPRING") == 400, "the rule to block")
    assert engine.status_of("/products?coupon=AUTUMN") == 200
    chain.cluster.kubectl("wait", "-n", chain.namespace, "denyrules/shop", "--for=condition=Programmed")


def test_a_broken_rule_leaves_the_engine_as_it_is(chain: KubeChain, engine: Engine) -> None:
    forbid(chain, "SPRING")
    eventually(lambda: engine.status_of("/products?coupon=SPRING") == 400, "the rule to block")
    broken = {"ruleKey": "BAD", "blockData": {"path": {"matcher": {"regex": "("}}}}
    chain.patch("DenyRules", "shop", {"spec": {"request": {"custom": {"rules": [broken]}}}})

    chain.await_condition("SidecarGateway", "shop", "Programmed", "False", "Invalid")
    assert engine.status_of("/products?coupon=SPRING") == 400
    assert chain.condition("SidecarGateway", "shop", "EnvoyConfigSynced")["status"] == "True"


def test_how_long_a_change_takes(
    chain: KubeChain, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """Printed, not judged: the machine may be busy."""
    seen = []
    with httpx.Client(timeout=30) as admin:

        def serving() -> int:
            answer = admin.get(f"http://127.0.0.1:{engine.admin}/configuration").json()
            return int(answer["serving"].get("generation", 0))

        for number in range(ROUNDS):
            before = serving()
            started = time.perf_counter()
            forbid(chain, f"V{number}")
            while serving() == before:
                assert time.perf_counter() - started < 20
                time.sleep(0.001)
            seen.append((time.perf_counter() - started) * 1e3)
            time.sleep(0.05)
    seen.sort()
    p50, p99 = statistics.median(seen), seen[int(len(seen) * 0.99)]
    with capsys.disabled():
        print(f"\napply → served by the engine, {ROUNDS} changes: p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    assert engine.status_of(f"/products?coupon=V{ROUNDS - 1}") == 400
