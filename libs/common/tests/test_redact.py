from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.ir.data import AnyLocation, JsonData, ParameterData, ParameterSource
from microgateway_common.ir.deny_rules import (
    CustomRule,
    DenyRules,
    Level,
    RuleSetting,
    ThreatHandling,
)
from microgateway_common.ir.gateway import (
    Application,
    ConnectionAddress,
    ContentSecurity,
    Downstream,
    DownstreamTimeouts,
    GatewayConfig,
    Http1Protocol,
    Upstream,
    UpstreamTimeouts,
)
from microgateway_common.ir.header_rewrites import (
    AddMode,
    AllowAll,
    HeaderAddition,
    HeaderGroup,
    HeaderRewrites,
    NewHeader,
    OperationalMode,
    Rewrites,
)
from microgateway_common.ir.limits import Limits, Unlimited
from microgateway_common.ir.matching import (
    ALWAYS,
    AnyString,
    Contains,
    Exact,
    HasHeader,
    HeaderMatch,
    Prefix,
    Regex,
    RequestConditions,
    StringMatch,
    Suffix,
)
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.ir.parser import Parser
from microgateway_common.ir.telemetry import (
    CustomAccessLog,
    JsonArray,
    JsonObject,
    JsonText,
    NoCorrelation,
    RequestIds,
    Telemetry,
)
from microgateway_common.ir.templates import Operator, Template, Text
from microgateway_common.names import GatewayKey, RuleKey
from microgateway_common.redact import REDACTED, is_secret_name, may_be_secret, redact

ORIGIN = DefaultOrigin("Test")
ANY = AnyString()


def config(
    *headers: NewHeader,
    removed: tuple[HeaderMatch, ...] = (),
    rules: tuple[CustomRule, ...] = (),
    log: JsonObject | None = None,
) -> GatewayConfig:
    """A configuration that adds and removes these headers, with these rules and this access log."""
    add = HeaderAddition("custom", ALWAYS, AddMode.OVERWRITE_OR_ADD, headers)
    security = ContentSecurity(
        ORIGIN,
        Parser(ORIGIN, "text/plain", (), ()),
        Limits(ORIGIN, Unlimited(), ThreatHandling.BLOCK),
        DenyRules(ORIGIN, RuleSetting(Level.BASIC, ThreatHandling.BLOCK), (), (), rules),
        HeaderRewrites(
            ORIGIN,
            Rewrites(AllowAll(), (HeaderGroup("custom", ALWAYS, removed),), (add,)),
            Rewrites(AllowAll(), (), ()),
            OperationalMode.PRODUCTION,
        ),
    )
    application = Application(
        8080,
        Downstream(Http1Protocol(), ConnectionAddress(), True, True, 60_000, DownstreamTimeouts(1, 1, 1)),
        Upstream(Http1Protocol(), UpstreamTimeouts(1, 1)),
        (),
        Telemetry(ORIGIN, NoCorrelation(), RequestIds(True, True), CustomAccessLog(log or JsonObject(()))),
    )
    return GatewayConfig(GatewayKey("a/b"), ORIGIN, {"default": security}, (application,))


def added(name: str, *template: Text | Operator) -> Template:
    """The template of an added header after redaction."""
    shown = redact(config(NewHeader(name, template)))
    return shown.content_securities["default"].header_rewrites.request.add[0].headers[0].value


def rule(data: ParameterData | JsonData, conditions: RequestConditions = ALWAYS) -> CustomRule:
    return CustomRule("rules[0]", RuleKey("CUSTOM"), data, conditions, ThreatHandling.BLOCK)


@pytest.mark.parametrize(
    "name",
    ["Authorization", "COOKIE", "Set-Cookie", "x-api-key", "X_Auth_Token", "client.secret", "Password"],
)
def test_text_under_a_secret_name_goes_and_operators_stay(name: str) -> None:
    operator = Operator("REQ", "X-Tenant", 0)
    assert added(name, Text("key="), operator, Text("hunter2")) == (Text(REDACTED), operator, Text(REDACTED))


@pytest.mark.parametrize("name", ["X-Frame-Options", "Content-Type", "X-Author", "Keep-Alive"])
def test_text_under_another_name_stays(name: str) -> None:
    assert not is_secret_name(name)
    assert added(name, Text("DENY")) == (Text("DENY"),)


def test_a_credential_goes_whatever_its_name() -> None:
    assert added("X-Upstream", Text("Bearer eyJhbGciOi")) == (Text(f"Bearer {REDACTED}"),)
    assert added("X-Upstream", Text("Bearer")) == (Text("Bearer"),)


@given(st.text(min_size=12, alphabet="ABCDEFGH0123456789"), st.sampled_from(["cookie", "x-api-key"]))
def test_no_secret_is_in_what_is_shown(secret: str, name: str) -> None:
    looked_for = Exact(secret, ignore_case=False)
    named = Exact(name, ignore_case=True)
    conditions = RequestConditions(header=HasHeader(HeaderMatch(named, looked_for)))
    shown = redact(
        config(
            NewHeader(name, (Text(secret),)),
            removed=(HeaderMatch(Prefix(name[:4], True), looked_for),),
            rules=(
                rule(ParameterData(Contains("token", True), looked_for, ParameterSource.ANY), conditions),
                rule(JsonData(AnyLocation(), Regex("pass.*", True), looked_for)),
            ),
            log=JsonObject(
                (
                    (name, JsonText((Text(secret),))),
                    ("list", JsonArray((JsonObject(((name, JsonText((Text(secret),))),)),))),
                )
            ),
        )
    )
    assert secret not in repr(shown)


def test_what_holds_no_secret_comes_out_equal() -> None:
    plain = config(
        NewHeader("X-Frame-Options", (Text("DENY"),)),
        removed=(HeaderMatch(Exact("Server", True), ANY), HeaderMatch(ANY, Contains("nginx", True))),
        rules=(rule(ParameterData(Exact("page", True), Contains("..", False), ParameterSource.QUERY)),),
        log=JsonObject((("message", JsonText((Text("hello"), Operator("REQ", "COOKIE", 10)))),)),
    )
    assert redact(plain) == plain


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        (ANY, False),
        (Exact("Cookie", True), True),
        (Exact("Accept", True), False),
        (Prefix("Auth", True), True),
        (Prefix("Accept", True), False),
        (Suffix("-KEY", True), True),
        (Suffix("-for", True), False),
        (Contains("oki", True), True),
        (Contains("agent", True), False),
        (Regex("x-.*", True), True),
    ],
)
def test_a_name_that_may_match_a_secret_one_counts_as_secret(name: StringMatch, secret: bool) -> None:
    assert may_be_secret(name) is secret
