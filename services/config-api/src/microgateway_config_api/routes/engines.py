"""GET /engines and one engine."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query

from microgateway_common.names import pod_key, split_key
from microgateway_config_api.access.viewer import Asking, visible
from microgateway_config_api.problem_details import UnknownEngineError, near
from microgateway_config_api.source import Bus
from microgateway_config_api.views.engines import (
    EngineView,
    Heard,
    SyncState,
    engine_view,
    gateway_of,
    published_by_gateway,
    sync_of,
)
from microgateway_config_api.views.page import AskedWindow, Page, page

router = APIRouter(prefix="/engines", tags=["engines"])


@router.get("", summary="Every engine that is alive, and how far behind it is")
async def engines(
    bus: Bus,
    asking: Asking,
    asked: AskedWindow,
    namespace: Annotated[str | None, Query(description="only pods of this namespace")] = None,
    gateway: Annotated[str | None, Query(description="only engines of this `namespace/name`")] = None,
    state: Annotated[SyncState | None, Query(description="only engines in this state")] = None,
) -> Page[EngineView]:
    async with bus.reading() as reader:
        heard = await reader.engines()
        published = published_by_gateway(await reader.gateways())
    now = time.time()
    found = [
        each
        for each in await visible(asking, heard, _namespace, namespace)
        if gateway in (None, gateway_of(each))
        and (state is None or state == sync_of(each, published, now).state)
    ]
    return page(found, asked, lambda each: engine_view(each, published, now))


@router.get("/{namespace}/{pod}", summary="One engine")
async def engine(bus: Bus, asking: Asking, namespace: str, pod: str) -> EngineView:
    await asking.needs_namespace(namespace)
    key = pod_key(namespace, pod)
    async with bus.reading() as reader:
        heard = await reader.engine(key)
        if heard is None:
            known = await reader.engines()
        published = published_by_gateway(await reader.gateways())
    if heard is None:
        seen = [each.pod for each in await visible(asking, known, _namespace)]
        raise UnknownEngineError(f"engine: expected a pod whose engine is alive, got {key}", near(key, seen))
    return engine_view(heard, published, time.time())


def _namespace(heard: Heard) -> str:
    return split_key(heard.pod)[0]
