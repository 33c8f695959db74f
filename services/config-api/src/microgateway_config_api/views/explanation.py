"""A request as somebody asks about it, and what would happen to it."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from microgateway_common import wire
from microgateway_inspection.explain.explain import Received
from microgateway_inspection.explain.result import Explanation

#: RFC 5737: no client has it.
CLIENT = "192.0.2.1"
#: Largest body that is explained, as it stands in the question.
LARGEST_BODY = 2 << 20

HeaderText = Annotated[str, Field(max_length=64 << 10)]


class Question(BaseModel):
    """A request, and whose configuration it is asked about."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "gateway": "shop/webshop",
                    "method": "POST",
                    "target": "/reviews?page=1",
                    "headers": {"content-type": "application/json"},
                    "body": '{"text": "Where do I select from?"}',
                }
            ]
        },
    )

    gateway: str = Field(pattern="^[^/]+/[^/]+$", description="namespace and name: `shop/webshop`")
    port: int | None = Field(None, description="of the application; the gateway's first when absent")
    method: str = Field("GET", pattern="^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", max_length=32)
    target: str = Field(
        pattern="^/", max_length=64 << 10, description="path and query as they go over the wire"
    )
    headers: dict[str, HeaderText | list[HeaderText]] = Field(
        {}, max_length=256, description="by name; a list where one is sent several times"
    )
    body: str = Field("", max_length=LARGEST_BODY)
    encoding: Literal["text", "base64"] = Field("text", description="how `body` is written here")
    client: str = Field(CLIENT, max_length=64, description="the client's address")

    @model_validator(mode="after")
    def _is_readable(self) -> Question:
        self.received()
        return self

    def received(self) -> Received:
        """Raises ValueError for base64 that is none."""
        try:
            body = (
                base64.b64decode(self.body, validate=True)
                if self.encoding == "base64"
                else self.body.encode()
            )
        except binascii.Error as error:
            raise ValueError(f"body: expected base64, got {error}") from error
        headers = [
            (name.lower().encode(), value.strip(" \t").encode())
            for name, given in self.headers.items()
            for value in ([given] if isinstance(given, str) else given)
        ]
        return Received(self.method, self.target.encode(), headers, body, self.client)


class ExplanationView(BaseModel):
    """generation, digest: of the configuration that was asked. Values are masked as in the log."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "generation": 1767225600000,
                    "digest": "sha256:" + "ab" * 32,
                    "explanation": {
                        "gateway": "shop/webshop",
                        "port": 8080,
                        "method": "GET",
                        "verdict": "passed",
                        "status": 0,
                        "reason": "the route is not secured",
                        "steps": [
                            {
                                "step": "route",
                                "path": "/health",
                                "prefix": "/health",
                                "policy": "",
                                "outcome": "unsecured",
                            }
                        ],
                        "remedy": {"kind": "none"},
                    },
                }
            ]
        }
    )

    generation: int
    digest: str
    explanation: Explanation


def explanation_view(header: wire.Header, explanation: Explanation) -> ExplanationView:
    return ExplanationView(generation=header.generation, digest=header.digest, explanation=explanation)
