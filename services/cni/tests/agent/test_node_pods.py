from __future__ import annotations

from typing import Any

import pytest
from services.cni.tests.api_server import pod_object

from microgateway_cni.agent.node_pods import Netcheck, NodePod, NodePods, from_kubernetes


def read(**fields: Any) -> NodePod:
    return from_kubernetes(pod_object(**fields))


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (None, "not-yet"),
        (0, "redirected"),
        (2, "failed"),
        (10, "no-redirect"),
        (11, "no-redirect"),
        (14, "failed"),
    ],
)
def test_what_netcheck_found_is_told_by_its_exit_code(code: int | None, found: str) -> None:
    assert read(netcheck_exit=code).netcheck is Netcheck(found)


@pytest.mark.parametrize(
    ("code", "found_none"), [(None, False), (0, False), (2, False), (10, True), (11, True), (12, False)]
)
def test_only_netchecks_codes_for_no_redirect_count(code: int | None, found_none: bool) -> None:
    assert read(netcheck_exit=code).netcheck_found_none is found_none


def test_a_netcheck_that_runs_again_counts_as_not_ended() -> None:
    raw = pod_object(netcheck_exit=10)
    raw["status"]["initContainerStatuses"][0]["state"] = {"running": {}}
    assert not from_kubernetes(raw).netcheck_found_none


def test_a_netcheck_that_succeeded_later_counts() -> None:
    raw = pod_object(netcheck_exit=10)
    raw["status"]["initContainerStatuses"][0]["state"] = {"terminated": {"exitCode": 0}}
    assert not from_kubernetes(raw).netcheck_found_none


def test_ended_pods_and_those_on_the_host_network_have_no_namespace_of_their_own() -> None:
    assert read(phase="Running").can_have_processes
    assert not read(phase="Failed").can_have_processes
    raw = pod_object()
    raw["spec"]["hostNetwork"] = True
    assert not from_kubernetes(raw).can_have_processes


def test_pods_come_and_go() -> None:
    pods = NodePods()
    pods.replace([read()])
    assert pods.synced.is_set()
    pods.put(read(uid="newer"))
    pods.drop(read())  # a late event about the older one
    assert [each.pod.uid for each in pods.find("default", "shop")] == ["newer"]
    pods.drop(read(uid="newer"))
    assert pods.all() == pods.find("default", "shop") == []
