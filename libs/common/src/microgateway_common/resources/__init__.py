"""The custom resources as users write them: a file a kind, and what the kinds are built from.

registry     the kinds; `parse` makes a resource, or a failure, of any document
document     refuses what is not JSON        errors    names field, expected and got
schema       structural schemas of the kinds, for errors, crd and pages
crd, pages   CustomResourceDefinitions and the reference, which scripts/ write
base, one_of, matching, reference, text, json_path, quantity, duration, tls, metadata
             the building blocks of the kinds

Every limit, default and enumeration is that of the CRD of the same name; every field says in its
description what it does, which is the user documentation.
"""

from __future__ import annotations

from .errors import FieldError
from .registry import (
    KINDS,
    ForeignDocument,
    InvalidResource,
    ParseFailure,
    Resource,
    UnidentifiedDocument,
    UnknownKind,
    kind_schema,
    parse,
)

__all__ = [
    "KINDS",
    "FieldError",
    "ForeignDocument",
    "InvalidResource",
    "ParseFailure",
    "Resource",
    "UnidentifiedDocument",
    "UnknownKind",
    "kind_schema",
    "parse",
]
