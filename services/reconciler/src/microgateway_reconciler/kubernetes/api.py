"""Requests and watches of the API server, in plain dictionaries.

On the official client's transport, credentials and TLS, but not on its `Watch`, which builds model
objects, retries a 410 by itself and hides when it reconnects: a source that must relist has to know.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, NewType
from urllib.parse import urlencode

import aiohttp
import msgspec
from kubernetes.aio.client.api_client import ApiClient

#: Any object of the API server, as JSON.
Raw = dict[str, Any]

#: `metadata.resourceVersion`: opaque, to be handed back.
ResourceVersion = NewType("ResourceVersion", str)

#: Seconds a request may take. A list of 500 objects takes the API server well below one.
TIMEOUT = 30.0

#: Seconds without a byte after which a watch counts as dead: bookmarks come about once a minute.
WATCH_SILENCE = 150.0

APPLY = "application/apply-patch+yaml"
JSON = "application/json"

#: Objects without what they hold, for who only wants to know that they change.
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class ApiError(Exception):
    """The API server refused. status: of HTTP. reason: of its `Status` object, `Expired` or `NotFound`."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason

    @property
    def gone(self) -> bool:
        """The resource version is too old: everything has to be listed again."""
        return self.status == 410


#: What any request may raise when the API server is away, restarting, or refusing.
UNAVAILABLE = (ApiError, aiohttp.ClientError, OSError, TimeoutError, msgspec.DecodeError)


class ApiServer:
    """Every method raises one of UNAVAILABLE."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def close(self) -> None:
        await self._client.close()  # type: ignore[no-untyped-call] # the client ships few types

    async def get(self, path: str, *, accept: str = JSON, **query: str) -> Raw:
        return await self._answer("GET", path, query, accept=accept)

    async def post(self, path: str, body: Mapping[str, Any]) -> Raw:
        return await self._answer("POST", path, {}, body)

    async def put(self, path: str, body: Mapping[str, Any]) -> Raw:
        return await self._answer("PUT", path, {}, body)

    async def apply(self, path: str, body: Mapping[str, Any], manager: str) -> Raw:
        """Server-side apply: the manager owns these fields and no others, whoever had them before."""
        return await self._answer("PATCH", path, {"fieldManager": manager, "force": "true"}, body, APPLY)

    async def delete(self, path: str) -> None:
        await self._answer("DELETE", path, {})

    async def watch(self, path: str, seconds: int, *, accept: str = JSON, **query: str) -> AsyncIterator[Raw]:
        """Events `{"type": …, "object": …}` until the server ends the watch, after that many seconds."""
        query |= {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        timeout = aiohttp.ClientTimeout(
            total=seconds + TIMEOUT, sock_connect=TIMEOUT, sock_read=min(WATCH_SILENCE, seconds + TIMEOUT)
        )
        response = await self._send("GET", path, query, None, JSON, timeout, accept)
        try:
            if response.status >= 400:
                raise _error(response.status, await response.read())
            async for line in _lines(response):
                yield _decode(line)
        finally:
            response.close()

    async def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> Raw:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        response = await self._send(method, path, query, body, content_type, timeout, accept)
        async with response:
            data = await response.read()
        if response.status >= 400:
            raise _error(response.status, data)
        return _decode(data)

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None,
        content_type: str,
        limits: aiohttp.ClientTimeout,
        accept: str,
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": accept, "Content-Type": content_type}
        _, url, headers, _, _ = await self._client.param_serialize(
            method, path, header_params=headers, auth_settings=["BearerToken"]
        )
        if query:
            url = f"{url}?{urlencode(query)}"
        answer = await self._client.call_api(
            method, url, header_params=headers, body=body, _request_timeout=limits
        )
        response: aiohttp.ClientResponse = answer.response
        return response


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Whole lines, however long: `readline` refuses those beyond the buffer's size."""
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line


def _error(status: int, data: bytes) -> ApiError:
    try:
        body = _decode(data)
    except msgspec.DecodeError:
        return ApiError(status, "Unreadable", data[:200].decode(errors="replace"))
    return error_of(body, status)


def error_of(body: Raw, status: int = 500) -> ApiError:
    """The error in a `Status` object, which also ends a watch. status: where the object has none."""
    code = body.get("code")
    return ApiError(
        code if isinstance(code, int) else status,
        str(body.get("reason") or "Unknown"),
        str(body.get("message") or "no message"),
    )
