"""One YAML document as plain values: dict, list, str, int, float, bool, None.

Built from libyaml's events and without recursion, so that size, depth and alias expansion are bounded
while reading and not after the damage. Differences from YAML 1.1 are those of Kubernetes, which knows
JSON's types only: keys are strings, timestamps stay text, sexagesimal numbers do not exist, infinite
numbers are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

#: Deeper than any manifest; a Kubernetes schema of our kinds nests less than 20.
MAX_DEPTH = 100

#: Values of one document with its aliases expanded. A manifest of 1 MiB has some 50,000.
MAX_VALUES = 500_000

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*|0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_TAG = "tag:yaml.org,2002:"

#: A mapping key that merges other mappings into this one (yaml.org/type/merge.html).
_MERGE = "<<"


class YamlError(Exception):
    """The text is no document that we read. line: 1-based within the text."""

    def __init__(self, line: int, expected: str, got: str) -> None:
        super().__init__(f"line {line}: expected {expected}, got {got}")
        self.line = line
        self.expected = expected
        self.got = got


class NothingThere(Exception):  # noqa: N818 - an outcome, not an error
    """The document is empty, or has comments only."""


@dataclass(frozen=True, slots=True)
class Value:
    """A document's root. lines: 1-based first line of each mapping and list near the root, by `id`."""

    root: Any
    line: int
    lines: dict[int, int]


