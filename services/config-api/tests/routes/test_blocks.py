"""Recent blocks over a real Redis, kept as the reconciler keeps them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from example_shop import shop
from msgspec.structs import replace
from redis.asyncio import Redis

from microgateway_common import wire
from microgateway_common.blocks import (
    BlockEvent,
    Mode,
    PlaceLine,
    ResourceLine,
    ThreatLine,
    encode_event,
)
from microgateway_common.bus import keys
from microgateway_common.bus.blocks import BlockKeeper
from microgateway_common.bus.connection import connect
from microgateway_common.bus.publisher import Publisher
from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.names import GatewayKey, Generation, gateway_key, pod_key
from microgateway_common.settings import RedisUrl
from microgateway_config_api.app import create_app
from microgateway_config_api.settings import Settings

#: 2026-01-01T00:00:00Z
GENERATION = Generation(1767225600000)
SHOP, BANK = gateway_key("shop", "shop"), gateway_key("bank", "teller")
RULE = ThreatLine(
    "deny_rules",
    "SQL",
    "Block",
    ResourceLine("DenyRules", "shop", "shop", 1),
    rule_key="SQL",
    rule_id="SQL-010",
    level="Standard",
    description="a union",
    place=PlaceLine("Parameter", "q", "value"),
    decoding=("url",),
    matched="union select",
)
LIMIT = ThreatLine("limits", "json_nesting_depth", "LogOnly", ResourceLine("Limits"), limit=5, measured=9)
PARSER = ThreatLine("parser", "json_malformed", "Block", ResourceLine("Parser"), description="at byte 3")


def event(
    request_id: str, *threats: ThreatLine, gateway: GatewayKey = SHOP, mode: Mode = Mode.BLOCK
) -> BlockEvent:
    return BlockEvent(
        request_id, 1767225600.5, pod_key(gateway.partition("/")[0], "p-0"), gateway, Generation(7), 8080,
        "192.0.2.7", "GET", "shop.example", "/products", mode, threats or (RULE,),
    )  # fmt: skip


@dataclass
class World:
    """redis: what the reconciler writes to. publisher: its."""

    redis: Redis
    publisher: Publisher

    async def keep(self, *events: BlockEvent) -> None:
        keeper = BlockKeeper(self.redis, self.publisher.term)
        for each in events:
            await keeper.keep(each.gateway, [(each.request_id, encode_event(each))])

    async def publish(self, config: GatewayConfig) -> None:
        data = wire.pack(config.gateway, GENERATION, wire.encode(config), wire.LeaveUnsigned())
        await self.publisher.bundle(config.gateway, GENERATION, data)


@pytest.fixture
async def world(redis_url: RedisUrl) -> AsyncIterator[World]:
    redis = connect(redis_url)
    yield World(redis, await Publisher.claim(redis))
    await redis.aclose()


@pytest.fixture
async def api(redis_url: RedisUrl) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Settings(redis=redis_url))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        yield client


@pytest.fixture
def listed(api: httpx.AsyncClient) -> Callable[..., Any]:
    async def listed(**query: str) -> list[str]:
        answer = await api.get("/api/v1/blocks", params=query)
        assert answer.status_code == 200, answer.text
        return [each["request_id"] for each in answer.json()["items"]]

    return listed


async def test_a_block_is_shown_with_its_evidence(api: httpx.AsyncClient, world: World) -> None:
    await world.keep(event("r0", RULE, LIMIT, PARSER))
    (block,) = (await api.get("/api/v1/blocks")).json()["items"]
    assert (block["gateway"], block["pod"], block["mode"]) == ("shop/shop", "shop/p-0", "block")
    assert block["why"] == "SQL (SQL-010: a union)"
    assert block["time"] == "2026-01-01T00:00:00.500000Z"
    rule, limit, parser = block["threats"]
    assert (rule["type"], rule["rule_key"], rule["place"]["name"], rule["matched"]) == (
        "deny_rules", "SQL", "q", "union select",
    )  # fmt: skip
    assert (limit["limit"], limit["maximum"], limit["measured"]) == ("json_nesting_depth", 5, 9)
    assert (parser["problem"], parser["description"]) == ("json_malformed", "at byte 3")
    assert (await api.get("/api/v1/blocks/r0")).json() == block


async def test_without_blocks_the_list_is_empty(listed: Callable[..., Any]) -> None:
    assert await listed() == []
    assert await listed(gateway="shop/shop") == []


async def test_lists_are_narrowed(listed: Callable[..., Any], world: World) -> None:
    await world.keep(
        event("sql"),
        event("limit", LIMIT, mode=Mode.LOG_ONLY),
        event("both", RULE, LIMIT, mode=Mode.LOG_ONLY),
        event("bank", gateway=BANK),
    )
    assert await listed() == ["bank", "both", "limit", "sql"]
    assert await listed(namespace="shop") == ["both", "limit", "sql"]
    assert await listed(gateway="bank/teller") == ["bank"]
    assert await listed(gateway="bank/teller", namespace="shop") == []
    assert await listed(rule_key="SQL") == ["bank", "both", "sql"]
    assert await listed(rule_key="json_nesting_depth", namespace="shop") == ["both", "limit"]
    assert await listed(mode="log-only") == ["both", "limit"]
    assert await listed(mode="block", limit="1") == ["bank"]
    ago = datetime.now(UTC) - timedelta(minutes=5)
    assert len(await listed(since=ago.isoformat())) == 4
    assert await listed(since=(ago + timedelta(hours=1)).isoformat()) == []


@pytest.mark.parametrize("query", ["", "&rule_key=SQL", "&mode=block"])
async def test_pages_follow_each_other(api: httpx.AsyncClient, world: World, query: str) -> None:
    await world.keep(*(event(f"r{number}", gateway=SHOP if number % 3 else BANK) for number in range(25)))
    seen: list[str] = []
    before = ""
    while True:
        answer = (await api.get(f"/api/v1/blocks?limit=10{query}{before}")).json()
        seen += [each["request_id"] for each in answer["items"]]
        if answer["next"] is None:
            break
        before = f"&before={answer['next']}"
    assert seen == [f"r{number}" for number in reversed(range(25))]


async def test_who_follows_asks_for_what_came_after(
    listed: Callable[..., Any], api: httpx.AsyncClient, world: World
) -> None:
    await world.keep(event("r0"))
    entry = (await api.get("/api/v1/blocks")).json()["items"][0]["entry"]
    assert await listed(after=entry) == []
    await world.keep(event("r1"), event("r2", gateway=BANK))
    assert await listed(after=entry) == ["r2", "r1"]


@pytest.mark.parametrize("request_id", ["a/b/c", "a+b=", "x/explanation"])
async def test_ids_that_clients_chose_are_found(
    api: httpx.AsyncClient, world: World, request_id: str
) -> None:
    await world.keep(event(request_id))
    path = f"/api/v1/blocks/{quote(request_id, safe='')}"
    if not request_id.endswith("/explanation"):
        assert (await api.get(path)).json()["request_id"] == request_id
    assert (await api.get(f"{path}/explanation")).json()["block"]["request_id"] == request_id


@pytest.mark.parametrize("below", ["", "/explanation"])
async def test_an_unknown_request_says_what_was_expected(
    api: httpx.AsyncClient, world: World, below: str
) -> None:
    await world.keep(event("r0"))
    answer = await api.get(f"/api/v1/blocks/r1{below}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:microgateway:error:unknown-block")
    assert "got r1" in answer.json()["detail"]


@pytest.mark.parametrize(
    "query", ["after=x", "before=1", "limit=0", "limit=1001", "since=yesterday", "since=2026-01-01T00:00:00",
              "mode=maybe", "gateway=shop"],
)  # fmt: skip
async def test_bad_questions_are_answered_with_what_was_expected(api: httpx.AsyncClient, query: str) -> None:
    answer = await api.get(f"/api/v1/blocks?{query}")
    assert answer.status_code == 422
    assert query.partition("=")[0] in answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "before=0-0",
        "after=0-0",
        "after=999999999999999-9999999999",
        "since=0001-01-01T00:00:00Z",
        "since=9999-12-31T23:59:59Z",
        "namespace=*",
        "namespace=a:b",
    ],
)
async def test_odd_questions_have_an_answer(api: httpx.AsyncClient, query: str, world: World) -> None:
    await world.keep(event("r0"))
    assert (await api.get(f"/api/v1/blocks?{query}")).status_code == 200


async def test_a_block_is_explained_by_the_configuration_of_now(api: httpx.AsyncClient, world: World) -> None:
    await world.publish(shop())
    await world.keep(event("r0"))
    answer = (await api.get("/api/v1/blocks/r0/explanation")).json()
    assert answer["generation"] == GENERATION
    assert answer["policy"] == "ContentSecurity shop/shop"
    assert answer["causes"] == [
        {
            "resource": "DenyRules shop/shop",
            "field": "spec.request.builtIn.settings",
            "reason": "SQL (SQL-010: a union)",
        }
    ]
    (change,) = answer["remedy"]["changes"]
    assert change["resource"] == "DenyRules shop/shop"
    assert change["value"]["blockedData"]["parameter"]["name"] == {"matcher": {"exact": "q"}}


async def test_of_a_gateway_that_is_gone_the_cause_is_known(api: httpx.AsyncClient, world: World) -> None:
    await world.keep(event("r0"))
    answer = (await api.get("/api/v1/blocks/r0/explanation")).json()
    assert (answer["generation"], answer["policy"], answer["remedy"]["kind"]) == (0, "", "not offered")
    assert answer["causes"][0]["resource"] == "DenyRules shop/shop"


async def test_what_an_engine_says_is_shown_as_far_as_it_makes_sense(
    api: httpx.AsyncClient, world: World
) -> None:
    threat = ThreatLine("deny_rules", "SQL", "Maybe", ResourceLine("X"), rule_key="SQL")
    odd = replace(event("r0", threat), time=1e300)
    await world.keep(odd)
    (block,) = (await api.get("/api/v1/blocks")).json()["items"]
    assert block["time"] is None
    assert (await api.get("/api/v1/blocks/r0/explanation")).status_code == 200


async def test_what_redis_holds_in_their_place_is_an_error_with_a_reason(
    api: httpx.AsyncClient, world: World
) -> None:
    await world.redis.set(keys.blocks(SHOP), "no stream")
    answer = await api.get("/api/v1/blocks")
    assert answer.status_code == 503
    assert "WRONGTYPE" in answer.json()["detail"]
