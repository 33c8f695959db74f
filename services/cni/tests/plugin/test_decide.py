from __future__ import annotations

import pytest
from services.cni.tests.api_server import pod_object

from microgateway_cni.plugin.decide import (
    Answer,
    Known,
    Missing,
    NobodyKnows,
    Outcome,
    Pass,
    Question,
    RedirectInbound,
    Refuse,
    decide,
    question,
)
from microgateway_cni.plugin.errors import Code
from microgateway_cni.plugin.request import Attachment
from microgateway_cni.plugin.settings import Settings
from microgateway_cni.pods import from_object
from microgateway_cni.redirect import Redirect

PREFIX = "sidecar.microgateway.airlock.com/"
SHOP = Question("default", "shop", "uid-of-shop", {})


def attachment(**arguments: str) -> Attachment:
    return Attachment("c0ffee", "eth0", arguments)


def known(**fields: object) -> Known:
    return Known(from_object(pod_object(**fields)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "not a pod of Kubernetes"),
        ({"K8S_POD_NAMESPACE": "default"}, "not a pod of Kubernetes"),
        ({"K8S_POD_NAMESPACE": "kube-system", "K8S_POD_NAME": "dns"}, "namespace kube-system is excluded"),
        ({"K8S_POD_NAMESPACE": "mgw", "K8S_POD_NAME": "microgateway-cni-x7"}, "our own DaemonSet"),
    ],
)
def test_nobody_is_asked_where_it_makes_no_difference(arguments: dict[str, str], reason: str) -> None:
    from microgateway_cni.plugin.settings import OwnPods

    found = question(attachment(**arguments), {}, Settings(own_pods=OwnPods(namespace="mgw")))
    assert isinstance(found, Pass)
    assert reason in found.reason


def test_a_pod_is_asked_about() -> None:
    arguments = {"K8S_POD_NAMESPACE": "default", "K8S_POD_NAME": "shop", "K8S_POD_UID": "uid-of-shop"}
    assert question(attachment(**arguments), {}, Settings()) == SHOP


def test_an_empty_prefix_makes_no_pod_our_own() -> None:
    from microgateway_cni.plugin.settings import OwnPods

    asked = attachment(K8S_POD_NAMESPACE="mgw", K8S_POD_NAME="shop")
    assert isinstance(question(asked, {}, Settings(own_pods=OwnPods("mgw", ""))), Question)


@pytest.mark.parametrize(
    "answer",
    [
        known(labelled=False),
        known(labelled=False, engine=False),
        known(labelled=False, uid="another"),
        known(labelled=False, annotations={PREFIX + "excludeInboundPorts": "nonsense"}),
        Missing(),
        NobodyKnows("down"),
    ],
)
def test_a_pod_that_is_not_known_to_be_labelled_passes(answer: Answer) -> None:
    assert isinstance(decide(SHOP, answer), Pass)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (known(engine=False), Code.ENGINE_MISSING),
        (known(uid="another"), Code.TRY_AGAIN_LATER),
        (known(annotations={PREFIX + "excludeInboundPorts": "80-90"}), Code.INVALID_ANNOTATION),
        (known(annotations={PREFIX + "serviceMesh": "linkerd"}), Code.INVALID_ANNOTATION),
    ],
)
def test_a_labelled_pod_that_cannot_be_protected_is_refused(answer: Answer, code: Code) -> None:
    outcome = decide(SHOP, answer)
    assert isinstance(outcome, Refuse)
    assert outcome.error.code is code


def test_a_labelled_pod_with_an_engine_is_redirected_as_its_annotations_say() -> None:
    outcome = decide(SHOP, known(annotations={PREFIX + "excludeInboundPorts": "8081", PREFIX + "x": "y"}))
    assert outcome == RedirectInbound(Redirect(excluded_ports=frozenset({8081})), "labelled, with an engine")


def outcome_when_nobody_answers(annotations: dict[str, str]) -> Outcome:
    return decide(Question("default", "shop", "", annotations), NobodyKnows("down"))


def test_when_nobody_answers_the_annotation_of_injection_is_enough() -> None:
    injected = {PREFIX + "status": "{}", PREFIX + "excludeInboundPorts": "8081"}
    outcome = outcome_when_nobody_answers(injected)
    assert isinstance(outcome, RedirectInbound)
    assert outcome.redirect.excluded_ports == {8081}
    assert isinstance(outcome_when_nobody_answers({PREFIX + "excludeInboundPorts": "8081"}), Pass)
    assert isinstance(
        outcome_when_nobody_answers({PREFIX + "status": "", PREFIX + "serviceMesh": "?"}), Refuse
    )


def test_an_answer_counts_more_than_the_runtimes_annotations() -> None:
    asked = Question("default", "shop", "uid-of-shop", {PREFIX + "status": "{}"})
    assert isinstance(decide(asked, known(labelled=False)), Pass)
