"""Errors as `application/problem+json` (RFC 9457); the API server shows `detail` to whoever waits."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from .cluster import ClusterError

MEDIA_TYPE = "application/problem+json"


def install(app: FastAPI) -> None:
    """Answer every error of the application as problem details."""
    app.add_exception_handler(RequestValidationError, _no_review)
    app.add_exception_handler(ClusterError, _no_cluster)
    app.add_exception_handler(HTTPException, _http_error)


async def _no_review(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    return _answer(
        request, HTTPStatus.BAD_REQUEST, f"expected an AdmissionReview of admission.k8s.io/v1: {wrong}"
    )


async def _no_cluster(request: Request, error: Exception) -> Response:
    return _answer(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _answer(request, HTTPStatus(error.status_code), str(error.detail))


def _answer(request: Request, status: HTTPStatus, detail: str) -> Response:
    kind = status.phrase.lower().replace(" ", "-")
    problem = {
        "type": f"urn:microgateway:error:{kind}",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "instance": request.url.path,
    }
    return JSONResponse(problem, status_code=int(status), media_type=MEDIA_TYPE)
