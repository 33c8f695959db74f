"""The CustomResourceDefinitions are there, and those of this version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from microgateway_common.resources.crd import definition
from microgateway_common.resources.metadata import VERSION

from .finding import Finding, failed, listed, ok, unread
from .snapshot import Missing, Snapshot, Unread

ABOUT = "definitions"
APPLY = "kubectl apply -k deploy/kustomize/crds"


def check(snapshot: Snapshot) -> Iterator[Finding]:
    missing, unready, other = [], [], []
    for kind, found in snapshot.definitions.items():
        match found:
            case Unread(reason):
                yield unread(ABOUT, f"read that of {kind}", reason)
                return
            case Missing():
                missing.append(kind)
            case dict() if not _is_established(found):
                unready.append(kind)
            case dict() if not contains(schema_of(found), schema_of(definition(kind))):
                other.append(kind)
    if missing:
        yield failed(ABOUT, f"{len(missing)} are missing: {listed(missing)}", APPLY)
    if unready:
        yield failed(ABOUT, f"the API server does not serve {listed(unready)}", "kubectl describe crd")
    if other:
        yield failed(ABOUT, f"of another version than this command: {listed(other)}", APPLY)
    if not (missing or unready or other):
        yield ok(ABOUT, f"all {len(snapshot.definitions)}, of this version")


def _is_established(raw: dict[str, Any]) -> bool:
    conditions = raw.get("status", {}).get("conditions", ())
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def schema_of(raw: dict[str, Any]) -> Any:
    return next((each.get("schema") for each in raw["spec"]["versions"] if each["name"] == VERSION), None)


def contains(whole: Any, part: Any) -> bool:
    """Every value of the part is in the whole, at its place: the API server adds defaults and drops what is
    empty."""
    match whole, part:
        case dict(), dict():
            return all(
                contains(whole[name], value) if name in whole else value in ({}, [])
                for name, value in part.items()
            )
        case list(), list():
            return len(whole) == len(part) and all(map(contains, whole, part))
        case _:
            return bool(whole == part)
