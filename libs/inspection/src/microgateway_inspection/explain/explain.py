"""A gateway's configuration and a request → what happens to it, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal, assert_never

from msgspec.structs import replace

from microgateway_common.ir.gateway import (
    Application,
    ContentSecurity,
    GatewayConfig,
    Route,
    Secured,
    Unsecured,
)
from microgateway_common.ir.parser import ParseAs, Parser
from microgateway_inspection.conditions import compile_conditions
from microgateway_inspection.fields import field_type, fields, place
from microgateway_inspection.header_rewrites import MANAGED, Rewriter
from microgateway_inspection.masking import masked, masked_path
from microgateway_inspection.normal_path import normal_path, visible
from microgateway_inspection.plans import BufferBody
from microgateway_inspection.policy import Policy, Trace
from microgateway_inspection.request import Headers, Request
from microgateway_inspection.rule_set import RuleSet
from microgateway_inspection.verdict import (
    Block,
    DenyRuleThreat,
    LimitThreat,
    ParserThreat,
    Threat,
    Verdict,
)

from .limits import exceeded, lifted
from .remedies import remedy
from .result import (
    Decoded,
    DecodingStep,
    Exceeded,
    Explanation,
    HeaderChange,
    HeadersStep,
    LimitsStep,
    NothingToDo,
    NotOffered,
    ParsingStep,
    Remedy,
    RouteStep,
    RulesStep,
    Spot,
    Step,
)
from .rules import matches, spot

#: Decoded fields that are shown.
_MAX_DECODED: Final = 50


@dataclass(frozen=True, slots=True)
class Received:
    """A request. target: path and query as sent. headers: names in lower case. client: its address, after
    X-Forwarded-For and the like were judged."""

    method: str
    target: bytes
    headers: Headers
    body: bytes
    client: str


class UnknownPortError(ValueError):
    """The gateway has no application on this port; the message says which there are."""


def explain(
    config: GatewayConfig, rules: RuleSet, received: Received, port: int | None = None
) -> Explanation:
    """port: of the application, None for the first. Raises UnknownPortError, PolicyError."""
    application = _application(config, port)
    raw_path, _, query = visible(received.target).partition(b"?")
    downstream = application.downstream
    path = normal_path(raw_path, downstream.merge_slashes) if downstream.normalize_path else raw_path
    request = Request(received.method, path.decode("ascii"), query, received.headers, received.client)
    return _Explainer(config, application, rules, request, received.body or None).explain()


def _application(config: GatewayConfig, port: int | None) -> Application:
    for each in config.applications:
        if port in (None, each.port):
            return each
    ports = ", ".join(str(each.port) for each in config.applications) or "none"
    raise UnknownPortError(f"expected a port of {config.gateway} ({ports}), got {port}")


@dataclass(frozen=True)
class _Explainer:
    config: GatewayConfig
    application: Application
    rules: RuleSet
    request: Request
    body: bytes | None

    def explain(self) -> Explanation:
        path = self.request.path
        route = next((each for each in self.application.routes if path.startswith(each.path_prefix)), None)
        step = self._route_step(route)
        if route is None:
            reason = NotOffered("add a route for this path to the SidecarGateway")
            return self._result("refused", 404, "no route has this path", (step,), reason)
        match route.treatment:
            case Unsecured():
                return self._result("passed", 0, "the route is not secured", (step,), NothingToDo())
            case Secured(name):
                return self._secured(step, self.config.content_securities[name])
            case _:
                assert_never(route.treatment)

    def _route_step(self, route: Route | None) -> RouteStep:
        path = masked_path(self.request.path)
        if route is None:
            return RouteStep(path, "", "", "no route")
        if isinstance(route.treatment, Unsecured):
            return RouteStep(path, route.path_prefix, "", "unsecured")
        content = self.config.content_securities[route.treatment.content_security]
        return RouteStep(path, route.path_prefix, str(content.origin), "secured")

    def _secured(self, routed: RouteStep, content: ContentSecurity) -> Explanation:
        verdict = Policy.compile(content, self.rules).inspect(self.request, self.body)
        policy = Policy.compile(content, self.rules)
        trace = policy.trace(self.request, self.body)
        blocked = isinstance(verdict, Block)
        steps: tuple[Step, ...] = (
            routed,
            self._parsing(content, policy, trace),
            self._limits(content, trace),
            DecodingStep(
                tuple(
                    Decoded(spot(place(field, part)), steps)
                    for field, part, steps in trace.decoded[:_MAX_DECODED]
                )
            ),
            RulesStep(
                str(content.deny_rules.origin),
                tuple(
                    matches(
                        content.deny_rules,
                        policy,
                        trace,
                        lambda deny: self._trace(replace(content, deny_rules=deny)),
                    )
                ),
            ),
        )
        if not blocked:
            steps = (*steps, self._headers(content))
        return self._result(
            "blocked" if blocked else "passed",
            400 if blocked else 0,
            _reason(verdict),
            steps,
            remedy(content, self.rules, self.request, self.body),
        )

    def _trace(self, content: ContentSecurity) -> Trace:
        return Policy.compile(content, self.rules).trace(self.request, self.body)

    def _parsing(self, content: ContentSecurity, policy: Policy, trace: Trace) -> ParsingStep:
        plan = policy.plan_body(self.request)
        parser = plan.format.value if isinstance(plan, BufferBody) else "none"
        problem = next((each.detail for each in trace.reading if isinstance(each, ParserThreat)), "")
        found = Counter(field_type(field).value for field, part in fields(trace.content) if part == "value")
        return ParsingStep(
            str(content.parser.origin),
            parser if self.body is not None else "none",
            "there is no body" if self.body is None else _chosen_by(content.parser, self.request, parser),
            dict(found),
            problem,
            content.deny_rules.default.threat_handling.value,
        )

    def _limits(self, content: ContentSecurity, trace: Trace) -> LimitsStep:
        found = [_exceeded(each, ()) for each in exceeded(trace)]
        found += [
            _exceeded(each, ids)
            for each, ids in lifted(
                content.limits, trace, lambda limits: self._trace(replace(content, limits=limits))
            )
        ]
        return LimitsStep(str(content.limits.origin), tuple(found))

    def _headers(self, content: ContentSecurity) -> HeadersStep:
        rewriter = Rewriter.compile(content.header_rewrites.request)
        sent = [each for each in self.request.headers if each[0] not in MANAGED]
        _, actions = rewriter.apply_recorded(sent, self.request, _Placeholders())
        return HeadersStep(
            str(content.header_rewrites.origin),
            tuple(HeaderChange(each.group, each.action, masked(each.header)) for each in actions),
        )

    def _result(
        self,
        verdict: Literal["passed", "blocked", "refused"],
        status: int,
        reason: str,
        steps: tuple[Step, ...],
        offer: Remedy,
    ) -> Explanation:
        return Explanation(
            self.config.gateway,
            self.application.port,
            self.request.method,
            verdict,
            status,
            reason,
            steps,
            offer,
        )


class _Placeholders:
    """Stands for values that only a real connection has."""

    def operator_text(self, name: str, argument: str) -> str | None:
        return f"%{name}({argument})%" if argument else f"%{name}%"


def _exceeded(threat: LimitThreat, lifted_by: tuple[str, ...]) -> Exceeded:
    spots: tuple[Spot, ...] = () if threat.place is None else (spot(threat.place),)
    return Exceeded(threat.subtype, threat.limit, threat.measured, spots, threat.handling.value, lifted_by)


def _chosen_by(parser: Parser, request: Request, chosen: str) -> str:
    """What decides how the body is read."""
    for position, rule in enumerate(parser.rules):
        if compile_conditions(rule.conditions)(request):
            action = (
                f"parses as {rule.action.format.value}" if isinstance(rule.action, ParseAs) else "skips it"
            )
            return f"rules[{position}] {action}"
    if not request.media_type:
        return f"no Content-Type: {parser.default_content_type} by default"
    if chosen == "none":
        return f"no parser reads {masked(request.media_type)}; the body is not inspected, only its size"
    return f"media type {masked(request.media_type)}"


def _reason(verdict: Verdict) -> str:
    if isinstance(verdict, Block):
        return phrase(verdict.cause)
    if verdict.threats:
        return f"threats are only logged here: {', '.join(map(phrase, verdict.threats))}"
    return "nothing was found in it"


def phrase(threat: Threat) -> str:
    """What was found, for people."""
    match threat:
        case DenyRuleThreat():
            return f"{threat.rule_key} ({threat.rule_id}: {threat.description})"
        case LimitThreat():
            return f"{threat.subtype}: at most {threat.limit}, got {threat.measured}"
        case ParserThreat():
            return f"{threat.subtype}: {threat.detail}"
        case _:
            assert_never(threat)
