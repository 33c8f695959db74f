from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiohttp import web

from microgateway_common.problems import ObjectRef
from microgateway_reconciler.kubernetes.api import ApiServer
from microgateway_reconciler.kubernetes.target import AllNamespaces, NamespacesLabelled
from microgateway_reconciler.sources.changes import ObjectChange, ObjectGone, ObjectPresent, StatusSeen
from microgateway_reconciler.sources.kubernetes import KubernetesSource
from microgateway_reconciler.sources.reflector import Collection, Reflector

Serve = Callable[[Any], AbstractAsyncContextManager[ApiServer]]

PODS = Collection("/pods", "v1", "Pod")
EXPIRED = {"code": 410, "reason": "Expired", "message": "too old resource version"}


def pod(name: str, version: str = "1", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": version, "uid": name, **metadata}
    }


def listed(*pods: dict[str, Any], version: str = "10", more: str = "") -> dict[str, Any]:
    return {"metadata": {"resourceVersion": version, "continue": more}, "items": list(pods)}


def event(kind: str, raw: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "object": raw}


class Script:
    """An API server that answers requests in turn and then lets watches wait. A list is a watch's events,
    a mapping a list's page or, with a `code`, a refusal."""

    def __init__(self, *answers: list[dict[str, Any]] | dict[str, Any]) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, str]] = []
        self.played = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.query))
        if not self._answers:
            self.played.set()
            await asyncio.sleep(30)
        answer = self._answers.pop(0)
        if isinstance(answer, dict):
            return web.json_response(answer, status=answer.get("code", 200))
        response = web.StreamResponse()
        await response.prepare(request)
        for each in answer:
            line = json.dumps(each).encode() + b"\n"
            for part in (line[:7], line[7:]):  # events do not come in one piece
                await response.write(part)
                await asyncio.sleep(0)
        return response


