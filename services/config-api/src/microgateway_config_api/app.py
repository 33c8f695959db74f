"""The application: every part that answers, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import Depends, FastAPI

from . import metrics, openapi, problem_details
from .access.gate import gate_of
from .access.viewer import viewer_of
from .body_limit import BodyLimit
from .loopback_only import LoopbackOnly
from .routes import (
    blocks,
    dry_run,
    engines,
    explain,
    gateways,
    health,
    history,
    live,
    page,
    problems,
    viewer,
)
from .rules import Rules
from .settings import Everybody, Settings, is_loopback
from .source import Source


def create_app(settings: Settings) -> FastAPI:
    """An ASGI application that connects to Redis when it is first asked.

    Raises OSError when a file that it needs cannot be read.
    """
    gate = gate_of(settings.access)
    source = Source(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await source.close()
        await gate.close()

    app = FastAPI(
        title="Microgateway config-api",
        description="What is configured, live and wrong, what was and what would be. Read only.",
        version=version("microgateway-config-api"),
        lifespan=lifespan,
        docs_url=None,  # FastAPI's pages load their scripts from a CDN
        redoc_url=None,
    )
    app.state.gate = gate
    app.state.source = source
    app.state.rules = Rules(settings.cache_dir)
    app.state.turns = dry_run.Turns()
    problem_details.install(app)
    app.add_middleware(BodyLimit)
    if settings.access == Everybody() and is_loopback(settings.listen):
        app.add_middleware(LoopbackOnly)
    for noun in (gateways, history, engines, problems, blocks, explain, dry_run, live, viewer):
        app.include_router(
            noun.router, prefix="/api/v1", responses=openapi.ERRORS, dependencies=[Depends(viewer_of)]
        )
    app.include_router(health.router, responses={503: openapi.ERRORS[503]})
    app.include_router(page.router)
    metrics.install(app)
    openapi.install(app, asks_who=settings.access != Everybody())
    return app
