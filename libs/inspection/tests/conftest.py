"""Policies and requests as tests need them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from microgateway_common.ir.deny_rules import (
    CustomRule,
    DenyRules,
    Level,
    RuleException,
    RuleSetting,
    RuleSettingFor,
    ThreatHandling,
)
from microgateway_common.ir.gateway import (
    Application,
    AutoProtocol,
    ConnectionAddress,
    ContentSecurity,
    Downstream,
    DownstreamTimeouts,
    GatewayConfig,
    Route,
    Secured,
    Unsecured,
    Upstream,
    UpstreamTimeouts,
)
from microgateway_common.ir.header_rewrites import AllowAll, HeaderRewrites, OperationalMode, Rewrites
from microgateway_common.ir.limits import (
    GeneralLimits,
    GraphQLLimits,
    JsonLimits,
    Limited,
    LimitException,
    Limits,
    MultipartLimits,
    ParameterLimits,
    Unlimited,
)
from microgateway_common.ir.origin import DefaultOrigin, ResourceOrigin
from microgateway_common.ir.parser import BodyFormat, MediaTypes, Parser, ParserRule
from microgateway_common.ir.telemetry import DefaultAccessLog, NoCorrelation, RequestIds, Telemetry
from microgateway_common.names import gateway_key
from microgateway_inspection.policy import Policy
from microgateway_inspection.request import Headers, Request
from microgateway_inspection.rule_set import RuleSet

BLOCK = ThreatHandling.BLOCK

#: The documented defaults, with numbers small enough to exceed in a test.
SMALL = Limited(
    general=GeneralLimits(body_size=1000, path_length=100),
    parameter=ParameterLimits(body_size=300, count=5, name_length=10, value_length=40),
    json=JsonLimits(
        body_size=400, key_count=4, element_count=6, key_length=10, value_length=40, nesting_depth=5
    ),
    graphql=GraphQLLimits(query_size=1024, nesting_depth=10, value_length=256),
    multipart=MultipartLimits(body_size=600),
    exceptions=(),
)

#: As in the documentation of the Limits resource.
DEFAULTS = Limited(
    general=GeneralLimits(body_size=100 << 20, path_length=1 << 10),
    parameter=ParameterLimits(body_size=100 << 10, count=128, name_length=128, value_length=8 << 10),
    json=JsonLimits(
        body_size=100 << 10,
        key_count=250,
        element_count=10_000,
        key_length=128,
        value_length=8 << 10,
        nesting_depth=100,
    ),
    graphql=GraphQLLimits(query_size=1 << 10, nesting_depth=10, value_length=256),
    multipart=MultipartLimits(body_size=100 << 20),
    exceptions=(),
)


def content_security(
    *,
    level: Level = Level.STANDARD,
    handling: ThreatHandling = BLOCK,
    settings: tuple[RuleSettingFor, ...] = (),
    exceptions: tuple[RuleException, ...] = (),
    custom: tuple[CustomRule, ...] = (),
    limits: Limited | Unlimited = DEFAULTS,
    limit_exceptions: tuple[LimitException, ...] = (),
    limit_handling: ThreatHandling = BLOCK,
    parser_rules: tuple[ParserRule, ...] = (),
) -> ContentSecurity:
    """The documented defaults, but for what is named."""
    if isinstance(limits, Limited) and limit_exceptions:
        limits = Limited(
            limits.general, limits.parameter, limits.json, limits.graphql, limits.multipart, limit_exceptions
        )
    rewrites = Rewrites(AllowAll(), (), ())
    return ContentSecurity(
        DefaultOrigin("ContentSecurity"),
        Parser(
            DefaultOrigin("Parser"),
            "application/x-www-form-urlencoded",
            parser_rules,
            (
                MediaTypes(BodyFormat.FORM, ".*urlencoded.*"),
                MediaTypes(BodyFormat.JSON, ".*json.*"),
                MediaTypes(BodyFormat.MULTIPART, ".*multipart.*"),
            ),
        ),
        Limits(DefaultOrigin("Limits"), limits, limit_handling),
        DenyRules(DefaultOrigin("DenyRules"), RuleSetting(level, handling), settings, exceptions, custom),
        HeaderRewrites(DefaultOrigin("HeaderRewrites"), rewrites, rewrites, OperationalMode.PRODUCTION),
    )


def gateway_config(content: ContentSecurity) -> GatewayConfig:
    """`shop/web` on port 8080: `/health` is not secured, everything else is."""
    protocol = AutoProtocol(allow_connect=False)
    application = Application(
        port=8080,
        downstream=Downstream(
            protocol=protocol,
            remote_address=ConnectionAddress(),
            normalize_path=True,
            merge_slashes=True,
            headers_length=60 << 10,
            timeouts=DownstreamTimeouts(300, 300, 10),
        ),
        upstream=Upstream(protocol, UpstreamTimeouts(0, 15)),
        routes=(Route("/health", Unsecured()), Route("/", Secured("shop"))),
        telemetry=Telemetry(
            DefaultOrigin("Telemetry"), NoCorrelation(), RequestIds(True, False), DefaultAccessLog()
        ),
    )
    origin = ResourceOrigin("SidecarGateway", "shop", "web", 1)
    return GatewayConfig(gateway_key("shop", "web"), origin, {"shop": content}, (application,))


def request(
    path: str = "/",
    query: bytes = b"",
    headers: Headers | None = None,
    *,
    method: str = "GET",
    content_type: str = "",
) -> Request:
    fields = list(headers or [])
    if content_type:
        fields.append((b"content-type", content_type.encode()))
    return Request(method, path, query, fields, "192.0.2.1")


@pytest.fixture(scope="session")
def rules() -> RuleSet:
    return RuleSet.load(None)


@pytest.fixture(scope="session")
def make_policy(rules: RuleSet) -> Callable[..., Policy]:
    """Takes what differs from the documented defaults, see `content_security`."""
    return lambda **changes: Policy.compile(content_security(**changes), rules)


@pytest.fixture(scope="session")
def make_content() -> Callable[..., ContentSecurity]:
    """As `make_policy`, not compiled."""
    return content_security


@pytest.fixture(scope="session")
def make_config() -> Callable[[ContentSecurity], GatewayConfig]:
    return gateway_config


@pytest.fixture(scope="session")
def standard(rules: RuleSet) -> Policy:
    """Everything at its documented default."""
    return Policy.compile(content_security(), rules)


@pytest.fixture(scope="session")
def small_limits() -> Limited:
    return SMALL


@pytest.fixture(scope="session")
def make_request() -> Callable[..., Request]:
    return request


@pytest.fixture
def form_request() -> Request:
    return request(method="POST", content_type="application/x-www-form-urlencoded")


@pytest.fixture
def json_request() -> Request:
    return request(method="POST", content_type="application/json")


@pytest.fixture
def multipart_request() -> Request:
    return request(method="POST", content_type="multipart/form-data; boundary=B")
