"""The structural schema of a model, as Kubernetes wants it and as the reference documents it.

Structural means: every node has one type, there is no `$ref`, and alternatives never carry types
(kubernetes.io, Extend the Kubernetes API with CustomResourceDefinitions, "Specifying a structural schema").
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from .duration import Duration
from .quantity import Quantity

Schema = dict[str, Any]

#: What a node keeps besides its children. `additionalProperties: false` is implied: the API server prunes.
KEPT = (
    "type",
    "description",
    "enum",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "oneOf",
    "not",
    "x-kubernetes-int-or-string",
)


def structural_schema(model: type[BaseModel]) -> Schema:
    """Schema of the manifests that the model accepts, as far as a schema can know."""
    whole = model.model_json_schema(schema_generator=_WithTextDefaults)
    return _structural(whole, whole.get("$defs", {}))


class _WithTextDefaults(GenerateJsonSchema):
    """Writes default quantities and durations as manifests do."""

    def encode_default(self, dft: Any) -> Any:
        return dft.text if isinstance(dft, Quantity | Duration) else super().encode_default(dft)


def _structural(node: Schema, definitions: dict[str, Schema]) -> Schema:
    if "$ref" in node:
        node = {**definitions[node["$ref"].rpartition("/")[2]], **node}
    kept: Schema = {key: node[key] for key in KEPT if key in node}
    if "const" in node:
        kept["enum"] = [node["const"]]
    if node.get("default") is not None and not isinstance(node["default"], list | dict):
        kept["default"] = node["default"]
    if "items" in node:
        kept["items"] = _structural(node["items"], definitions)
    if "required" in node:
        kept["required"] = sorted(node["required"])
    if "properties" in node:
        kept["properties"] = {
            name: _structural(child, definitions) for name, child in sorted(node["properties"].items())
        }
    if isinstance(values := node.get("additionalProperties"), dict):
        # Values of any kind have the empty schema, which a structural schema writes differently.
        if described := _structural(values, definitions):
            kept["additionalProperties"] = described
        else:
            kept["x-kubernetes-preserve-unknown-fields"] = True
    return kept
