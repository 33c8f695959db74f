"""JSON documents (RFC 8259), read once and flattened level by level, without recursion.

Names that repeat in one object are refused: which of the two counts differs from server to server
(RFC 8259 section 4), and an attack hides in the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple

import msgspec

from .document import Document, Json
from .errors import UnreadableError

Container = dict[str, Json] | list[Json]


class Index(NamedTuple):
    """A step into an array: position, and the length of the array, for JSONPath's negative indexes."""

    position: int
    length: int


_CONTAINERS: Final = (dict, list)

Step = str | Index


class Way:
    """Steps from the root to a node, shared with the way of the node above: in a deep document of many nodes,
    ways of their own would take memory by depth times number."""

    __slots__ = ("_above", "_step")

    def __init__(self, above: Location, step: Step) -> None:
        self._above = above
        self._step = step

    def __iter__(self) -> Iterator[Step]:
        steps: list[Step] = []
        way: Location = self
        while isinstance(way, Way):
            steps.append(way._step)
            way = way._above
        return chain(way, reversed(steps))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Way | tuple) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


#: The way from the root to a node: member names and array positions.
Location = tuple[Step, ...] | Way


class Node(NamedTuple):
    """A value with its way. key: the nearest enclosing member name, empty when there is none.
    named: whether the last step is a member name."""

    location: Location
    key: str
    named: bool
    value: Json


def parse_json(body: bytes) -> Document:
    """Raises UnreadableError: json_malformed, json_too_deep, json_duplicate_key."""
    return _checked(body, [body], _decode(body))


def parse_json_lines(body: bytes) -> Document:
    """A document a line (https://jsonlines.org), as one array of them. Raises as `parse_json`."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    return _checked(body, lines, [_decode(line) for line in lines])


def _decode(text: bytes) -> Json:
    try:
        root: Json = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableError("json_malformed", _reason(error)) from None
    except RecursionError:
        raise UnreadableError("json_too_deep", "JSON is nested deeper than can be read") from None
    return root


def _checked(body: bytes, texts: list[bytes], root: Json) -> Document:
    """texts: of the documents that the body consists of."""
    document = flatten(root)
    if _repeats_names(body, texts, document):
        raise UnreadableError("json_duplicate_key", "an object of the JSON body has the same key twice")
    return document


def flatten(root: Json) -> Document:
    """The root's types are those of the decoder, not subclasses of them."""
    names: list[str] = []
    values: list[str] = []
    depth = keys = elements = 0
    if type(root) is str:
        values.append(root)
    level: list[Container] = [root] if isinstance(root, _CONTAINERS) else []
    while level:
        depth += 1
        below: list[Container] = []
        for node in level:
            children: Iterable[Json]
            if type(node) is dict:
                names += node
                if len(node) > keys:
                    keys = len(node)
                children = node.values()
            else:
                assert type(node) is list
                if len(node) > elements:
                    elements = len(node)
                children = node
            for child in children:
                kind = type(child)
                if kind is str:
                    values.append(child)  # type: ignore[arg-type]
                elif kind is dict or kind is list:
                    below.append(child)  # type: ignore[arg-type]
        level = below
    return Document(root, names, values, "\n".join(values), depth, keys, elements)


def nodes(document: Document) -> Iterator[Node]:
    """Every node. Named ones come in the order of `Document.names`, strings in that of `values`."""
    root = Node((), "", False, document.root)
    yield root
    level = [root]
    while level:
        below: list[Node] = []
        for parent in level:
            children: list[Node] = []
            if isinstance(parent.value, dict):
                children = [
                    Node(Way(parent.location, name), name, True, child)
                    for name, child in parent.value.items()
                ]
            elif isinstance(parent.value, list):
                length = len(parent.value)
                children = [
                    Node(Way(parent.location, Index(at, length)), parent.key, False, child)
                    for at, child in enumerate(parent.value)
                ]
            yield from children
            below += [child for child in children if isinstance(child.value, dict | list)]
        level = below


def scalar_text(value: Json) -> str:
    """A value as matchers see it: strings as they are, containers as the empty string."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return ""
    return json.dumps(value)


def location_text(location: Location) -> str:
    """The normalized path of a location (RFC 9535 section 2.7), short names with a dot."""
    parts = ["$"]
    for step in location:
        if isinstance(step, Index):
            parts.append(f"[{step.position}]")
        elif step.isidentifier():
            parts.append(f".{step}")
        else:
            quoted = step.replace("\\", "\\\\").replace("'", "\\'")
            parts.append(f"['{quoted}']")
    return "".join(parts)


def _repeats_names(body: bytes, texts: list[bytes], document: Document) -> bool:
    """Each name has one colon in the text; those inside strings come off. What the decoder dropped
    leaves a colon too many."""
    if b"\\" in body and b"\\u003" in body:  # a colon may be written \u003a
        return _repeats_names_slowly(texts)
    left = body.count(b":") - len(document.names) - document.values_text.count(":")
    return left != 0 and left != "\n".join(document.names).count(":")


class _Repeated(Exception):  # noqa: N818 - a signal that does not leave this module
    pass


def _repeats_names_slowly(texts: list[bytes]) -> bool:
    def check(pairs: list[tuple[str, object]]) -> None:
        if len({name for name, _ in pairs}) != len(pairs):
            raise _Repeated

    try:
        for text in texts:
            json.loads(text, object_pairs_hook=check)
    except (_Repeated, RecursionError):
        return True
    return False


def _reason(error: Exception) -> str:
    """Why, without data of the request: the decoder's messages hold positions and kinds only."""
    if isinstance(error, UnicodeDecodeError):
        return f"JSON is not UTF-8 at byte {error.start}"
    return str(error)
