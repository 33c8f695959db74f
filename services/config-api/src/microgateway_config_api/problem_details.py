"""Errors as `application/problem+json` (RFC 9457).

Each class knows its status and type; `detail` says what was expected and what came.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"

#: RFC 6750, section 3; RFC 9110, section 10.2.3.
_HEADERS: Mapping[HTTPStatus, Mapping[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Bearer realm="microgateway"'},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "1"},
}


class InvalidParameter(BaseModel):
    """parameter: where it stands and its name, `query.limit`."""

    parameter: str
    message: str


class ProblemDetails(BaseModel):
    """RFC 9457, with extension members that are empty where they do not apply."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:microgateway:error:unknown-gateway",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "gateway: expected one that the reconciler knows, got shop/webshpo",
                    "instance": "/api/v1/gateways/shop/webshpo",
                    "near": ["shop/webshop"],
                    "errors": [],
                }
            ]
        }
    )

    type: str = Field(description="identifies the kind of error")
    title: str = Field(description="the status in words")
    status: int
    detail: str = Field(description="what was expected and what came")
    instance: str = Field(description="path of the request")
    near: list[str] = Field(default=[], description="names that exist and look alike")
    errors: list[InvalidParameter] = Field(default=[], description="one entry an invalid parameter")


class ApiError(Exception):
    """An answer other than the one asked for."""

    status: ClassVar[HTTPStatus]
    kind: ClassVar[str]

    def __init__(self, detail: str, near: Iterable[str] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.near = list(near)


class UnknownGatewayError(ApiError):
    """The reconciler knows no gateway of this name."""

    status = HTTPStatus.NOT_FOUND
    kind = "unknown-gateway"


class NothingPublishedError(ApiError):
    """The gateway exists and has never had a valid configuration."""

    status = HTTPStatus.NOT_FOUND
    kind = "nothing-published"


class UnknownGenerationError(ApiError):
    """The gateway's history has no such entry."""

    status = HTTPStatus.NOT_FOUND
    kind = "unknown-generation"


class NotKeptError(ApiError):
    """The entry is there, its configuration is not."""

    status = HTTPStatus.NOT_FOUND
    kind = "not-kept"


class UnknownEngineError(ApiError):
    """No engine of this pod has spoken lately."""

    status = HTTPStatus.NOT_FOUND
    kind = "unknown-engine"


class UnauthorizedError(ApiError):
    """Nobody knows who asks."""

    status = HTTPStatus.UNAUTHORIZED
    kind = "unauthorized"


class ForbiddenError(ApiError):
    """Who asks may not see this, whether it exists or not."""

    status = HTTPStatus.FORBIDDEN
    kind = "forbidden"


class AccessUnknownError(ApiError):
    """The API server does not say who asks or what they may see."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "access-unknown"


class UnknownBlockError(ApiError):
    """No block of this request is kept."""

    status = HTTPStatus.NOT_FOUND
    kind = "unknown-block"


class UnexplainableError(ApiError):
    """The gateway's configuration has no place for the request."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    kind = "unexplainable"


class MisdirectedError(ApiError):
    """Who asks was led here under another name."""

    status = HTTPStatus.MISDIRECTED_REQUEST
    kind = "misdirected"


class TooLargeError(ApiError):
    """More was sent than anybody writes by hand."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    kind = "too-large"


class MirrorIncompleteError(ApiError):
    """The reconciler has not written yet what a dry run compiles on top of."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "mirror-incomplete"


class BusyError(ApiError):
    """Somebody else's dry runs take all the time there is."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "busy"


class BusUnavailableError(ApiError):
    """Redis does not answer."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "bus-unavailable"


class TooManyListenersError(ApiError):
    """Everybody who may follow changes does."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    kind = "too-many-listeners"


class BusUnreadableError(ApiError):
    """What Redis holds was written by another version, or by nobody of ours."""

    status = HTTPStatus.BAD_GATEWAY
    kind = "bus-unreadable"


def near(name: str, names: Iterable[str]) -> list[str]:
    """Up to five of the names that look like the name, the closest first."""
    return difflib.get_close_matches(name, list(names), n=5, cutoff=0.5)


def install(app: FastAPI) -> None:
    """Answer every error of the application as problem details."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return answer(request, error)


def answer(request: Request, error: ApiError) -> Response:
    """Problem details of the error."""
    headers = _HEADERS.get(error.status, {})
    return _answer(request, error.status, error.kind, error.detail, headers, near=error.near)


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        InvalidParameter(parameter=".".join(str(part) for part in each["loc"]), message=each["msg"])
        for each in error.errors()
    ]
    detail = "; ".join(f"{each.parameter}: {each.message}" for each in errors)
    return _answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, {}, errors=errors)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    kind = status.phrase.lower().replace(" ", "-")
    return _answer(request, status, kind, str(error.detail), error.headers or {})


async def _unexpected(request: Request, _error: Exception) -> Response:
    """The error itself is in the log: Starlette raises it again after this answer."""
    return _answer(
        request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "an error of the config-api; see its log", {}
    )


def _answer(
    request: Request, status: HTTPStatus, kind: str, detail: str, headers: Mapping[str, str], **more: Any
) -> Response:
    problem = ProblemDetails(
        type=f"urn:microgateway:error:{kind}",
        title=status.phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        **more,
    )
    return JSONResponse(
        problem.model_dump(mode="json"), status_code=status, headers=dict(headers), media_type=MEDIA_TYPE
    )
