"""GET /gateways/…/history, one configuration of it, and the difference between two."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool

from microgateway_common.difference import differences, without_positions
from microgateway_config_api.access.viewer import Asking
from microgateway_config_api.histories import CURRENT, PREVIOUS, configuration_of, history_of
from microgateway_config_api.source import Bus
from microgateway_config_api.views.history import (
    DiffView,
    EntryView,
    PastConfigurationView,
    diff_view,
    entry_view,
)
from microgateway_config_api.views.page import AskedWindow, Page, page
from microgateway_config_api.withheld import has_withheld

router = APIRouter(prefix="/gateways/{namespace}/{name}", tags=["history"])

#: A generation, or one of two names.
WANTED = f"^({CURRENT}|{PREVIOUS}|[0-9]{{1,19}})$"


@router.get("/history", summary="Which configurations the gateway had, the newest first")
async def history(bus: Bus, asking: Asking, namespace: str, name: str, asked: AskedWindow) -> Page[EntryView]:
    """The newest 20, with what changed and who changed it."""
    found = await history_of(bus, asking, namespace, name)
    return page(found.history.entries, asked, lambda entry: entry_view(entry, found.live))


@router.get("/history/{generation}", summary="One configuration that the gateway had, without secrets")
async def past_configuration(
    bus: Bus,
    asking: Asking,
    namespace: str,
    name: str,
    generation: Annotated[str, Path(pattern=WANTED, description="a generation, current or previous")],
) -> PastConfigurationView:
    found = await history_of(bus, asking, namespace, name)
    entry = found.entry(generation)
    async with bus.reading() as reader:
        configuration = await configuration_of(reader, found.gateway, entry)
    return PastConfigurationView(
        namespace=namespace, name=name, entry=entry_view(entry, found.live), configuration=configuration
    )


@router.get("/diff", summary="What two configurations of the gateway have different")
async def diff(
    bus: Bus,
    asking: Asking,
    namespace: str,
    name: str,
    from_: Annotated[
        str, Query(alias="from", pattern=WANTED, description="a generation, current or previous")
    ] = PREVIOUS,
    to: Annotated[str, Query(pattern=WANTED, description="a generation, current or previous")] = CURRENT,
) -> DiffView:
    """Where they are different, what it was and is, and whose resource says so. Generations of resources and
    positions in them make no difference."""
    found = await history_of(bus, asking, namespace, name)
    old, new = found.entry(from_), found.entry(to)
    async with bus.reading() as reader:
        before = await configuration_of(reader, found.gateway, old)
        after = await configuration_of(reader, found.gateway, new)
    different = await run_in_threadpool(
        lambda: differences(without_positions(before), without_positions(after))
    )
    between = [entry_view(each, found.live) for each in found.between(old, new)]
    withheld = has_withheld(before) or has_withheld(after)
    return diff_view(found.gateway, (old, new), between, different, withheld)
