from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from services.cni.tests.api_server import NODE, ApiServer, pod_object
from services.cni.tests.conftest import Network

from microgateway_cni.agent.events import Events
from microgateway_cni.agent.metrics import Metrics
from microgateway_cni.agent.node_pods import NodePod, NodePods, from_kubernetes
from microgateway_cni.agent.repair import (
    UNPROTECTED_LABEL,
    Cause,
    DeletePod,
    LabelPod,
    Leave,
    Mode,
    RateLimit,
    Repair,
    SetRules,
    Tell,
    decide,
)
from microgateway_cni.redirect import Redirect

SHOP = "/api/v1/namespaces/default/pods/shop"
EXCLUDE = "sidecar.microgateway.airlock.com/excludeInboundPorts"


def read(**fields: Any) -> NodePod:
    return from_kubernetes(pod_object(**fields))


@pytest.mark.parametrize(
    "found",
    [
        read(labelled=False, engine=False),
        read(labelled=False, netcheck_exit=10),
        read(),
        read(netcheck_exit=0),
        read(netcheck_exit=10, phase="Failed"),
        from_kubernetes(
            {**pod_object(), "metadata": {**pod_object()["metadata"], "deletionTimestamp": "now"}}
        ),
    ],
)
@pytest.mark.parametrize("mode", list(Mode))
def test_what_is_well_or_beyond_repair_is_left(found: NodePod, mode: Mode) -> None:
    assert decide(found, [], mode) == Leave()


@pytest.mark.parametrize("mode", list(Mode))
def test_a_labelled_pod_without_engine_is_told(mode: Mode) -> None:
    action = decide(read(engine=False), [], mode)
    assert isinstance(action, Tell)
    assert action.cause is Cause.NO_ENGINE


def test_a_pod_that_lost_the_race_is_repaired_by_mode() -> None:
    lost = read(netcheck_exit=10, annotations={EXCLUDE: "8081"})
    assert isinstance(decide(lost, [], Mode.NONE), Tell)
    assert decide(lost, [], Mode.LABEL) == LabelPod(Cause.LOST_RACE)
    assert decide(lost, [], Mode.DELETE_PODS) == DeletePod(Cause.LOST_RACE)
    assert decide(lost, [], Mode.REPROGRAM) == SetRules(
        Cause.LOST_RACE, Redirect(excluded_ports=frozenset({8081}))
    )
    unreadable = read(netcheck_exit=10, annotations={EXCLUDE: "x"})
    assert isinstance(decide(unreadable, [], Mode.REPROGRAM), Tell)


def test_a_pod_whose_rules_changed_is_never_deleted() -> None:
    assert decide(read(), ["- a rule"], Mode.DELETE_PODS) == SetRules(Cause.RULES_CHANGED, Redirect())
    assert decide(read(), ["- a rule"], Mode.LABEL) == LabelPod(Cause.RULES_CHANGED)


def test_a_burst_then_one_at_a_time() -> None:
    limit = RateLimit(seconds=10, burst=2)
    start = limit._at
    assert [limit.take(start + at) for at in (0, 0, 0, 9, 10, 11, 100, 100, 100)] == [
        *(True, True, False, False, True, False),
        *(True, True, False),
    ]


def repair_of(api: ApiServer, mode: Mode, proc: Path = Path("/proc"), **fields: Any) -> Repair:
    return Repair(
        api.client(),
        NodePods(),
        Events(api.client(), NODE),
        Metrics(),
        mode,
        frozenset({"kube-system"}),
        proc,
        **fields,
    )


def know(repair: Repair, api: ApiServer, **fields: Any) -> None:
    raw = pod_object(**fields)
    api.put(raw)
    path = f"/api/v1/namespaces/{raw['metadata']['namespace']}/pods/{raw['metadata']['name']}"
    repair.pods.put(from_kubernetes(api.objects[path]))


def asked(api: ApiServer) -> list[str]:
    return [body.get("reason", method) for method, _, body in api.calls]


@pytest.fixture
def proc(tmp_path: Path, network: Network) -> Path:
    """The node's processes: init, and one of the pod's sandbox in a real network namespace."""
    root = tmp_path / "proc"
    for number, groups, namespace in (
        (1, "0::/init.scope", Path("/proc/self/ns/net")),
        (4711, "0::/kubepods/poduid-of-shop/4f1d", network.pod.path),
    ):
        (root / str(number) / "ns").mkdir(parents=True)
        (root / str(number) / "cgroup").write_text(groups)
        (root / str(number) / "ns" / "net").symlink_to(namespace)
    return root


@pytest.mark.root
def test_a_pod_that_lost_the_race_gets_its_rules_in_place(
    api: ApiServer, network: Network, proc: Path
) -> None:
    repair = repair_of(api, Mode.REPROGRAM, proc)
    know(repair, api, netcheck_exit=10, annotations={EXCLUDE: "8081"})
    for _ in range(3):
        repair.round(look=False)
    rules = network.pod.command("nft", "list", "ruleset").stdout
    assert "redirect to :13378" in rules
    assert "8081" in rules
    assert asked(api) == ["RedirectRepaired"]
    assert 'repairs_total{result="success",type="reprogram"} 1\n' in repair.metrics.text()


