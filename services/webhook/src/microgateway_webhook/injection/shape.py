"""Whether a mapping is enough of a Pod to work on. The API server guarantees it; a file does not."""

from __future__ import annotations

from typing import Any


class ShapeError(ValueError):
    """The message names the field, what was expected and what came."""


def check_shape(pod: dict[str, Any]) -> None:
    """Raises ShapeError for the first field of the wrong type among those that injection reads."""
    metadata, spec = _object(pod, "", "metadata"), _object(pod, "", "spec")
    for field in ("labels", "annotations"):
        for key, value in (_object(metadata, "metadata.", field)).items():
            if not isinstance(value, str):
                raise _wrong(f"metadata.{field}[{key}]", "a string", value)
    if not spec.get("containers"):
        raise _wrong("spec.containers", "a list of at least one container", spec.get("containers"))
    for field in ("containers", "initContainers", "ephemeralContainers"):
        for path, container in _named(spec, "spec.", field):
            for inner in ("ports", "env"):
                for position, each in enumerate(_list(container, f"{path}.", inner)):
                    if not isinstance(each, dict):
                        raise _wrong(f"{path}.{inner}[{position}]", "an object", each)
            for inner in ("securityContext", "lifecycle"):
                _object(container, f"{path}.", inner)
    for _ in _named(spec, "spec.", "volumes"):
        pass
    _object(spec, "spec.", "securityContext")
    _object(spec, "spec.", "nodeSelector")
    grace = spec.get("terminationGracePeriodSeconds")
    if not (grace is None or (isinstance(grace, int) and grace >= 0)):
        raise _wrong("spec.terminationGracePeriodSeconds", "seconds", grace)


def _named(parent: dict[str, Any], prefix: str, field: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for position, each in enumerate(_list(parent, prefix, field)):
        path = f"{prefix}{field}[{position}]"
        if not (isinstance(each, dict) and isinstance(each.get("name"), str)):
            raise _wrong(path, "an object with a name", each)
        found.append((path, each))
    return found


def _object(parent: dict[str, Any], prefix: str, field: str) -> dict[str, Any]:
    value = parent.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(prefix + field, "an object", value)
    return value


def _list(parent: dict[str, Any], prefix: str, field: str) -> list[Any]:
    value = parent.get(field)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(prefix + field, "a list", value)
    return value


def _wrong(field: str, expected: str, value: object) -> ShapeError:
    got = "nothing" if value in (None, []) else type(value).__name__
    return ShapeError(f"{field}: expected {expected}, got {got}")
