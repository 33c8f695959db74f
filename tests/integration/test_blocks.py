"""Blocks on their way from the engine to people: with the users and keys of an installation, through outages
and floods, without holding up anything."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from chain import BIN, ROOT, Chain, Service, eventually, use_marker
from load import Load
from redis import Redis
from secure_chain import SecureChain

from microgateway_cli.processes import free_port

pytestmark = pytest.mark.slow

ATTACK = "/products?q=%27%20UNION%20SELECT%20password%20FROM%20users--"

SENT = "microgateway_block_events_sent_total"
DROPPED = "microgateway_block_events_dropped_total"


def attack(chain: Chain) -> str:
    """The id that the blocked client is shown."""
    answer = chain.get(ATTACK, headers={"Accept": "application/json"})
    assert answer.status_code == 400
    return str(answer.json()["request_id"])


def kept(chain: Chain) -> list[str]:
    """Request ids of the blocks in Redis, the oldest first."""
    with Redis.from_url(chain.redis.url) as redis:
        entries = redis.xrange("mgw:shop:blocks:shop")
        return [json.loads(members[b"data"])["request_id"] for _, members in entries]


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[SecureChain]:
    with SecureChain(tmp_path, ROOT / "examples/shop") as chain:
        yield chain


def test_it_works_with_the_users_that_an_installation_has(secure: SecureChain, tmp_path: Path) -> None:
    """Redis lets engine, reconciler and config-api do what that takes, and nothing else."""
    port = free_port()
    config_api = Service(
        "config-api",
        [str(BIN / "microgateway-config-api"), "--listen", f"127.0.0.1:{port}", "--redis", secure.redis.url,
         "--redis-credentials", str(secure.secure_redis.credentials("reader"))],
        tmp_path / "config-api.log", {},
    )  # fmt: skip
    config_api.start()
    try:
        request_id = attack(secure)

        def found() -> httpx.Response | None:
            url = f"http://127.0.0.1:{port}/api/v1/blocks/{request_id}/explanation"
            try:
                answer = httpx.get(url, trust_env=False)
            except httpx.TransportError:
                return None
            return answer if answer.status_code == 200 else None

        answer = eventually(found, "the block to be explained").json()
        assert answer["block"]["pod"] == "shop/shop-0"
        assert answer["remedy"]["kind"] == "offered"
        with httpx.stream("GET", f"http://127.0.0.1:{port}/api/v1/live", trust_env=False) as live:
            lines = live.iter_lines()
            assert [next(lines) for _ in range(5)][::3] == ["event: changed", "event: blocked"]
            attack(secure)
            assert next(line for line in lines if line.startswith("event: ")) == "event: blocked"
    finally:
        config_api.close()


def test_all_workers_of_an_engine_report(tmp_path: Path) -> None:
    chain = Chain(tmp_path, ROOT / "examples/shop")
    chain.engine.command += ["--workers", "3"]
    with chain:
        ids = set()
        for _ in range(40):
            chain._client.close()
            chain._client = httpx.Client(timeout=30)  # another connection, and with it often another worker
            ids.add(attack(chain))
        eventually(lambda: set(kept(chain)) >= ids, "all blocks to be kept")
        eventually(lambda: chain.metric(SENT) == len(ids), "all to be counted")
        assert chain.metric(DROPPED) == 0


def test_what_happens_while_others_are_away_is_told_when_they_are_back(chain: Chain) -> None:
    chain.reconciler.end(signal.SIGKILL)
    without_reconciler = attack(chain)
    chain.redis.stop()
    without_redis = attack(chain)
    chain.redis.start()
    chain.reconciler.start()
    eventually(lambda: {without_reconciler, without_redis} <= set(kept(chain)), "both to be kept")


def test_a_gateway_that_is_gone_takes_its_blocks_along(chain: Chain) -> None:
    attack(chain)
    eventually(lambda: kept(chain), "the block to be kept")
    (chain.manifests / "gateway.yaml").unlink()
    eventually(lambda: not kept(chain), "its blocks to be gone")


def test_a_flood_of_attacks_holds_up_nothing(chain: Chain) -> None:
    """Everybody is answered, good requests and configurations go through, what is too much is counted."""
    use_marker(chain)
    flood = 3000
    with Load(chain.port) as load, ThreadPoolExecutor(4) as attackers:
        answers = attackers.map(lambda _: chain.get(ATTACK).status_code, range(flood))
        chain.set_marker("in the flood")
        chain.await_marker("in the flood")
        assert set(answers) == {400}
        load.await_more(50)
    assert load.result.failures == []
    eventually(lambda: chain.metric(SENT) + chain.metric(DROPPED) == flood, "each to be reported or counted")
    assert chain.metric(SENT) >= 100
    assert len(kept(chain)) <= 1000
