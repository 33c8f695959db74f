"""An explanation for people: one block a step, then the verdict and what would change it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import assert_never

import msgspec
import yaml

from microgateway_inspection.explain.result import (
    Change,
    DecodingStep,
    Exceeded,
    Explanation,
    HeadersStep,
    LimitsStep,
    NothingToDo,
    NotOffered,
    Offered,
    ParsingStep,
    Remedy,
    RouteStep,
    RuleMatch,
    RulesStep,
    Spot,
    Step,
)

_WIDTH = 17


def explanation_text(explanation: Explanation) -> str:
    """Ends with a line break."""
    lines = [f"{'gateway':<{_WIDTH}}{explanation.gateway}, port {explanation.port}"]
    for step in explanation.steps:
        first, *more = [*_step(step)] or ["-"]
        lines.append(f"{step.step:<{_WIDTH}}{first}")
        lines += [" " * _WIDTH + line for line in more]
    status = f" with {explanation.status}" if explanation.status else ""
    lines.append(f"{'verdict':<{_WIDTH}}{explanation.verdict.upper()}{status}: {explanation.reason}")
    return "\n".join((*lines, *_remedy(explanation.remedy))) + "\n"


def _step(step: Step) -> Iterator[str]:
    match step:
        case RouteStep():
            yield from _route(step)
        case ParsingStep():
            yield from _parsing(step)
        case LimitsStep():
            yield step.resource if step.exceeded else f"{step.resource}: none is exceeded"
            for each in step.exceeded:
                yield f"  {_exceeded(each)}"
        case DecodingStep():
            if not step.decoded:
                yield "nothing was encoded"
            for decoded in step.decoded:
                yield f"{_spot(decoded.spot)}: {' → '.join(decoded.steps)}"
        case RulesStep():
            yield step.resource if step.matches else f"{step.resource}: none matches"
            for found in step.matches:
                yield from (f"  {line}" for line in _match(found))
        case HeadersStep():
            yield step.resource if step.changes else f"{step.resource}: nothing is changed"
            for change in step.changes:
                yield f"  {change.action} {change.header} ({change.group})"
        case _:
            assert_never(step)


def _route(step: RouteStep) -> Iterator[str]:
    if step.outcome == "no route":
        yield f"{step.path}: no route has this path"
    elif step.outcome == "unsecured":
        yield f"{step.path} → route {step.prefix}, unsecured: forwarded without inspection"
    else:
        yield f"{step.path} → route {step.prefix}, secured by {step.policy}"


def _parsing(step: ParsingStep) -> Iterator[str]:
    yield f"body: {step.parser} ({step.because})" if step.parser != "none" else f"body: {step.because}"
    if step.problem:
        yield f"the body cannot be read: {step.problem} ({step.resource}, {step.handling})"
    if step.fields:
        yield "fields: " + ", ".join(f"{number} {kind}" for kind, number in step.fields.items())


def _exceeded(each: Exceeded) -> str:
    where = "".join(f" in {_spot(spot)}" for spot in each.spots)
    if each.lifted_by:
        outcome = f"lifted by {', '.join(each.lifted_by)}"
    else:
        outcome = "blocks" if each.handling == "Block" else "is logged"
    return f"{each.limit}{where}: at most {each.maximum}, got {each.measured}: {outcome}"


def _match(found: RuleMatch) -> Iterator[str]:
    level = f", {found.level}" if found.level else ""
    yield f"{found.rule_id} {found.rule_key}{level}: {found.description}"
    decoding = f" after {' → '.join(found.decoding)}" if found.decoding else ""
    yield f"  in {_spot(found.spot)}{decoding}: {found.matched}"
    yield f"  {_outcome(found)}"
    for near in found.near:
        yield f"  {near.exception} does not cover it: {near.missing}"


def _outcome(found: RuleMatch) -> str:
    by = {"settings": "", "override": ", by an override", "rule": ", says the rule"}[found.decided_by]
    match found.outcome:
        case "blocks":
            return f"blocks ({found.setting_handling}{_level(found)}{by})"
        case "logged":
            return f"only logged ({found.setting_handling}{_level(found)}{by})"
        case "excepted":
            return f"no threat: {', '.join(found.exceptions)}"
        case "switched off":
            return f"off here: the level is {found.setting_level}{by}"
        case _:
            assert_never(found.outcome)


def _level(found: RuleMatch) -> str:
    return f" at level {found.setting_level}" if found.setting_level else ""


def _spot(spot: Spot) -> str:
    part = " (its name)" if spot.part == "name" else ""
    return f"{spot.type} {spot.name}{part}".replace("  ", " ")


def _remedy(remedy: Remedy) -> Iterator[str]:
    match remedy:
        case NothingToDo():
            return
        case NotOffered(reason):
            yield f"\nNo change is proposed: {reason}."
        case Offered(changes):
            yield "\nThe smallest change that lets exactly this through, tried out:"
            yield from changes_text(changes)
        case _:
            assert_never(remedy)


def changes_text(changes: Sequence[Change]) -> Iterator[str]:
    """As they go into resources."""
    for (resource, where, _, _), group in groupby(changes, key=_target):
        yield from _changes(resource, where, list(group))


def _target(change: Change) -> tuple[str, str, str, str]:
    return change.resource, change.where, change.action, change.note


def _changes(resource: str, where: str, changes: list[Change]) -> Iterator[str]:
    first = changes[0]
    yield f"\n# {resource}: {'add to' if first.action == 'append' else 'set'} {where}"
    if first.note:
        yield f"# ({first.note})"
    values = [msgspec.to_builtins(each.value) for each in changes]
    *parents, name = where.split(".")
    nested: object = {name: values if first.action == "append" else values[0]}
    for parent in reversed(parents):
        nested = {parent: nested}
    yield yaml.safe_dump(nested, sort_keys=False, allow_unicode=True).rstrip("\n")
