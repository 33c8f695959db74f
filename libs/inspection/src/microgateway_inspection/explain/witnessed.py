"""A block as its event tells of it → which resource and field decided, and the smallest change that lifts it.

The request itself is gone: what was found in it is known, masked, and nothing else. So a change is for what
the event names; another attempt of the same request may meet what was hidden behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

import re2
from msgspec import UNSET, UnsetType

from microgateway_common.blocks import ELLIPSIS, BlockEvent, Mode, PlaceLine, ThreatLine
from microgateway_common.ir.data import FieldType, ParameterSource
from microgateway_common.ir.deny_rules import Level, ThreatHandling
from microgateway_common.ir.gateway import Application, ContentSecurity, GatewayConfig, Secured
from microgateway_common.ir.origin import DefaultOrigin, Origin, ResourceOrigin
from microgateway_common.names import RuleKey
from microgateway_inspection.exceptions import Exemption
from microgateway_inspection.fields import (
    CookieField,
    Field,
    HeaderField,
    JsonField,
    ParameterField,
    PathField,
    SegmentField,
)
from microgateway_inspection.masking import MASK
from microgateway_inspection.parsing.json import Index, Location, location_text
from microgateway_inspection.request import Request
from microgateway_inspection.verdict import DenyRuleThreat, LimitThreat, ParserThreat, Place, Threat

from . import crd
from .exceptions import exception_for, is_narrow
from .explain import phrase
from .limits import allows, raised, setting_of_limit
from .remedies import EXCEPTIONS, NoChangeError, change_of, refuse
from .result import Change, NothingToDo, NotOffered, Offered, Remedy
from .rules import setting_of

#: Methods whose requests have no parameters but those of the query.
_WITHOUT_BODY: Final = frozenset(("GET", "HEAD"))

#: A step of `location_text`: `.name`, `[3]`, `['odd name']`.
_STEP: Final = re2.compile(r"\.([^.\[0-9][^.\[]*)|\[([0-9]+)\]|\['((?:[^'\\]|\\.)*)'\]")


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a request was blocked or logged. resource: whose word that was, `DenyRules shop/web`, and field: of
    its spec. reason: in one phrase."""

    resource: str
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class BlockExplanation:
    """causes: of a block the one that decided, else all that were logged. policy: the ContentSecurity that
    the request meets now, empty for none. remedy: for the configuration of now."""

    causes: tuple[Cause, ...]
    policy: str
    remedy: Remedy


def why(threat: ThreatLine) -> str:
    """In one phrase."""
    return phrase(_threat(threat))


def explain_block(config: GatewayConfig | None, event: BlockEvent) -> BlockExplanation:
    """config: the gateway's of now, None when there is none."""
    counted = event.threats[:1] if event.mode is Mode.BLOCK else event.threats
    threats = [_threat(each) for each in counted]
    content = None if config is None else _content(config, event)
    causes = tuple(_cause(each, content) for each in threats)
    if config is None:
        return BlockExplanation(causes, "", NotOffered("the gateway has no configuration now"))
    if content is None:
        return BlockExplanation(causes, "", NothingToDo())
    return BlockExplanation(causes, str(content.origin), _remedy(content, event, threats))


def _content(config: GatewayConfig, event: BlockEvent) -> ContentSecurity | None:
    """The policy that such a request meets now; None when it meets none."""
    application: Application | None = next((a for a in config.applications if a.port == event.port), None)
    for route in () if application is None else application.routes:
        if event.path.startswith(route.path_prefix):
            if isinstance(route.treatment, Secured):
                return config.content_securities.get(route.treatment.content_security)
            return None
    return None


def _cause(threat: Threat, content: ContentSecurity | None) -> Cause:
    return Cause(str(threat.origin), _field_of(threat, content), phrase(threat))


def _field_of(threat: Threat, content: ContentSecurity | None) -> str:
    match threat:
        case DenyRuleThreat(level=None):
            return f"spec.request.custom.{threat.rule_id}"
        case DenyRuleThreat():
            overridden = (
                content is not None
                and setting_of(content.deny_rules, RuleKey(threat.rule_key), threat.place.field_type)[1]
            )
            return f"spec.request.builtIn.{'overrides' if overridden else 'settings'}"
        case LimitThreat():
            return setting_of_limit(threat.subtype)
        case ParserThreat():
            return "spec.request"
        case _:
            assert_never(threat)


def _remedy(content: ContentSecurity, event: BlockEvent, threats: Sequence[Threat]) -> Remedy:
    try:
        changes = tuple(_changes(content, event, threats))
    except NoChangeError as reason:
        return NotOffered(str(reason))
    return Offered(changes) if changes else NothingToDo()


