"""A compiled configuration, as engines get it but without its secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from microgateway_common import wire
from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.names import split_key
from microgateway_common.redact import redact

from .publication import compiled_at


class ConfigurationView(BaseModel):
    """configuration: the intermediate representation as JSON; `type` tells the members of a union apart."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "namespace": "shop",
                    "name": "webshop",
                    "generation": 1767225600000,
                    "compiled_at": "2026-01-01T00:00:00Z",
                    "digest": "sha256:" + "ab" * 32,
                    "configuration": {
                        "gateway": "shop/webshop",
                        "origin": {
                            "type": "resource",
                            "kind": "SidecarGateway",
                            "namespace": "shop",
                            "name": "webshop",
                            "generation": 4,
                        },
                        "content_securities": {},
                        "applications": [],
                    },
                }
            ]
        }
    )

    namespace: str
    name: str
    generation: int
    compiled_at: datetime
    digest: str = Field(description="of the configuration with its secrets; also the ETag")
    configuration: dict[str, Any]


def configuration_view(header: wire.Header, config: GatewayConfig) -> ConfigurationView:
    namespace, name = split_key(header.gateway)
    return ConfigurationView(
        namespace=namespace,
        name=name,
        generation=header.generation,
        compiled_at=compiled_at(header.generation),
        digest=header.digest,
        configuration=msgspec.to_builtins(redact(config)),
    )
