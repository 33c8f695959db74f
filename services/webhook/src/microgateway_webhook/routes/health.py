"""GET /healthz: the process is alive; GET /readyz: it can decide about pods as well."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from microgateway_webhook.context import InContext

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: Literal["ok"] = "ok"


@router.get("/healthz", summary="The process is alive")
async def healthz() -> Health:
    return Health()


@router.get("/readyz", summary="The version of the API server is known")
async def readyz(context: InContext) -> Health:
    await context.facts.server_version()
    return Health()