def _changes(content: ContentSecurity, event: BlockEvent, threats: Sequence[Threat]) -> Iterator[Change]:
    """What the configuration of now lacks. Raises NoChangeError."""
    request = Request(event.method, _clear(event.path), b"", [], event.client)
    limits = content.limits
    raises: dict[str, int] = {}
    fields: list[tuple[Field, list[RuleKey]]] = []
    for threat in threats:
        match threat:
            case LimitThreat():
                if allows(limits, threat):
                    continue
                found = raised(limits, threat)
                if found is None:
                    raise NoChangeError(f"no resource sets the limit {threat.subtype}")
                limits, where = found
                raises[where] = threat.measured
            case DenyRuleThreat(level=Level()):
                field, key = _field(threat.place, event), RuleKey(threat.rule_key)
                exemptions = map(Exemption.compile, content.deny_rules.exceptions)
                if not any(each.covers(key, field, request) for each in exemptions):
                    _add(fields, field, key)
            case _:
                refuse(threat)
    for where, value in raises.items():
        yield change_of(content, limits.origin, "limitsRef", where, "set", value)
    for number, (field, keys) in enumerate(fields, len(content.deny_rules.exceptions)):
        exception = exception_for(f"exceptions[{number}]", tuple(keys), field, request)
        if not is_narrow(exception.data):
            raise NoChangeError("the field cannot be named without showing a secret")
        yield change_of(
            content,
            content.deny_rules.origin,
            "filter.denyRulesRef",
            EXCEPTIONS,
            "append",
            crd.exception(exception),
        )


def _add(fields: list[tuple[Field, list[RuleKey]]], field: Field, key: RuleKey) -> None:
    for known, keys in fields:
        if known == field:
            if key not in keys:
                keys.append(key)
            return
    fields.append((field, [key]))


def _field(place: Place, event: BlockEvent) -> Field:
    """The field without its value. Raises NoChangeError."""
    name = _clear(place.name)
    match place.field_type:
        case FieldType.PATH:
            return PathField(_clear(event.path), "")
        case FieldType.PATH_SEGMENT:
            return SegmentField(_clear(event.path), int(name) if name.isdigit() else 0, "")
        case FieldType.HEADER:
            kind, colon, cookie = name.partition(":")
            return CookieField(cookie, "") if (kind, colon) == ("cookie", ":") else HeaderField(name, "")
        case FieldType.PARAMETER:
            source = ParameterSource.QUERY if event.method in _WITHOUT_BODY else ParameterSource.ANY
            return ParameterField(name, "", source)
        case FieldType.JSON:
            location = read_location(place.name)
            if location is None:
                raise NoChangeError("the field cannot be named without showing a secret")
            keys = [step for step in location if not isinstance(step, Index)]
            return JsonField(location, keys[-1] if keys else "", "")
        case FieldType.GRAPHQL:
            raise NoChangeError("GraphQL is read as JSON")
        case _:
            assert_never(place.field_type)


def read_location(text: str) -> Location | None:
    """What `location_text` made the text of; None when something of it was masked, escaped or cut."""
    steps: list[str | Index] = []
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            return None
        plain, index, quoted = found.groups()
        if index is not None:
            steps.append(Index(int(index), int(index) + 1))
        else:
            steps.append(plain if quoted is None else _unquoted(quoted))
        at = found.end()
    location = tuple(steps)
    whole = location_text(location) == text and MASK not in text and ELLIPSIS not in text
    return location if whole else None


def _unquoted(text: str) -> str:
    r"""Without the backslashes before `\` and `'`."""
    return "\\".join(part.replace("\\'", "'") for part in text.split("\\\\"))


def _clear(text: str) -> str:
    """The text, ending in a mask where it is not as the client sent it: masked, escaped or cut."""
    ends = [at for each in (MASK, ELLIPSIS, "\\") if (at := text.find(each)) >= 0]
    return text[: min(ends)] + MASK if ends else text


def _threat(line: ThreatLine) -> Threat:
    """What the engine made the line of, as far as the line tells."""
    handling = (
        ThreatHandling.BLOCK
        if line.threat_handling_mode == ThreatHandling.BLOCK.value
        else ThreatHandling.LOG_ONLY
    )
    origin = _origin(line)
    if line.rule_key is not UNSET:
        return DenyRuleThreat(
            rule_key=_text(line.rule_key),
            rule_id=_text(line.rule_id),
            description=_text(line.description),
            level=None if line.level is UNSET else _level(_text(line.level)),
            place=_place(line.place),
            decoding=() if isinstance(line.decoding, UnsetType) else line.decoding,
            snippet=_text(line.matched),
            handling=handling,
            origin=origin,
        )
    if not isinstance(line.limit, UnsetType):
        measured = line.limit if isinstance(line.measured, UnsetType) else line.measured
        return LimitThreat(line.block_subtype, line.limit, measured, None, handling, origin)
    return ParserThreat(line.block_subtype, _text(line.description), handling, origin)


def _origin(line: ThreatLine) -> Origin:
    resource = line.resource
    if not resource.name:
        return DefaultOrigin(resource.kind)
    return ResourceOrigin(resource.kind, resource.namespace, resource.name, resource.generation)


def _place(line: PlaceLine | UnsetType) -> Place:
    if isinstance(line, UnsetType) or line.type not in set(FieldType):
        return Place(FieldType.PATH, "", "value")
    return Place(FieldType(line.type), line.name, line.part)


def _level(text: str) -> Level:
    return Level(text) if text in set(Level) else Level.STANDARD


def _text(value: str | UnsetType) -> str:
    return "" if isinstance(value, UnsetType) else value
