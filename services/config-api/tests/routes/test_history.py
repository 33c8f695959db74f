"""Histories that a reconciler has left in a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from reconciled import GENERATION, Reconciled, answering, changed, reconciling, shop

from microgateway_common.bus import keys
from microgateway_common.names import Generation, gateway_key
from microgateway_common.settings import RedisUrl

BASE = "/api/v1/gateways/shop/shop"
KEY = gateway_key("shop", "shop")

LOG_ONLY: dict[str, Any] = {"settings": {"threatHandlingMode": "LogOnly"}}


def secret(value: str) -> dict[str, Any]:
    header = {"name": "Authorization", "value": value}
    return {"request": {"add": {"custom": [{"name": "a", "headers": [header]}]}}}


@pytest.fixture
async def reconciled(redis_url: RedisUrl) -> AsyncIterator[Reconciled]:
    async with reconciling(redis_url) as found:
        yield found


@pytest.fixture
async def asked(redis_url: RedisUrl) -> AsyncIterator[httpx.AsyncClient]:
    async with answering(redis_url) as client:
        yield client


@pytest.fixture
async def twice(reconciled: Reconciled) -> Reconciled:
    """The shop, whose limits somebody has changed."""
    await reconciled.apply(shop())
    await reconciled.apply(changed(shop(), "Limits", **LOG_ONLY), by="argocd")
    return reconciled


async def test_entries_say_who_changed_what_the_newest_first(
    asked: httpx.AsyncClient, twice: Reconciled
) -> None:
    page = (await asked.get(f"{BASE}/history")).json()
    assert page["total"] == 2
    newest, first = page["items"]
    assert (newest["generation"], newest["since"], first["since"]) == (
        GENERATION + 2000,
        GENERATION + 1000,
        0,
    )
    assert (newest["live"], first["live"], newest["kept"]) == (True, False, True)
    assert newest["compiled_at"] == "2026-01-01T00:00:02Z"
    (change,) = newest["changes"]
    assert (change["change"], change["kind"], change["namespace"], change["name"]) == (
        *("changed", "Limits", "shop", "shop"),
    )
    assert change["writer"] == {"type": "manager", "manager": "argocd", "time": "2026-01-01T00:00:00Z"}
    assert (await asked.get(f"{BASE}/history", params={"limit": 1, "offset": 1})).json()["items"] == [first]


async def test_of_equal_configurations_the_newest_is_live(
    asked: httpx.AsyncClient, twice: Reconciled
) -> None:
    await twice.apply(shop())
    newest, _, first = (await asked.get(f"{BASE}/history")).json()["items"]
    assert newest["digest"] == first["digest"]
    assert (newest["live"], first["live"]) == (True, False)


@pytest.mark.parametrize("wanted", ["previous", str(GENERATION + 1000)])
async def test_an_earlier_configuration_is_shown(
    asked: httpx.AsyncClient, twice: Reconciled, wanted: str
) -> None:
    found = (await asked.get(f"{BASE}/history/{wanted}")).json()
    assert found["entry"]["generation"] == GENERATION + 1000
    (security,) = found["configuration"]["content_securities"].values()
    assert security["limits"]["threat_handling"] == "Block"


async def test_the_difference_is_what_was_changed_and_whose_it_is(
    asked: httpx.AsyncClient, twice: Reconciled
) -> None:
    found = (await asked.get(f"{BASE}/diff")).json()
    assert (found["from_generation"], found["to_generation"]) == (GENERATION + 1000, GENERATION + 2000)
    handling = [each for each in found["differences"] if each["path"].endswith("threat_handling")]
    assert handling == [
        {
            "change": "changed",
            "path": "content_securities.shop.limits.threat_handling",
            "origin": {"kind": "Limits", "namespace": "shop", "name": "shop"},
            "old": "Block",
            "new": "LogOnly",
        }
    ]
    assert [each["generation"] for each in found["entries"]] == [GENERATION + 2000]


async def test_the_way_back_is_the_opposite(asked: httpx.AsyncClient, twice: Reconciled) -> None:
    there = (await asked.get(f"{BASE}/diff", params={"from": "previous", "to": "current"})).json()
    back = (await asked.get(f"{BASE}/diff", params={"from": "current", "to": "previous"})).json()
    assert len(back["differences"]) == len(there["differences"]) > 0
    assert back["entries"] == there["entries"]
    same = (await asked.get(f"{BASE}/diff", params={"from": "current", "to": "current"})).json()
    assert (same["differences"], same["entries"]) == ([], [])


async def test_a_secret_is_neither_shown_nor_compared(
    asked: httpx.AsyncClient, reconciled: Reconciled
) -> None:
    for value in ("hunter2", "hunter3"):
        await reconciled.apply(changed(shop(), "HeaderRewrites", **secret(value)))
    answers = [await asked.get(f"{BASE}/{path}") for path in ("history", "history/current", "diff")]
    assert "hunter" not in "".join(each.text for each in answers)
    found = answers[2].json()
    assert (found["differences"], found["withheld"]) == ([], True)


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("history/17", 404, "unknown-generation"),
        ("diff?from=17", 404, "unknown-generation"),
        ("history/newest", 422, "invalid-request"),
        ("diff?to=-1", 422, "invalid-request"),
        ("diff?to=99999999999999999999", 422, "invalid-request"),
    ],
)
async def test_what_is_not_there_is_said(
    asked: httpx.AsyncClient, twice: Reconciled, path: str, status: int, kind: str
) -> None:
    answer = await asked.get(f"{BASE}/{path}")
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:microgateway:error:{kind}")
    if kind == "unknown-generation":
        assert answer.json()["near"] == [str(GENERATION + 2000), str(GENERATION + 1000)]


async def test_no_gateway_has_no_history(asked: httpx.AsyncClient, twice: Reconciled) -> None:
    for path in ("history", "history/current", "diff"):
        answer = await asked.get(f"/api/v1/gateways/shop/shp/{path}")
        assert (answer.status_code, answer.json()["near"]) == (404, ["shop/shop"])


async def test_a_history_of_one_has_nothing_before(asked: httpx.AsyncClient, reconciled: Reconciled) -> None:
    await reconciled.apply(shop())
    answer = await asked.get(f"{BASE}/diff")
    assert answer.status_code == 404
    assert "which has 1, got previous" in answer.json()["detail"]


async def test_a_configuration_not_kept_is_missed(asked: httpx.AsyncClient, twice: Reconciled) -> None:
    await twice.redis.delete(keys.past_configuration(KEY, Generation(GENERATION + 1000)))
    answer = await asked.get(f"{BASE}/diff")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:microgateway:error:not-kept")


@pytest.mark.parametrize("written", [b"[", b"\xff"])
async def test_a_history_of_others_is_unreadable(
    asked: httpx.AsyncClient, twice: Reconciled, written: bytes
) -> None:
    await twice.redis.set(keys.past_configuration(KEY, Generation(GENERATION + 1000)), written)
    assert (await asked.get(f"{BASE}/history/previous")).status_code == 502
    await twice.redis.set(keys.history(KEY), written)
    assert (await asked.get(f"{BASE}/history")).status_code == 502
