from __future__ import annotations

import copy
from typing import Any

import pytest

from microgateway_common.problems import ObjectRef
from microgateway_webhook.injection import names
from microgateway_webhook.injection.inject import Injected, Namespace, inject
from microgateway_webhook.injection.template import default_template
from microgateway_webhook.injection.versions import ServerVersion
from microgateway_webhook.validation.pod import check_pod

REF = ObjectRef("Pod", "shop", "shop-1")
PLAIN: dict[str, Any] = {
    "metadata": {"labels": {names.INJECT_LABEL: "true"}},
    "spec": {
        "initContainers": [{"name": "migrate", "image": "shop:1"}],
        "containers": [{"name": "shop", "image": "shop:1"}],
    },
}


@pytest.fixture(params=[ServerVersion(1, 28), ServerVersion(1, 30)], ids=str)
def pod(request: pytest.FixtureRequest) -> dict[str, Any]:
    outcome = inject(PLAIN, default_template("0.1.0", "test"), request.param, Namespace("shop"))
    assert isinstance(outcome, Injected)
    return copy.deepcopy(outcome.pod)


def fields(new: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    return [each.field for each in check_pod(REF, new, old).errors]


def test_what_we_injected_is_allowed(pod: dict[str, Any]) -> None:
    assert fields(pod) == []
    assert fields(pod, pod) == []


def test_a_labelled_pod_without_the_gateway_is_denied() -> None:
    assert fields(PLAIN) == ["spec.containers", "spec.initContainers[0]"]


def test_another_webhook_may_not_come_before_netcheck(pod: dict[str, Any]) -> None:
    pod["spec"]["initContainers"].insert(0, {"name": "mesh"})
    verdict = check_pod(REF, pod, None)
    assert [str(each) for each in verdict.errors] == [
        "Pod shop/shop-1: spec.initContainers[0]: expected airlock-microgateway-network-validator,"
        " as injected, got mesh"
    ]


@pytest.mark.parametrize("place", ["spec", "container"])
def test_nobody_may_take_the_engines_user(pod: dict[str, Any], place: str) -> None:
    target = pod["spec"] if place == "spec" else pod["spec"]["containers"][-1]
    target["securityContext"] = {"runAsUser": 13378}
    assert len(fields(pod)) == 1


def test_nor_may_an_ephemeral_container_later(pod: dict[str, Any]) -> None:
    debugged = copy.deepcopy(pod)
    debugged["spec"]["ephemeralContainers"] = [{"name": "debug", "securityContext": {"runAsUser": 13378}}]
    assert fields(debugged, pod) == ["spec.ephemeralContainers[0].securityContext.runAsUser"]
    debugged["spec"]["ephemeralContainers"][0]["securityContext"]["runAsUser"] = 1000
    assert fields(debugged, pod) == []
    debugged["spec"]["ephemeralContainers"][0]["securityContext"]["runAsUser"] = 13378
    assert fields(debugged, debugged) == []


def test_an_old_pod_without_the_gateway_can_still_be_changed() -> None:
    assert fields(PLAIN, PLAIN) == []
    unlabelled = {**PLAIN, "metadata": {}}
    verdict = check_pod(REF, PLAIN, unlabelled)
    assert verdict.errors == ()
    assert [each.field for each in verdict.warnings] == [f"metadata.labels[{names.INJECT_LABEL}]"]


def test_unlabelled_and_static_pods_are_none_of_our_business() -> None:
    assert fields({**PLAIN, "metadata": {}}) == []
    static = {**PLAIN["metadata"], "annotations": {names.MIRROR_POD: "1f2e"}}
    assert fields({**PLAIN, "metadata": static}) == []


def test_a_malformed_pod_is_denied() -> None:
    assert fields({"metadata": {}, "spec": {"containers": 1}}) == ["spec.containers"]
