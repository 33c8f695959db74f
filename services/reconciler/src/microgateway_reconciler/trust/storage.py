"""Where keys are kept, and where engines find theirs.

FolderStorage                  files, for a reconciler that watches a folder of manifests
secret_storage.SecretStorage   Secrets: ours in our own namespace, one in each that has an engine
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from microgateway_common.names import Namespace
from microgateway_common.trust.bootstrap import FILE_NAME

KEYS_FILE = "keys.json"


class StorageError(Exception):
    """Keys cannot be read or written now, or somebody else has written them meanwhile."""


class Storage(Protocol):
    """Every method raises StorageError."""

    async def load(self) -> bytes | None:
        """What `save` was given last; None when there is nothing."""

    async def save(self, data: bytes) -> None:
        """Keep it, unless somebody has written since `load`."""

    async def hand_out(self, namespace: Namespace, data: bytes) -> None:
        """Give engines of a namespace their bootstrap."""

    async def take_back(self, namespace: Namespace) -> None:
        """No engine of the namespace needs one."""

    async def give_redis(self, server: Mapping[str, bytes], reader: Mapping[str, bytes]) -> None:
        """Give the bundled Redis and the config-api theirs."""


class FolderStorage:
    """`keys.json`, and `<namespace>/bootstrap.json` for each namespace. Only the owner may read them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def load(self) -> bytes | None:
        try:
            return await asyncio.to_thread((self._path / KEYS_FILE).read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(str(error)) from error

    async def save(self, data: bytes) -> None:
        await self._write({self._path / KEYS_FILE: data})

    async def hand_out(self, namespace: Namespace, data: bytes) -> None:
        await self._write({self._path / namespace / FILE_NAME: data})

    async def take_back(self, namespace: Namespace) -> None:
        try:
            (self._path / namespace / FILE_NAME).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(str(error)) from error

    async def give_redis(self, server: Mapping[str, bytes], reader: Mapping[str, bytes]) -> None:
        files = {self._path / "redis" / name: data for name, data in server.items()}
        files |= {self._path / "redis-reader" / name: data for name, data in reader.items()}
        await self._write(files)

    async def _write(self, files: Mapping[Path, bytes]) -> None:
        try:
            await asyncio.to_thread(_write_files, files)
        except OSError as error:
            raise StorageError(str(error)) from error


def _write_files(files: Mapping[Path, bytes]) -> None:
    for path, data in files.items():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.new")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        temporary.replace(path)
