"""Custom deny rules made ready: data that is always a threat."""

from __future__ import annotations

from dataclasses import dataclass

from microgateway_common.ir.deny_rules import CustomRule
from microgateway_common.ir.origin import Origin

from .conditions import Condition, compile_conditions
from .fields import VALUE, Field, hint, place, value_text
from .masking import snippet
from .request import Request
from .selectors import Selector, compile_selector
from .verdict import DenyRuleThreat


@dataclass(frozen=True, slots=True)
class CustomCheck:
    """A CustomRule made ready."""

    rule: CustomRule
    selects: Selector
    applies: Condition

    @classmethod
    def compile(cls, rule: CustomRule) -> CustomCheck:
        """Raises ValueError naming the rule."""
        try:
            return cls(rule, compile_selector(rule.data), compile_conditions(rule.conditions))
        except ValueError as error:
            raise ValueError(f"{rule.id}: {error}") from error

    def find(self, request: Request, fields: list[Field], origin: Origin) -> DenyRuleThreat | None:
        """The first field that the rule denies in this request, as a threat."""
        if not self.applies(request):
            return None
        for field in fields:
            if self.selects(field):
                return self._threat(field, origin)
        return None

    def _threat(self, field: Field, origin: Origin) -> DenyRuleThreat:
        where = place(field, VALUE)
        value = value_text(field)
        return DenyRuleThreat(
            rule_key=self.rule.rule_key,
            rule_id=self.rule.id,
            description="custom rule",
            level=None,
            place=where,
            decoding=(),
            snippet=snippet(hint(field, where), value, 0, len(value)),
            handling=self.rule.threat_handling,
            origin=origin,
        )
