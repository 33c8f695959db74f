from __future__ import annotations

from typing import Any

import pytest

from microgateway_common.resources import registry
from microgateway_common.resources.header_rewrites import HeaderRewrites
from microgateway_common.resources.metadata import API_VERSION
from microgateway_compiler.compile import parts
from microgateway_compiler.compile.parts import Parts


def rewrites(value: str) -> HeaderRewrites:
    add = {"custom": [{"name": "a", "headers": [{"name": "X-A", "value": value}]}]}
    metadata = {"name": "x", "namespace": "shop"}
    found = registry.parse(
        {
            "apiVersion": API_VERSION,
            "kind": "HeaderRewrites",
            "metadata": metadata,
            "spec": {"request": {"add": add}},
        }
    )
    assert isinstance(found, HeaderRewrites)
    return found


@pytest.mark.parametrize(
    "part",
    [
        parts.DEFAULT_PARSER,
        parts.DEFAULT_LIMITS,
        parts.DEFAULT_DENY_RULES,
        parts.DEFAULT_HEADER_REWRITES,
        parts.DEFAULT_TELEMETRY,
    ],
)
def test_defaults_have_no_problems(part: Any) -> None:
    assert part.problems == ()


def test_a_part_is_compiled_once_until_its_object_changes() -> None:
    all_parts, resource = Parts(), rewrites("a")
    first = all_parts.header_rewrites(resource)
    assert all_parts.header_rewrites(resource) is first

    all_parts.forget(resource.ref)
    assert all_parts.header_rewrites(rewrites("b")) != first


def test_a_resource_has_problems_by_itself() -> None:
    assert Parts().problems_of(rewrites("fine")) == ()
    [problem] = Parts().problems_of(rewrites("%NOPE%"))
    assert problem.field == "spec.request.add.custom[0].headers[0].value"
