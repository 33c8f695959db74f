"""How often rules and exceptions mattered, so that dead ones show."""

from __future__ import annotations

from typing import Final, NamedTuple

from microgateway_common.ir.deny_rules import DenyRules
from microgateway_common.ir.limits import Limited, Limits

#: Kinds of a Hit.
RULE: Final = "rule"
CUSTOM_RULE: Final = "custom rule"
EXCEPTION: Final = "exception"
LIMIT_EXCEPTION: Final = "limit exception"


class Hit(NamedTuple):
    """resource: `DenyRules shop/web`, or `Limits shop/web` of an exception of limits. name: `SQL-010` of a
    built-in rule, `rules[0]` of a custom one, `exceptions[3]`; bounded by the rules and the configuration."""

    resource: str
    kind: str
    name: str


class Hits:
    """What one policy counted since somebody took it. True when there is something: at first a zero for
    each custom rule and exception of the resources, since those that stay at zero are dead."""

    def __init__(self, deny_rules: DenyRules, limits: Limits) -> None:
        self._resources = dict.fromkeys((RULE, CUSTOM_RULE, EXCEPTION), str(deny_rules.origin))
        self._resources[LIMIT_EXCEPTION] = str(limits.origin)
        lifted = limits.request.exceptions if isinstance(limits.request, Limited) else ()
        self._counted: dict[Hit, int] = {
            **{self._hit(CUSTOM_RULE, each.id): 0 for each in deny_rules.custom},
            **{self._hit(EXCEPTION, each.id): 0 for each in deny_rules.exceptions},
            **{self._hit(LIMIT_EXCEPTION, each.id): 0 for each in lifted},
        }

    def __bool__(self) -> bool:
        return bool(self._counted)

    def count(self, kind: str, name: str) -> None:
        hit = self._hit(kind, name)
        self._counted[hit] = self._counted.get(hit, 0) + 1

    def _hit(self, kind: str, name: str) -> Hit:
        return Hit(self._resources[kind], kind, name)

    def take(self) -> dict[Hit, int]:
        """What was counted, which begins anew."""
        taken, self._counted = self._counted, {}
        return taken
