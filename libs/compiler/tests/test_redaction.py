from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.problems import DocumentRef
from microgateway_common.redact import REDACTED, redact
from microgateway_compiler.compile.gateway import Compiled
from microgateway_compiler.objects import CustomResource, read_object
from microgateway_compiler.pipeline import Pipeline
from microgateway_compiler.redaction import redacted_manifest

ROOT = Path(__file__).parents[3]
FOLDERS = sorted(
    {
        path.parent
        for folder in ("libs/compiler/tests/golden", "examples")
        for path in (ROOT / folder).rglob("*.yaml")
    }
)

#: What no test below may find in a redacted manifest.
SECRET = "hunter2"


def documents(folder: Path) -> list[Any]:
    found = []
    for path in sorted(folder.glob("*.yaml")):
        if path.name in ("ir.yaml", "status.yaml"):
            continue
        try:
            found += [each for each in yaml.safe_load_all(path.read_text()) if isinstance(each, dict)]
        except yaml.YAMLError:
            continue
    return found


def configurations(manifests: list[Any], secrets: list[Any]) -> dict[str, Any]:
    pipeline = Pipeline()
    for raw in [*manifests, *secrets]:
        raw["metadata"].setdefault("namespace", "default")
        pipeline.replace_object(raw)
    pipeline.changes()
    return {
        gateway: msgspec.to_builtins(redact(outcome.configuration.config.without_secrets()))
        for gateway, outcome in pipeline.outcomes.items()
        if isinstance(outcome.configuration, Compiled)
    }


def ours(manifests: list[Any]) -> list[Any]:
    return [each for each in manifests if isinstance(read_object(DocumentRef("x", 1), each), CustomResource)]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_what_is_left_compiles_to_the_redacted_configuration(folder: Path) -> None:
    everything = documents(folder)
    manifests = ours(everything)
    secrets = [each for each in everything if each.get("kind") == "Secret"]
    as_written = configurations(manifests, secrets)
    assert configurations([redacted_manifest(each) for each in manifests], secrets) == as_written


texts = st.sampled_from(
    [
        *("x", SECRET, f"Bearer {SECRET}", "100%%", "Basic "),
        *("%REQ(X-A?:PATH):7%", f"{SECRET}%PROTOCOL%Basic {SECRET}"),
    ]
)
new_headers = st.fixed_dictionaries(
    {"name": st.sampled_from(["Authorization", "X-Api-Key", "Accept", "Cookie", "X-Shop"]), "value": texts}
)
matchers = st.builds(
    lambda kind, text, case: {"matcher": {kind: text, "ignoreCase": case}},
    st.sampled_from(["exact", "prefix", "suffix", "contains", "regex"]),
    st.sampled_from(["authorization", "a", SECRET, f"Bearer {SECRET}", "x-", "token", ".*"]),
    st.booleans(),
)
named = st.fixed_dictionaries({}, optional={"name": matchers, "value": matchers})
keyed = st.fixed_dictionaries({}, optional={"key": matchers, "value": matchers, "jsonPath": st.just("$.a")})
conditions = st.fixed_dictionaries({}, optional={"header": named, "path": matchers, "mediaType": matchers})
actions = st.fixed_dictionaries(
    {"name": st.just("action"), "headers": st.lists(new_headers, min_size=1, max_size=3)},
    optional={"requestConditions": conditions},
)
selections = st.fixed_dictionaries(
    {"name": st.just("action"), "headers": st.lists(named, min_size=1, max_size=3)},
    optional={"requestConditions": conditions},
)
rewrites = st.fixed_dictionaries(
    {},
    optional={
        "request": st.fixed_dictionaries(
            {},
            optional={
                "add": st.fixed_dictionaries({"custom": st.lists(actions, min_size=1, max_size=2)}),
                "remove": st.fixed_dictionaries({"custom": st.lists(selections, min_size=1, max_size=2)}),
            },
        )
    },
)
blocked = st.one_of(
    st.fixed_dictionaries({"header": named}),
    st.fixed_dictionaries({"parameter": named}),
    st.fixed_dictionaries({"json": keyed}),
    st.fixed_dictionaries({"path": matchers}),
    st.fixed_dictionaries({"pathSegment": st.fixed_dictionaries({"value": matchers})}),
)
exceptions = st.fixed_dictionaries({"blockedData": blocked}, optional={"requestConditions": conditions})
lines = st.dictionaries(
    st.sampled_from(["token", "path", "x"]),
    st.recursive(
        texts,
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "password"]), inner)
        ),
        max_leaves=6,
    ),
)


def resource(kind: str, spec: Any, **metadata: Any) -> dict[str, Any]:
    metadata = {"name": "x", "namespace": "shop", **metadata}
    return {
        "apiVersion": "microgateway.airlock.com/v1alpha1",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    }


@given(rewrites, st.lists(exceptions, max_size=3), lines)
def test_so_do_generated_ones(headers: Any, excepted: list[Any], line: Any) -> None:
    routes = [{"pathPrefix": "/", "secured": {"contentSecurityRef": {"name": "x"}}}]
    application = {"containerPort": 80, "routes": routes, "telemetryRef": {"name": "x"}}
    references = {"headerRewritesRef": {"name": "x"}, "filter": {"denyRulesRef": {"name": "x"}}}
    manifests = [
        resource("SidecarGateway", {"podSelector": {}, "applications": [application]}),
        resource("ContentSecurity", references),
        resource("HeaderRewrites", headers),
        resource("DenyRules", {"request": {"builtIn": {"exceptions": excepted}}} if excepted else {}),
        resource("Telemetry", {"logging": {"accessLog": {"format": {"json": line}}}}),
    ]
    as_written = configurations(manifests, [])
    assert as_written.keys() == {"shop/x"}
    assert configurations([redacted_manifest(each) for each in manifests], []) == as_written


def test_a_secret_is_gone_and_its_field_is_left() -> None:
    added = {"name": "Authorization", "value": f"{SECRET}%REQ(X-A):9%"}
    removed = {"name": {"matcher": {"exact": "cookie"}}, "value": {"matcher": {"exact": SECRET}}}
    spec = {"add": {"headers": [added]}, "remove": {"headers": [removed]}}
    raw = resource("HeaderRewrites", spec, annotations={"note": SECRET}, labels={"a": SECRET})
    assert redacted_manifest(raw) == resource(
        "HeaderRewrites",
        {
            "add": {"headers": [{"name": "Authorization", "value": f"{REDACTED}%REQ(X-A):9%"}]},
            "remove": {"headers": [{**removed, "value": {"matcher": {"exact": REDACTED}}}]},
        },
    )
    assert SECRET in str(raw)


def test_a_template_that_cannot_be_read_is_hidden_and_stays_unreadable() -> None:
    line = {"path": f"%{SECRET}"}
    left = redacted_manifest(resource("Telemetry", {"logging": {"accessLog": {"format": {"json": line}}}}))
    assert left["spec"]["logging"]["accessLog"]["format"]["json"] == {"path": f"{REDACTED}%"}
