from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_cni.annotations import (
    EXCLUDE_INBOUND_PORTS,
    MESH_PORTS,
    SERVICE_MESH,
    AnnotationError,
    excluded_ports,
)


def test_without_annotations_nothing_is_excluded() -> None:
    assert excluded_ports({"app.kubernetes.io/name": "shop"}) == frozenset()


def test_listed_ports_are_excluded() -> None:
    assert excluded_ports({EXCLUDE_INBOUND_PORTS: "8081, 9090"}) == {8081, 9090}


def test_an_empty_list_excludes_nothing() -> None:
    assert excluded_ports({EXCLUDE_INBOUND_PORTS: "", SERVICE_MESH: "none"}) == frozenset()


def test_istio_adds_its_own_ports() -> None:
    ports = excluded_ports({EXCLUDE_INBOUND_PORTS: "8081", SERVICE_MESH: "istio"})
    assert ports == {8081} | MESH_PORTS["istio"]
    assert {15006, 15021} <= ports


@pytest.mark.parametrize(
    ("annotation", "value", "problem"),
    [
        (EXCLUDE_INBOUND_PORTS, "8081, http", "expected a port number from 1 to 65535, got 'http'"),
        (EXCLUDE_INBOUND_PORTS, "8000-8999", "expected a port number from 1 to 65535, got '8000-8999'"),
        (SERVICE_MESH, "linkerd", "expected one of none, istio, got 'linkerd'"),
        (SERVICE_MESH, "", "expected one of none, istio, got ''"),
    ],
)
def test_an_error_names_the_annotation(annotation: str, value: str, problem: str) -> None:
    with pytest.raises(AnnotationError) as error:
        excluded_ports({annotation: value})
    assert str(error.value) == f"annotation {annotation}: {problem}"
    assert error.value.annotation == annotation


@given(st.dictionaries(st.sampled_from([EXCLUDE_INBOUND_PORTS, SERVICE_MESH, "other"]), st.text()))
def test_any_annotations_are_ports_or_an_annotation_error(annotations: dict[str, str]) -> None:
    with contextlib.suppress(AnnotationError):
        assert all(1 <= port <= 65535 for port in excluded_ports(annotations))
