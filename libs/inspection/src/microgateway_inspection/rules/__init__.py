"""The deny rules: one TOML file a rule key, each rule with its reason and its own examples.

key = "SQL"                      the rule key, as DenyRules spells it
[[rules]]
id = "SQL-010"                   never used again for another rule
description = "..."              what an attacker gains, for the log line
level = "Basic"                  Basic: certain. Standard: near certain. Strict: suspicious.
fields = ["Parameter", ...]      types of fields it looks at; all when absent
headers = ["range", ...]         headers it looks at, in lower case; all when absent
patterns = ['...']               RE2 syntax without case, see patterns.py; one match is enough
must_match = ['...']             values of a field, as the parser read them
must_not_match = ['...']
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from typing import Final

import re2

from microgateway_common.ir.data import FieldType
from microgateway_common.ir.deny_rules import Level
from microgateway_common.names import RuleKey

from .patterns import buffer_pattern

#: Bytes RE2 may use for one rule; more than this and it falls back to a slower automaton, which it would tell
#: on standard error, as often as a client likes.
_MAX_MEMORY = 2 << 20

#: Keys about spelling and form; another key's match in the same field says more.
_LEAST_TELLING: Final = ("encoding.toml", "hpp.toml", "html.toml", "sanity.toml")


@dataclass(frozen=True)
class Rule:
    """patterns: as buffers are scanned with them. headers: the only ones it looks at; empty for all."""

    id: str
    key: RuleKey
    description: str
    level: Level
    fields: frozenset[FieldType]
    headers: frozenset[str]
    patterns: tuple[bytes, ...]
    must_match: tuple[str, ...] = field(repr=False)
    must_not_match: tuple[str, ...] = field(repr=False)

    @cached_property
    def regex(self) -> re2._Regexp:
        """All patterns, to find the place of a match. Made when first needed: few rules ever match."""
        options = re2.Options()
        options.log_errors = False
        options.encoding = re2.Options.Encoding.LATIN1
        options.max_mem = _MAX_MEMORY
        return re2.compile(b"(?im)" + b"|".join(b"(?:%b)" % each for each in self.patterns), options)


def load_rules() -> tuple[Rule, ...]:
    """Every rule, by file and then in the order of the file; those that say least about an attack come
    last, since the first that matches is told. Raises ValueError for a bad rule file."""
    files = sorted(
        (each for each in resources.files(__name__).iterdir() if each.name.endswith(".toml")),
        key=lambda each: (each.name in _LEAST_TELLING, each.name),
    )
    rules: list[Rule] = []
    for file in files:
        rules += parse_rules(file.read_text("utf-8"), file.name)
    return tuple(rules)


def parse_rules(text: str, name: str) -> list[Rule]:
    """The rules of one file. Raises ValueError naming file and rule."""
    document = tomllib.loads(text)
    rules = []
    for entry in document["rules"]:
        try:
            rules.append(
                Rule(
                    id=entry["id"],
                    key=RuleKey(document["key"]),
                    description=entry["description"],
                    level=Level(entry["level"]),
                    fields=frozenset(map(FieldType, entry.get("fields", list(FieldType)))),
                    headers=frozenset(entry.get("headers", ())),
                    patterns=tuple(buffer_pattern(each.encode("ascii")) for each in entry["patterns"]),
                    must_match=tuple(entry["must_match"]),
                    must_not_match=tuple(entry["must_not_match"]),
                )
            )
        except (KeyError, ValueError) as error:
            raise ValueError(f"{name}: rule {entry.get('id', '?')}: {error}") from error
    return rules
