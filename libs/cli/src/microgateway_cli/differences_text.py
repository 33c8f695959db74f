"""Differences of configurations, and verdicts on manifests, for people.

~ content_securities.strict.limits.threat_handling: Block → LogOnly   (Limits shop/strict)
+ applications[8081]                                                  (SidecarGateway shop/web)
+   port: 8081
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from .output import printable

#: Lines of one value; a whole policy has thousands.
MOST_LINES = 40

WITHHELD = "values that are not shown, such as secrets, are not compared"

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def differences(found: Iterable[dict[str, Any]], more: int) -> Iterator[str]:
    """Lines without ends."""
    for each in found:
        yield from (printable(line) for line in _difference(each))
    if more:
        yield f"and {more} more differences"


def problems(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Lines without ends."""
    return (printable(f"{each['severity']}: {each['message']}") for each in found)


def _difference(difference: dict[str, Any]) -> Iterator[str]:
    sign, origin = _SIGNS[difference["change"]], _origin(difference["origin"])
    head = f"{sign} {difference['path'] or 'everything'}"
    values = [difference[end] for end in ("old", "new") if end in difference]
    if all(_is_short(value) for value in values):
        yield f"{head}: {' → '.join(map(_short, values))}{origin}"
        return
    yield f"{head}{origin}"
    for end, mark in (("old", "-"), ("new", "+")):
        if end in difference:
            lines = yaml.safe_dump(difference[end], sort_keys=False, allow_unicode=True).splitlines()
            yield from (f"{mark}   {line}" for line in lines[:MOST_LINES])
            if len(lines) > MOST_LINES:
                yield f"{mark}   … {len(lines) - MOST_LINES} lines more"


def _is_short(value: Any) -> bool:
    return not isinstance(value, dict | list) or not value


def _short(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case "":
            return '""'
        case _:
            return str(value)


def _origin(origin: dict[str, str]) -> str:
    if not origin["kind"]:
        return ""
    name = f" {origin['namespace']}/{origin['name']}" if origin["name"] else " (defaults)"
    return f"   ({origin['kind']}{name})"
