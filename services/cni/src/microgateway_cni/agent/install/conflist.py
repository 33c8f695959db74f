"""A network configuration's bytes with our entry in or out of it. Pure.

The primary plugin's owner compares and rewrites its file, and people read it. So every byte that is not ours
stays: the entry is put as text after the last plugin, and taking it out gives back the very bytes.

    {"plugins": [ {"type": "calico"}            ]}
                                    ▲ , {"type": "microgateway-cni", …}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from microgateway_cni.plugin.request import VERSIONS

Entry = Mapping[str, Any]

_decoder = json.JSONDecoder()
_BLANKS = " \t\n\r"


class ConflistError(ValueError):
    """What the file was expected to hold, and what it does."""


@dataclass(frozen=True, slots=True)
class _Plugin:
    """One element of `plugins`: text[start:end]."""

    start: int
    end: int
    value: Any

    def has_type(self, type_: object) -> bool:
        return isinstance(self.value, dict) and self.value.get("type") == type_


def insert(entry: Entry, existing: bytes) -> bytes:
    """The configuration list with this entry in the chain, once; the same bytes when it is there already.

    An entry that is there and different is replaced. Raises ConflistError.
    """
    text = _text(existing)
    plugins = _plugins(text)
    ours = [plugin for plugin in plugins if plugin.has_type(entry["type"])]
    if len(ours) == 1 and ours[0].value == entry and ours[0] is not plugins[0]:
        return existing
    text = _remove(entry["type"], text)
    plugins = _plugins(text)
    if not plugins:
        raise ConflistError("plugins: expected a primary plugin to chain behind, got none")
    last = plugins[-1]
    blanks = _blanks_before(text, last.start)
    return (text[: last.end] + "," + blanks + json.dumps(entry) + text[last.end :]).encode()


def remove(type_: str, existing: bytes) -> bytes:
    """The configuration list without entries of this type. Raises ConflistError."""
    return _remove(type_, _text(existing)).encode()


def wrap(entry: Entry, existing: bytes) -> bytes:
    """A list of the one plugin that a `.conf` file holds, and our entry. Raises ConflistError."""
    configuration = _object(_text(existing))
    version, name = configuration.get("cniVersion"), configuration.get("name")
    _require_version(version)
    if not isinstance(name, str) or not isinstance(configuration.get("type"), str):
        raise ConflistError("expected a plugin's configuration with name and type")
    primary = {key: value for key, value in configuration.items() if key not in ("cniVersion", "name")}
    return chain(name, str(version), [primary, entry])


def chain(name: str, version: str, plugins: list[Entry]) -> bytes:
    """A configuration list of its own."""
    return json.dumps({"cniVersion": version, "name": name, "plugins": plugins}, indent=2).encode() + b"\n"


def _remove(type_: object, text: str) -> str:
    while True:
        plugins = _plugins(text)
        for index, plugin in enumerate(plugins):
            if not plugin.has_type(type_):
                continue
            if index > 0:
                text = text[: plugins[index - 1].end] + text[plugin.end :]
            elif len(plugins) > 1:
                text = text[: plugin.start] + text[plugins[1].start :]
            else:
                text = text[: plugin.start] + text[plugin.end :]
            break
        else:
            return text


def _plugins(text: str) -> list[_Plugin]:
    found: list[tuple[int, Any]] = []
    version: object = None
    for key, start, value in _members(text):
        if key == "plugins":
            found.append((start, value))
        if key == "cniVersion":
            version = value
    _require_version(version)
    if len(found) != 1 or not isinstance(found[0][1], list):
        raise ConflistError(f"expected one list `plugins`, got {len(found)} fields of that name or no list")
    return list(_elements(text, found[0][0]))


def _members(text: str) -> Iterator[tuple[str, int, Any]]:
    """Key, where its value begins, value; of the object that is the whole text."""
    _object(text)
    at = _skip(text, 0) + 1
    while text[at := _skip(text, at)] != "}":
        if text[at] == ",":
            at = _skip(text, at + 1)
        key, at = _decoder.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        value, at = _decoder.raw_decode(text, start)
        yield key, start, value


def _elements(text: str, start: int) -> Iterator[_Plugin]:
    at = start + 1
    while text[at := _skip(text, at)] != "]":
        if text[at] == ",":
            at = _skip(text, at + 1)
        value, end = _decoder.raw_decode(text, at)
        yield _Plugin(at, end, value)
        at = end


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConflistError(f"expected JSON, got: {error}") from error
    if not isinstance(found, dict):
        raise ConflistError(f"expected an object, got {type(found).__name__}")
    return found


def _text(existing: bytes) -> str:
    try:
        return existing.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConflistError(f"expected UTF-8, got: {error}") from error


def _require_version(version: object) -> None:
    if version not in VERSIONS:
        raise ConflistError(f"cniVersion: expected one of {', '.join(VERSIONS)}, got {version!r}")


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at


def _blanks_before(text: str, at: int) -> str:
    start = at
    while text[start - 1] in _BLANKS:
        start -= 1
    return text[start:at] or " "
