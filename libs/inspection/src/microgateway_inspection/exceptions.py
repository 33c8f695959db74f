"""Exceptions of deny rules made ready: matches that are no threat."""

from __future__ import annotations

from dataclasses import dataclass

from microgateway_common.ir.deny_rules import RuleException
from microgateway_common.names import RuleKey

from .conditions import Condition, compile_conditions
from .fields import Field
from .request import Request
from .selectors import Selector, compile_selector


@dataclass(frozen=True, slots=True)
class Exemption:
    """A RuleException made ready. keys: empty for all."""

    id: str
    keys: frozenset[RuleKey]
    selects: Selector
    applies: Condition

    @classmethod
    def compile(cls, exception: RuleException) -> Exemption:
        """Raises ValueError naming the exception."""
        try:
            return cls(
                exception.id,
                frozenset(exception.rule_keys),
                compile_selector(exception.data),
                compile_conditions(exception.conditions),
            )
        except ValueError as error:
            raise ValueError(f"{exception.id}: {error}") from error

    def covers(self, key: RuleKey, field: Field, request: Request) -> bool:
        return (not self.keys or key in self.keys) and self.selects(field) and self.applies(request)
