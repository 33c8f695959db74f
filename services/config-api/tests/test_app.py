"""The application in process, over a real Redis to which a reconciler and engines write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import msgspec
import pytest
from jsonschema import Draft202012Validator
from redis.asyncio import Redis

from microgateway_common import wire
from microgateway_common.bus import keys
from microgateway_common.bus.connection import connect
from microgateway_common.bus.messages import (
    Acknowledgement,
    Applied,
    Assigned,
    Assignment,
    NoConfiguration,
    NothingRejected,
    Rejected,
    encode,
)
from microgateway_common.bus.publisher import Publisher
from microgateway_common.ir.deny_rules import DenyRules, Level, RuleSetting, ThreatHandling
from microgateway_common.ir.gateway import ContentSecurity, GatewayConfig
from microgateway_common.ir.header_rewrites import (
    AddMode,
    AllowAll,
    HeaderAddition,
    HeaderRewrites,
    NewHeader,
    OperationalMode,
    Rewrites,
)
from microgateway_common.ir.limits import Limits, Unlimited
from microgateway_common.ir.matching import ALWAYS
from microgateway_common.ir.origin import DefaultOrigin, ResourceOrigin
from microgateway_common.ir.parser import Parser
from microgateway_common.ir.templates import Text
from microgateway_common.names import Digest, Generation, gateway_key, pod_key
from microgateway_common.problems import DocumentRef, ObjectRef, Problem, Reason, Severity
from microgateway_common.settings import RedisUrl
from microgateway_common.status import (
    Condition,
    ConditionStatus,
    GatewayStatus,
    NeverPublished,
    Phase,
    Published,
)
from microgateway_config_api import live_changes
from microgateway_config_api.app import create_app
from microgateway_config_api.live_changes import News, changes
from microgateway_config_api.settings import Settings

#: 2026-01-01T00:00:00Z
GENERATION = Generation(1767225600000)


def config_with_secret(name: str) -> GatewayConfig:
    """As `empty_config`, with a password in a header that is added to requests."""
    origin = DefaultOrigin("HeaderRewrites")
    secret = NewHeader("Authorization", (Text("Basic hunter2"),))
    addition = HeaderAddition("upstream", ALWAYS, AddMode.OVERWRITE_OR_ADD, (secret,))
    setting = RuleSetting(Level.STANDARD, ThreatHandling.BLOCK)
    security = ContentSecurity(
        origin,
        Parser(origin, "text/plain", (), ()),
        Limits(origin, Unlimited(), ThreatHandling.BLOCK),
        DenyRules(origin, setting, (), (), ()),
        HeaderRewrites(
            origin,
            Rewrites(AllowAll(), (), (addition,)),
            Rewrites(AllowAll(), (), ()),
            OperationalMode.PRODUCTION,
        ),
    )
    return msgspec.structs.replace(empty_config(name), content_securities={"default": security})


def empty_config(name: str) -> GatewayConfig:
    """A gateway `shop/<name>` without applications."""
    return GatewayConfig(gateway_key("shop", name), ResourceOrigin("SidecarGateway", "shop", name, 4), {}, ())


@dataclass
class World:
    """What reconciler and engines say, in namespace `shop`."""

    redis: Redis
    publisher: Publisher

    async def gateway(
        self,
        name: str,
        phase: Phase = Phase.ACTIVE,
        problems: tuple[Problem, ...] = (),
        pods: Iterable[str] = (),
        config: GatewayConfig | None = None,
        generation: Generation = GENERATION,
    ) -> Published:
        """Publish a configuration and its status."""
        key = gateway_key("shop", name)
        payload = wire.encode(config or empty_config(name))
        await self.publisher.bundle(
            key, generation, wire.pack(key, generation, payload, wire.LeaveUnsigned())
        )
        published = Published(generation, wire.digest_of(payload))
        await self.publisher.status(_status(name, phase, published, problems, pods))
        return published

    async def unpublished_gateway(self, name: str) -> None:
        await self.publisher.status(_status(name, Phase.ERROR, NeverPublished(), (), ()))

    async def engine(
        self,
        pod: str,
        assignment: Assignment | None = None,
        serving: Applied | NoConfiguration | None = None,
        rejected: Rejected | NothingRejected | None = None,
    ) -> None:
        """Acknowledge as an engine does; by default it serves nothing of `shop/webshop`."""
        acknowledgement = Acknowledgement(
            pod=pod_key("shop", pod),
            instance="5f0c7d6a",
            engine_version="0.1.0",
            assignment=assignment or Assigned(gateway_key("shop", "webshop")),
            serving=serving or NoConfiguration(),
            rejected=rejected or NothingRejected(),
            sent_at=time.time(),
        )
        await self.redis.set(keys.acknowledgement(acknowledgement.pod), encode(acknowledgement), ex=30)


def _status(
    name: str,
    phase: Phase,
    published: Published | NeverPublished,
    problems: tuple[Problem, ...],
    pods: Iterable[str],
) -> GatewayStatus:
    return GatewayStatus(
        gateway=gateway_key("shop", name),
        phase=phase,
        observed_generation=4,
        published=published,
        up_to_date=phase is not Phase.ERROR,
        conditions=(Condition("Accepted", ConditionStatus.TRUE, "Accepted", "the resources compile"),),
        problems=problems,
        pods=tuple(pod_key("shop", pod) for pod in pods),
        in_sync=tuple(pod_key("shop", pod) for pod in list(pods)[:1]),
        unmanaged_pods=(),
    )


@pytest.fixture
async def world(redis_url: RedisUrl) -> AsyncIterator[World]:
    redis = connect(redis_url)
    yield World(redis, await Publisher.claim(redis))
    await redis.aclose()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application between its start-up and shutdown."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


@pytest.fixture
async def api(redis_url: RedisUrl) -> AsyncIterator[httpx.AsyncClient]:
    async with running(Settings(redis=redis_url)) as client:
        yield client


LIMITS = Problem(
    ObjectRef("Limits", "shop", "strict"), "spec.bodySize", "a size", "12 pounds", severity=Severity.WARNING
)
ROUTE = Problem(ObjectRef("SidecarGateway", "shop", "webshop"), "spec.routes[0]", "a route", "nothing")
DOCUMENT = Problem(DocumentRef("shop.yaml", 3), "", "an object", "a list", Reason.MALFORMED)


async def test_pods_without_engine_are_told_apart(api: httpx.AsyncClient, world: World) -> None:
    published = await world.gateway("webshop", pods=("w-1",))
    status = _status("webshop", Phase.ERROR, published, (), ("w-1",))
    await world.publisher.status(msgspec.structs.replace(status, unprotected_pods=(pod_key("shop", "w-2"),)))

    (summary,) = (await api.get("/api/v1/gateways")).json()["items"]
    assert (summary["pods"], summary["unprotected"]) == (1, 1)
    gateway = (await api.get("/api/v1/gateways/shop/webshop")).json()
    assert gateway["unprotected_pods"] == [{"namespace": "shop", "name": "w-2"}]


async def test_gateways_are_listed_with_counts_and_filtered(api: httpx.AsyncClient, world: World) -> None:
    await world.gateway("admin", problems=(LIMITS,), pods=("a-1", "a-2"), phase=Phase.WARNING)
    await world.gateway("webshop")
    answer = (await api.get("/api/v1/gateways")).json()
    assert [each["name"] for each in answer["items"]] == ["admin", "webshop"]
    admin = answer["items"][0]
    assert (admin["pods"], admin["in_sync"], admin["errors"], admin["warnings"]) == (2, 1, 0, 1)
    assert admin["published"]["compiled_at"] == "2026-01-01T00:00:00Z"

    async def names(query: str) -> list[str]:
        found = (await api.get(f"/api/v1/gateways?{query}")).json()["items"]
        return [each["name"] for each in found]

    assert await names("phase=Warning") == ["admin"]
    assert await names("namespace=shop") == ["admin", "webshop"]
    assert await names("namespace=other") == []


async def test_a_list_comes_in_pages_with_the_total(api: httpx.AsyncClient, world: World) -> None:
    for name in ("a", "b", "c"):
        await world.gateway(name)
    answer = (await api.get("/api/v1/gateways?limit=1&offset=1")).json()
    assert [each["name"] for each in answer["items"]] == ["b"]
    assert (answer["total"], answer["limit"], answer["offset"]) == (3, 1, 1)


async def test_a_gateway_is_shown_in_full(api: httpx.AsyncClient, world: World) -> None:
    published = await world.gateway("webshop", problems=(ROUTE,), pods=("w-1", "w-2"), phase=Phase.ERROR)
    answer = (await api.get("/api/v1/gateways/shop/webshop")).json()
    assert answer["phase"] == "Error"
    assert answer["published"]["digest"] == published.digest
    assert answer["problems"][0]["message"] == str(ROUTE)
    assert [(pod["name"], pod["in_sync"]) for pod in answer["pods"]] == [("w-1", True), ("w-2", False)]
    assert answer["conditions"][0]["type"] == "Accepted"


@pytest.mark.parametrize("below", ["", "/configuration"])
async def test_an_unknown_gateway_names_its_neighbours(
    api: httpx.AsyncClient, world: World, below: str
) -> None:
    await world.gateway("webshop")
    answer = await api.get(f"/api/v1/gateways/shop/webshpo{below}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:microgateway:error:unknown-gateway"
    assert answer.json()["near"] == ["shop/webshop"]


async def test_a_configuration_is_decoded_without_secrets_and_tagged_with_its_digest(
    api: httpx.AsyncClient, world: World
) -> None:
    published = await world.gateway("webshop", config=config_with_secret("webshop"))
    answer = await api.get("/api/v1/gateways/shop/webshop/configuration")
    assert answer.json()["configuration"]["gateway"] == "shop/webshop"
    assert (answer.json()["generation"], answer.json()["digest"]) == (GENERATION, published.digest)
    assert "hunter2" not in answer.text
    assert "[redacted]" in answer.text
    assert answer.headers["etag"] == f'"{published.digest}"'


@pytest.mark.parametrize(("tags", "status"), [("{}", 304), ('"x", W/{}', 304), ("*", 304), ('"x"', 200)])
async def test_if_none_match_spares_the_body(
    api: httpx.AsyncClient, world: World, tags: str, status: int
) -> None:
    published = await world.gateway("webshop")
    etag = f'"{published.digest}"'
    answer = await api.get(
        "/api/v1/gateways/shop/webshop/configuration", headers={"If-None-Match": tags.format(etag)}
    )
    assert answer.status_code == status
    assert answer.headers["etag"] == etag
    assert bool(answer.content) == (status == 200)


async def test_a_gateway_without_configuration_says_so(api: httpx.AsyncClient, world: World) -> None:
    await world.unpublished_gateway("webshop")
    answer = await api.get("/api/v1/gateways/shop/webshop/configuration")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:microgateway:error:nothing-published")


async def test_a_bundle_that_does_not_decode_is_a_bad_gateway(api: httpx.AsyncClient, world: World) -> None:
    await world.publisher.bundle(gateway_key("shop", "webshop"), GENERATION, b"MGW\x01\xff")
    answer = await api.get("/api/v1/gateways/shop/webshop/configuration")
    assert (answer.status_code, answer.json()["type"]) == (502, "urn:microgateway:error:bus-unreadable")
    assert "shop/webshop" in answer.json()["detail"]


async def test_engines_tell_how_far_behind_they_are(api: httpx.AsyncClient, world: World) -> None:
    published = await world.gateway("webshop")
    await world.engine("w-1", serving=Applied(published.generation, published.digest))
    await world.engine(
        "w-2",
        serving=Applied(Generation(GENERATION - 1), Digest("sha256:old")),
        rejected=Rejected("digest_mismatch", "expected a, got b"),
    )
    await world.engine("w-3")
    await world.redis.set("mgw:shop:ack:w-4", b"\xff")
    answer = (await api.get("/api/v1/engines")).json()
    states = [(each["pod"], each["sync"]["state"]) for each in answer["items"]]
    assert states == [
        ("w-1", "in_sync"),
        ("w-2", "behind"),
        ("w-3", "no_configuration"),
        ("w-4", "unreadable"),
    ]
    behind = answer["items"][1]
    assert behind["sync"]["published_generation"] == published.generation
    assert abs(behind["sync"]["lag_ms"] - (time.time() * 1000 - GENERATION)) < 10_000
    assert behind["rejection"] == {
        "state": "rejected",
        "kind": "digest_mismatch",
        "message": "expected a, got b",
    }
    assert (await api.get("/api/v1/engines/shop/w-2")).json()["sync"]["state"] == "behind"
    only = (await api.get("/api/v1/engines?state=in_sync&gateway=shop/webshop&namespace=shop")).json()
    assert [each["pod"] for each in only["items"]] == ["w-1"]


async def test_an_engine_that_is_gone_is_unknown(api: httpx.AsyncClient, world: World) -> None:
    await world.engine("web-1")
    answer = await api.get("/api/v1/engines/shop/web-2")
    assert (answer.status_code, answer.json()["near"]) == (404, ["shop/web-1"])


async def test_problems_come_from_everywhere_once(api: httpx.AsyncClient, world: World) -> None:
    await world.gateway("webshop", problems=(ROUTE, LIMITS))
    await world.publisher.problems([LIMITS, DOCUMENT])

    async def messages(query: str = "") -> list[str]:
        items = (await api.get(f"/api/v1/problems{query}")).json()["items"]
        return [each["message"] for each in items]

    assert await messages() == [str(LIMITS), str(ROUTE), str(DOCUMENT)]
    assert await messages("?severity=warning") == [str(LIMITS)]
    assert await messages("?kind=SidecarGateway&namespace=shop") == [str(ROUTE)]
    assert await messages("?namespace=other") == []


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "offset=-1", "phase=Fine"])
async def test_an_invalid_parameter_is_named(api: httpx.AsyncClient, query: str) -> None:
    answer = await api.get(f"/api/v1/gateways?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [each["parameter"] for each in answer.json()["errors"]] == [f"query.{query.partition('=')[0]}"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("POST", "/api/v1/gateways", 405), ("DELETE", "/api/v1/problems", 405)],
)
async def test_other_errors_are_problem_details_too(
    api: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await api.request(method, path)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/readyz", "/api/v1/gateways", "/api/v1/engines/a/b", "/api/v1/problems", "/api/v1/live"]
)
async def test_without_redis_everything_but_healthz_is_unavailable(path: str) -> None:
    async with running(Settings(redis=RedisUrl("redis://:hunter2@127.0.0.1:1/0"))) as api:
        answer = await api.get(path)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["type"] == "urn:microgateway:error:bus-unavailable"
        assert "hunter2" not in answer.text
        assert (await api.get("/healthz")).status_code == 200
        assert "microgateway_config_api_redis_up 0.0" in (await api.get("/metrics")).text


async def test_a_redis_that_does_not_answer_is_given_up_in_time() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with (
        silent,
        running(Settings(redis=RedisUrl(f"redis://127.0.0.1:{port}"), read_timeout=0.1)) as api,
    ):
        begun = time.monotonic()
        answer = await api.get("/readyz")
        assert (answer.status_code, time.monotonic() - begun < 4) == (503, True)


async def test_metrics_count_gateways_engines_and_requests(api: httpx.AsyncClient, world: World) -> None:
    published = await world.gateway("webshop", problems=(ROUTE,))
    await world.engine("w-1", serving=Applied(published.generation, published.digest))
    await api.get("/api/v1/gateways")
    text = (await api.get("/metrics")).text
    for line in (
        'microgateway_gateways{status="Active"} 1.0',
        'microgateway_gateways{status="Error"} 0.0',
        'microgateway_engines{state="in_sync"} 1.0',
        'microgateway_engines{state="behind"} 0.0',
        'microgateway_gateway_problems{severity="error"} 1.0',
        "microgateway_config_api_redis_up 1.0",
    ):
        assert line in text
    assert 'handler="/api/v1/gateways"' in text


@pytest.mark.parametrize("path", ["/", "/page.js", "/blocks.js", "/page.css", "/icon.svg"])
async def test_the_page_is_of_this_site_alone(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_who_follows_hears_of_each_change(redis_url: RedisUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_changes, "GATHERING", 0.5)
    redis = connect(redis_url)
    try:
        news = changes(redis)
        assert await anext(news) == News()
        await redis.publish("mgw:shop:status:webshop", b"{}")
        await redis.publish("mgw:bank:acks", b"{}")
        await redis.publish("mgw:shop:blocks:webshop", b"1-0")
        async with asyncio.timeout(30):
            assert await anext(news) == News(frozenset({"shop", "bank"}), frozenset({"shop"}))
        following = asyncio.ensure_future(anext(news))
        await asyncio.sleep(0.8)
        assert not following.done()  # both were one change
        await redis.publish("mgw:shop:status:webshop", b"{}")
        async with asyncio.timeout(30):
            assert await following == News(changed=frozenset({"shop"}))
        await news.aclose()
    finally:
        await redis.aclose()


async def test_reading_writes_nothing(api: httpx.AsyncClient, world: World) -> None:
    await world.gateway("webshop")
    before = sorted(await world.redis.keys())
    changed = (await world.redis.info("persistence"))["rdb_changes_since_last_save"]
    for path in (
        "/",
        "/api/v1/gateways",
        "/api/v1/engines",
        "/api/v1/problems",
        "/api/v1/blocks",
        "/metrics",
    ):
        assert (await api.get(path)).status_code == 200
    assert sorted(await world.redis.keys()) == before
    assert (await world.redis.info("persistence"))["rdb_changes_since_last_save"] == changed


async def test_every_documented_answer_has_an_example_that_fits_its_schema(api: httpx.AsyncClient) -> None:
    document = (await api.get("/openapi.json")).json()
    components = {"components": document["components"]}
    seen = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                for media_type, body in response.get("content", {}).items():
                    Draft202012Validator({**body["schema"], **components}).validate(body["example"])
                    assert (media_type == "application/problem+json") == (int(status) >= 400), (method, path)
                    seen += 1
    assert seen >= 8
    for name, schema in document["components"]["schemas"].items():
        validator = Draft202012Validator({"$ref": f"#/components/schemas/{name}", **components})
        for example in schema.get("examples", []):
            validator.validate(example)