class Told:
    """A sink that notes what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def present(self, ref: ObjectRef, raw: dict[str, Any]) -> None:
        assert (raw["apiVersion"], raw["kind"]) == ("v1", "Pod")
        self.heard.append(f"+{ref.name}")

    def gone(self, ref: ObjectRef) -> None:
        self.heard.append(f"-{ref.name}")

    def listed(self, collection: Collection) -> None:
        assert collection == PODS
        self.heard.append("listed")


async def play(serve: Serve, script: Script) -> list[str]:
    """What a reflector tells when the script has been played."""
    told = Told()
    async with serve(script.answer) as api:
        task = asyncio.create_task(Reflector(api, PODS, told).run())
        await asyncio.wait_for(script.played.wait(), 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return told.heard


async def test_pages_are_one_list(serve: Serve) -> None:
    script = Script(listed(pod("a"), more="next"), listed(pod("b")), [])
    assert await play(serve, script) == ["+a", "+b", "listed"]
    assert [query.get("continue") for query in script.asked[:2]] == [None, "next"]


async def test_a_watch_that_ends_goes_on_from_the_last_version(serve: Serve) -> None:
    script = Script(
        listed(pod("a")),
        [event("ADDED", pod("b", "11")), event("BOOKMARK", pod("", "15"))],
        [event("DELETED", pod("a", "16"))],
    )
    assert await play(serve, script) == ["+a", "listed", "+b", "-a"]
    assert [query.get("resourceVersion") for query in script.asked[:4]] == [None, "10", "15", "16"]
    assert all(query["allowWatchBookmarks"] == "true" for query in script.asked[1:])


@pytest.mark.parametrize("refusal", [EXPIRED, [event("ERROR", EXPIRED)]], ids=["answer", "event"])
async def test_an_expired_version_is_listed_anew(serve: Serve, refusal: Any) -> None:
    script = Script(listed(pod("a"), pod("b")), refusal, listed(pod("b"), pod("c"), version="20"), [])
    assert await play(serve, script) == ["+a", "+b", "listed", "+b", "+c", "-a", "listed"]
    assert script.asked[3]["resourceVersion"] == "20"


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 503])
async def test_a_refusal_is_tried_again_from_where_it_was(serve: Serve, code: int) -> None:
    refused = {"code": code, "reason": "Refused", "message": "no"}
    script = Script(refused, listed(pod("a")), refused, [event("ADDED", pod("b", "11"))])
    assert await play(serve, script) == ["+a", "listed", "+b"]
    assert [query.get("resourceVersion") for query in script.asked[2:4]] == ["10", "10"]


async def test_an_event_that_makes_no_sense_does_no_harm(serve: Serve) -> None:
    script = Script(listed(), [{"odd": 1}], [event("ADDED", pod("a", "11"))])
    assert await play(serve, script) == ["listed", "+a"]


async def test_a_line_of_a_megabyte_is_an_event(serve: Serve) -> None:
    huge = pod("a", "11", annotations={"x": "y" * 3_000_000})
    assert await play(serve, Script(listed(), [event("ADDED", huge)])) == ["listed", "+a"]


class Cluster:
    """Collections by the last part of their path; what is put is watched."""

    def __init__(self) -> None:
        self.held: dict[str, list[dict[str, Any]]] = {}
        self.watchers: dict[str, asyncio.Queue[dict[str, Any]]] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        if "watch" not in request.query:
            return web.json_response(listed(*self.held.get(name, ())))
        queue = self.watchers.setdefault(name, asyncio.Queue())
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(json.dumps(await queue.get()).encode() + b"\n")

    def tell(self, name: str, kind: str, raw: dict[str, Any]) -> None:
        self.watchers.setdefault(name, asyncio.Queue()).put_nowait(event(kind, raw))


async def following(batches: AsyncIterator[list[ObjectChange]]) -> list[ObjectChange]:
    return await asyncio.wait_for(anext(batches), 30)


async def test_the_first_batch_is_everything_and_the_rest_what_changes(serve: Serve) -> None:
    cluster = Cluster()
    cluster.held["pods"] = [pod("a", labels={"x": "1"})]
    cluster.held["limits"] = [{**pod("l", generation=1), "spec": {}, "status": {"status": "Active"}}]
    async with serve(cluster.answer) as api:
        batches = KubernetesSource(api, AllNamespaces()).batches()
        first = {change.ref.name: change for change in await following(batches)}
        assert isinstance(first["l"], ObjectPresent)
        assert (first["l"].generation, first["l"].status) == (1, {"status": "Active"})
        assert "status" not in first["l"].raw

        # Nothing that compiling sees: a probe of a pod, our own status.
        cluster.tell("pods", "MODIFIED", {**pod("a", "2", labels={"x": "1"}), "status": {"conditions": []}})
        cluster.tell("limits", "MODIFIED", {**pod("l", "3", generation=1), "spec": {}, "status": {}})
        assert await following(batches) == [StatusSeen(ObjectRef("Limits", "shop", "l"), {})]

        cluster.tell("pods", "MODIFIED", pod("a", "4", labels={"x": "2"}))
        cluster.tell("pods", "DELETED", pod("a", "5"))
        ref = ObjectRef("Pod", "shop", "a")
        changes: list[ObjectChange] = []
        while ObjectGone(ref) not in changes:
            changes += await following(batches)
        assert [type(change) for change in changes] == [ObjectPresent, ObjectGone]
        await batches.aclose()  # type: ignore[attr-defined]


async def test_namespaces_bring_and_take_their_objects(serve: Serve) -> None:
    cluster = Cluster()
    cluster.held["pods"] = [pod("a")]
    shop = {"metadata": {"name": "shop", "resourceVersion": "2"}}
    async with serve(cluster.answer) as api:
        batches = KubernetesSource(api, NamespacesLabelled("x=1")).batches()
        assert await following(batches) == []
        cluster.tell("namespaces", "ADDED", shop)
        assert [type(change) for change in await following(batches)] == [ObjectPresent]
        cluster.tell("namespaces", "DELETED", shop)
        assert await following(batches) == [ObjectGone(ObjectRef("Pod", "shop", "a"))]
        await batches.aclose()  # type: ignore[attr-defined]
