from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from aiohttp import web

from microgateway_common.problems import ObjectRef
from microgateway_compiler.pipeline import Pipeline
from microgateway_reconciler.kubernetes.api import ApiServer
from microgateway_reconciler.kubernetes.reporting import Reporter
from microgateway_reconciler.ledger import Ledger
from microgateway_reconciler.metrics import Metrics
from microgateway_reconciler.sources.changes import ObjectChange, ObjectGone, ObjectPresent

Serve = Callable[[Any], AbstractAsyncContextManager[ApiServer]]


class Desk(Protocol):
    """See conftest."""

    pipeline: Pipeline
    ledger: Ledger


class Server:
    """Takes statuses and Events. refusals: HTTP statuses for the next status writes."""

    def __init__(self) -> None:
        self.statuses: dict[str, dict[str, Any]] = {}
        self.events: dict[str, dict[str, Any]] = {}
        self.writes: list[str] = []
        self.refusals: list[int] = []

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        name = body["metadata"]["name"]
        if request.method == "POST":
            if name in self.events:
                return web.json_response({"code": 409, "reason": "AlreadyExists"}, status=409)
            self.events[name] = body
            return web.json_response(body)
        assert request.content_type == "application/apply-patch+yaml"
        assert request.path.endswith(f"/{name}/status")
        self.writes.append(name)
        if self.refusals:
            return web.json_response({"code": (code := self.refusals.pop(0))}, status=code)
        self.statuses[name] = body["status"]
        return web.json_response(body)


def limits(name: str, generation: int = 1, depth: object = 3) -> ObjectPresent:
    ref = ObjectRef("Limits", "shop", name)
    raw = {
        "apiVersion": "microgateway.airlock.com/v1alpha1",
        "kind": "Limits",
        "metadata": {"name": name, "namespace": "shop", "generation": generation, "uid": name},
        "spec": {"request": {"limited": {"json": {"nestingDepth": depth}}}},
    }
    return ObjectPresent(ref, raw, name, generation, {})


class Stage:
    """A reporter at work."""

    def __init__(self, desk: Desk, reporter: Reporter) -> None:
        self._desk = desk
        self.reporter = reporter

    def take(self, *batch: ObjectChange) -> None:
        for change in batch:
            match change:
                case ObjectPresent(raw=raw):
                    self._desk.pipeline.replace_object(raw)
                case ObjectGone(ref):
                    self._desk.pipeline.remove_object(ref)
        changes = self._desk.pipeline.changes()
        self._desk.ledger.take(changes)
        self.reporter.took(batch, changes)


@asynccontextmanager
async def at_work(serve: Serve, server: Server, desk: Desk) -> AsyncIterator[Stage]:
    async with serve(server.answer) as api:
        reporter = Reporter(api, desk.pipeline, desk.ledger, Metrics("1"), "replica-0")
        published = asyncio.Event()
        published.set()
        task = asyncio.create_task(reporter.run(published))
        yield Stage(desk, reporter)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def eventually(look: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while True:
            if look():
                return
            await asyncio.sleep(0.01)


async def test_each_status_is_written_once(serve: Serve, desk: Desk) -> None:
    server = Server()
    async with at_work(serve, server, desk) as stage:
        stage.take(limits("a"), limits("b"))
        await eventually(lambda: len(server.statuses) == 2)
        stage.take(limits("a", 2, depth=4))
        await eventually(lambda: server.statuses["a"]["observedGeneration"] == 2)
    assert sorted(server.writes) == ["a", "a", "b"]


async def test_a_server_that_is_away_gets_it_later(serve: Serve, desk: Desk) -> None:
    server = Server()
    server.refusals = [503, 401, 500]
    async with at_work(serve, server, desk) as stage:
        stage.take(limits("a"), limits("b"))
        await eventually(lambda: len(server.statuses) == 2)


async def test_an_object_that_is_gone_meanwhile_is_let_go(serve: Serve, desk: Desk) -> None:
    server = Server()
    server.refusals = [404]
    async with at_work(serve, server, desk) as stage:
        stage.take(limits("a"))
        await eventually(lambda: server.writes)
        stage.take(ObjectGone(ObjectRef("Limits", "shop", "a")), limits("b"))
        await eventually(lambda: server.statuses)
    assert server.writes == ["a", "b"]


async def test_a_refused_status_holds_up_nobody(serve: Serve, desk: Desk) -> None:
    server = Server()
    server.refusals = [422]
    async with at_work(serve, server, desk) as stage:
        stage.take(limits("a"), limits("b"))
        await eventually(lambda: len(server.writes) == 2)
        await eventually(lambda: server.statuses)
    assert len(server.statuses) == 1


async def test_a_broken_object_gets_an_event_and_only_one(serve: Serve, desk: Desk) -> None:
    server = Server()
    async with at_work(serve, server, desk) as stage:
        stage.take(limits("a", 1, depth="deep"))
        await eventually(lambda: server.events)
        stage.take(limits("a", 2))
        await eventually(lambda: server.statuses["a"]["status"] == "Active")
        stage.take(limits("a", 1, depth="deep"))
        await eventually(lambda: server.statuses["a"]["status"] == "Error")
    (event,) = server.events.values()
    assert (event["reason"], event["regarding"]["name"]) == ("InvalidField", "a")
