"""GET /live: server-sent events, whenever gateways or engines have changed or something was blocked."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from microgateway_common.bus.connection import UNAVAILABLE
from microgateway_config_api.access.viewer import Asking, Viewer, visible
from microgateway_config_api.live_changes import changes
from microgateway_config_api.problem_details import ApiError, BusUnavailableError, TooManyListenersError
from microgateway_config_api.source import Bus, Source

router = APIRouter(prefix="/live", tags=["live"])

logger = logging.getLogger(__name__)

#: Listeners at once; each holds a connection to Redis.
MOST = 100


EXAMPLE = "event: changed\ndata:\n\nevent: blocked\ndata:\n\n"


class EventStream(StreamingResponse):
    """WHATWG HTML section 9.2."""

    media_type = "text/event-stream"


@router.get(
    "",
    summary="Tells when something has changed",
    response_class=EventStream,
    responses={200: {"content": {"text/event-stream": {"example": EXAMPLE}}}},
)
async def live(bus: Bus, asking: Asking) -> EventStream:
    """An event `changed` after each change of a status or an engine that the asker may see, an event
    `blocked` after new blocks, and both at the start; read then what you show again. What happens within a
    tenth of a second makes one event. The stream ends when Redis is away, or the token has run out."""
    if bus.listeners >= MOST:
        raise TooManyListenersError(f"expected at most {MOST} listeners, got another one")
    async with bus.reading() as reader:
        await reader.ping()
    return EventStream(_events(bus, asking), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _events(bus: Source, viewer: Viewer) -> AsyncIterator[str]:
    bus.listeners += 1
    begun = False
    try:
        async for news in changes(bus.redis):
            await viewer.still()
            told = [
                f"event: {event}\ndata:\n\n"
                for event, namespaces in (("changed", news.changed), ("blocked", news.blocked))
                if not begun or await visible(viewer, namespaces, str)
            ]
            begun = True
            yield "".join(told) or ": nothing new\n\n"
    except UNAVAILABLE as error:
        logger.info("a listener is cut off: %s", BusUnavailableError(f"{type(error).__name__}: {error}"))
    except ApiError as error:
        logger.info("a listener is cut off: %s", error)
    finally:
        bus.listeners -= 1
