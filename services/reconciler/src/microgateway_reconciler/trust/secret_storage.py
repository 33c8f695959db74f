"""Keys in Secrets. Apart from `storage`, since the Kubernetes client takes half a second and 45 MB that a
folder does not need."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from microgateway_common.names import Namespace
from microgateway_common.trust.bootstrap import FILE_NAME
from microgateway_reconciler.kubernetes.api import UNAVAILABLE, ApiError, ApiServer

from .storage import KEYS_FILE, StorageError

#: Owner of the fields we apply.
FIELD_MANAGER = "microgateway-reconciler"

_LABELS = {
    "app.kubernetes.io/managed-by": "microgateway-reconciler",
    "app.kubernetes.io/part-of": "microgateway",
}


class SecretStorage:
    """namespace: our own. server, reader: Secrets for the bundled Redis and for those who read it."""

    def __init__(
        self, api: ApiServer, namespace: str, keys: str, bootstrap: str, server: str, reader: str
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._keys = keys
        self._bootstrap = bootstrap
        self._server = server
        self._reader = reader
        self._version: str | None = None

    async def load(self) -> bytes | None:
        self._version = None
        try:
            found = await self._api.get(self._path(self._namespace, self._keys))
        except UNAVAILABLE as error:
            if _is_missing(error):
                return None
            raise StorageError(f"Secret {self._namespace}/{self._keys}: {error}") from error
        self._version = found["metadata"]["resourceVersion"]
        try:
            return base64.b64decode(found["data"][KEYS_FILE], validate=True)
        except (KeyError, TypeError, binascii.Error) as error:
            raise StorageError(
                f"Secret {self._namespace}/{self._keys}: expected {KEYS_FILE}, got none that can be read"
            ) from error

    async def save(self, data: bytes) -> None:
        body = _secret(self._namespace, self._keys, {KEYS_FILE: data})
        try:
            if self._version is None:
                saved = await self._api.post(f"/api/v1/namespaces/{self._namespace}/secrets", body)
            else:
                body["metadata"]["resourceVersion"] = self._version
                saved = await self._api.put(self._path(self._namespace, self._keys), body)
        except UNAVAILABLE as error:
            raise StorageError(f"Secret {self._namespace}/{self._keys}: {error}") from error
        self._version = saved["metadata"]["resourceVersion"]

    async def hand_out(self, namespace: Namespace, data: bytes) -> None:
        await self._apply(namespace, self._bootstrap, {FILE_NAME: data})

    async def take_back(self, namespace: Namespace) -> None:
        try:
            await self._api.delete(self._path(namespace, self._bootstrap))
        except UNAVAILABLE as error:
            if not _is_missing(error):
                raise StorageError(f"Secret {namespace}/{self._bootstrap}: {error}") from error

    async def give_redis(self, server: Mapping[str, bytes], reader: Mapping[str, bytes]) -> None:
        await self._apply(self._namespace, self._server, server)
        await self._apply(self._namespace, self._reader, reader)

    async def _apply(self, namespace: str, name: str, files: Mapping[str, bytes]) -> None:
        try:
            await self._api.apply(self._path(namespace, name), _secret(namespace, name, files), FIELD_MANAGER)
        except UNAVAILABLE as error:
            raise StorageError(f"Secret {namespace}/{name}: {error}") from error

    def _path(self, namespace: str, name: str) -> str:
        return f"/api/v1/namespaces/{namespace}/secrets/{name}"


def _secret(namespace: str, name: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(_LABELS)},
        "type": "Opaque",
        "data": {file: base64.b64encode(data).decode() for file, data in files.items()},
    }


def _is_missing(error: BaseException) -> bool:
    return isinstance(error, ApiError) and error.status == 404
