"""GET /viewer: who asks, as the API server knows them."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from microgateway_config_api.access.viewer import Asking

router = APIRouter(prefix="/viewer", tags=["viewer"])


class ViewerView(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "system:serviceaccount:shop:reader", "sees_everything": False}]
        }
    )

    name: str = Field(description="of the user; empty where nobody is asked who they are")
    sees_everything: bool = Field(description="may list sidecargateways in all namespaces")


@router.get("", summary="Who asks")
async def viewer(asking: Asking) -> ViewerView:
    return ViewerView(name=asking.name, sees_everything=await asking.sees_everything())
