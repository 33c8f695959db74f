"""GET /blocks, one block, and why it was one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from microgateway_common.blocks import Mode
from microgateway_common.bus.blocks import PER_GATEWAY, Blocks, EntryId, KeptBlock
from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.names import GatewayKey, Namespace, split_key
from microgateway_config_api.access.viewer import Asking, Viewer, visible
from microgateway_config_api.configurations import live_configuration
from microgateway_config_api.problem_details import (
    NothingPublishedError,
    UnknownBlockError,
    UnknownGatewayError,
)
from microgateway_config_api.source import Bus, Source
from microgateway_config_api.views.blocks import (
    BlockExplanationView,
    BlockPage,
    BlockView,
    block_explanation_view,
    block_view,
)
from microgateway_inspection.explain.witnessed import explain_block

router = APIRouter(prefix="/blocks", tags=["blocks"])

#: Blocks on a page: at most, and when nothing was asked for.
LARGEST_LIMIT = 1000
DEFAULT_LIMIT = 100

#: An entry id, as `entry` and `next` have it.
_ENTRY = "^[0-9]{1,15}-[0-9]{1,10}$"


@router.get("", summary="Recent blocks and log-only hits, the newest first")
async def blocks(
    bus: Bus,
    asking: Asking,
    namespace: Annotated[str | None, Query(description="only of gateways of this namespace")] = None,
    gateway: Annotated[
        str | None, Query(pattern="^[^/:]+/[^/:]+$", description="only of this `namespace/name`")
    ] = None,
    rule_key: Annotated[
        str | None, Query(description="only with a threat of this rule key, limit or parser: `SQL`")
    ] = None,
    mode: Annotated[Mode | None, Query(description="only blocked requests, or only logged ones")] = None,
    since: Annotated[AwareDatetime | None, Query(description="only those kept since then")] = None,
    after: Annotated[
        str | None, Query(pattern=_ENTRY, description="only those later than this `entry`")
    ] = None,
    before: Annotated[str | None, Query(pattern=_ENTRY, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_LIMIT, description="blocks on the page")] = DEFAULT_LIMIT,
) -> BlockPage:
    """They are kept for a day, 1,000 of a gateway, and are best effort: the access log has all."""
    gateways = await _gateways(bus, asking, namespace, gateway)

    def fits(kept: KeptBlock) -> bool:
        event = kept.event
        return mode in (None, event.mode) and (
            rule_key is None or any(each.block_subtype == rule_key for each in event.threats)
        )

    found = await _newest(bus, gateways, since, after, before, limit, everything=rule_key is mode is None)
    shown = [each for each in found if fits(each)]
    return BlockPage(
        items=[block_view(each) for each in shown[:limit]],
        next=shown[limit - 1].entry if len(shown) > limit else None,
    )


async def _newest(
    bus: Source,
    gateways: list[GatewayKey],
    since: datetime | None,
    after: str | None,
    before: str | None,
    limit: int,
    *,
    everything: bool,
) -> list[KeptBlock]:
    """One more than asked for, so that a next page shows; all that are kept, where some will be left out."""
    async with bus.reading():
        return await Blocks(bus.redis).newest(
            gateways,
            limit + 1 if everything else PER_GATEWAY * max(1, len(gateways)),
            since=since.timestamp() if since else 0.0,
            after=EntryId(after) if after else None,
            before=EntryId(before) if before else None,
        )


@router.get("/{request_id:path}/explanation", summary="Why it was blocked, and what would let it pass")
async def explanation(bus: Bus, asking: Asking, request_id: str) -> BlockExplanationView:
    """Made from the event, for the configuration of now: the request itself is gone. The change that is
    offered covers what was found, and another attempt may meet what was hidden behind it."""
    kept = await _find(bus, asking, request_id)
    namespace, name = split_key(kept.event.gateway)
    config: GatewayConfig | None = None
    generation = 0
    try:
        header, config = await live_configuration(bus, asking, namespace, name)
        generation = header.generation
    except (UnknownGatewayError, NothingPublishedError):
        pass  # it is gone since; why it blocked is known all the same
    return block_explanation_view(kept, generation, explain_block(config, kept.event))


@router.get("/{request_id:path}", summary="The newest block of a request")
async def block(bus: Bus, asking: Asking, request_id: str) -> BlockView:
    return block_view(await _find(bus, asking, request_id))


async def _find(bus: Source, asking: Viewer, request_id: str) -> KeptBlock:
    """Raises UnknownBlockError."""
    gateways = await _gateways(bus, asking, None, None)
    async with bus.reading():
        kept = await Blocks(bus.redis).find(request_id, gateways)
    if kept is None:
        raise UnknownBlockError(
            "request id: expected that of a request that was blocked or logged within a day, "
            f"got {request_id}; the access log has all"
        )
    return kept


async def _gateways(
    bus: Source, asking: Viewer, namespace: str | None, gateway: str | None
) -> list[GatewayKey]:
    """Those with blocks that were asked for, and that the asker may see. Raises ForbiddenError."""
    if gateway is not None:
        found = GatewayKey(gateway)
        await asking.needs_gateway(*split_key(found))
        return [found] if namespace in (None, split_key(found)[0]) else []
    if namespace is not None:
        await asking.needs_namespace(namespace)
    async with bus.reading():
        known = await Blocks(bus.redis).gateways(None if namespace is None else Namespace(namespace))
    return await visible(asking, known, lambda each: split_key(each)[0], namespace)
