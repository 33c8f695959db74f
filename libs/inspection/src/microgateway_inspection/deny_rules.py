"""DenyRules made ready: built-in rules at their levels, exceptions, custom rules.

    plain      one scan of all texts that are not known (known.py); nearly every request ends here
    headers    rules for particular headers look at those, when they were not seen before
    joined     what a repeated parameter holds together (pollution.py)
    forms      texts that hint at an encoding are decoded (decoding.py, documents.py) and scanned again
    confirm    where exactly did each rule match: once a field, in the order of the rules

Each match is a `Finding`, and a threat unless an exception covers it; either is counted.

Costs are bounded by `SCAN_BUDGET`: texts and their forms together, of which each counts for `DECODING`
more. A request that needs more is not let through unread: it is the threat `inspection_budget`, which blocks
where any of the rules does.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from microgateway_common.ir.data import FieldType
from microgateway_common.ir.deny_rules import DenyRules, Level, RuleSetting, ThreatHandling
from microgateway_common.names import RuleKey

from .content import Content, JsonBody
from .custom_rules import CustomCheck
from .documents import holds_document, unfold
from .exceptions import Exemption
from .fields import (
    UNSCANNED_HEADERS,
    CookieField,
    Field,
    HeaderField,
    PathField,
    SegmentField,
    all_fields,
    field_type,
    fields,
    hint,
    json_texts,
    place,
    texts,
)
from .hits import CUSTOM_RULE, EXCEPTION, RULE, Hits
from .known import Known
from .masking import snippet
from .matching import header_text
from .pollution import JOINED, Joined, joined, pollutes
from .request import Headers, Request
from .rule_set import Match, RuleSet
from .rules import Rule
from .rules.patterns import join
from .verdict import DenyRuleThreat, LimitThreat, Threat

#: Bytes scanned for one request: 4 MiB take about 10 ms. Default limits keep requests far below.
SCAN_BUDGET: Final = 4 << 20
#: Bytes that count for decoding a text once, however short it is: 4,000 short ones take about 100 ms.
DECODING: Final = 256
#: Threats reported of one request in log-only mode; a log line has an end.
MAX_THREATS: Final = 32
#: Places reported of one rule that is only logged; more of the same tell nothing new.
MAX_PLACES: Final = 8

_LEVELS: Final = (Level.BASIC, Level.STANDARD, Level.STRICT)
#: Among candidates, which are rules: texts have other forms.
_ENCODED: Final = -1
_NOWHERE: Final[dict[FieldType, ThreatHandling]] = {}


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule matched in a field where it is on. text: the form of the field in which it matched.
    exemption: the exception that says it is no threat."""

    rule: Rule
    field: Field
    part: str
    decoding: tuple[str, ...]
    text: bytes
    match: Match
    handling: ThreatHandling
    exemption: Exemption | None


