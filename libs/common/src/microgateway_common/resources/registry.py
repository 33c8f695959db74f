"""The kinds, and how a document becomes one of them.

    mapping ── json_errors ──► JSON ── kind ──► model ──► Resource
                   └──────────────────┴───────────┴─────► ParseFailure

A new kind is a file beside this one and a line in `Resource`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args

from msgspec import Struct
from pydantic import ConfigDict, ValidationError

from microgateway_common.problems import ObjectRef

from .base import Model, quoted, type_name
from .content_security import ContentSecurity
from .deny_rules import DenyRules
from .document import INTEGERS, json_errors
from .errors import FieldError, field_errors
from .header_rewrites import HeaderRewrites
from .limits import Limits
from .metadata import API_VERSION, GROUP, Identity
from .parser import Parser
from .schema import Schema, structural_schema
from .sidecar_gateway import SidecarGateway
from .telemetry import Telemetry

Resource = (
    SidecarGateway
    | ContentSecurity
    | DenyRules
    | Limits
    | HeaderRewrites
    | Parser
    | Telemetry
)  # fmt: skip

#: Every kind by its name.
KINDS: dict[str, type[Resource]] = {kind.__name__: kind for kind in get_args(Resource)}


class ForeignDocument(Struct, frozen=True, tag="foreign"):
    """An object of another group, none of our business."""

    api_version: str
    kind: str
    errors: tuple[FieldError, ...]


class UnidentifiedDocument(Struct, frozen=True, tag="unidentified"):
    """No kind or no usable name: what it should be cannot be told."""

    errors: tuple[FieldError, ...]


class UnknownKind(Struct, frozen=True, tag="unknownKind"):
    """An object of our group whose kind is not one of `KINDS`."""

    ref: ObjectRef
    errors: tuple[FieldError, ...]


class InvalidResource(Struct, frozen=True, tag="invalid"):
    """One of our objects with wrong fields. generation: as far as it can be read, else 0."""

    ref: ObjectRef
    generation: int
    errors: tuple[FieldError, ...]


ParseFailure = ForeignDocument | UnidentifiedDocument | UnknownKind | InvalidResource


def parse(document: object) -> Resource | ParseFailure:
    """The resource of a document, usually a mapping. Never raises, whatever it is."""
    if not isinstance(document, Mapping):
        return UnidentifiedDocument((FieldError("", "an object", type_name(document)),))
    written = {key: value for key, value in document.items() if key != "status"}
    api_version, kind = written.get("apiVersion"), written.get("kind")
    if not isinstance(api_version, str):
        return UnidentifiedDocument((FieldError("apiVersion", API_VERSION, _given(api_version)),))
    if not isinstance(kind, str):
        return UnidentifiedDocument((FieldError("kind", _known_kinds(), _given(kind)),))
    if api_version.partition("/")[0] != GROUP:
        return ForeignDocument(
            api_version, kind, (FieldError("apiVersion", API_VERSION, quoted(api_version)),)
        )
    try:
        identity = _Document.model_validate(written).metadata
    except ValidationError as error:
        return UnidentifiedDocument(field_errors(error, _document_schema()))
    ref = ObjectRef(kind, identity.namespace, identity.name)
    if kind not in KINDS:
        return UnknownKind(ref, (FieldError("kind", _known_kinds(), quoted(kind)),))
    generation = _generation(document)
    if malformed := json_errors(written):
        return InvalidResource(ref, generation, tuple(malformed))
    try:
        return KINDS[kind].model_validate(written)
    except ValidationError as error:
        return InvalidResource(ref, generation, field_errors(error, kind_schema(kind)))


@cache
def kind_schema(kind: str) -> Schema:
    """Structural schema of a kind's whole manifest. kind: a key of `KINDS`."""
    return structural_schema(KINDS[kind])


class _Document(Model):
    """As much of a document as says who it is."""

    model_config = ConfigDict(extra="ignore")

    metadata: Identity


@cache
def _document_schema() -> Schema:
    return structural_schema(_Document)


def _generation(document: Mapping[str, Any]) -> int:
    match document["metadata"].get("generation"):
        case bool():
            return 0
        case int() as generation if generation in INTEGERS:
            return generation
        case _:
            return 0


def _known_kinds() -> str:
    return f"one of {', '.join(sorted(KINDS))}"


def _given(value: object) -> str:
    return "nothing" if value is None else type_name(value)
