from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import web

from microgateway_common.problems import ObjectRef
from microgateway_reconciler.kubernetes.api import METADATA, METADATA_LIST, ApiServer, Raw
from microgateway_reconciler.sources.changes import ObjectGone, ObjectPresent
from microgateway_reconciler.sources.secrets import Secrets

Serve = Callable[[Any], AbstractAsyncContextManager[ApiServer]]

TLS = ObjectRef("Secret", "shop", "tls")
OTHER = ObjectRef("Secret", "shop", "other")


class SecretServer:
    """An API server with Secrets in one namespace. asked: paths, with what was accepted."""

    def __init__(self) -> None:
        self.stored: dict[str, Raw] = {}
        self.version = 0
        self.asked: list[tuple[str, str]] = []
        self.refusing = False
        self.watched = asyncio.Event()
        self._events: asyncio.Queue[Raw] = asyncio.Queue()

    def put(self, name: str, value: str) -> None:
        self.version += 1
        metadata = {"name": name, "namespace": "shop", "resourceVersion": str(self.version), "uid": name}
        self.stored[name] = {
            "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"x": value},
        }  # fmt: skip
        self._events.put_nowait({"type": "MODIFIED", "object": {"metadata": metadata}})

    def delete(self, name: str) -> None:
        raw = self.stored.pop(name)
        self._events.put_nowait({"type": "DELETED", "object": {"metadata": raw["metadata"]}})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        accept = request.headers["Accept"]
        name = request.path.removeprefix("/api/v1/namespaces/shop/secrets").lstrip("/")
        self.asked.append((name, accept))
        if self.refusing:
            return web.json_response({"code": 503, "reason": "Away"}, status=503)
        if name:
            found = self.stored.get(name)
            return web.json_response(
                found or {"code": 404, "reason": "NotFound"}, status=200 if found else 404
            )
        if "watch" not in request.query:
            items = [{"metadata": raw["metadata"]} for raw in self.stored.values()]
            self._events = asyncio.Queue()
            return web.json_response({"metadata": {"resourceVersion": str(self.version)}, "items": items})
        response = web.StreamResponse()
        await response.prepare(request)
        self.watched.set()
        while True:
            await response.write(json.dumps(await self._events.get()).encode() + b"\n")


class Inbox:
    """It passes over what it knows, as the source's own: a list may come while a get is answered."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[tuple[ObjectRef, str | None]] = asyncio.Queue()
        self.known: dict[ObjectRef, str] = {}

    def know(self, ref: ObjectRef, raw: Raw) -> ObjectPresent:
        self.known[ref] = raw["stringData"]["x"]
        return ObjectPresent(ref, raw, "", 0, {})

    def forget(self, ref: ObjectRef) -> ObjectGone | None:
        return None if self.known.pop(ref, None) is None else ObjectGone(ref)

    def present(self, ref: ObjectRef, raw: Raw) -> None:
        value = raw["stringData"]["x"]
        if self.known.get(ref) != value:
            self.known[ref] = value
            self.told.put_nowait((ref, value))

    def gone(self, ref: ObjectRef) -> None:
        self.known.pop(ref, None)
        self.told.put_nowait((ref, None))

    async def next(self) -> tuple[ObjectRef, str | None]:
        async with asyncio.timeout(30):
            return await self.told.get()


async def test_only_what_is_needed_is_read_and_followed(serve: Serve) -> None:
    server, inbox = SecretServer(), Inbox()
    server.put("tls", "1")
    server.put("other", "1")
    async with serve(server.answer) as api:
        secrets = Secrets(api, ("namespaces/shop/",), inbox)
        running = asyncio.create_task(secrets.run())
        assert await secrets.read(frozenset()) == []
        await asyncio.sleep(0.05)
        assert server.asked == []  # nothing is needed: not even names

        [change] = await secrets.read(frozenset({TLS}))
        assert isinstance(change, ObjectPresent)
        assert change.raw["stringData"] == {"x": "1"}
        assert await secrets.read(frozenset({TLS})) == []

        await server.watched.wait()
        server.put("other", "2")
        server.put("tls", "2")
        assert await inbox.next() == (TLS, "2")
        server.delete("tls")
        assert await inbox.next() == (TLS, None)
        server.put("tls", "3")
        assert await inbox.next() == (TLS, "3")

        assert await secrets.read(frozenset()) == [ObjectGone(TLS)]
        assert ("other", "application/json") not in server.asked
        assert {accept for name, accept in server.asked if not name} == {METADATA, METADATA_LIST}
        running.cancel()


async def test_a_secret_that_comes_later_is_told(serve: Serve) -> None:
    server, inbox = SecretServer(), Inbox()
    async with serve(server.answer) as api:
        secrets = Secrets(api, ("namespaces/shop/",), inbox)
        running = asyncio.create_task(secrets.run())
        assert await secrets.read(frozenset({TLS, OTHER})) == []
        await server.watched.wait()
        server.put("tls", "1")
        assert await inbox.next() == (TLS, "1")
        running.cancel()


async def test_what_cannot_be_read_is_read_when_it_can(serve: Serve) -> None:
    server, inbox = SecretServer(), Inbox()
    server.put("tls", "1")
    server.refusing = True
    async with serve(server.answer) as api:
        secrets = Secrets(api, ("namespaces/shop/",), inbox)
        running = asyncio.create_task(secrets.run())
        assert await secrets.read(frozenset({TLS})) == []
        server.refusing = False
        assert await inbox.next() == (TLS, "1")
        running.cancel()
