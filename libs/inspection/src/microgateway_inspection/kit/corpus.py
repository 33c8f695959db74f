"""Corpora: TOML tables with `values`, which are placed and encoded in turn, and whole `requests`.

[SQL]
values = ["' or 1=1 --"]
requests = [{ method = "POST", query = "a=1", headers = ["x-a: b"], type = "text/xml", body = "" }]
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from .placing import Coding, Sent, Where, encode, place, sent, turn

#: `values` and `requests` of a group.
Table = Mapping[str, Any]

#: Ordinary values are sent as clients send them, in these places.
_ORDINARY_PLACES: Final = (Where.QUERY, Where.FORM, Where.JSON)


class Example(NamedTuple):
    """group: the corpus' table, a rule key for attacks. text: the value or, of a request, its summary."""

    group: str
    text: str
    sent: Sent


def attacks(text: str) -> list[Example]:
    """Every attack of a corpus; each value stands in one place, encoded in one way."""
    found: list[Example] = []
    at = 0
    for group, table in read(text).items():
        for value in table.get("values", ()):
            where, coding = turn(at)
            found.append(Example(group, f"{value} ({where}, {coding})", place(encode(value, coding), where)))
            at += 1
        found += whole_requests(group, table)
    return found


def ordinary(text: str) -> list[Example]:
    """Every request of a corpus; each value stands in three places, as it is."""
    found: list[Example] = []
    for group, table in read(text).items():
        for value in table.get("values", ()):
            found += (
                Example(group, f"{value} ({where}, {Coding.PLAIN})", place(value, where))
                for where in _ORDINARY_PLACES
            )
        found += whole_requests(group, table)
    return found


def read(text: str) -> dict[str, Table]:
    return tomllib.loads(text)


def whole_requests(group: str, table: Table) -> Iterator[Example]:
    for each in table.get("requests", ()):
        pairs = (line.partition(":") for line in each.get("headers", ()))
        request = sent(
            each.get("method", "GET"),
            each.get("path", "/"),
            each.get("query", ""),
            tuple((name, value.strip()) for name, _, value in pairs),
            each.get("type", ""),
            each.get("body", "").encode(),
        )
        shown = " ".join(f"{key}={value}" for key, value in each.items())
        yield Example(group, shown, request)
