"""A request explained against the configuration that is live in a real Redis."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from example_shop import shop

from microgateway_common import wire
from microgateway_common.bus.connection import connect
from microgateway_common.bus.publisher import Publisher
from microgateway_common.names import Generation
from microgateway_common.settings import RedisUrl
from microgateway_config_api.app import create_app
from microgateway_config_api.settings import Settings

GENERATION = Generation(1767225600000)
ATTACK = {"gateway": "shop/shop", "target": "/search?q=1%27%20union%20select%20password"}


@pytest.fixture
async def api(redis_url: RedisUrl) -> AsyncIterator[httpx.AsyncClient]:
    redis = connect(redis_url)
    publisher = await Publisher.claim(redis)
    bundle = wire.pack(shop().gateway, GENERATION, wire.encode(shop()), wire.LeaveUnsigned())
    await publisher.bundle(shop().gateway, GENERATION, bundle)
    app = create_app(Settings(redis=redis_url))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        yield client
    await redis.aclose()


async def ask(api: httpx.AsyncClient, **question: Any) -> httpx.Response:
    return await api.post("/api/v1/explain", json=question)


async def test_an_attack_is_explained_with_its_exception(api: httpx.AsyncClient) -> None:
    answer = (await ask(api, **ATTACK)).json()
    assert answer["generation"] == GENERATION
    explanation = answer["explanation"]
    assert (explanation["verdict"], explanation["status"]) == ("blocked", 400)
    rules = next(each for each in explanation["steps"] if each["step"] == "deny rules")
    (match,) = rules["matches"]
    assert (match["rule_key"], match["spot"]["name"], match["outcome"]) == ("SQL", "q", "blocks")
    (change,) = explanation["remedy"]["changes"]
    assert change["resource"] == "DenyRules shop/shop"
    assert change["value"]["ruleKeys"] == ["SQL"]


@pytest.mark.parametrize("encoding", ["text", "base64"])
async def test_bodies_are_read(api: httpx.AsyncClient, encoding: str) -> None:
    body = '{"password": "hunter2; cat /etc/passwd"}'
    given = base64.b64encode(body.encode()).decode() if encoding == "base64" else body
    headers = {"Content-Type": "application/json", "X-Twice": ["1", "2"]}
    answer = await ask(
        api, gateway="shop/shop", method="POST", target="/", headers=headers, body=given, encoding=encoding
    )
    explanation = answer.json()["explanation"]
    assert explanation["verdict"] == "blocked"
    assert "hunter2" not in answer.text
    parsing = next(each for each in explanation["steps"] if each["step"] == "parsing")
    assert parsing["parser"] == "json"


@pytest.mark.parametrize(
    ("question", "status", "detail"),
    [
        ({"gateway": "shop/shop"}, 422, "body.target: Field required"),
        ({**ATTACK, "gateway": "shop"}, 422, "body.gateway"),
        ({**ATTACK, "gateway": "shop/other"}, 404, "got shop/other"),
        ({**ATTACK, "port": 1}, 422, "expected a port of shop/shop (8080), got 1"),
        ({**ATTACK, "body": "!", "encoding": "base64"}, 422, "expected base64"),
        ({**ATTACK, "extra": 1}, 422, "Extra inputs"),
        ({**ATTACK, "method": "G T"}, 422, "body.method"),
    ],
)
async def test_bad_questions_are_answered_with_what_was_expected(
    api: httpx.AsyncClient, question: dict[str, Any], status: int, detail: str
) -> None:
    answer = await ask(api, **question)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert detail in answer.json()["detail"]
