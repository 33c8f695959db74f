"""GET /gateways, one gateway, and its compiled configuration."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from microgateway_common.names import gateway_key, split_key
from microgateway_common.status import GatewayStatus, Phase
from microgateway_config_api.access.viewer import Asking, visible
from microgateway_config_api.configurations import live_configuration, unknown_gateway
from microgateway_config_api.problem_details import ForbiddenError
from microgateway_config_api.source import Bus
from microgateway_config_api.views.configuration import ConfigurationView, configuration_view
from microgateway_config_api.views.gateways import (
    GatewaySummary,
    GatewayView,
    gateway_summary,
    gateway_view,
)
from microgateway_config_api.views.page import AskedWindow, Page, page

router = APIRouter(prefix="/gateways", tags=["gateways"])


@router.get("", summary="Every gateway in short")
async def gateways(
    bus: Bus,
    asking: Asking,
    asked: AskedWindow,
    namespace: Annotated[str | None, Query(description="only those of this namespace")] = None,
    phase: Annotated[Phase | None, Query(description="only those in this phase")] = None,
) -> Page[GatewaySummary]:
    """Those of the namespaces whose sidecargateways the asker may list."""
    async with bus.reading() as reader:
        statuses = await reader.gateways()
    seen = await visible(asking, statuses, _namespace, namespace)
    if not seen and namespace is None and not await asking.sees_everything():
        # Not an empty list, which would read as if there were nothing to protect.
        raise ForbiddenError(
            "expected the right to list sidecargateways in all namespaces or in one with gateways, "
            f"which {asking.name} has not"
        )
    found = [status for status in seen if phase in (None, status.phase)]
    return page(found, asked, gateway_summary)


@router.get("/{namespace}/{name}", summary="One gateway in full")
async def gateway(bus: Bus, asking: Asking, namespace: str, name: str) -> GatewayView:
    await asking.needs_gateway(namespace, name)
    async with bus.reading() as reader:
        status = await reader.gateway(namespace, name)
        if status is None:
            known = [each.gateway for each in await reader.gateways()]
    if status is None:
        raise await unknown_gateway(asking, gateway_key(namespace, name), known)
    return gateway_view(status)


@router.get(
    "/{namespace}/{name}/configuration",
    summary="What the gateway's engines are given, without secrets",
    response_model=ConfigurationView,
    responses={304: {"description": "the digest is one of If-None-Match"}},
)
async def configuration(
    bus: Bus,
    asking: Asking,
    namespace: str,
    name: str,
    response: Response,
    if_none_match: Annotated[str, Header(description="ETags of earlier answers")] = "",
) -> ConfigurationView | Response:
    header, config = await live_configuration(bus, asking, namespace, name)
    etag = f'"{header.digest}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if _matches(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return configuration_view(header, config)


def _matches(if_none_match: str, etag: str) -> bool:
    """RFC 9110, section 13.1.2, with weak comparison."""
    given = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in given or etag in given


def _namespace(status: GatewayStatus) -> str:
    return split_key(status.gateway)[0]
