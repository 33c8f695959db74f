"""The configuration that a gateway's engines are given, read from the bus and opened."""

from __future__ import annotations

from collections.abc import Iterable

from microgateway_common import wire
from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.names import GatewayKey, gateway_key, split_key

from .access.viewer import Viewer, visible
from .problem_details import BusUnreadableError, NothingPublishedError, UnknownGatewayError, near
from .source import Source


async def live_configuration(
    bus: Source, viewer: Viewer, namespace: str, name: str
) -> tuple[wire.Header, GatewayConfig]:
    """Raises ForbiddenError, AccessUnknownError, UnknownGatewayError, NothingPublishedError,
    BusUnreadableError, BusUnavailableError."""
    await viewer.needs_gateway(namespace, name)
    gateway = gateway_key(namespace, name)
    async with bus.reading() as reader:
        data = await reader.bundle(gateway)
        if data is None:
            known = [each.gateway for each in await reader.gateways()]
    if data is None:
        if gateway not in known:
            raise await unknown_gateway(viewer, gateway, known)
        raise NothingPublishedError(
            f"gateway {gateway}: expected a published configuration, got none yet; see its problems"
        )
    try:
        return wire.open_bundle(data, gateway, wire.ShowToPeople())
    except wire.WireError as error:
        raise BusUnreadableError(f"bundle of gateway {gateway}: {error}") from error


async def unknown_gateway(
    viewer: Viewer, gateway: GatewayKey, known: Iterable[GatewayKey]
) -> UnknownGatewayError:
    """With those of the known ones that look alike, as far as the viewer may see them."""
    seen = await visible(viewer, known, lambda each: split_key(each)[0])
    return UnknownGatewayError(
        f"gateway: expected one that the reconciler knows, got {gateway}", near(gateway, seen)
    )