@pytest.mark.root
def test_a_later_run_of_netcheck_that_finds_none_is_repaired_again(
    api: ApiServer, network: Network, proc: Path
) -> None:
    repair = repair_of(api, Mode.REPROGRAM, proc)
    know(repair, api, netcheck_exit=10)
    repair.round(look=False)
    network.pod.command("nft", "flush", "ruleset")
    know(repair, api, netcheck_exit=10, restarts=1)
    repair.round(look=False)
    assert "redirect to :13378" in network.pod.command("nft", "list", "ruleset").stdout


@pytest.mark.root
def test_a_rule_that_went_away_is_noticed_and_set_again(api: ApiServer, network: Network, proc: Path) -> None:
    repair = repair_of(api, Mode.REPROGRAM, proc)
    know(repair, api, netcheck_exit=0, phase="Running")
    repair.round(look=True)
    network.pod.command("nft", "flush", "chain", "inet", "microgateway", "input")
    repair.round(look=False)
    assert "nothing gets in" not in network.pod.command("nft", "list", "ruleset").stdout
    repair.round(look=True)
    assert "nothing gets in" in network.pod.command("nft", "list", "ruleset").stdout
    assert 'unprotected_pods{cause="rules-changed"} 1\n' in repair.metrics.text()
    repair.round(look=True)
    assert 'unprotected_pods{cause="rules-changed"} 0\n' in repair.metrics.text()


def test_results_of_netcheck_are_counted(api: ApiServer, tmp_path: Path) -> None:
    repair = repair_of(api, Mode.NONE, proc=tmp_path)
    know(repair, api, netcheck_exit=0)
    know(repair, api, name="stuck", uid="stuck", netcheck_exit=14)
    repair.round(look=True)
    text = repair.metrics.text()
    assert 'netcheck_pods{result="redirected"} 1\n' in text
    assert 'netcheck_pods{result="failed"} 1\n' in text
    assert 'netcheck_pods{result="no-redirect"} 0\n' in text


@pytest.mark.root
def test_unlabelled_pods_and_excluded_namespaces_are_not_touched(
    api: ApiServer, network: Network, proc: Path
) -> None:
    repair = repair_of(api, Mode.REPROGRAM, proc)
    know(repair, api, labelled=False, netcheck_exit=10)
    know(repair, api, namespace="kube-system", netcheck_exit=10)
    repair.round(look=True)
    assert network.pod.command("nft", "list", "ruleset").stdout == ""
    assert api.calls == []


def test_a_pod_is_deleted_with_its_uid_and_version(api: ApiServer) -> None:
    repair = repair_of(api, Mode.DELETE_PODS)
    know(repair, api, netcheck_exit=11)
    version = api.objects[SHOP]["metadata"]["resourceVersion"]
    repair.round(look=False)
    assert SHOP not in api.objects
    assert asked(api) == ["DELETE", "PodDeleted"]
    assert api.calls[0][2]["preconditions"] == {"uid": "uid-of-shop", "resourceVersion": version}


def test_another_pod_of_that_name_is_not_deleted(api: ApiServer) -> None:
    repair = repair_of(api, Mode.DELETE_PODS)
    know(repair, api, netcheck_exit=11)
    api.put(pod_object(uid="newer"))
    repair.round(look=False)
    assert SHOP in api.objects
    assert 'repairs_total{result="conflict",type="delete"} 1\n' in repair.metrics.text()


def test_deletions_are_limited(api: ApiServer) -> None:
    repair = repair_of(api, Mode.DELETE_PODS, limit=RateLimit(seconds=3600, burst=2))
    for number in range(5):
        know(repair, api, name=f"shop-{number}", netcheck_exit=10)
    repair.round(look=False)
    assert asked(api).count("DELETE") == 2
    assert 'repairs_total{result="delayed",type="delete"} 3\n' in repair.metrics.text()


def test_a_pod_is_labelled_once(api: ApiServer) -> None:
    repair = repair_of(api, Mode.LABEL)
    know(repair, api, netcheck_exit=10)
    repair.round(look=False)
    method, path, body = api.calls[0]
    assert (method, path) == ("PATCH", SHOP)
    assert body == {"metadata": {"uid": "uid-of-shop", "labels": {UNPROTECTED_LABEL: "true"}}}
    labelled = pod_object(netcheck_exit=10)
    labelled["metadata"]["labels"][UNPROTECTED_LABEL] = "true"
    repair.pods.put(from_kubernetes(labelled))
    repair.round(look=False)
    assert asked(api) == ["PATCH", "RedirectMissing"]


def test_switched_off_it_only_tells(api: ApiServer) -> None:
    repair = repair_of(api, Mode.NONE)
    know(repair, api, netcheck_exit=10)
    know(repair, api, name="bare", engine=False)
    repair.round(look=False)
    assert sorted(asked(api)) == ["EngineMissing", "RedirectMissing"]


def test_a_pod_without_a_process_here_waits(api: ApiServer) -> None:
    repair = repair_of(api, Mode.REPROGRAM)
    know(repair, api, netcheck_exit=10)
    repair.round(look=True)
    assert api.calls == []
