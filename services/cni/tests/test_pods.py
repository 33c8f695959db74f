from __future__ import annotations

import json
from typing import Any

import pytest

from microgateway_cni.pods import Pod, from_object, from_wire, to_wire

from .api_server import pod_object


def test_a_pod_is_read_from_the_api_servers_object() -> None:
    pod = from_object(pod_object(annotations={"a": "b"}))
    assert pod.is_labelled
    assert pod.has_engine
    assert pod.annotations == {"a": "b"}
    assert str(pod) == "pod default/shop"


def test_an_engine_that_is_an_init_container_counts() -> None:
    raw = pod_object(engine=False)
    raw["spec"]["initContainers"] = [{"name": "airlock-microgateway-engine", "restartPolicy": "Always"}]
    assert from_object(raw).has_engine


@pytest.mark.parametrize("value", ["false", "", "True", "yes"])
def test_only_true_is_labelled(value: str) -> None:
    raw = pod_object()
    raw["metadata"]["labels"]["sidecar.microgateway.airlock.com/inject"] = value
    assert not from_object(raw).is_labelled


def test_a_static_pod_is_known_by_the_uid_of_its_file() -> None:
    pod = from_object(pod_object(uid="u1", annotations={"kubernetes.io/config.mirror": "hash"}))
    assert [pod.is_known_as(uid) for uid in ("u1", "hash", "", "u2")] == [True, True, True, False]


def test_a_pod_survives_the_wire() -> None:
    pod = from_object(pod_object(annotations={"a": "ü"}))
    assert from_wire(json.loads(json.dumps(to_wire(pod)))) == Pod(
        **{**to_wire(pod), "containers": pod.containers}
    )


@pytest.mark.parametrize(
    "raw", [{}, {"metadata": {}}, {"metadata": None, "spec": {}}, {"metadata": 1, "spec": 1}]
)
def test_what_is_no_pod_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected a pod, got"):
        from_object(raw)
    with pytest.raises(ValueError, match="expected a pod, got"):
        from_wire(raw)
