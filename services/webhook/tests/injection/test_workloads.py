from __future__ import annotations

from typing import Any

import pytest

from microgateway_webhook.injection import names
from microgateway_webhook.injection.inject import Injected, Namespace, Outcome, Refused, Skipped
from microgateway_webhook.injection.template import default_template
from microgateway_webhook.injection.versions import ServerVersion
from microgateway_webhook.injection.workloads import TEMPLATES, inject_object

POD: dict[str, Any] = {
    "metadata": {"labels": {names.INJECT_LABEL: "true"}},
    "spec": {"containers": [{"name": "shop", "image": "shop:1"}]},
}


def workload(group: str, kind: str, pod: dict[str, Any]) -> dict[str, Any]:
    inner: Any = pod
    for step in reversed(TEMPLATES[group, kind]):
        inner = {step: inner}
    return {"apiVersion": f"{group}/v1" if group else "v1", "kind": kind, **inner}


def decide(raw: dict[str, Any], server: tuple[int, int] = (1, 30)) -> Outcome:
    return inject_object(raw, default_template("0.1.0", "test"), ServerVersion(*server), Namespace("shop"))


@pytest.mark.parametrize(("group", "kind"), TEMPLATES)
def test_the_pods_of_every_workload(group: str, kind: str) -> None:
    outcome = decide(workload(group, kind, POD))

    assert isinstance(outcome, Injected)
    pod: Any = outcome.pod
    for step in TEMPLATES[group, kind]:
        pod = pod[step]
    assert [each["name"] for each in pod["spec"]["initContainers"]] == [names.NETCHECK, names.ENGINE]
    assert "ownerReferences" not in pod["metadata"]
    again = decide(outcome.pod)
    assert isinstance(again, Injected)
    assert again.patch == []


@pytest.mark.parametrize("kind", ["Job", "CronJob"])
def test_a_job_that_would_not_complete(kind: str) -> None:
    pod = {**POD, "spec": {**POD["spec"], "restartPolicy": "Never"}}
    assert isinstance(decide(workload("batch", kind, pod), (1, 28)), Refused)
    assert isinstance(decide(workload("batch", kind, pod), (1, 29)), Injected)


@pytest.mark.parametrize(
    "raw",
    [
        {"apiVersion": "v1", "kind": "Service"},
        {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": "no"}},
        {"kind": "Pod"},
        {},
    ],
)
def test_what_has_no_pod_is_skipped(raw: dict[str, Any]) -> None:
    assert isinstance(decide(raw), Skipped)
