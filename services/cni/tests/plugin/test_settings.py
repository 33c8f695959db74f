from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from microgateway_cni.plugin.settings import OwnPods, Settings, read


def test_an_empty_configuration_has_the_defaults() -> None:
    assert read({"type": "microgateway-cni"}) == Settings()


def test_every_field_is_read() -> None:
    raw = {
        "logLevel": "debug",
        "logFilePath": "/tmp/log",
        "agentSocket": "/tmp/socket",
        "kubernetes": {
            "kubeconfig": "/tmp/kubeconfig",
            "excludeNamespaces": ["a", "b"],
            "ownPods": {"namespace": "mgw", "namePrefix": "cni-"},
        },
    }
    assert read(raw) == Settings(
        log_level="debug",
        log_file="/tmp/log",
        agent_socket=Path("/tmp/socket"),
        kubeconfig=Path("/tmp/kubeconfig"),
        exclude_namespaces=frozenset({"a", "b"}),
        own_pods=OwnPods("mgw", "cni-"),
    )


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ({"logLevel": "loud"}, "logLevel: expected one of debug, info, error, off, got 'loud'"),
        ({"logFilePath": 1}, "logFilePath: expected text, got 1"),
        ({"kubernetes": []}, ""),
        ({"kubernetes": "x"}, "kubernetes: expected an object, got 'x'"),
        ({"kubernetes": {"excludeNamespaces": "kube-system"}}, "excludeNamespaces: expected a list of texts"),
        ({"kubernetes": {"ownPods": 1}}, "ownPods: expected an object, got 1"),
    ],
)
def test_a_wrong_field_is_its_default_and_is_reported(raw: dict[str, Any], problem: str) -> None:
    settings = read(raw)
    assert settings == Settings(problems=settings.problems)
    assert problem in "".join(settings.problems)
