"""The smallest change that lets one request through, tried out before it is offered.

    trace → what stands in the way → a change for each → compile → trace …    until nothing is left

Matches of built-in rules get an exception, exceeded limits a higher number. What a custom rule denies was
denied on purpose, and a body that cannot be read cannot be inspected: for those there is no change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from msgspec.structs import replace

from microgateway_common.ir.deny_rules import ThreatHandling
from microgateway_common.ir.gateway import ContentSecurity
from microgateway_common.ir.origin import Origin, ResourceOrigin
from microgateway_common.names import RuleKey
from microgateway_inspection.fields import Field
from microgateway_inspection.policy import Policy, Trace
from microgateway_inspection.request import Request
from microgateway_inspection.rule_set import RuleSet
from microgateway_inspection.verdict import Block, DenyRuleThreat, LimitThreat, ParserThreat

from . import crd
from .exceptions import exception_for, is_narrow
from .limits import exceeded, raised
from .result import Change, NothingToDo, NotOffered, Offered, Remedy

#: Rounds until nothing stands in the way; each uncovers what the one before hid.
_MAX_ROUNDS: Final = 16

EXCEPTIONS: Final = "spec.request.builtIn.exceptions"


class NoChangeError(Exception):
    """Says why."""


def remedy(content: ContentSecurity, rules: RuleSet, request: Request, body: bytes | None) -> Remedy:
    """What lets the request pass; where it passes with threats that are only logged, what silences them."""
    search = _Search(content, rules, request, body)
    try:
        return search.run()
    except NoChangeError as reason:
        return NotOffered(str(reason))


@dataclass
class _Search:
    """changed: the policy with the changes so far. raises: limits by their field."""

    changed: ContentSecurity
    rules: RuleSet
    request: Request
    body: bytes | None
    raises: dict[str, int] = field(default_factory=dict)

    def run(self) -> Remedy:
        before = self.changed
        original = len(before.deny_rules.exceptions)
        policy = Policy.compile(before, self.rules)
        blocked = isinstance(policy.inspect(self.request, self.body), Block)
        for _ in range(_MAX_ROUNDS):
            trace = Policy.compile(self.changed, self.rules).trace(self.request, self.body)
            if not self._step(trace, blocked):
                break
        else:
            raise NoChangeError("there is too much in the request to make exceptions for")
        if self.changed == before:
            return NothingToDo()
        self._check(blocked)
        return Offered(tuple(self._changes(before, original)))

    def _step(self, trace: Trace, blocked: bool) -> bool:
        """Change what stands in the way; whether anything did."""
        for threat in (*trace.reading, *trace.custom):
            if _counts(threat.handling, blocked):
                refuse(threat)
        limits = [each for each in exceeded(trace) if _counts(each.handling, blocked)]
        for threat in limits:
            self._raise(threat)
        fields: list[tuple[Field, list[RuleKey]]] = []
        for found in trace.findings:
            if not _counts(found.handling, blocked):
                continue
            if isinstance(found, LimitThreat):
                self._raise(found)
            elif found.exemption is None:
                _keys_of(found.field, fields).append(found.rule.key)
        for each, keys in fields:
            self._except(each, tuple(dict.fromkeys(keys)))
        return bool(limits or fields)

    def _raise(self, threat: LimitThreat) -> None:
        change = raised(self.changed.limits, threat)
        if change is None:
            raise NoChangeError(f"no resource sets the limit {threat.subtype}")
        limits, where = change
        if limits == self.changed.limits:
            raise NoChangeError(f"{threat.subtype} cannot be raised far enough")
        self.changed = replace(self.changed, limits=limits)
        self.raises[where] = threat.measured

    def _except(self, target: Field, keys: tuple[RuleKey, ...]) -> None:
        deny = self.changed.deny_rules
        exception = exception_for(f"exceptions[{len(deny.exceptions)}]", keys, target, self.request)
        if not is_narrow(exception.data):
            raise NoChangeError("the field cannot be named without showing a secret")
        self.changed = replace(
            self.changed, deny_rules=replace(deny, exceptions=(*deny.exceptions, exception))
        )

    def _check(self, blocked: bool) -> None:
        """Try it. Blocked before: it must not be blocked now. Logged before: nothing may be logged."""
        verdict = Policy.compile(self.changed, self.rules).inspect(self.request, self.body)
        if isinstance(verdict, Block) or (verdict.threats and not blocked):
            raise NoChangeError("no exception was found that lets the request pass")

    def _changes(self, before: ContentSecurity, original: int) -> list[Change]:
        limits, deny = before.limits.origin, before.deny_rules.origin
        found = [
            change_of(before, limits, "limitsRef", where, "set", value)
            for where, value in self.raises.items()
        ]
        found += [
            change_of(before, deny, "filter.denyRulesRef", EXCEPTIONS, "append", crd.exception(each))
            for each in self.changed.deny_rules.exceptions[original:]
        ]
        return found


def change_of(
    before: ContentSecurity,
    origin: Origin,
    reference: str,
    where: str,
    action: Literal["set", "append"],
    value: Any,
) -> Change:
    """Of the resource of that origin, which the policy refers to by `spec.<reference>`."""
    if isinstance(origin, ResourceOrigin):
        return Change(str(origin), where, action, value)
    note = f"there is none yet: create it and refer to it from {before.origin}, spec.{reference}"
    return Change(origin.kind, where, action, value, note)


def _keys_of(field: Field, fields: list[tuple[Field, list[RuleKey]]]) -> list[RuleKey]:
    """Those of the field, which is added when it is new. JSON values have no hash."""
    for each, keys in fields:
        if each == field:
            return keys
    fields.append((field, []))
    return fields[-1][1]


def _counts(handling: ThreatHandling, blocked: bool) -> bool:
    return handling is ThreatHandling.BLOCK or not blocked


def refuse(threat: LimitThreat | ParserThreat | DenyRuleThreat) -> None:
    """Raises NoChangeError for what is denied on purpose, or cannot be inspected."""
    match threat:
        case LimitThreat():
            return
        case ParserThreat():
            raise NoChangeError(
                f"the body cannot be read ({threat.detail}), and what cannot be read cannot be inspected; "
                "send a body that is what its Content-Type says, or let a rule of a Parser resource skip it"
            )
        case DenyRuleThreat():
            raise NoChangeError(
                f"custom rule {threat.rule_id} of {threat.origin} denies it on purpose; "
                "change its blockData or requestConditions there"
            )
