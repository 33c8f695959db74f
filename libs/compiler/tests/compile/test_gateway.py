"""Totality: whatever parses compiles or has an error. What each field becomes, the golden cases show."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from microgateway_common import wire
from microgateway_common.ir.gateway import GatewayConfig, Secured
from microgateway_common.names import Generation
from microgateway_common.problems import errors
from microgateway_compiler.compile.gateway import Compiled, Failed
from microgateway_compiler.documents import Document, read_documents
from microgateway_compiler.pipeline import Pipeline

GOLDEN = Path(__file__).parents[1] / "golden"
MANIFESTS = [
    [document.raw for document in read_documents("f", path.read_bytes()) if isinstance(document, Document)]
    for path in sorted(GOLDEN.glob("*/in.yaml"))
]
NUMBERS: list[Any] = [-1, 0, 2**63 - 1, 2**64, 1e308]
TEXTS: list[Any] = ["", "x", "%", "\ud800", "/", "a\nb", "("]
ODD = [None, True, *NUMBERS, *TEXTS, [], {}, [{}], {"x": 1}]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container with each of its keys or positions."""
    match value:
        case dict():
            return [(value, key) for key in value] + [
                each for inner in value.values() for each in places(inner)
            ]
        case list():
            return [(value, at) for at in range(len(value))] + [
                each for inner in value for each in places(inner)
            ]
        case _:
            return []


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(MANIFESTS), st.data())
def test_damaged_manifests_compile_or_have_errors(
    manifests: list[dict[str, Any]], data: st.DataObject
) -> None:
    damaged = copy.deepcopy(manifests)
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(places(damaged[0]) or [(damaged, 0)]))
        if data.draw(st.booleans()):
            container[key] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
        elif isinstance(container, dict):
            container.pop(key)

    pipeline = Pipeline()
    pipeline.replace_file("f", yaml.dump_all(damaged, Dumper=yaml.SafeDumper))
    for outcome in pipeline.changes().outcomes.values():
        match outcome.configuration:
            case Compiled(config):
                assert not errors(outcome.problems)
                assert_is_whole(config)
            case Failed():
                assert errors(outcome.problems)


def assert_is_whole(config: GatewayConfig) -> None:
    data = wire.pack(config.gateway, Generation(1), wire.encode(config), wire.LeaveUnsigned())
    _, opened = wire.open_bundle(data, config.gateway, wire.AcceptUnsigned())
    assert opened == config
    for application in config.applications:
        assert application.routes
        for route in application.routes:
            if isinstance(route.treatment, Secured):
                assert route.treatment.content_security in config.content_securities