class DenyChecks:
    """Evaluates the built-in and custom rules of one policy."""

    def __init__(self, deny_rules: DenyRules, rules: RuleSet, hits: Hits) -> None:
        """hits: where matches are counted.

        Raises ValueError naming the exception or rule that cannot be read.
        """
        self._origin = deny_rules.origin
        self._rules = rules
        self._exemptions = tuple(map(Exemption.compile, deny_rules.exceptions))
        self._custom = tuple(map(CustomCheck.compile, deny_rules.custom))
        #: By rule: in which types of field it is on, and what then happens.
        self._handling = tuple(_handling(rule, deny_rules) for rule in rules.rules)
        self._enabled = any(self._handling)
        blocks = any(ThreatHandling.BLOCK in handling.values() for handling in self._handling)
        self._budget_handling = ThreatHandling.BLOCK if blocks else ThreatHandling.LOG_ONLY
        #: By expression number: does a hit matter to this policy.
        self._matters = tuple(owner < 0 or bool(self._handling[owner]) for owner in rules.owners)
        self._known = Known()
        self._hits = hits

    def unknown_headers(self, headers: Headers) -> Headers:
        """Those that have to be scanned."""
        known, longer = self._known.headers, self._known.long_headers
        return [
            each
            for each in headers
            if each not in known and each[0] not in UNSCANNED_HEADERS and each not in longer
        ]

    def threats(self, content: Content) -> Iterable[Threat]:
        """What the rules find, but for what is excepted. Stop at the first that blocks."""
        if self._custom:
            return self._all_told(content)
        found = self.findings(content)
        return self._told(found) if found else ()

    def _all_told(self, content: Content) -> Iterator[Threat]:
        """Those of custom rules first: when one of them blocks, nothing is scanned."""
        for threat in self.custom_threats(content):
            self._hits.count(CUSTOM_RULE, threat.rule_id)
            yield threat
        yield from self._told(self.findings(content))

    def _told(self, findings: Iterable[Finding | LimitThreat]) -> Iterator[Threat]:
        hits = self._hits
        for found in findings:
            if isinstance(found, LimitThreat):
                yield found
            elif found.exemption is not None:
                hits.count(EXCEPTION, found.exemption.id)
            else:
                hits.count(RULE, found.rule.id)
                yield self.threat(found)

    def findings(self, content: Content) -> Iterable[Finding | LimitThreat]:
        """What the built-in rules match: of the rules of one key the first that matches in a field is told,
        since settings and exceptions speak of keys. A LimitThreat when there is too much to look at."""
        if not self._enabled:
            return ()
        parameters = content.parameters
        named = dict(parameters)
        buffer, new = self._known.unknown(content, parameters, named)
        if len(buffer) > SCAN_BUDGET:
            return (self._over_budget(len(buffer)),)
        candidates: set[int] = set()
        if buffer and (hits := self._rules.scan(buffer)):
            candidates |= self._owners(hits)
        if content.headers:
            candidates |= self._header_candidates(content.headers)
        if (len(named) < len(parameters) and pollutes(parameters)) or holds_document(buffer):
            candidates.add(_ENCODED)
        if candidates:
            return self._examine(content, candidates)
        if new:
            self._known.add(content)
        return ()

    def _owners(self, hits: list[int]) -> set[int]:
        """The rules of these expressions, of those that matter."""
        return {self._rules.owners[number] for number in hits if self._matters[number]}

    def decoded(self, content: Content) -> Iterator[tuple[Field, str, tuple[str, ...]]]:
        """Every field with another form, which part of it, and the steps to its last form; for people."""
        found = texts(content)
        if isinstance(content.body, JsonBody):
            found += [text.encode() for text in json_texts(content.body.document)]
        scan = _Scan(found)
        encoded = self._rules.find_encoded(scan.buffer, scan.starts)
        if scan.add_forms(encoded, joined(content)):
            return
        parts = list(fields(content))
        last = dict(zip(scan.origins, scan.steps, strict=True))
        for origin, steps in last.items():
            if steps:
                yield *parts[origin], steps

    def custom_threats(self, content: Content) -> Iterator[DenyRuleThreat]:
        """What the custom rules deny, of each the first field."""
        everything = list(all_fields(content))
        for check in self._custom:
            threat = check.find(content.request, everything, self._origin)
            if threat is not None:
                yield threat

    def _header_candidates(self, headers: Headers) -> set[int]:
        """Rules for particular headers that match in one of them."""
        rules, of_header = self._rules.rules, self._rules.of_header
        return {
            at
            for name, value in headers
            for at in of_header.get(name, ())
            if self._handling[at] and rules[at].regex.search(value) is not None
        }

    def _examine(self, content: Content, candidates: set[int]) -> Iterator[Finding | LimitThreat]:
        found = texts(content)
        if isinstance(content.body, JsonBody):
            found += [text.encode() for text in json_texts(content.body.document)]
        scan = _Scan(found)
        if _ENCODED in candidates:
            encoded = self._rules.find_encoded(scan.buffer, scan.starts)
            excess = scan.add_forms(encoded, joined(content))
            if excess:
                yield self._over_budget(excess)
                return
            candidates |= self._owners(self._rules.scan(scan.buffer))
        candidates.discard(_ENCODED)
        parts: list[tuple[Field, str]] = []
        seen = _Seen()
        for at in sorted(candidates):
            if not parts:
                parts = list(fields(content))
            yield from self._confirm(content, at, scan, parts, seen)
        self._known.add_headers(
            [header for header in content.headers if header_text(header[0]) not in seen.headers]
        )

    def _confirm(
        self,
        content: Content,
        at: int,
        scan: _Scan,
        parts: list[tuple[Field, str]],
        seen: _Seen,
    ) -> Iterator[Finding]:
        """Where the rule matches, once a field. A match inside a segment is not told of the path again."""
        rule, handling = self._rules.rules[at], self._handling[at]
        texts_seen: set[int] = set()
        in_segment = False
        reported = 0
        for match in self._rules.find(rule, scan.buffer, scan.starts):
            origin = scan.origins[match.text]
            if origin in texts_seen:
                continue
            texts_seen.add(origin)
            field, part = parts[origin]
            match field:
                case SegmentField():
                    in_segment = True
                case PathField():
                    if in_segment and not _crosses_segments(rule, match, scan, content.segments):
                        continue
                case HeaderField(name):
                    seen.headers.add(name)
                case CookieField():
                    seen.headers.add("cookie")
                case _:
                    pass
            action = handling.get(field_type(field))
            if action is None or (rule.key, origin) in seen.told or not _looks_at(rule, field):
                continue
            seen.told.add((rule.key, origin))
            exemption = self._exemption(rule, field, content.request)
            yield Finding(
                rule,
                field,
                part,
                scan.steps[match.text],
                scan.texts[match.text],
                match,
                action,
                exemption,
            )
            if exemption is not None:
                continue
            reported += 1
            if reported == MAX_PLACES and ThreatHandling.BLOCK not in handling.values():
                # What was not looked at any more must not be remembered as harmless.
                seen.headers.update(header_text(name) for name, _ in content.headers)
                return

    def _exemption(self, rule: Rule, field: Field, request: Request) -> Exemption | None:
        """The first exception that covers it."""
        return next((each for each in self._exemptions if each.covers(rule.key, field, request)), None)

    def threat(self, found: Finding) -> DenyRuleThreat:
        """A finding as it is told."""
        where = place(found.field, found.part)
        text, match = found.text, found.match
        before = header_text(text[: match.start])
        matched = header_text(text[match.start : match.end])
        shown = before + matched + header_text(text[match.end : match.end + 256])
        says = " ".join((hint(found.field, where), *found.decoding))
        return DenyRuleThreat(
            rule_key=found.rule.key,
            rule_id=found.rule.id,
            description=found.rule.description,
            level=found.rule.level,
            place=where,
            decoding=found.decoding,
            snippet=snippet(says, shown, len(before), len(before) + len(matched)),
            handling=found.handling,
            origin=self._origin,
        )

    def _over_budget(self, measured: int) -> LimitThreat:
        return LimitThreat(
            "inspection_budget", SCAN_BUDGET, measured, None, self._budget_handling, self._origin
        )


