"""A configuration and a request, explained step by step."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from microgateway_common.ir.data import AnyData, FieldType, HeaderData, ParameterData, ParameterSource
from microgateway_common.ir.deny_rules import (
    CustomRule,
    Level,
    RuleException,
    RuleSetting,
    RuleSettingFor,
    ThreatHandling,
)
from microgateway_common.ir.gateway import ContentSecurity, GatewayConfig
from microgateway_common.ir.header_rewrites import (
    AddMode,
    AllowMatching,
    HeaderAddition,
    HeaderGroup,
    NewHeader,
    Rewrites,
)
from microgateway_common.ir.limits import AllLengths, Limited, LimitException, ParameterLength
from microgateway_common.ir.matching import ALWAYS, AnyString, Exact, HeaderMatch, Prefix, RequestConditions
from microgateway_common.ir.parser import BodyFormat, ParseAs, ParserRule, SkipParsing
from microgateway_common.ir.templates import Operator
from microgateway_common.names import RuleKey
from microgateway_inspection.explain.explain import Received, UnknownPortError, explain
from microgateway_inspection.explain.result import (
    DecodingStep,
    Explanation,
    HeadersStep,
    LimitsStep,
    NothingToDo,
    NotOffered,
    Offered,
    ParsingStep,
    RouteStep,
    RuleMatch,
    RulesStep,
)
from microgateway_inspection.rule_set import RuleSet

MakeContent = Callable[..., ContentSecurity]
MakeConfig = Callable[[ContentSecurity], GatewayConfig]
SQL = b"1'%20union%20select%20password"
_ANY = AnyString()


def received(target: bytes = b"/", method: str = "GET", body: bytes = b"", **headers: bytes) -> Received:
    named = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return Received(method, target, named, body, "192.0.2.1")


@pytest.fixture
def asked(rules: RuleSet, make_content: MakeContent, make_config: MakeConfig) -> Callable[..., Explanation]:
    """Takes a Received and what differs from the documented defaults."""

    def ask(request: Received, **changes: Any) -> Explanation:
        return explain(make_config(make_content(**changes)), rules, request)

    return ask


Asked = Callable[..., Explanation]


def step(explanation: Explanation, kind: type[Any]) -> Any:
    return next(each for each in explanation.steps if isinstance(each, kind))


def only_match(explanation: Explanation) -> RuleMatch:
    (match,) = step(explanation, RulesStep).matches
    assert isinstance(match, RuleMatch)
    return match


# The way of an ordinary request.


def test_a_passing_request_has_every_step(asked: Asked) -> None:
    explanation = asked(received(b"/a//b/../c?q=hello"))
    assert [each.step for each in explanation.steps] == [
        "route", "parsing", "limits", "decoding", "deny rules", "header rewrites",
    ]  # fmt: skip
    assert (explanation.verdict, explanation.status) == ("passed", 0)
    assert explanation.reason == "nothing was found in it"
    assert explanation.remedy == NothingToDo()
    assert step(explanation, RouteStep) == RouteStep("/a/c", "/", "ContentSecurity (defaults)", "secured")


def test_paths_are_normal_as_the_application_says(
    rules: RuleSet, make_content: MakeContent, make_config: MakeConfig
) -> None:
    config = make_config(make_content())
    (application,) = config.applications
    plain = replace(application.downstream, normalize_path=False)
    config = replace(config, applications=(replace(application, downstream=plain),))
    assert step(explain(config, rules, received(b"/a/../b")), RouteStep).path == "/a/../b"


def test_an_unsecured_route_is_not_inspected(asked: Asked) -> None:
    explanation = asked(received(b"/health?q=" + SQL))
    assert explanation.verdict == "passed"
    assert [each.step for each in explanation.steps] == ["route"]
    assert step(explanation, RouteStep).outcome == "unsecured"


def test_a_path_without_route_is_refused(
    rules: RuleSet, make_content: MakeContent, make_config: MakeConfig
) -> None:
    config = make_config(make_content())
    (application,) = config.applications
    config = replace(config, applications=(replace(application, routes=application.routes[:1]),))
    explanation = explain(config, rules, received(b"/shop"))
    assert (explanation.verdict, explanation.status) == ("refused", 404)
    assert isinstance(explanation.remedy, NotOffered)


def test_an_unknown_port_is_named(rules: RuleSet, make_content: MakeContent, make_config: MakeConfig) -> None:
    with pytest.raises(UnknownPortError, match=r"expected a port of shop/web \(8080\), got 9"):
        explain(make_config(make_content()), rules, received(), 9)


# Parsing.


def test_parsing_says_what_chose_the_parser(asked: Asked) -> None:
    body = json.dumps({"a": ["x", "y"]}).encode()
    parsing = step(asked(received(b"/", "POST", body, content_type=b"application/json")), ParsingStep)
    assert (parsing.parser, parsing.because) == ("json", "media type application/json")
    assert parsing.fields["JSON"] == 2


@pytest.mark.parametrize(
    ("action", "parser", "because"),
    [
        (ParseAs(BodyFormat.FORM), "form", "rules[0] parses as form"),
        (SkipParsing(), "none", "rules[0] skips it"),
    ],
)
def test_parsing_names_the_rule(
    asked: Asked, action: ParseAs | SkipParsing, parser: str, because: str
) -> None:
    rule = ParserRule(RequestConditions(path=Prefix("/raw", ignore_case=False)), action)
    explanation = asked(
        received(b"/raw", "POST", b"a=1", content_type=b"application/json"), parser_rules=(rule,)
    )
    parsing = step(explanation, ParsingStep)
    assert (parsing.parser, parsing.because) == (parser, because)


def test_a_body_that_cannot_be_read_has_no_remedy(asked: Asked) -> None:
    explanation = asked(received(b"/", "POST", b'{"a":', content_type=b"application/json"))
    assert explanation.verdict == "blocked"
    assert step(explanation, ParsingStep).problem
    assert isinstance(explanation.remedy, NotOffered)
    assert "cannot be inspected" in explanation.remedy.reason


def test_no_parser_no_inspection(asked: Asked) -> None:
    explanation = asked(received(b"/", "POST", b"anything", content_type=b"text/csv"))
    assert step(explanation, ParsingStep).because.startswith("no parser reads text/csv")


# Rules.


def test_a_match_tells_what_it_saw_and_what_decided(asked: Asked) -> None:
    encoded = "".join(f"%25{byte:02x}" for byte in b"<script>").encode()
    explanation = asked(received(b"/?q=" + encoded))
    match, _ = sorted(step(explanation, RulesStep).matches, key=lambda each: each.rule_key != "XSS")
    assert (match.rule_key, match.level, match.decoding) == ("XSS", "Basic", ("url",))
    assert "<script>" in match.matched
    assert (match.setting_level, match.setting_handling) == ("Standard", "Block")
    assert (match.decided_by, match.outcome) == ("settings", "blocks")
    (decoded,) = step(explanation, DecodingStep).decoded
    assert (decoded.spot.name, decoded.steps) == ("q", ("url",))


def test_log_only_is_explained_and_has_a_remedy(asked: Asked) -> None:
    explanation = asked(received(b"/?q=" + SQL), handling=ThreatHandling.LOG_ONLY)
    assert explanation.verdict == "passed"
    assert only_match(explanation).outcome == "logged"
    assert explanation.reason.startswith("threats are only logged here: SQL")
    assert isinstance(explanation.remedy, Offered)


def test_an_override_that_decides_is_named(asked: Asked) -> None:
    setting = RuleSetting(Level.STRICT, ThreatHandling.LOG_ONLY)
    override = RuleSettingFor(RuleKey("SQL"), FieldType.PARAMETER, setting)
    match = only_match(asked(received(b"/?q=" + SQL), settings=(override,)))
    assert (match.decided_by, match.setting_level, match.outcome) == ("override", "Strict", "logged")


def test_an_override_that_switches_off_is_shown(asked: Asked) -> None:
    setting = RuleSetting(Level.UNFILTERED, ThreatHandling.BLOCK)
    override = RuleSettingFor(RuleKey("SQL"), FieldType.PARAMETER, setting)
    explanation = asked(received(b"/?q=" + SQL), settings=(override,))
    assert explanation.verdict == "passed"
    assert only_match(explanation).outcome == "switched off"
    assert explanation.remedy == NothingToDo()


def _exception(
    name: str, keys: tuple[str, ...], parameter: str, conditions: RequestConditions = ALWAYS
) -> RuleException:
    data = ParameterData(Exact(parameter, ignore_case=False), _ANY, ParameterSource.ANY)
    return RuleException(name, tuple(map(RuleKey, keys)), data, conditions)


def test_exceptions_that_apply_are_named(asked: Asked) -> None:
    exceptions = (
        _exception("exceptions[0]", ("XSS",), "q"),
        _exception("exceptions[1]", ("SQL",), "q"),
        RuleException("exceptions[2]", (), AnyData(), ALWAYS),
    )
    explanation = asked(received(b"/?q=" + SQL), exceptions=exceptions)
    assert explanation.verdict == "passed"
    match = only_match(explanation)
    assert (match.outcome, match.exceptions) == ("excepted", ("exceptions[1]", "exceptions[2]"))


def test_exceptions_that_nearly_apply_say_what_is_missing(asked: Asked) -> None:
    elsewhere = RequestConditions(methods=("PUT",), path=Exact("/other", ignore_case=False))
    exceptions = (
        _exception("exceptions[0]", ("XSS", "HTML"), "q"),
        _exception("exceptions[1]", ("SQL",), "other"),
        _exception("exceptions[2]", (), "q", elsewhere),
        _exception("exceptions[3]", ("XSS",), "other"),
        _exception("exceptions[4]", (), "q", RequestConditions(invert=True)),
    )
    match = only_match(asked(received(b"/?q=" + SQL), exceptions=exceptions))
    assert [(each.exception, each.missing) for each in match.near] == [
        ("exceptions[0]", "ruleKeys are XSS, HTML, not SQL"),
        ("exceptions[1]", "blockedData does not pick this field"),
        ("exceptions[2]", "requestConditions do not hold: method, path"),
        ("exceptions[4]", "requestConditions do not hold: invert"),
    ]


def test_a_custom_rule_blocks_and_has_no_remedy(asked: Asked) -> None:
    data = HeaderData(Exact("x-old", ignore_case=True), _ANY)
    rule = CustomRule("rules[0]", RuleKey("OLD"), data, ALWAYS, ThreatHandling.BLOCK)
    explanation = asked(received(x_old=b"1"), custom=(rule,))
    match = only_match(explanation)
    assert (match.rule_id, match.decided_by, match.outcome) == ("rules[0]", "rule", "blocks")
    assert isinstance(explanation.remedy, NotOffered)
    assert "rules[0]" in explanation.remedy.reason


# Limits.


def test_exceeded_limits_tell_where(asked: Asked, small_limits: Limited) -> None:
    explanation = asked(received(b"/?q=" + b"x" * 50), limits=small_limits)
    (found,) = step(explanation, LimitsStep).exceeded
    assert (found.limit, found.maximum, found.measured) == ("parameter_value_length", 40, 50)
    assert found.spots[0].name == "q"
    assert explanation.reason == "parameter_value_length: at most 40, got 50"


def test_lifted_limits_tell_by_what(asked: Asked, small_limits: Limited) -> None:
    other = ParameterLength(Exact("other", ignore_case=False), ParameterSource.ANY)
    mine = ParameterLength(Exact("q", ignore_case=False), ParameterSource.ANY)
    exceptions = (
        LimitException("exceptions[0]", other, ALWAYS),
        LimitException("exceptions[1]", mine, ALWAYS),
        LimitException("exceptions[2]", AllLengths(), ALWAYS),
    )
    explanation = asked(received(b"/?q=" + b"x" * 50), limits=small_limits, limit_exceptions=exceptions)
    assert explanation.verdict == "passed"
    (found,) = step(explanation, LimitsStep).exceeded
    assert found.lifted_by == ("exceptions[1]", "exceptions[2]")


# Header rewrites.


def test_header_rewrites_are_listed(
    rules: RuleSet, make_content: MakeContent, make_config: MakeConfig
) -> None:
    def named(*names: str) -> tuple[HeaderMatch, ...]:
        return tuple(HeaderMatch(Exact(name, ignore_case=True), _ANY) for name in names)

    client = NewHeader("X-Client", (Operator("DOWNSTREAM_REMOTE_ADDRESS", "", 0),))
    rewrites = Rewrites(
        AllowMatching((HeaderGroup("kept", ALWAYS, named("accept", "x-old")),)),
        (HeaderGroup("gone", ALWAYS, named("x-old")),),
        (HeaderAddition("new", ALWAYS, AddMode.ADD_IF_ABSENT, (client,)),),
    )
    content = make_content()
    content = replace(content, header_rewrites=replace(content.header_rewrites, request=rewrites))
    explanation = explain(
        make_config(content), rules, received(accept=b"*/*", x_old=b"1", x_other=b"2", host=b"a")
    )
    changes = [(each.action, each.header, each.group) for each in step(explanation, HeadersStep).changes]
    assert changes == [("remove", "x-old", "gone"), ("drop", "x-other", "allow"), ("add", "x-client", "new")]


def test_a_blocked_request_is_not_rewritten(asked: Asked) -> None:
    explanation = asked(received(b"/?q=" + SQL))
    assert not any(isinstance(each, HeadersStep) for each in explanation.steps)


def test_secrets_in_a_path_are_masked(asked: Asked) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
    explanation = asked(received(f"/reset/{token}".encode()))
    assert step(explanation, RouteStep).path == "/reset/***"
