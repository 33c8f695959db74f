from __future__ import annotations

from typing import Any, get_args

import pytest
import yaml
from pydantic import ValidationError

from microgateway_common import operator_config
from microgateway_common.operator_config import NO_OPERATOR_CONFIG, OperatorConfig, SidecarMode
from microgateway_common.settings import LOG_LEVELS


def parse(spec: dict[str, Any]) -> OperatorConfig:
    head = {"apiVersion": operator_config.API_VERSION, "kind": "OperatorConfig"}
    return OperatorConfig.model_validate({**head, "metadata": {"name": "microgateway"}, "spec": spec})


def test_the_documented_example() -> None:
    documentation = operator_config.__doc__ or ""
    example = documentation[documentation.index("    apiVersion") : documentation.index("A file,")]

    config = OperatorConfig.model_validate(yaml.safe_load(example))

    assert config.spec.watch_namespaces == ("shop", "billing")
    assert config.spec.log_level == "info"
    assert config.spec.sidecar.mode is SidecarMode.AUTO
    assert config.spec.sidecar.engine.resources.limits.memory == "512Mi"
    assert config.spec.sidecar.network_validator.timeout_seconds == 20


def test_without_a_file_everything_is_watched_and_nothing_differs() -> None:
    assert NO_OPERATOR_CONFIG.spec.watch_namespaces == ()
    assert str(NO_OPERATOR_CONFIG.spec.watch_namespace_selector) == ""
    assert NO_OPERATOR_CONFIG.spec.sidecar == operator_config.Sidecar()


def test_log_levels_are_those_of_the_services() -> None:
    assert set(get_args(operator_config.Level)) == set(LOG_LEVELS)


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({}, ""),
        ({"matchLabels": {"a": "1", "example.com/b": ""}}, "a=1,example.com/b="),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, "a in (1,2)"),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, "a notin (1)"),
        (
            {
                "matchLabels": {"c": "3"},
                "matchExpressions": [
                    {"key": "a", "operator": "Exists"},
                    {"key": "b", "operator": "DoesNotExist"},
                ],
            },
            "c=3,a,!b",
        ),
    ],
)
def test_a_selector_is_written_as_kubectl_takes_it(selector: dict[str, Any], text: str) -> None:
    assert str(parse({"watchNamespaceSelector": selector}).spec.watch_namespace_selector) == text


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"watchNamespaces": ["shop"], "watchNamespaceSelector": {"matchLabels": {"a": "1"}}},
            "expected watchNamespaces or watchNamespaceSelector, got both",
        ),
        ({"watchNamespaces": ["Shop"]}, "pattern"),
        ({"watchNamespaces": ["a,b"]}, "pattern"),
        ({"watchNamespaceSelector": {"matchLabels": {"a": "1,b=2"}}}, "pattern"),
        ({"watchNamespaceSelector": {"matchLabels": {"a)": "1"}}}, "pattern"),
        (
            {"watchNamespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
            "expected at least one value with In, got 0",
        ),
        (
            {
                "watchNamespaceSelector": {
                    "matchExpressions": [{"key": "a", "operator": "Exists", "values": ["1"]}]
                }
            },
            "expected no values with Exists, got 1",
        ),
        ({"logLevel": "loud"}, "literal_error"),
        ({"sidecar": {"engine": {"resources": {"limits": {"cpu": "lots"}}}}}, "expected a quantity"),
        ({"watch": []}, "extra_forbidden"),
        *(
            ({"sidecar": {"tracing": {"endpoint": url}}}, "expected a URL such as http://collector:4318")
            for url in (
                "collector:4318",
                "http://",
                "http://u:p@collector",
                "http://c:x",
                "http://c/?token=1",
            )
        ),
        ({"sidecar": {"tracing": {"sampleRatio": 1.5}}}, "less_than_equal"),
        *(
            ({"sidecar": {"masking": {"words": [word]}}}, "string_pattern_mismatch")
            for word in ("a,b", "a b", "-", "a*", "x=1")
        ),
    ],
)
def test_a_mistake_is_refused(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        parse(spec)
