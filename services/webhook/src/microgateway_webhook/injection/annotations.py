"""What a pod's owner asks for, in annotations `sidecar.microgateway.airlock.com/…`."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from microgateway_common import settings
from microgateway_common.resources.amount import Amount, parse_amount

from . import names

#: Ports of each service mesh's own proxy in the pod (Istio: "Ports used by Istio", sidecar proxy).
MESH_PORTS: Mapping[str, frozenset[int]] = {
    "none": frozenset(),
    "istio": frozenset({15000, 15001, 15004, 15006, 15008, 15009, 15020, 15021, 15053, 15090}),
}

KNOWN = frozenset(
    {
        names.EXCLUDE_INBOUND_PORTS,
        names.SERVICE_MESH,
        names.ENGINE_LOG_LEVEL,
        names.REWRITE_PROBES,
        names.STATUS,
        *names.ENGINE_RESOURCES,
    }
)

_Value = TypeVar("_Value")

_BOOLEANS = {"true": True, "false": False}


class AnnotationError(ValueError):
    """The message names the annotation, what was expected and what came."""

    def __init__(self, annotation: str, problem: str) -> None:
        super().__init__(f"metadata.annotations[{annotation}]: {problem}")


@dataclass(frozen=True, slots=True)
class PodOptions:
    """excluded_ports: reach the application directly, unprotected.
    log_level: empty for the template's.
    resources: `("limits", "memory")` → what replaces the template's value.
    """

    excluded_ports: frozenset[int]
    log_level: str
    rewrite_probes: bool
    resources: Mapping[tuple[str, str], Amount]


def pod_options(annotations: Mapping[str, str]) -> PodOptions:
    """annotations: all of a pod's, by full name. Raises AnnotationError."""
    return PodOptions(
        excluded_ports=_ports(annotations) | _choice(annotations, names.SERVICE_MESH, "none", MESH_PORTS),
        log_level=_log_level(annotations),
        rewrite_probes=_choice(annotations, names.REWRITE_PROBES, "true", _BOOLEANS),
        resources=dict(_resources(annotations)),
    )


def unknown_annotations(annotations: Mapping[str, str]) -> Iterator[str]:
    """A warning for each annotation that has our prefix and no meaning."""
    for name in sorted(annotations):
        if name.startswith(names.PREFIX) and name not in KNOWN:
            near = difflib.get_close_matches(name, KNOWN, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            yield f"metadata.annotations[{name}]: expected a known annotation, got one without effect{hint}"


def _choice(annotations: Mapping[str, str], name: str, default: str, choices: Mapping[str, _Value]) -> _Value:
    given = annotations.get(name, default)
    if given not in choices:
        raise AnnotationError(name, f"expected one of {', '.join(choices)}, got {given[:64]!r}")
    return choices[given]


def _log_level(annotations: Mapping[str, str]) -> str:
    if names.ENGINE_LOG_LEVEL not in annotations:
        return ""
    return _choice(annotations, names.ENGINE_LOG_LEVEL, "", {level: level for level in settings.LOG_LEVELS})


def _ports(annotations: Mapping[str, str]) -> frozenset[int]:
    text = annotations.get(names.EXCLUDE_INBOUND_PORTS, "")
    if not text.strip():
        return frozenset()
    return frozenset(_port(item.strip()) for item in text.split(","))


def _port(digits: str) -> int:
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 5 and 1 <= int(digits) <= 65535):
        problem = f"expected port numbers from 1 to 65535, separated by commas, got {digits[:64]!r}"
        raise AnnotationError(names.EXCLUDE_INBOUND_PORTS, problem)
    return int(digits)


def _resources(annotations: Mapping[str, str]) -> Iterator[tuple[tuple[str, str], Amount]]:
    for name, place in names.ENGINE_RESOURCES.items():
        if name in annotations:
            try:
                yield place, parse_amount(annotations[name])
            except ValueError as error:
                raise AnnotationError(name, str(error)) from error
