"""The reference of the kinds as Markdown: a page a kind, and an index with the shared objects."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from .base import Model
from .matching import RequestConditions, StringMatcher
from .metadata import API_VERSION
from .registry import KINDS, kind_schema
from .schema import Schema, structural_schema

#: Objects that occur in many places, by the field they occur under; described once, in the index.
SHARED: dict[str, type[Model]] = {"matcher": StringMatcher, "requestConditions": RequestConditions}

_HEADER = "| Field | Type | Default | Bounds | Description |\n|---|---|---|---|---|\n"
_WORD_START = re2.compile(r"([a-z])([A-Z])")

_CONVENTIONS = """\
Every field of a manifest, its type, its default and its bounds. `[]` marks the items of a list, `<key>` the
keys of a free object. *required* means: within the object it belongs to. Unknown fields and `null` are
refused, and nothing is converted: `"5"` is no integer.

- **quantity**: bytes as a Kubernetes quantity, `8192`, `100Ki`, `1.5M`; fractions are rounded up.
- **duration**: as Go writes it, `5m`, `1m30s`, `100ms`.
- **one of**: an object with exactly one of its keys.
"""


def pages() -> dict[str, str]:
    """Text of each page by its file name."""
    return {"README.md": _index(), **{page_name(kind): _page(kind) for kind in KINDS}}


def page_name(kind: str) -> str:
    """`DenyRules` → `deny-rules.md`."""
    name: str = _WORD_START.sub(r"\1-\2", kind).lower()
    return f"{name}.md"


def _index() -> str:
    kinds = "".join(f"- [{kind}]({page_name(kind)}): {_summary(kind)}\n" for kind in KINDS)
    shared = "".join(_section(model.__name__, structural_schema(model)) for model in SHARED.values())
    return f"# Reference\n\nThe kinds of `{API_VERSION}`.\n\n{kinds}\n{_CONVENTIONS}{shared}"


def _section(name: str, schema: Schema) -> str:
    return f"\n## {name}\n\n{schema['description']}\n\n{_HEADER}{''.join(_rows(schema, ''))}"


def _page(kind: str) -> str:
    spec = kind_schema(kind)["properties"]["spec"]
    return (
        f"# {kind}\n\n{_summary(kind)}\n\n"
        f"`{API_VERSION}`, plural `{KINDS[kind].PLURAL}`, namespaced. "
        f"How to read the table: [conventions](README.md).\n\n"
        f"{_HEADER}{''.join(_rows(spec, 'spec.'))}"
    )


def _summary(kind: str) -> str:
    summary: str = kind_schema(kind)["description"]
    return summary


def _rows(schema: Schema, prefix: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, node in schema.get("properties", {}).items():
        item = node.get("items", node)
        path = f"{prefix}{name}{'' if item is node else '[]'}"
        default = "*required*" if name in required else _default(node)
        cells = (f"`{path}`", _type(name, node, prefix), default, _bounds(node, item), node["description"])
        yield f"| {' | '.join(_escaped(cell) for cell in cells)} |\n"
        if "additionalProperties" in node:
            yield f"| `{path}.<key>` | {node['additionalProperties']['type']} | | | |\n"
        if not _is_shared(name, prefix):
            yield from _rows(item, f"{path}.")


def _is_shared(name: str, prefix: str) -> bool:
    return name in SHARED and prefix != ""


def _type(name: str, node: Schema, prefix: str) -> str:
    if _is_shared(name, prefix):
        shared = SHARED[name].__name__
        return f"[{shared}](README.md#{shared.lower()})"
    if "items" in node:
        return f"list of {_type(name, node['items'], prefix)}s"
    if "x-kubernetes-int-or-string" in node:
        return "quantity"
    if "x-kubernetes-preserve-unknown-fields" in node:
        return "free object"
    if node.get("minProperties") == 1 and node.get("maxProperties") == 1:
        return "one of"
    return "duration" if node.get("format") == "duration" else str(node["type"])


def _default(node: Schema) -> str:
    match node.get("default"):
        case None:
            return ""
        case bool() as flag:
            return f"`{str(flag).lower()}`"
        case value:
            return f"`{value}`"


def _bounds(node: Schema, item: Schema) -> str:
    bounds = [
        _range(node.get("minItems"), node.get("maxItems"), " items"),
        _range(item.get("minimum"), item.get("maximum"), ""),
        _range(item.get("minLength"), item.get("maxLength"), " characters"),
        ", ".join(f"`{choice}`" for choice in item.get("enum", ())),
        f"matches `{item['pattern']}`" if "pattern" in item and "type" in item else "",
    ]
    return "; ".join(bound for bound in bounds if bound)


def _range(least: int | None, most: int | None, unit: str) -> str:
    match least, most:
        case None, None:
            return ""
        case None | 0, int():
            return f"at most {most}{unit}"
        case _, None:
            return f"at least {least}{unit}"
        case _:
            return f"{least} to {most}{unit}"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
