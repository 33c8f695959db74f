from __future__ import annotations

from typing import Any

import pytest

from microgateway_common.history import FieldManager, NobodyKnown
from microgateway_reconciler.kubernetes.managed_fields import managed, writer_of


def entry(manager: str, second: int, *fields: str, **more: Any) -> dict[str, Any]:
    time = f"2026-01-01T00:00:{second:02}Z"
    return {"manager": manager, "time": time, "fieldsV1": {key: {} for key in fields}, **more}


SPEC, LABELS, STATUS = "f:spec", "f:metadata", "f:status"


@pytest.mark.parametrize(
    ("entries", "manager"),
    [
        ([entry("kubectl", 1, SPEC), entry("argocd", 2, SPEC)], "argocd"),
        ([entry("argocd", 2, SPEC), entry("kubectl", 1, SPEC)], "argocd"),
        ([entry("kubectl", 1, SPEC), entry("labels", 2, LABELS)], "kubectl"),
        ([entry("kubectl", 1, SPEC), entry("reconciler", 2, STATUS, subresource="status")], "kubectl"),
        ([entry("kubectl", 1, LABELS)], "kubectl"),
        ([entry("cert-manager", 1, "f:data")], "cert-manager"),
    ],
    ids=[
        "the newest",
        "whatever the order",
        "not of labels",
        "not of the status",
        "of anything",
        "of a Secret",
    ],
)
def test_the_writer_is_who_wrote_content_last(entries: list[Any], manager: str) -> None:
    writer = writer_of(managed({"managedFields": entries}), ())
    assert isinstance(writer, FieldManager)
    assert writer.manager == manager
    assert writer.time.startswith("2026-01-01T00:00:0")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"managedFields": None},
        {"managedFields": []},
        {"managedFields": ["x"]},
        {"managedFields": [entry("reconciler", 2, STATUS, subresource="status")]},
    ],
)
def test_who_is_not_named_is_not_known(metadata: dict[str, Any]) -> None:
    assert writer_of(managed(metadata), ()) == NobodyKnown()


def test_entries_without_times_are_older_than_those_with() -> None:
    nameless: dict[str, Any] = {"fieldsV1": {SPEC: {}}}
    assert writer_of(managed({"managedFields": [entry("kubectl", 1, SPEC), nameless]}), ()) == FieldManager(
        "kubectl", "2026-01-01T00:00:01Z"
    )


def test_of_two_within_a_second_it_is_the_one_whose_entry_has_grown() -> None:
    alice, bob = entry("alice", 1, SPEC, "f:x"), entry("bob", 1, SPEC)
    seen = managed({"managedFields": [alice]})
    assert writer_of(seen, ()) == FieldManager("alice", alice["time"])
    robbed = managed({"managedFields": [entry("alice", 1, SPEC), bob]})
    assert writer_of(robbed, seen) == FieldManager("bob", bob["time"])
    back = managed({"managedFields": [alice, bob]})
    assert writer_of(back, robbed) == FieldManager("alice", alice["time"])
    labelled = managed({"managedFields": [alice, entry("labels", 1, LABELS)]})
    assert writer_of(labelled, seen) == FieldManager("alice", alice["time"])
