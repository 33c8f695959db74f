"""The CustomResourceDefinition of a kind (apiextensions.k8s.io/v1)."""

from __future__ import annotations

from typing import Any

from .metadata import GROUP, VERSION
from .registry import KINDS, kind_schema
from .schema import Schema

_CONDITION: Schema = {
    "description": "One aspect of the state of the object.",
    "type": "object",
    "required": ["lastTransitionTime", "status", "type"],
    "properties": {
        "lastTransitionTime": {
            "description": "When the status of the condition changed last.",
            "type": "string",
            "format": "date-time",
        },
        "message": {
            "description": "What is the case, for people.",
            "type": "string",
            "maxLength": 32768,
        },
        "observedGeneration": {
            "description": "The metadata.generation the condition speaks of.",
            "type": "integer",
            "format": "int64",
            "minimum": 0,
        },
        "reason": {
            "description": "What is the case, for programs.",
            "type": "string",
            "minLength": 1,
            "maxLength": 1024,
            "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        },
        "status": {
            "description": "Whether the condition holds.",
            "type": "string",
            "enum": ["True", "False", "Unknown"],
        },
        "type": {
            "description": "Name of the condition.",
            "type": "string",
            "maxLength": 316,
            "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
            r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
        },
    },
}

_STATUS: dict[str, Schema] = {
    "conditions": {
        "description": "The state of the object, aspect by aspect.",
        "type": "array",
        "maxItems": 8,
        "items": _CONDITION,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    },
    "observedGeneration": {
        "description": "The metadata.generation the status speaks of.",
        "type": "integer",
        "format": "int64",
        "minimum": 0,
    },
    "status": {
        "description": "The state in one word: Active, Warning (applied with remarks), Error (not applied).",
        "type": "string",
        "enum": ["Active", "Warning", "Error"],
    },
}


def _pods(description: str, **fields: str) -> Schema:
    texts = {
        # 253: RFC 1123 as Kubernetes has it, for the names of pods too.
        name: {"description": text, "type": "string", "maxLength": 253}
        for name, text in fields.items()
    }
    item = {"description": "A pod.", "type": "object", "required": ["name"], "properties": texts}
    return {"description": description, "type": "array", "maxItems": 256, "items": item}


_GATEWAY_STATUS: dict[str, Schema] = {
    "ackedPods": {
        "description": "Number of pods whose engine runs the published configuration.",
        "type": "integer",
        "minimum": 0,
    },
    "configHash": {
        "description": "Digest of the published configuration.",
        "type": "string",
        "maxLength": 128,
    },
    "outdatedPods": {
        "description": "Number of pods whose engine is of another version than the reconciler.",
        "type": "integer",
        "minimum": 0,
    },
    "pods": _pods(
        "The pods this gateway protects.",
        engineVersion="Version of its engine, once that has said something.",
        envoyConfig="Not written; part of the interface.",
        name="Name of the pod.",
        sessionAgentSecret="Not written; part of the interface.",
    ),
    "totalPods": {
        "description": "Number of pods this gateway protects.",
        "type": "integer",
        "minimum": 0,
    },
    "unmanagedPods": _pods(
        "Pods this gateway selects but does not protect.",
        managedBy="SidecarGateway that protects the pod instead.",
        name="Name of the pod.",
        sessionAgentSecret="Not written; part of the interface.",
    ),
    "unprotectedPods": _pods(
        "Pods this gateway selects that have no engine; nothing protects them until they are created again.",
        name="Name of the pod.",
    ),
}


def definition(kind: str) -> dict[str, Any]:
    """The manifest that makes an API server serve the kind. kind: a key of `KINDS`."""
    plural = KINDS[kind].PLURAL
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "categories": ["microgateway"],
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": _columns(kind),
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": _manifest_schema(kind)},
                }
            ],
        },
    }


def _columns(kind: str) -> list[Schema]:
    """What `kubectl get` shows besides the name."""
    programmed = '.status.conditions[?(@.type=="Programmed")].status'
    pods = [
        {"name": "In Sync", "type": "integer", "jsonPath": ".status.ackedPods"},
        {"name": "Pods", "type": "integer", "jsonPath": ".status.totalPods"},
        {"name": "Outdated", "type": "integer", "jsonPath": ".status.outdatedPods", "priority": 1},
    ]
    return [
        {"name": "Status", "type": "string", "jsonPath": ".status.status"},
        {"name": "Programmed", "type": "string", "jsonPath": programmed},
        *(pods if kind == "SidecarGateway" else ()),
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]


def _manifest_schema(kind: str) -> Schema:
    whole = kind_schema(kind)
    status = _STATUS | _GATEWAY_STATUS if kind == "SidecarGateway" else _STATUS
    required = {"required": ["spec"]} if "spec" in whole["required"] else {}
    return {
        "description": whole["description"],
        "type": "object",
        **required,
        "properties": {
            "apiVersion": {"description": "Version of the schema of the object.", "type": "string"},
            "kind": {"description": "Kind of the object.", "type": "string"},
            "metadata": {"type": "object"},
            "spec": whole["properties"]["spec"],
            "status": {
                "description": "The state of the object; written by the reconciler.",
                "type": "object",
                "properties": dict(sorted(status.items())),
            },
        },
    }
