"""The OpenAPI document: errors as `application/problem+json`, an example for each answer."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from .access.reviews import AUDIENCE
from .problem_details import MEDIA_TYPE, ProblemDetails

#: For FastAPI's `responses`: what every endpoint below /api/v1 may answer instead.
ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ProblemDetails, "description": "nobody knows who asks"},
    403: {"model": ProblemDetails, "description": "who asks may not see this, whether it exists or not"},
    404: {"model": ProblemDetails, "description": "there is none of this name; `near` lists similar ones"},
    413: {"model": ProblemDetails, "description": "the body is too large"},
    422: {"model": ProblemDetails, "description": "a parameter is invalid"},
    502: {"model": ProblemDetails, "description": "what Redis holds cannot be read"},
    503: {
        "model": ProblemDetails,
        "description": "Redis does not answer, or the API server when it has to say who asks",
    },
}


#: How to say who asks, where anybody wants to know.
SCHEME = "token"
_SCHEMES = {
    SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "description": "of a Kubernetes user or service account that may read sidecargateways: "
        f"`kubectl create token SERVICE-ACCOUNT --audience {AUDIENCE}`",
    }
}


def install(app: FastAPI, asks_who: bool) -> None:
    """Replace FastAPI's own document, which gives errors the media type of the answer.

    asks_who: /api/v1 needs a token.
    """

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, asks_who)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # the way FastAPI documents


def _document(app: FastAPI, asks_who: bool) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas = document["components"]["schemas"]
    if asks_who:
        document["components"]["securitySchemes"] = _SCHEMES
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if asks_who and path.startswith("/api/"):
                operation["security"] = [{SCHEME: []}]
            for status, response in operation["responses"].items():
                content = response.get("content", {})
                if int(status) >= 400:
                    for media_type in list(content):
                        content[MEDIA_TYPE] = content.pop(media_type)
                for body in content.values():
                    if "example" not in body:
                        body["example"] = _example(body["schema"], schemas)
    return document


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """The model's own example; that of a page holds one of its item's."""
    model = schemas[schema["$ref"].rpartition("/")[2]]
    if "examples" in model:
        return model["examples"][0]
    return {
        name: [_example(part["items"], schemas)] if "items" in part else part["examples"][0]
        for name, part in model["properties"].items()
    }
