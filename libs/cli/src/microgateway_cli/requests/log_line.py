"""The request of an access log line: method, path, host, client and a few headers. Lines carry neither
query nor body, which is why what they show to pass may have been blocked."""

from __future__ import annotations

import json
from typing import Any, Final

from microgateway_inspection.explain.explain import Received
from microgateway_inspection.request import Headers

from .errors import RequestInputError

#: What an explanation of such a request must be read with.
NOTE: Final = "an access log line has the path, media type and a few headers, but neither query nor body"

_HEADERS: Final = (
    (b"host", ("url", "domain")),
    (b"content-type", ("http", "request", "mime_type")),
    (b"referer", ("http", "request", "referrer")),
    (b"user-agent", ("user_agent", "original")),
    (b"accept-language", ("airlock", "http", "request", "accept_language")),
)


def is_log_line(data: bytes) -> bool:
    return data.lstrip()[:1] == b"{"


def read_log_line(data: bytes, client: str) -> Received:
    """client: address to assume where the line has none. Raises RequestInputError."""
    try:
        line = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RequestInputError(f"expected one line of the access log (JSON), got {error}") from error
    method, path = _text(line, "http", "request", "method"), _text(line, "url", "path")
    if not method or not path:
        raise RequestInputError("expected http.request.method and url.path in the line, got none")
    headers: Headers = [
        (name, text.encode()) for name, at in _HEADERS if (text := _text(line, *at)) is not None
    ]
    return Received(method, path.encode(), headers, b"", _text(line, "network", "forwarded_ip") or client)


def _text(line: Any, *names: str) -> str | None:
    for name in names:
        if not isinstance(line, dict):
            return None
        line = line.get(name)
    return line if isinstance(line, str) else None
