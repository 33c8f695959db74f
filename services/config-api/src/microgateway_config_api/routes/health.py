"""GET /healthz, the process is alive; GET /readyz, Redis answers as well."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from microgateway_config_api.source import Bus

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: Literal["ok"] = "ok"

    model_config = {"json_schema_extra": {"examples": [{"status": "ok"}]}}


@router.get("/healthz", summary="The process is alive")
async def healthz() -> Health:
    return Health()


@router.get("/readyz", summary="Redis answers")
async def readyz(bus: Bus) -> Health:
    async with bus.reading() as reader:
        await reader.ping()
    return Health()
