"""A document as the Kubernetes object it describes.

CustomResource     one of our kinds, valid
BrokenResource     one of our kinds that does not fit its model; what depends on it fails
Pod, ConfigMap, Secret    as far as compiling needs them
NotOurs            every other kind: manifest folders hold Deployments and Services too

A document without a readable kind and name is no object but a MALFORMED problem.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from microgateway_common.problems import ObjectRef, Problem, Reason, Severity, Subject
from microgateway_common.resources import registry
from microgateway_common.resources.errors import FieldError
from microgateway_common.resources.metadata import GROUP
from microgateway_common.resources.registry import (
    ForeignDocument,
    InvalidResource,
    Resource,
    UnidentifiedDocument,
    UnknownKind,
)

#: Group of the files of kustomize, which are no objects and need no name.
KUSTOMIZE = "kustomize.config.k8s.io"

#: `metadata.namespace` of a manifest that names none, as kubectl applies it.
DEFAULT_NAMESPACE = "default"

#: Kinds of the group that speak of the Kubernetes Gateway API, not of sidecars, and the internal
#: EnvoyConfiguration. They stand in exported manifests.
GATEWAY_API_KINDS = frozenset(
    {
        "AccessControlPolicy",
        "ContentSecurityPolicy",
        "CustomResponse",
        "CustomResponsePolicy",
        "EnvoyConfiguration",
        "EnvoyExtensionPolicy",
        "GatewayParameters",
    }
)

#: Kinds of the sidecar mode that may have no model yet. A reference to one is reported where it stands
#: (unsupported.py).
UNSUPPORTED_KINDS = frozenset(
    {
        "APIProtection",
        "AccessControl",
        "CSRFProtection",
        "EnvoyCluster",
        "EnvoyHTTPFilter",
        "GraphQL",
        "IdentityPropagation",
        "JWKS",
        "JWT",
        "OIDCProvider",
        "OIDCRelyingParty",
        "OpenAPI",
        "RedisProvider",
        "SessionHandling",
        "TokenExchange",
    }
)

Labels = Mapping[str, str]

#: The container that injection adds to a pod.
ENGINE_CONTAINER = "airlock-microgateway-engine"


@dataclass(frozen=True, slots=True)
class CustomResource:
    """created: seconds since the epoch, infinite when unknown (and so younger than any that is known).
    raw: the document; two that say the same in other words are one resource."""

    ref: ObjectRef
    generation: int
    created: float
    resource: Resource
    raw: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class BrokenResource:
    """raw: the document as it came, for what little can be read from it."""

    ref: ObjectRef
    generation: int
    created: float
    problems: tuple[Problem, ...]
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pod:
    """finished: its containers have ended and will not start again (phase Succeeded or Failed).
    has_engine: False for a pod that an API server made (it has a `uid`) without the engine's container,
    which is never added later; a manifest will be injected."""

    ref: ObjectRef
    labels: Labels
    annotations: Labels
    finished: bool
    has_engine: bool = True


@dataclass(frozen=True, slots=True)
class ConfigMap:
    ref: ObjectRef
    data: Mapping[str, str]
    binary_data: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Secret:
    """The values are kept out of every representation. withheld: they are unknown here, and empty."""

    ref: ObjectRef
    data: Mapping[str, bytes] = field(repr=False)
    withheld: bool = False


KubernetesObject = CustomResource | BrokenResource | Pod | ConfigMap | Secret


@dataclass(frozen=True, slots=True)
class NotOurs:
    """An object, or a file of a tool, that no configuration depends on."""


def read_object(subject: Subject, raw: Mapping[str, Any]) -> KubernetesObject | NotOurs | Problem:
    """What the document describes. subject: where it came from, to blame for what has no name yet."""
    match raw:
        case {"apiVersion": str(api_version)} if api_version.partition("/")[0] == GROUP:
            return _ours(subject, raw)
        case {"apiVersion": str(api_version)} if api_version.partition("/")[0] == KUSTOMIZE:
            return NotOurs()
        case {"apiVersion": str(api_version), "kind": str(kind), "metadata": dict(metadata)}:
            ref = _ref(kind, metadata)
        case _:
            return _missing(subject, raw)
    if ref is None:
        return _malformed(subject, "metadata.name", "a name", _shown(metadata.get("name")))
    match api_version, kind:
        case "v1", "Pod":
            return _pod(ref, raw, metadata)
        case "v1", "ConfigMap":
            return ConfigMap(ref, _strings(raw.get("data")), _decoded(raw.get("binaryData")))
        case "v1", "Secret":
            return _secret(ref, raw)
        case _:
            return NotOurs()


def _ref(kind: str, metadata: Mapping[str, Any]) -> ObjectRef | None:
    match metadata:
        case {"name": str(name), "namespace": str(namespace)} if name and namespace:
            return ObjectRef(kind, namespace, name)
        case {"name": str(name)} if name and metadata.get("namespace") in (None, ""):
            return ObjectRef(kind, DEFAULT_NAMESPACE, name)
        case _:
            return None


def _missing(subject: Subject, raw: Mapping[str, Any]) -> Problem:
    for name in ("apiVersion", "kind"):
        if not isinstance(raw.get(name), str):
            return _malformed(subject, name, "a string", _shown(raw.get(name)))
    return _malformed(subject, "metadata", "an object with a name", _shown(raw.get("metadata")))


def _ours(subject: Subject, raw: Mapping[str, Any]) -> CustomResource | BrokenResource | Problem:
    match registry.parse(raw):
        case UnidentifiedDocument(errors) | ForeignDocument(_, _, errors):
            return _malformed(subject, errors[0].path, errors[0].expected, errors[0].got)
        case UnknownKind(ref, errors):
            return _unknown_kind(ref, errors[0])
        case InvalidResource(ref, generation, errors):
            problems = tuple(Problem(ref, error.path, error.expected, error.got) for error in errors)
            return BrokenResource(ref, generation, _created(raw), problems, raw)
        case resource:
            return CustomResource(resource.ref, resource.metadata.generation, _created(raw), resource, raw)


def _unknown_kind(ref: ObjectRef, error: FieldError) -> Problem:
    """Only a kind that nobody knows is a mistake."""
    if ref.kind in GATEWAY_API_KINDS | UNSUPPORTED_KINDS:
        got = f"{ref.kind}, which has no effect yet"
        return Problem(ref, error.path, error.expected, got, Reason.NOT_SUPPORTED, Severity.WARNING)
    near = difflib.get_close_matches(ref.kind, registry.KINDS, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return Problem(ref, error.path, error.expected, f"{error.got}{hint}", Reason.UNKNOWN_KIND)


def _pod(ref: ObjectRef, raw: Mapping[str, Any], metadata: Mapping[str, Any]) -> Pod:
    match raw.get("status"):
        case {"phase": "Succeeded" | "Failed"}:
            finished = True
        case _:
            finished = False
    labels, annotations = _strings(metadata.get("labels")), _strings(metadata.get("annotations"))
    return Pod(ref, labels, annotations, finished, not metadata.get("uid") or _has_engine(raw.get("spec")))


def _has_engine(spec: object) -> bool:
    """In either list: a native sidecar is an init container."""
    if not isinstance(spec, dict):
        return False
    containers = (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))
    return any(
        isinstance(container, dict) and container.get("name") == ENGINE_CONTAINER for container in containers
    )


def _secret(ref: ObjectRef, raw: Mapping[str, Any]) -> Secret:
    """`stringData` wins over `data`, as in the API server."""
    plain = {key: value.encode() for key, value in _strings(raw.get("stringData")).items()}
    return Secret(ref, {**_decoded(raw.get("data")), **plain})


def _strings(value: object) -> dict[str, str]:
    """The string entries of a mapping; the API server lets no others through."""
    entries = value.items() if isinstance(value, dict) else ()
    return {key: text for key, text in entries if isinstance(text, str)}


def _decoded(value: object) -> dict[str, bytes]:
    """The base64 entries of a mapping."""
    decoded = {}
    for key, text in _strings(value).items():
        try:
            decoded[key] = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            continue
    return decoded


def _created(raw: Mapping[str, Any]) -> float:
    match raw:
        case {"metadata": {"creationTimestamp": str(text)}}:
            pass
        case _:
            return math.inf
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return math.inf
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _shown(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case str(text):
            return f'"{text[:60]}"'
        case dict():
            return "an object"
        case list():
            return "a list"
        case _:
            return str(value)[:60]


def _malformed(subject: Subject, where: str, expected: str, got: str) -> Problem:
    return Problem(subject, where, expected, got, reason=Reason.MALFORMED)
