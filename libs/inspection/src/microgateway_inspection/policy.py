"""Policy: a ContentSecurity made ready. Compiling it may fail; evaluating requests cannot.

    plan_body    before the body: is it streamed or buffered, and up to how many bytes
    inspect      head, and body if it was buffered → Pass or Block
    trace        the same without stopping: everything that was seen, for people (explain/)
    hits         how often each rule and exception mattered

Order: body size → parsing → limits → custom and built-in deny rules. The first threat that blocks ends
the inspection; those that are only logged are collected until then.

What a parser cannot read is handled as the deny rules are by default: in Block it is refused, in
LogOnly it is reported and looked at as one text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from microgateway_common.ir.deny_rules import ThreatHandling
from microgateway_common.ir.gateway import ContentSecurity

from .bodies import BodyReader
from .content import NO_BODY, Body, Content, OpaqueBody
from .deny_rules import MAX_THREATS, DenyChecks, Finding
from .fields import Field
from .hits import LIMIT_EXCEPTION, Hits
from .limits import Lifted, LimitChecks, compile_limits
from .parsing.errors import UnreadableError
from .parsing.form import parse_form
from .plans import BodyPlan, BufferBody, StreamBody
from .request import Request
from .rule_set import RuleSet
from .verdict import PASS, Block, DenyRuleThreat, LimitThreat, ParserThreat, Pass, Threat, Verdict

_BLOCK: Final = ThreatHandling.BLOCK


class PolicyError(ValueError):
    """A ContentSecurity that cannot be made ready: names the resource, the entry and what is wrong."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything that was seen in a request, whatever it leads to.

    reading: of the body, size and form. limits: exceeded. decoded: fields that have other forms, which
    part of them, and the steps. custom: threats of custom rules. findings: matches of built-in rules; a
    LimitThreat when there was too much to look at.
    """

    content: Content
    reading: tuple[Threat, ...]
    limits: tuple[LimitThreat, ...]
    decoded: tuple[tuple[Field, str, tuple[str, ...]], ...]
    custom: tuple[DenyRuleThreat, ...]
    findings: tuple[Finding | LimitThreat, ...]


class Policy:
    """Immutable but for what it counts and remembers of harmless headers; may be shared by threads."""

    def __init__(
        self,
        content: ContentSecurity,
        bodies: BodyReader,
        limits: LimitChecks | None,
        deny: DenyChecks,
        hits: Hits,
    ) -> None:
        """hits: where rules and exceptions are counted, by `inspect`, `inspect_prefix` and `streamed`."""
        self.hits = hits
        self._content = content
        self._bodies = bodies
        self._limits = limits
        self._deny = deny
        self._parser_handling = content.deny_rules.default.threat_handling

    @classmethod
    def compile(cls, content: ContentSecurity, rules: RuleSet) -> Policy:
        """Raises PolicyError."""
        origin = content.parser.origin
        try:
            bodies = BodyReader.compile(content.parser)
            origin = content.limits.origin
            limits = compile_limits(content.limits)
            origin = content.deny_rules.origin
            hits = Hits(content.deny_rules, content.limits)
            deny = DenyChecks(content.deny_rules, rules, hits)
        except ValueError as error:
            raise PolicyError(f"{origin}: {error}") from error
        return cls(content, bodies, limits, deny, hits)

    def plan_body(self, request: Request) -> BodyPlan:
        """What to do with the body of this request."""
        body_format = self._bodies.format(request)
        limit = None if self._limits is None else self._limits.body_limit(request, body_format)
        return StreamBody(limit) if body_format is None else BufferBody(body_format, limit)

    def body_too_large(self, request: Request, plan: BodyPlan, measured: int) -> LimitThreat:  # noqa: ARG002
        """The threat of a body above the limit of its plan. measured: bytes so far, or announced."""
        assert self._limits is not None
        assert plan.limit is not None
        match plan:
            case StreamBody():
                return self._limits.body_too_large(None, plan.limit, measured)
            case BufferBody(body_format):
                return self._limits.body_too_large(body_format, plan.limit, measured)
            case _:
                assert_never(plan)

    def streamed(self, request: Request, measured: int) -> None:
        """A body ended of which the plan was to stream it without a limit. measured: its bytes."""
        found = None if self._limits is None else self._limits.body_size(request, None, measured)
        if isinstance(found, Lifted):
            self.hits.count(LIMIT_EXCEPTION, found.exception)

    def inspect(self, request: Request, body: bytes | None) -> Verdict:
        """body: whole, when the plan was to buffer it; None when there is none or it is streamed."""
        threats: list[Threat] = []
        read: Body = NO_BODY
        if body is not None:
            cause, read = self._read(request, body, threats, counts=True)
            if cause is not None:
                return Block(cause, tuple(threats))
        return self._judge(request, read, threats)

    def inspect_prefix(self, request: Request, prefix: bytes) -> Verdict:
        """For a body longer than its limit where limits are only logged: the beginning is looked at, and
        that the rest is missing is no threat of its own."""
        body_format = self._bodies.format(request)
        read = NO_BODY if body_format is None else self._bodies.read_prefix(request, body_format, prefix)
        return self._judge(request, read, [])

    def trace(self, request: Request, body: bytes | None) -> Trace:
        """As `inspect`, for a policy that has not inspected anything yet: nothing is stopped or counted."""
        reading: list[Threat] = []
        read: Body = NO_BODY if body is None else self._read(request, body, reading, counts=False)[1]
        content = self._parse(request, read)
        return Trace(
            content,
            tuple(reading),
            tuple(each for each in self._over_limits(content) if not isinstance(each, Lifted)),
            tuple(self._deny.decoded(content)),
            tuple(self._deny.custom_threats(content)),
            tuple(self._deny.findings(content)),
        )

    def threat(self, found: Finding) -> DenyRuleThreat:
        """A finding of a trace as a verdict tells it."""
        return self._deny.threat(found)

    def _read(
        self, request: Request, body: bytes, threats: list[Threat], *, counts: bool
    ) -> tuple[Threat | None, Body]:
        """The cause to block or None, and what the body holds."""
        body_format = self._bodies.format(request)
        if self._limits is not None:
            oversize = self._limits.body_size(request, body_format, len(body))
            if isinstance(oversize, Lifted):
                if counts:
                    self.hits.count(LIMIT_EXCEPTION, oversize.exception)
            elif oversize is not None and _collect((oversize,), threats) is not None:
                return oversize, NO_BODY
        if body_format is None:
            return None, NO_BODY
        try:
            return None, self._bodies.read(request, body_format, body)
        except UnreadableError as error:
            return _collect((self._unreadable(request, error),), threats), OpaqueBody(body)

    def _unreadable(self, request: Request, error: UnreadableError) -> Threat:
        if error.subtype == "json_too_deep" and self._limits is not None:
            too_deep = self._limits.json_too_deep(request)
            if too_deep is not None:
                return too_deep
        return ParserThreat(error.subtype, error.detail, self._parser_handling, self._content.parser.origin)

    def _parse(self, request: Request, body: Body) -> Content:
        return Content(
            request,
            parse_form(request.query) if request.query else [],
            self._deny.unknown_headers(request.headers),
            body,
        )

    def _over_limits(self, content: Content) -> Sequence[LimitThreat | Lifted]:
        return () if self._limits is None else self._limits.exceeded(content)

    def _unlifted(self, exceeded: Iterable[LimitThreat | Lifted]) -> Iterator[LimitThreat]:
        """What no exception lifts; exceptions that do are counted."""
        for found in exceeded:
            if isinstance(found, Lifted):
                self.hits.count(LIMIT_EXCEPTION, found.exception)
            else:
                yield found

    def _judge(self, request: Request, body: Body, threats: list[Threat]) -> Verdict:
        content = self._parse(request, body)
        cause = None
        if exceeded := self._over_limits(content):
            cause = _collect(self._unlifted(exceeded), threats)
        if cause is None and (found := self._deny.threats(content)):
            cause = _collect(found, threats)
        if cause is not None:
            return Block(cause, tuple(threats))
        return Pass(tuple(threats)) if threats else PASS


def _collect(found: Iterable[Threat], threats: list[Threat]) -> Threat | None:
    """Add what is found, up to the first threat that blocks: that one is returned."""
    for threat in found:
        if threat.handling is _BLOCK:
            threats.append(threat)
            return threat
        if len(threats) < MAX_THREATS:
            threats.append(threat)
    return None
