"""What manifests would do to the shop that is live in a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from certificates import authority
from reconciled import Reconciled, answering, changed, reconciling, shop

from microgateway_common.names import gateway_key
from microgateway_common.settings import RedisUrl
from microgateway_compiler.pipeline import Pipeline
from microgateway_config_api.problem_details import BusyError
from microgateway_config_api.routes import dry_run

LOG_ONLY: dict[str, Any] = {"settings": {"threatHandlingMode": "LogOnly"}}
GOLDEN = Path(__file__).resolve().parents[4] / "libs/compiler/tests/golden"


@pytest.fixture
async def reconciled(redis_url: RedisUrl) -> AsyncIterator[Reconciled]:
    async with reconciling(redis_url) as found:
        yield found


@pytest.fixture
async def asked(redis_url: RedisUrl) -> AsyncIterator[httpx.AsyncClient]:
    async with answering(redis_url) as client:
        yield client


@pytest.fixture
async def live(reconciled: Reconciled) -> Reconciled:
    await reconciled.apply(shop())
    return reconciled


def only(kind: str, manifests: list[Any]) -> list[Any]:
    return [each for each in manifests if each["kind"] == kind]


async def post(asked: httpx.AsyncClient, manifests: list[Any], **more: Any) -> dict[str, Any]:
    files = [{"path": "a.yaml", "content": yaml.safe_dump_all(manifests)}]
    answer = await asked.post("/api/v1/dry-run", json={"files": files, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_what_is_live_already_changes_nothing(asked: httpx.AsyncClient, live: Reconciled) -> None:
    found = await post(asked, shop())
    (gateway,) = found["gateways"]
    assert (gateway["verdict"], gateway["namespace"], gateway["name"]) == ("unchanged", "shop", "shop")
    assert (found["problems"], found["unused"]) == ([], [])


async def test_one_object_is_tried_on_top_of_those_that_are_live(
    asked: httpx.AsyncClient, live: Reconciled
) -> None:
    found = await post(asked, only("Limits", changed(shop(), "Limits", **LOG_ONLY)))
    (gateway,) = found["gateways"]
    assert gateway["verdict"] == "changed"
    paths = {each["path"]: each for each in gateway["differences"]}
    handling = paths["content_securities.shop.limits.threat_handling"]
    assert (handling["old"], handling["new"]) == ("Block", "LogOnly")
    assert handling["origin"] == {"kind": "Limits", "namespace": "shop", "name": "shop"}


async def test_an_exception_that_came_first_is_one_difference(
    asked: httpx.AsyncClient, live: Reconciled
) -> None:
    rules = only("DenyRules", shop())
    data = {"parameter": {"name": {"matcher": {"exact": "q"}}}}
    built_in = rules[0]["spec"]["request"].setdefault("builtIn", {})
    built_in.setdefault("exceptions", []).insert(0, {"blockedData": data, "ruleKeys": ["SQL"]})
    (gateway,) = (await post(asked, rules))["gateways"]
    (difference,) = gateway["differences"]
    assert (difference["change"], difference["new"]["rule_keys"]) == ("added", ["SQL"])
    assert difference["path"] == "content_securities.shop.deny_rules.exceptions[0]"


async def test_an_error_is_refused_in_the_words_of_the_compiler(
    asked: httpx.AsyncClient, live: Reconciled
) -> None:
    broken = only(
        "Limits", changed(shop(), "Limits", request={"limited": {"json": {"nestingDepth": "deep"}}})
    )
    found = await post(asked, broken)
    (gateway,) = found["gateways"]
    assert gateway["verdict"] == "refused"
    expected = Pipeline()
    for each in [*shop(), *broken]:
        expected.replace_object(each)
    outcome = expected.changes().outcomes[gateway_key("shop", "shop")]
    assert [each["message"] for each in gateway["problems"]] == [str(each) for each in outcome.problems]


async def test_a_new_gateway_and_one_nobody_refers_to(asked: httpx.AsyncClient, live: Reconciled) -> None:
    gateway = {**only("SidecarGateway", shop())[0], "metadata": {"name": "second"}}
    unused = {**only("Limits", shop())[0], "metadata": {"name": "unused", "namespace": "shop"}}
    found = await post(asked, [gateway, unused], namespace="shop")
    assert [(each["verdict"], each["name"]) for each in found["gateways"]] == [("new", "second")]
    assert found["unused"] == [{"type": "object", "kind": "Limits", "namespace": "shop", "name": "unused"}]


async def test_what_lacks_nothing_but_what_is_live_needs_nothing_else(
    asked: httpx.AsyncClient, live: Reconciled
) -> None:
    """Also what no gateway has referred to so far."""
    extra = {**only("Limits", shop())[0], "metadata": {"name": "extra", "namespace": "shop"}}
    extra["spec"] = LOG_ONLY
    await live.apply([extra])
    policy = only("ContentSecurity", shop())[0]
    policy["spec"]["limitsRef"] = {"name": "extra"}
    (gateway,) = (await post(asked, [policy]))["gateways"]
    assert gateway["verdict"] == "changed"
    policy["spec"]["limitsRef"] = {"name": "extras"}
    (gateway,) = (await post(asked, [policy]))["gateways"]
    assert gateway["verdict"] == "refused"
    assert "did you mean extra?" in gateway["problems"][0]["message"]


async def test_a_complete_set_takes_away_what_it_lacks(asked: httpx.AsyncClient, live: Reconciled) -> None:
    limits = only("Limits", shop())
    found = await post(asked, limits, complete=True)
    assert [(each["verdict"], each["name"]) for each in found["gateways"]] == [("gone", "shop")]
    assert found["complete"]
    without = [each for each in shop() if each["kind"] != "Limits"]
    (gateway,) = (await post(asked, without, complete=True))["gateways"]
    assert gateway["verdict"] == "refused"


async def test_another_namespaces_objects_are_others(asked: httpx.AsyncClient, live: Reconciled) -> None:
    elsewhere = {**only("Limits", shop())[0], "metadata": {"name": "shop", "namespace": "elsewhere"}}
    found = await post(asked, [elsewhere], complete=True)
    assert found["gateways"] == []


async def test_documents_that_are_none_are_problems_with_their_lines(
    asked: httpx.AsyncClient, live: Reconciled
) -> None:
    files = [
        {"path": "one.yaml", "content": "a: [\n"},
        {"path": "two.yaml", "content": "---\nkind: Limits\n---\n- 1\n"},
        {"path": "three.json", "content": "null"},
    ]
    found = (await asked.post("/api/v1/dry-run", json={"files": files})).json()
    assert found["gateways"] == []
    assert {each["subject"]["path"] for each in found["problems"]} == {"one.yaml", "two.yaml"}


async def test_two_documents_for_one_object_are_a_problem(asked: httpx.AsyncClient, live: Reconciled) -> None:
    limits = only("Limits", shop())
    found = await post(asked, [*limits, *changed(limits, "Limits", **LOG_ONLY)])
    assert [each["reason"] for each in found["problems"]] == ["Duplicate"]
    assert found["gateways"][0]["verdict"] == "unchanged"


async def test_an_object_that_is_live_and_invalid(asked: httpx.AsyncClient, live: Reconciled) -> None:
    broken = changed(shop(), "Limits", hunter2="hunter2")
    await live.apply(broken)
    policy = only("ContentSecurity", shop())
    (gateway,) = (await post(asked, policy))["gateways"]
    assert gateway["verdict"] == "refused"
    message = "Limits shop/shop: expected a valid object, got one with 1 error that is live"
    assert message in [each["message"] for each in gateway["problems"]]
    (gateway,) = (await post(asked, only("Limits", shop())))["gateways"]
    assert gateway["verdict"] == "unchanged"


async def test_secrets_are_neither_needed_nor_shown_nor_compared(
    asked: httpx.AsyncClient, live: Reconciled
) -> None:
    def header(value: str) -> list[Any]:
        new = {"name": "Authorization", "value": value}
        spec = {"request": {"add": {"custom": [{"name": "a", "headers": [new]}]}}}
        return changed(shop(), "HeaderRewrites", **spec)

    await live.apply(header("hunter2"))
    for guess in ("hunter2", "hunter3"):
        found = await post(asked, only("HeaderRewrites", header(guess)))
        (gateway,) = found["gateways"]
        assert (gateway["verdict"], gateway["withheld"]) == ("unchanged", True)
        assert "hunter" not in str(found)


async def test_tls_is_tried_with_the_secrets_that_are_live(
    asked: httpx.AsyncClient, reconciled: Reconciled
) -> None:
    certified = authority().leaf("shop.example")
    data = {"tls.crt": certified.pem.decode(), "tls.key": certified.key_pem.decode()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tls", "namespace": "shop"}}
    manifests = shop()
    gateway = only("SidecarGateway", manifests)[0]
    gateway["spec"]["applications"][0]["downstream"] = {"tls": {"enable": True, "secretRef": {"name": "tls"}}}
    await reconciled.apply([*manifests, {**secret, "stringData": data}])
    (found,) = (await post(asked, manifests))["gateways"]
    assert (found["verdict"], found["withheld"]) == ("unchanged", True)
    bad = {**secret, "stringData": {**data, "tls.key": "no key"}}
    (found,) = (await post(asked, [bad]))["gateways"]
    assert found["verdict"] == "refused"


async def test_nothing_is_written(asked: httpx.AsyncClient, live: Reconciled) -> None:
    before = {key: await live.redis.dump(key) for key in await live.redis.keys()}
    await post(asked, changed(shop(), "Limits", **LOG_ONLY), complete=True)
    assert {key: await live.redis.dump(key) for key in await live.redis.keys()} == before


async def test_without_mirror_nothing_is_guessed(asked: httpx.AsyncClient, reconciled: Reconciled) -> None:
    await reconciled.apply(shop(), mirror=False)
    files = [{"path": "a.yaml", "content": yaml.safe_dump_all(only("Limits", shop()))}]
    answer = await asked.post("/api/v1/dry-run", json={"files": files})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:microgateway:error:mirror-incomplete")


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"files": []},
        {"files": [{"content": 1}]},
        {"files": [{"path": "", "content": ""}]},
        {"files": [{"content": ""}], "namespace": "*"},
        {"files": [{"content": ""}], "compleet": True},
    ],
)
async def test_a_question_that_is_none_is_refused(asked: httpx.AsyncClient, question: dict[str, Any]) -> None:
    assert (await asked.post("/api/v1/dry-run", json=question)).status_code == 422


@pytest.mark.parametrize("namespace", ["*", "?hop", "[a-z]hop", "a" * 64, "shop*", "SHOP"])
async def test_no_pattern_is_a_namespace(asked: httpx.AsyncClient, live: Reconciled, namespace: str) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": namespace}}
    found = await post(asked, [secret], complete=True)
    assert found["gateways"] == []


@pytest.mark.parametrize("case", sorted(GOLDEN.iterdir()), ids=lambda case: case.name)
async def test_whatever_manifests_say_there_is_an_answer(
    asked: httpx.AsyncClient, live: Reconciled, case: Path
) -> None:
    files = [
        {"path": str(path.relative_to(case)), "content": path.read_text()}
        for path in sorted(case.rglob("*.*"))
        if path.name not in ("ir.yaml", "status.yaml")
    ]
    assert (await asked.post("/api/v1/dry-run", json={"files": files})).status_code == 200


async def test_one_is_tried_at_a_time_and_who_waits_too_long_is_told(
    asked: httpx.AsyncClient, live: Reconciled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run, "PATIENCE", 0.05)
    turns = dry_run.Turns()
    async with turns.take():
        with pytest.raises(BusyError):
            await turns.take().__aenter__()
    monkeypatch.setattr(dry_run, "PATIENCE", 30.0)
    found = await asyncio.gather(*(post(asked, shop()) for _ in range(5)))
    assert [each["gateways"][0]["verdict"] for each in found] == ["unchanged"] * 5
