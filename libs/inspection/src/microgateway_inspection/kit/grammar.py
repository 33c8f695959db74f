"""A set of attacks that nobody wrote one by one: a grammar, expanded, encoded and placed by a seed.

    [common]                    n = ["1", "42"]
    [SQL]                       start = ["<<n>> or <<n>>=<<n>>"]

Each family gives the same number of requests, no two of them equal, placed and encoded by `drawing`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

from .corpus import Example
from .drawing import PLACES, draw
from .placing import Sent

#: Deepest nesting of names in a grammar; more is an endless one.
_MAX_DEPTH: Final = 12
_COMMON: Final = "common"
_START: Final = "start"

Grammar = Mapping[str, Sequence[str]]


def attacks(text: str, seed: int, each: int) -> list[Example]:
    """each: requests of a family. Raises ValueError for a name that the grammar does not have."""
    tables: dict[str, dict[str, list[str]]] = tomllib.loads(text)
    common = tables.pop(_COMMON, {})
    found: list[Example] = []
    for family, table in tables.items():
        random = Random(f"{seed} {family}")  # noqa: S311 - repeatable, not secret
        found += _family(family, {**common, **table}, random, each)
    return found


def _family(family: str, grammar: Grammar, random: Random, number: int) -> list[Example]:
    found: dict[Sent, Example] = {}
    while len(found) < number:
        value = expand(grammar, f"<<{_START}>>", random)
        example = draw(family, value, PLACES, random)
        found.setdefault(example.sent, example)
    return list(found.values())


def expand(grammar: Grammar, text: str, random: Random, depth: int = 0) -> str:
    """The text with every <<name>> replaced. Raises ValueError."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"expected a grammar that ends, got {text!r} after {depth} steps")
    head, *rest = text.split("<<")
    out = [head]
    for piece in rest:
        name, end, after = piece.partition(">>")
        if not end or name not in grammar:
            raise ValueError(f"expected a name of the grammar in <<>>, got {piece[:40]!r}")
        out += (expand(grammar, random.choice(grammar[name]), random, depth + 1), after)
    return "".join(out)
