"""Small configurations for tests, as the compiler would make them."""

from __future__ import annotations

from microgateway_common.ir.deny_rules import DenyRules, Level, RuleSetting, ThreatHandling
from microgateway_common.ir.gateway import (
    Application,
    AutoProtocol,
    ConnectionAddress,
    ContentSecurity,
    Downstream,
    DownstreamTimeouts,
    GatewayConfig,
    Protocol,
    RemoteAddress,
    Route,
    Secured,
    Unsecured,
    Upstream,
    UpstreamTimeouts,
)
from microgateway_common.ir.header_rewrites import (
    AddMode,
    AllowAll,
    HeaderAddition,
    HeaderRewrites,
    NewHeader,
    OperationalMode,
    Rewrites,
)
from microgateway_common.ir.limits import (
    GeneralLimits,
    GraphQLLimits,
    JsonLimits,
    Limited,
    Limits,
    MultipartLimits,
    ParameterLimits,
)
from microgateway_common.ir.matching import ALWAYS
from microgateway_common.ir.origin import DefaultOrigin, ResourceOrigin
from microgateway_common.ir.parser import BodyFormat, MediaTypes, Parser
from microgateway_common.ir.telemetry import DefaultAccessLog, NoCorrelation, RequestIds, Telemetry
from microgateway_common.ir.templates import Text
from microgateway_common.names import GatewayKey

GATEWAY = GatewayKey("shop/shop")
PORT = 8080
_CONNECTION = ConnectionAddress()
_AUTO = AutoProtocol(allow_connect=False)


def content_security(
    handling: ThreatHandling = ThreatHandling.BLOCK,
    *,
    body_size: int = 1000,
    json_size: int = 500,
    mode: OperationalMode = OperationalMode.PRODUCTION,
) -> ContentSecurity:
    return ContentSecurity(
        origin=ResourceOrigin("ContentSecurity", "shop", "shop", 1),
        parser=Parser(
            DefaultOrigin("Parser"),
            "application/x-www-form-urlencoded",
            (),
            (
                MediaTypes(BodyFormat.FORM, ".*urlencoded.*"),
                MediaTypes(BodyFormat.JSON, ".*json.*"),
                MediaTypes(BodyFormat.MULTIPART, ".*multipart.*"),
            ),
        ),
        limits=Limits(
            ResourceOrigin("Limits", "shop", "shop", 3),
            Limited(
                GeneralLimits(body_size, 100),
                ParameterLimits(500, 10, 50, 200),
                JsonLimits(json_size, 20, 100, 50, 200, 10),
                GraphQLLimits(1000, 10, 100),
                MultipartLimits(1000),
                (),
            ),
            handling,
        ),
        deny_rules=DenyRules(
            ResourceOrigin("DenyRules", "shop", "shop", 2),
            RuleSetting(Level.STANDARD, handling),
            (),
            (),
            (),
        ),
        header_rewrites=HeaderRewrites(
            ResourceOrigin("HeaderRewrites", "shop", "shop", 4),
            request=Rewrites(AllowAll(), (), (_added("request", "x-request", "in"),)),
            response=Rewrites(AllowAll(), (), (_added("response", "x-response", "out"),)),
            mode=mode,
        ),
    )


def _added(group: str, name: str, value: str) -> HeaderAddition:
    return HeaderAddition(group, ALWAYS, AddMode.OVERWRITE_OR_ADD, (NewHeader(name, (Text(value),)),))


def telemetry(*, allow_downstream: bool = False) -> Telemetry:
    return Telemetry(
        DefaultOrigin("Telemetry"), NoCorrelation(), RequestIds(allow_downstream, True), DefaultAccessLog()
    )


def application(
    *,
    remote_address: RemoteAddress = _CONNECTION,
    head_timeout: float = 10,
    request_timeout: float = 300,
    upstream_timeout: float = 15,
    idle_timeout: float = 300,
    upstream_idle_timeout: float = 300,
    port: int = PORT,
    protocol: Protocol = _AUTO,
    upstream_protocol: Protocol = _AUTO,
) -> Application:
    return Application(
        port=port,
        downstream=Downstream(
            protocol,
            remote_address,
            normalize_path=True,
            merge_slashes=True,
            headers_length=4096,
            timeouts=DownstreamTimeouts(idle_timeout, request_timeout, head_timeout),
        ),
        upstream=Upstream(upstream_protocol, UpstreamTimeouts(upstream_idle_timeout, upstream_timeout)),
        routes=(Route("/open", Unsecured()), Route("/", Secured("shop"))),
        telemetry=telemetry(),
    )


def gateway_config(
    *applications: Application, content: ContentSecurity | None = None, gateway: GatewayKey = GATEWAY
) -> GatewayConfig:
    return GatewayConfig(
        gateway,
        ResourceOrigin("SidecarGateway", "shop", "shop", 1),
        {"shop": content or content_security()},
        applications or (application(),),
    )
