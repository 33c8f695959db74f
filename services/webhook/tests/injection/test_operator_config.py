from __future__ import annotations

from typing import Any

from microgateway_common.operator_config import API_VERSION, OperatorConfig, SidecarMode
from microgateway_webhook.injection import containers
from microgateway_webhook.injection.operator_config import apply
from microgateway_webhook.injection.template import Template, default_template
from microgateway_webhook.injection.users import Users

DEFAULT = default_template("0.1.0", "test")


def applied(spec: dict[str, Any]) -> Template:
    raw = {"apiVersion": API_VERSION, "kind": "OperatorConfig", "spec": spec}
    return apply(OperatorConfig.model_validate(raw), DEFAULT)


def test_each_value_replaces_one() -> None:
    engine = {"resources": {"limits": {"memory": "1Gi"}}}
    template = applied({"sidecar": {"mode": "Container", "redisURL": "rediss://other:1/0", "engine": engine}})

    assert template.mode is SidecarMode.CONTAINER
    assert template.redis == "rediss://other:1/0"
    assert template.engine.resources == {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"cpu": "2", "memory": "1Gi"},
    }
    assert template.engine.image == DEFAULT.engine.image
    assert template.netcheck == DEFAULT.netcheck
    assert template.digest != DEFAULT.digest


def test_false_and_nothing_are_values_too() -> None:
    secret = {"name": "other", "optional": False}
    template = applied({"sidecar": {"excludedNamespaces": [], "bootstrapSecret": secret}})
    assert template.excluded_namespaces == ()
    assert (template.bootstrap_secret, template.bootstrap_optional) == ("other", False)


def test_tracing_is_a_variable_of_the_engine() -> None:
    tracing = {"endpoint": "http://collector.observability.svc:4318", "sampleRatio": 0.1}
    users = Users(1, 2)
    plain = containers.engine(DEFAULT, users, 20, {}, native=False)["env"]
    traced = containers.engine(applied({"sidecar": {"tracing": tracing}}), users, 20, {}, native=False)["env"]
    assert [each for each in traced if each not in plain] == [
        {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector.observability.svc:4318"},
        {"name": "OTEL_TRACES_SAMPLER", "value": "parentbased_traceidratio"},
        {"name": "OTEL_TRACES_SAMPLER_ARG", "value": "0.1"},
    ]


def test_what_is_masked_is_a_variable_of_the_engine() -> None:
    masking = {"words": ["customerno", "a.b"], "exceptions": ["passenger"]}
    users = Users(1, 2)
    plain = containers.engine(DEFAULT, users, 20, {}, native=False)["env"]
    masked = containers.engine(applied({"sidecar": {"masking": masking}}), users, 20, {}, native=False)["env"]
    assert [each for each in masked if each not in plain] == [
        {"name": "MICROGATEWAY_MASK", "value": "customerno,a.b"},
        {"name": "MICROGATEWAY_UNMASK", "value": "passenger"},
    ]


def test_what_belongs_to_the_reconciler_changes_no_pod() -> None:
    assert applied({"watchNamespaces": ["shop"], "logLevel": "debug"}).digest == DEFAULT.digest
