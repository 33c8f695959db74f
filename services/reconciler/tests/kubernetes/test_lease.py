from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiohttp import web

from microgateway_reconciler.kubernetes import lease as module
from microgateway_reconciler.kubernetes.api import ApiServer
from microgateway_reconciler.kubernetes.lease import Lease
from microgateway_reconciler.kubernetes.target import LeadershipLostError

Serve = Callable[[Any], AbstractAsyncContextManager[ApiServer]]


class Store:
    """One lease, with the API server's optimistic concurrency."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.away = False

    async def answer(self, request: web.Request) -> web.Response:
        if self.away:
            return web.json_response({"code": 503, "reason": "Away", "message": "no"}, status=503)
        if request.method == "GET":
            if self.lease is None:
                return web.json_response({"code": 404, "reason": "NotFound", "message": "no"}, status=404)
            return web.json_response(self.lease)
        body = await request.json()
        held = self.lease["metadata"]["resourceVersion"] if self.lease else None
        if body["metadata"].get("resourceVersion") != held:
            return web.json_response({"code": 409, "reason": "Conflict", "message": "no"}, status=409)
        body["metadata"]["resourceVersion"] = str(int(held or 0) + 1)
        self.lease = body
        return web.json_response(body)

    @property
    def holder(self) -> str:
        assert self.lease is not None
        return str(self.lease["spec"]["holderIdentity"])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY", 0.05)
    monkeypatch.setattr(module, "RENEW_DEADLINE", 2.0)


async def test_one_of_two_leads_until_it_releases(serve: Serve) -> None:
    store = Store()
    async with serve(store.answer) as api:
        first, second = Lease(api, "n", "l", "first"), Lease(api, "n", "l", "second")
        await first.acquire()
        waiting = asyncio.create_task(second.acquire())
        await asyncio.sleep(0.3)
        assert (first.held, second.held, store.holder) == (True, False, "first")

        await first.release()
        await asyncio.wait_for(waiting, 30)
        assert (first.held, second.held, store.holder) == (False, True, "second")
        assert store.lease is not None
        assert store.lease["spec"]["leaseTransitions"] == 1


async def test_a_lease_that_nobody_renews_runs_out(serve: Serve) -> None:
    store = Store()
    async with serve(store.answer) as api:
        await Lease(api, "n", "l", "dead", duration=1).acquire()
        started = asyncio.get_running_loop().time()
        await Lease(api, "n", "l", "next").acquire()
        assert asyncio.get_running_loop().time() - started >= 1  # seen unchanged for its whole duration


async def test_holding_renews_and_ends_when_that_fails_for_long(serve: Serve) -> None:
    store = Store()
    async with serve(store.answer) as api:
        lease = Lease(api, "n", "l", "first")
        await lease.acquire()
        holding = asyncio.create_task(lease.hold())
        await asyncio.sleep(2.5)
        assert lease.held
        store.away = True
        await asyncio.sleep(0.2)
        assert not holding.done()
        with pytest.raises(LeadershipLostError, match="could not be renewed"):
            await asyncio.wait_for(holding, 30)
        assert not lease.held


async def test_holding_ends_when_somebody_else_has_it(serve: Serve) -> None:
    store = Store()
    async with serve(store.answer) as api:
        lease = Lease(api, "n", "l", "first")
        await lease.acquire()
        assert store.lease is not None
        store.lease["spec"]["holderIdentity"] = "thief"
        with pytest.raises(LeadershipLostError, match="thief holds"):
            await asyncio.wait_for(lease.hold(), 30)
        await lease.release()
        assert store.holder == "thief"


async def test_of_two_that_are_equally_fast_one_leads(serve: Serve) -> None:
    store = Store()
    async with serve(store.answer) as api:
        leases = [Lease(api, "n", "l", str(number)) for number in range(5)]
        tasks = [asyncio.create_task(lease.acquire()) for lease in leases]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0.2)
        assert [task.done() for task in tasks].count(True) == 1
        for task in tasks:
            task.cancel()
