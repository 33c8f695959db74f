"""Many gateways and pods: how long, how much memory, and that one change costs one gateway.

Printed, not judged. MICROGATEWAY_SCALE=1000 makes so many gateways, with five pods each.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from chain import eventually
from kube_chain import KubeChain

pytestmark = [pytest.mark.slow, pytest.mark.kubernetes]

GATEWAYS = int(os.environ.get("MICROGATEWAY_SCALE", "50"))
PODS_EACH = 5


def objects(chain: KubeChain) -> list[tuple[str, dict[str, Any]]]:
    """Paths and bodies: gateways with a policy and rules of their own."""
    made = []
    for number in range(GATEWAYS):
        name = f"g{number}"
        gateway = {
            "podSelector": {"matchLabels": {"app": name}},
            "applications": [
                {"routes": [{"pathPrefix": "/", "secured": {"contentSecurityRef": {"name": name}}}]}
            ],
        }
        rule = {"ruleKey": "PATH", "blockData": {"path": {"matcher": {"exact": f"/{name}"}}}}
        policy = {"filter": {"denyRulesRef": {"name": name}}}
        for kind, spec in (
            ("SidecarGateway", gateway),
            ("ContentSecurity", policy),
            ("DenyRules", {"request": {"custom": {"rules": [rule]}}}),
        ):
            made.append((chain.path(kind).rstrip("/"), chain.object(kind, name, spec)))
        for pod in range(PODS_EACH):
            path = f"/api/v1/namespaces/{chain.namespace}/pods"
            made.append((path, chain.pod(f"{name}-{pod}", app=name)))
    return made


def test_many_gateways(chain: KubeChain, capsys: pytest.CaptureFixture[str]) -> None:
    def create(item: tuple[str, dict[str, Any]]) -> None:
        answer: httpx.Response = chain.cluster.http.post(item[0], json=item[1])
        answer.raise_for_status()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(create, objects(chain)))

    started = time.perf_counter()
    reconciler = chain.reconciler()
    eventually(
        lambda: reconciler.metric("microgateway_bundles_published_total") >= GATEWAYS, "all bundles", 300
    )
    published = time.perf_counter() - started
    written = GATEWAYS * 3
    eventually(
        lambda: reconciler.metric("microgateway_statuses_written_total") >= written, "all statuses", 300
    )
    reported = time.perf_counter() - started
    memory = reconciler.resident_bytes()

    compiled = reconciler.metric("microgateway_gateways_compiled_total")
    before = chain.redis_generation("g7")
    rule = {"ruleKey": "PATH", "blockData": {"path": {"matcher": {"exact": "/changed"}}}}
    began = time.perf_counter()
    chain.patch("DenyRules", "g7", {"spec": {"request": {"custom": {"rules": [rule]}}}})
    eventually(lambda: chain.redis_generation("g7") > before, "the change to be published")
    took = time.perf_counter() - began

    with capsys.disabled():
        print(
            f"\n{GATEWAYS} gateways, {GATEWAYS * PODS_EACH} pods: all published {published:.1f} s after the "
            f"start, all statuses written after {reported:.1f} s, {memory / 2**20:.0f} MiB; "
            f"one change published in {took * 1e3:.0f} ms"
        )
    assert reconciler.metric("microgateway_gateways_compiled_total") - compiled == 1
