"""Calls and watches of the API server."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from .access import Access

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


class KubeError(Exception):
    """The API server answered with an error, or not with what a call expects."""


class NotFound(KubeError):  # noqa: N818 -- HTTP's own name
    """404."""


class Denied(KubeError):  # noqa: N818 -- as its neighbours
    """401 or 403: who we are is unknown, or may not do this."""


class Conflict(KubeError):  # noqa: N818 -- HTTP's own name
    """409 or 422: the object is not the one the precondition names."""


class Expired(KubeError):  # noqa: N818 -- Kubernetes' own name
    """410: the resource version is too old; list again."""


_ERRORS: Mapping[int, type[KubeError]] = {
    401: Denied,
    403: Denied,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Conflict,
}


class Client(NamedTuple):
    """seconds: for each read or write. Methods raise KubeError, and OSError without a server."""

    access: Access
    seconds: float = 10.0

    def get(self, path: str, **query: str) -> dict[str, Any]:
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._call("POST", path, body=body)

    def patch(self, path: str, body: object, content_type: str) -> dict[str, Any]:
        return self._call("PATCH", path, body=body, content_type=content_type)

    def delete(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._call("DELETE", path, body=body)

    def watch(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Events `{"type": …, "object": …}` until the server ends the watch. Raises Expired for ERROR 410."""
        connection = self._connect()
        try:
            response = self._request(connection, "GET", path, query=query)
            while line := response.readline():
                event = _decode(line)
                if event.get("type") == "ERROR":
                    status = event.get("object") or {}
                    raise _error(int(status.get("code", 500)), str(status.get("message", "")), path)
                yield event
        except http.client.HTTPException as error:
            raise KubeError(f"{path}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        connection = self._connect()
        try:
            response = self._request(connection, method, path, query or {}, body, content_type)
            return _decode(response.read())
        except http.client.HTTPException as error:
            raise KubeError(f"{method} {path}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()

    def _request(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: object = None,
        content_type: str = "application/json",
    ) -> http.client.HTTPResponse:
        headers = {"Accept": "application/json", "User-Agent": "microgateway-cni"}
        if token := self.access.token():
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = content_type
        target = f"{self.access.url.path.rstrip('/')}{path}" + (f"?{urlencode(query)}" if query else "")
        connection.request(method, target, data, headers)
        response = connection.getresponse()
        if response.status >= 300:
            raise _error(response.status, _message(response.read()), f"{method} {path}")
        return response

    def _connect(self) -> http.client.HTTPConnection:
        url = self.access.url
        host = url.hostname or ""
        if url.scheme == "http":
            return http.client.HTTPConnection(host, url.port, timeout=self.seconds)
        return http.client.HTTPSConnection(host, url.port, timeout=self.seconds, context=self.access.tls())


def _error(code: int, message: str, call: str) -> KubeError:
    return _ERRORS.get(code, KubeError)(f"{call}: {code} {message}".rstrip())


def _message(body: bytes) -> str:
    """Of a v1 Status; the beginning of anything else, such as a proxy's page."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, TypeError, KeyError):
        return body[:200].decode("utf-8", "replace")


def _decode(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise KubeError(f"expected JSON, got {body[:200]!r}") from error
    if not isinstance(found, dict):
        raise KubeError(f"expected a JSON object, got {body[:200]!r}")
    return found