def read_value(text: str) -> Value:
    """Read one document. Raises YamlError, NothingThere."""
    try:
        return _Builder().build(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # libyaml sees the end of the text on a line of its own.
        line = 1 if mark is None else min(mark.line, text.count("\n")) + 1
        raise YamlError(line, "YAML", error.problem or "a syntax error") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if isinstance(error.position, int) else 1
        raise YamlError(line, "printable text", error.reason) from None
    except UnicodeEncodeError as error:
        raise YamlError(text.count("\n", 0, error.start) + 1, "Unicode text", "a lone surrogate") from None


@dataclass(slots=True)
class _Open:
    """A collection that is being read. weight: values in it so far, aliases expanded."""

    value: dict[str, Any] | list[Any]
    anchor: str | None
    weight: int = 1
    key: str | None = None
    merges: list[Any] = field(default_factory=list)


class _Builder:
    """Puts values together, event by event."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._lines: dict[int, int] = {}
        self._values = 0
        self._roots: list[tuple[Any, int]] = []

    def build(self, events: Iterator[yaml.Event]) -> Value:
        for event in events:
            line = event.start_mark.line + 1 if event.start_mark else 1
            match event:
                case yaml.ScalarEvent():
                    self._scalar(event, line)
                case yaml.AliasEvent():
                    self._alias(event, line)
                case yaml.MappingStartEvent():
                    self._start({}, event, "map", line)
                case yaml.SequenceStartEvent():
                    self._start([], event, "seq", line)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._end(line)
        match self._roots:
            case []:
                raise NothingThere
            case [(root, line)]:
                return Value(root, line, self._lines)
            case [_, (_, line), *_]:
                raise YamlError(line, "one document", "another without `---` before it")
        raise AssertionError(self._roots)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        if self._expects_key():
            self._key(event.value, plain=not event.style, line=line)
            return
        value = _scalar_value(event, line)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        is_nothing = not self._open and value is None and event.value == ""
        if not is_nothing:
            self._add(value, 1, line)

    def _alias(self, event: yaml.AliasEvent, line: int) -> None:
        if event.anchor not in self._anchors:
            raise YamlError(line, "an alias of a finished anchor", f"*{event.anchor}")
        value, weight = self._anchors[event.anchor]
        if self._expects_key():
            if not isinstance(value, str):
                raise YamlError(line, "a string as key", f"the alias *{event.anchor}")
            self._key(value, plain=False, line=line)
            return
        self._add(value, weight, line)

    def _start(
        self, value: dict[str, Any] | list[Any], event: yaml.CollectionStartEvent, tag: str, line: int
    ) -> None:
        if event.tag not in (None, "!", _TAG + tag):
            raise YamlError(line, "no YAML tag", event.tag)
        if self._expects_key():
            raise YamlError(line, "a string as key", "a mapping or list")
        if len(self._open) >= MAX_DEPTH:
            raise YamlError(line, f"at most {MAX_DEPTH} levels of nesting", "more")
        if len(self._open) <= 2:  # a List, its items, and one item
            self._lines[id(value)] = line
        self._open.append(_Open(value, event.anchor))

    def _end(self, line: int) -> None:
        done = self._open.pop()
        for source in done.merges:
            _merge(done.value, source)
        if done.anchor:
            self._anchors[done.anchor] = (done.value, done.weight)
        # The values inside were counted when they were added.
        self._values -= done.weight - 1
        self._add(done.value, done.weight, self._lines.get(id(done.value), line))

    def _expects_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].value, dict) and self._open[-1].key is None

    def _key(self, key: str, *, plain: bool, line: int) -> None:
        top = self._open[-1]
        is_merge = plain and key == _MERGE
        if not is_merge and key in top.value:
            raise YamlError(line, "each key once", f"{key!r} twice")
        top.key = key
        if is_merge:
            top.merges.append(None)

    def _add(self, value: Any, weight: int, line: int) -> None:
        self._values += weight
        if self._values > MAX_VALUES:
            raise YamlError(line, f"at most {MAX_VALUES} values after expansion of aliases", "more")
        if not self._open:
            self._roots.append((value, line))
            return
        top = self._open[-1]
        top.weight += weight
        if isinstance(top.value, list):
            top.value.append(value)
            return
        assert top.key is not None
        if top.merges and top.merges[-1] is None and top.key == _MERGE:
            top.merges[-1:] = _merge_sources(value, line)
        else:
            top.value[top.key] = value
        top.key = None


def _merge_sources(value: Any, line: int) -> list[dict[str, Any]]:
    sources = value if isinstance(value, list) else [value]
    if not all(isinstance(source, dict) for source in sources):
        raise YamlError(line, "a mapping, or a list of mappings, to merge", "another value")
    return sources


def _merge(target: dict[str, Any] | list[Any], source: dict[str, Any]) -> None:
    assert isinstance(target, dict)
    for key, value in source.items():
        target.setdefault(key, value)


def _scalar_value(event: yaml.ScalarEvent, line: int) -> Any:
    text = event.value
    match event.tag:
        case None if event.implicit[0]:
            return _resolve(text, line)
        case None | "!" | "tag:yaml.org,2002:str":
            return text
        case (
            "tag:yaml.org,2002:int"
            | "tag:yaml.org,2002:float"
            | "tag:yaml.org,2002:bool"
            | ("tag:yaml.org,2002:null")
        ):
            return _resolve(text, line)
        case tag:
            raise YamlError(line, "no YAML tag", tag)


def _resolve(text: str, line: int) -> Any:
    """The value of a plain scalar."""
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.match(text):
        return _integer(text, line)
    if _FLOAT.match(text):
        return _float(text, line)
    if _NOT_FINITE.match(text):
        raise YamlError(line, "a finite number", "an infinite one or none")
    return text


def _float(text: str, line: int) -> float | int:
    """Whole numbers become integers, as on the way through Kubernetes' JSON."""
    number = float(text)
    if not math.isfinite(number):
        raise YamlError(line, "a number in the range of a double", "a larger one")
    is_exact = abs(number) <= 2**53
    return int(number) if is_exact and number.is_integer() else number


def _integer(text: str, line: int) -> int:
    digits = text.replace("_", "")
    unsigned = digits.lstrip("+-")
    is_octal = len(unsigned) > 1 and unsigned[0] == "0" and unsigned[1] in "01234567"
    try:
        return int(digits, 8) if is_octal else int(digits, 0)
    except ValueError:
        raise YamlError(line, "a number", f"one of {len(text)} characters") from None
