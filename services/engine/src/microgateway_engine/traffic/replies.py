"""Responses of the gateway itself, in the form the client asked for, always with the request id."""

from __future__ import annotations

from html import escape

import msgspec
from msgspec import Struct

from microgateway_engine.http.messages import Headers

REASONS = {
    400: b"Bad Request",
    403: b"Forbidden",
    404: b"Not Found",
    408: b"Request Timeout",
    411: b"Length Required",
    413: b"Content Too Large",
    414: b"URI Too Long",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    501: b"Not Implemented",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
    505: b"HTTP Version Not Supported",
}


class Reply(Struct):
    """A whole response of the gateway; the request goes no further. body: empty in answer to HEAD."""

    status: int
    headers: Headers
    body: bytes


def reply(status: int, request_id: str, accept: bytes, without_body: bool) -> Reply:
    """A whole response. It says that and under which id a request was refused, and nothing about why:
    the reason is in the log, under the same id. without_body: in answer to HEAD."""
    body, content_type = _body(status, REASONS[status].decode(), request_id, accept)
    headers: Headers = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-request-id", request_id.encode()),
    ]
    return Reply(status, headers, b"" if without_body else body)


def _body(status: int, reason: str, request_id: str, accept: bytes) -> tuple[bytes, bytes]:
    wanted = accept.lower()
    if b"text/html" in wanted:
        page = (
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{reason}</title>"
            f"<h1>{status} {reason}</h1><p>Request id: <code>{escape(request_id)}</code></p></html>\n"
        )
        return page.encode(), b"text/html; charset=utf-8"
    if b"json" in wanted:
        problem = {"type": "about:blank", "status": status, "title": reason, "request_id": request_id}
        return msgspec.json.encode(problem), b"application/problem+json"  # RFC 9457
    return f"{status} {reason}\nrequest id: {request_id}\n".encode(), b"text/plain; charset=utf-8"
