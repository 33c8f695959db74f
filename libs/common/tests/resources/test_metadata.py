"""Metadata is read as far as it concerns us."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from microgateway_common.resources.metadata import Metadata


def test_defaults() -> None:
    metadata = Metadata.model_validate({"name": "a"})
    assert (metadata.namespace, metadata.generation, metadata.labels, metadata.annotations) == (
        "default",
        0,
        {},
        {},
    )
    assert (metadata.creation_timestamp, metadata.uid) == (None, None)


def test_what_an_api_server_writes_is_read() -> None:
    metadata = Metadata.model_validate(
        {
            "name": "shop.v2",
            "namespace": "shop",
            "generation": 3,
            "creationTimestamp": "2026-01-31T12:00:00Z",
            "uid": "1-2",
            "resourceVersion": "7",
            "managedFields": [{}],
            "finalizers": ["x"],
            "labels": {"app": "shop"},
        }
    )
    assert metadata.creation_timestamp == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert (metadata.name, metadata.generation, metadata.labels) == ("shop.v2", 3, {"app": "shop"})


def test_what_tools_leave_empty_is_empty() -> None:
    document = {"name": "a", "creationTimestamp": None, "labels": None, "annotations": None}
    assert Metadata.model_validate(document) == Metadata.model_validate({"name": "a"})


@pytest.mark.parametrize(
    "field",
    [
        {"name": "A"},
        {"namespace": "a.b"},
        {"generation": -1},
        {"labels": {"a": 1}},
        {"creationTimestamp": "soon"},
    ],
)
def test_wrong_metadata_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Metadata.model_validate({"name": "a", **field})
