from __future__ import annotations

from typing import Any

from microgateway_common.problems import ObjectRef
from microgateway_reconciler.kubernetes import events

REF = ObjectRef("DenyRules", "shop", "x")
NOW = "2030-01-01T00:00:00.000000Z"


def status(kind: str, value: str, reason: str, message: str = "why") -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": value, "reason": reason, "message": message}]}


BAD = status("Accepted", "False", "InvalidField")


def test_what_turns_bad_is_complained_of_once() -> None:
    assert list(events.complaints(BAD, {})) == [events.Complaint("InvalidField", "Programming", "why")]
    assert list(events.complaints(BAD, BAD)) == []
    assert list(events.complaints(status("Accepted", "False", "InvalidField", "other"), BAD))
    assert list(events.complaints(status("Accepted", "True", "Accepted"), BAD)) == []


def test_what_mends_itself_is_not_complained_of() -> None:
    for kind, reason in (
        ("Programmed", "Pending"),
        ("PodsSelected", "NoPods"),
        ("EnvoyConfigSynced", "OutOfSync"),
    ):
        assert list(events.complaints(status(kind, "False", reason), {})) == []
    for kind, reason in (("PodsSelected", "PodAlreadyOwned"), ("EnvoyConfigSynced", "Rejected")):
        assert list(events.complaints(status(kind, "False", reason), {}))


def test_an_event_is_named_by_what_it_says() -> None:
    (complaint,) = events.complaints(BAD, {})
    first = events.event(REF, "uid", 1, complaint, "replica-0", NOW)
    again = events.event(REF, "uid", 1, complaint, "replica-1", "later")
    newer = events.event(REF, "uid", 2, complaint, "replica-0", NOW)

    assert first["metadata"] == again["metadata"]
    assert first["metadata"] != newer["metadata"]
    assert first["regarding"]["apiVersion"] == "microgateway.airlock.com/v1alpha1"


def test_an_event_fits_whatever_it_speaks_of() -> None:
    ref = ObjectRef("Pod", "shop", "p" * 235 + "." + "p" * 17)
    made = events.event(ref, "uid", 0, events.unassigned("x" * 5000), "i" * 500, NOW)

    assert len(made["metadata"]["name"]) <= 253
    assert ".." not in made["metadata"]["name"]
    assert (len(made["note"]), len(made["reportingInstance"])) == (1024, 128)
    assert made["regarding"]["apiVersion"] == "v1"
