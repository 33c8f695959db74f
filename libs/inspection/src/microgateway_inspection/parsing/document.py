"""A JSON document, flat."""

from __future__ import annotations

from msgspec import Struct

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


class Document(Struct):
    """root: the document. names: every member name, values: every string, in the order of `nodes`.
    values_text: the values, one a line.

    depth: levels of nested containers, 0 for a scalar. keys: members of the largest object.
    elements: entries of the longest array.
    """

    root: Json
    names: list[str]
    values: list[str]
    values_text: str
    depth: int
    keys: int
    elements: int
