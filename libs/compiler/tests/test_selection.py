from __future__ import annotations

import math
from typing import Any

import pytest

from microgateway_common.bus.messages import Assigned, Unassigned
from microgateway_common.names import GatewayKey, PodKey
from microgateway_common.problems import ObjectRef, Severity
from microgateway_common.status import UnmanagedPod
from microgateway_compiler.objects import Pod
from microgateway_compiler.selection import (
    INJECT_LABEL,
    Pods,
    Selection,
    Selector,
    Touched,
    lenient_match_labels,
    owned_by_others,
)

OLD, NEW, TIED = GatewayKey("shop/old"), GatewayKey("shop/new"), GatewayKey("shop/mew")
POD = PodKey("shop/x")


def selector(gateway: GatewayKey, created: float = 1.0, **labels: str) -> Selector:
    return Selector(gateway, created, labels)


def pod(
    name: str = "x",
    namespace: str = "shop",
    inject: str = "true",
    finished: bool = False,
    has_engine: bool = True,
    **labels: str,
) -> Pod:
    ref = ObjectRef("Pod", namespace, name)
    return Pod(ref, {INJECT_LABEL: inject, **labels}, {}, finished, has_engine)


def test_a_gateway_selects_by_labels_in_its_namespace() -> None:
    selection = Selection()
    selection.put_gateway(selector(OLD, app="shop"))
    for each in (pod(app="shop", tier="web"), pod("y", app="other"), pod("x", "elsewhere", app="shop")):
        selection.put_pod(each)

    assert selection.pods_of(OLD) == Pods((POD,), ())
    assert dict(selection.assignments()) == {
        POD: Assigned(OLD),
        "shop/y": Unassigned("no SidecarGateway in namespace shop selects the pod"),
        "elsewhere/x": Unassigned("no SidecarGateway in namespace elsewhere selects the pod"),
    }


def test_no_labels_select_every_pod_of_the_namespace() -> None:
    selection = Selection()
    selection.put_pod(pod())
    selection.put_gateway(selector(OLD))

    assert selection.pods_of(OLD).owned == (POD,)


@pytest.mark.parametrize("other", [pod(inject="false"), pod(finished=True)])
def test_pods_without_engine_do_not_take_part(other: Pod) -> None:
    selection = Selection()
    selection.put_gateway(selector(OLD))
    selection.put_pod(pod())
    touched = selection.put_pod(other)

    assert touched == Touched(frozenset({OLD}), frozenset({POD}))
    assert selection.assignment(POD) is None
    assert selection.pods_of(OLD) == Pods((), ())


@pytest.mark.parametrize(
    ("loser", "winner"),
    [
        (selector(NEW, 2.0), selector(OLD, 1.0)),
        (selector(NEW, math.inf), selector(OLD, 1.0)),
        (selector(NEW, 1.0), selector(TIED, 1.0)),
    ],
)
def test_the_older_gateway_owns_the_pod_whichever_came_first(loser: Selector, winner: Selector) -> None:
    for first, second in ((loser, winner), (winner, loser)):
        selection = Selection()
        selection.put_gateway(first)
        selection.put_pod(pod())
        selection.put_gateway(second)

        assert selection.assignment(POD) == Assigned(winner.gateway)
        assert selection.pods_of(loser.gateway) == Pods((), (UnmanagedPod(POD, winner.gateway),))


def test_when_the_owner_goes_its_rival_takes_over_and_is_touched() -> None:
    selection = Selection()
    selection.put_gateway(selector(OLD, 1.0))
    selection.put_gateway(selector(NEW, 2.0))
    selection.put_pod(pod())

    touched = selection.remove_gateway(OLD)

    assert touched == Touched(frozenset({OLD, NEW}), frozenset({POD}))
    assert selection.assignment(POD) == Assigned(NEW)
    assert selection.pods_of(OLD) == Pods((), ())


def test_a_labelled_pod_without_engine_is_told_apart_and_assigned_to_nobody() -> None:
    selection = Selection()
    selection.put_gateway(selector(OLD, 1.0))
    selection.put_gateway(selector(NEW, 2.0))
    for each in (pod(has_engine=False), pod("y"), pod("alone", "elsewhere", has_engine=False)):
        selection.put_pod(each)

    assert selection.pods_of(OLD) == Pods((PodKey("shop/y"),), (), (POD,))
    assert [each.pod for each in selection.pods_of(NEW).unmanaged] == [POD, "shop/y"]
    assert selection.unprotected == {POD, "elsewhere/alone"}
    assert dict(selection.assignments()) == {"shop/y": Assigned(OLD)}

    # Its successor by the same name has one; another is gone.
    assert selection.put_pod(pod()) == Touched(frozenset({OLD, NEW}), frozenset({POD}))
    selection.put_pod(pod("alone", "elsewhere", has_engine=False, finished=True))
    assert selection.assignment(POD) == Assigned(OLD)
    assert selection.unprotected == frozenset()


def test_what_stays_the_same_touches_nothing() -> None:
    selection = Selection()
    selection.put_gateway(selector(OLD))
    selection.put_pod(pod())

    assert not selection.put_gateway(selector(OLD)).gateways
    assert not selection.put_pod(pod()).pods
    assert not selection.remove_pod(ObjectRef("Pod", "shop", "unknown")).pods


def test_the_loser_of_a_pod_is_told_and_can_go_on() -> None:
    pods = Pods((), (UnmanagedPod(POD, OLD),))
    [problem] = owned_by_others(ObjectRef("SidecarGateway", "shop", "new"), pods)

    assert problem.severity is Severity.WARNING
    assert str(problem) == (
        "SidecarGateway shop/new: spec.podSelector: expected to be the only SidecarGateway of pod shop/x, "
        "got already owned by the SidecarGateway shop/old"
    )


@pytest.mark.parametrize(
    ("spec", "labels"),
    [
        ({}, {}),
        ({"podSelector": {}}, {}),
        ({"podSelector": {"matchLabels": {"a": "b"}}}, {"a": "b"}),
        ({"podSelector": {"matchLabels": {"a": 1}}}, None),
        ({"podSelector": {"matchLabels": {}, "matchExpressions": []}}, None),
        ({"podSelector": None}, None),
        ([], None),
        (None, None),
    ],
)
def test_the_selector_of_a_broken_gateway_is_read_if_it_can_be(
    spec: Any, labels: dict[str, str] | None
) -> None:
    assert lenient_match_labels({"spec": spec}) == labels
