"""The difference between two JSON values as a JSON Patch (RFC 6902): add, remove, replace.

Lists of named things (containers, volumes, variables) are compared by name, so that what is put in
front of others appears as one `add` and not as a change of everything behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Operation = dict[str, Any]


def difference(before: Any, after: Any) -> list[Operation]:
    """Operations that make `after` of `before`, in order; none when they are equal."""
    return list(_between("", before, after))


def _between(path: str, before: Any, after: Any) -> Iterator[Operation]:
    match before, after:
        case dict(), dict():
            for key in before:
                if key not in after:
                    yield {"op": "remove", "path": f"{path}/{_escaped(key)}"}
            for key, value in after.items():
                inner = f"{path}/{_escaped(key)}"
                if key not in before:
                    yield {"op": "add", "path": inner, "value": value}
                else:
                    yield from _between(inner, before[key], value)
        case list(), list() if _only_grows(before, after):
            yield from _insertions(path, before, after)
        case _:
            # True is 1 for Python, not for JSON.
            if before != after or type(before) is not type(after):
                yield {"op": "replace", "path": path, "value": after}


def _insertions(path: str, before: list[Any], after: list[Any]) -> Iterator[Operation]:
    """Each operation leaves the list right up to its position."""
    position = 0
    for index, value in enumerate(after):
        if position < len(before) and _name(before[position]) == _name(value):
            yield from _between(f"{path}/{index}", before[position], value)
            position += 1
        else:
            yield {"op": "add", "path": f"{path}/{index}", "value": value}


def _only_grows(before: list[Any], after: list[Any]) -> bool:
    """Whether the names of `before` are found in `after`, each once and in the same order."""
    new = [_name(each) for each in after]
    old = [_name(each) for each in before]
    if None in old or None in new or len(set(new)) != len(new):
        return False
    remaining = iter(new)
    return all(name in remaining for name in old)


def _name(value: Any) -> str | None:
    match value:
        case {"name": str(name)}:
            return name
        case _:
            return None


def _escaped(key: str) -> str:
    """RFC 6901, section 3."""
    return key.replace("~", "~0").replace("/", "~1")
