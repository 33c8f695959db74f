"""What an object refers to. Every reference stays within the object's namespace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from microgateway_common.problems import ObjectRef, Problem, Reason, Severity

#: Field → the kind that it names.
KINDS = {
    "contentSecurityRef": "ContentSecurity",
    "denyRulesRef": "DenyRules",
    "headerRewritesRef": "HeaderRewrites",
    "limitsRef": "Limits",
    "parserRef": "Parser",
    "telemetryRef": "Telemetry",
}


def references(namespace: str, raw: dict[str, Any]) -> dict[str, ObjectRef]:
    """Field path of each reference → what it names."""
    return dict(_walk("spec", raw.get("spec"), namespace))


def nothing_there(subject: ObjectRef, field: str, target: ObjectRef) -> Problem:
    """The warning about a reference to what does not exist (yet)."""
    expected = f"a {target.kind} named {target.name} in namespace {target.namespace}"
    return Problem(subject, field, expected, "none yet", Reason.DANGLING_REFERENCE, Severity.WARNING)


def _walk(path: str, value: Any, namespace: str) -> Iterator[tuple[str, ObjectRef]]:
    match value:
        case dict():
            for key, inner in value.items():
                match inner:
                    case {"name": str(name)} if key in KINDS and name:
                        yield f"{path}.{key}.name", ObjectRef(KINDS[key], namespace, name)
                    case _:
                        yield from _walk(f"{path}.{key}", inner, namespace)
        case list():
            for position, inner in enumerate(value):
                yield from _walk(f"{path}[{position}]", inner, namespace)