class _Seen:
    """headers: names of those in which a rule matched. told: rule keys and texts already reported."""

    def __init__(self) -> None:
        self.headers: set[str] = set()
        self.told: set[tuple[RuleKey, int]] = set()


class _Scan:
    """Texts in one buffer. origins, steps: by text, the original it is a form of, and how."""

    def __init__(self, found: list[bytes]) -> None:
        self.texts = found
        self.origins: Sequence[int] = range(len(found))
        self.steps: list[tuple[str, ...]] = [()] * len(found)
        self._join()

    def add_forms(self, encoded: list[int], more: list[Joined]) -> int:
        """Add the other forms of these texts, and these joined ones with theirs. Answers with the size when
        that is over budget, else 0."""
        origins = list(self.origins)
        size = len(self.buffer)
        for each in more:
            size += len(each.text) + 1
            if size > SCAN_BUDGET:
                return size
            encoded = [*encoded, len(self.texts)]
            self.texts.append(each.text)
            self.steps.append((JOINED,))
            origins.append(each.origin)
        for at in encoded:
            size += DECODING
            if size > SCAN_BUDGET:
                return size
            for text, steps in unfold(self.texts[at]):
                size += len(text) + DECODING
                if size > SCAN_BUDGET:
                    return size
                self.texts.append(text)
                self.steps.append((*self.steps[at], *steps))
                origins.append(origins[at])
        self.origins = origins
        self._join()
        return 0

    def _join(self) -> None:
        self.buffer = join(self.texts)
        self.starts = [0, *accumulate(len(text) + 1 for text in self.texts[:-1])]


def _handling(rule: Rule, deny_rules: DenyRules) -> dict[FieldType, ThreatHandling]:
    settings: dict[FieldType, RuleSetting] = dict.fromkeys(rule.fields, deny_rules.default)
    for each in deny_rules.settings:
        if each.rule_key == rule.key and each.field_type in settings:
            settings[each.field_type] = each.setting
    on = {
        field_type: setting.threat_handling
        for field_type, setting in settings.items()
        if setting.level is not Level.UNFILTERED and _LEVELS.index(rule.level) <= _LEVELS.index(setting.level)
    }
    return on or _NOWHERE


def _looks_at(rule: Rule, field: Field) -> bool:
    if not rule.headers:
        return True
    return isinstance(field, HeaderField) and field.name in rule.headers


def _crosses_segments(rule: Rule, match: Match, scan: _Scan, segments: list[bytes]) -> bool:
    """Whether a match in the plain path takes in more than one segment and the slashes beside it; of
    decoded forms it is not known."""
    if scan.steps[match.text]:
        return False
    slashes = list(accumulate((len(segment) + 1 for segment in segments), initial=0))
    return any(
        bisect_left(slashes, found.end() - 1) > bisect_right(slashes, found.start())
        for found in rule.regex.finditer(join([scan.texts[match.text]]))
    )
