"""A config-api that asks the API server who may see what, and something to see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from kube_api_server import KubeApiServer
from redis import Redis
from viewers import GuardedConfigApi, create_account, token

from microgateway_cli.redis_server import RedisServer
from microgateway_common import wire
from microgateway_common.bus import keys
from microgateway_common.bus.connection import connect
from microgateway_common.bus.messages import (
    Acknowledgement,
    Assigned,
    NoConfiguration,
    NothingRejected,
    encode,
)
from microgateway_common.bus.publisher import Publisher
from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.ir.origin import ResourceOrigin
from microgateway_common.names import Generation, gateway_key, pod_key
from microgateway_common.problems import DocumentRef, ObjectRef, Problem, Reason
from microgateway_common.settings import RedisUrl
from microgateway_common.status import GatewayStatus, Phase, Published

AUDIENCE = "microgateway-config-api"

#: Where the accounts are; namespaces of the gateways.
HOME, SHOP, BANK = "viewers", "viewers-shop", "viewers-bank"

GENERATION = Generation(1767225600000)


@dataclass
class Guarded:
    """A config-api that asks the API server, and what it shows: a gateway, an engine and a problem in each
    of two namespaces. tokens: all that were made, none of which may be in a log."""

    cluster: KubeApiServer
    process: GuardedConfigApi
    redis: RedisUrl
    tokens: list[str] = field(default_factory=list)

    def token(self, account: str, *audiences: str) -> str:
        self.tokens.append(token(self.cluster, HOME, account, *audiences))
        return self.tokens[-1]

    def ask(self, path: str, bearer: str | None = None) -> httpx.Response:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        return httpx.get(f"{self.process.url}{path}", headers=headers, timeout=60)

    def names(self, noun: str, bearer: str) -> list[str]:
        answer = self.ask(f"/api/v1/{noun}", bearer)
        assert answer.status_code == 200, answer.text
        return [each["namespace"] for each in answer.json()["items"]]

    def change(self, namespace: str) -> None:
        """Announce that an engine of the namespace has spoken."""
        with Redis.from_url(self.redis) as redis:
            redis.publish(f"mgw:{namespace}:acks", b"{}")


async def _fill(url: RedisUrl) -> None:
    redis = connect(url)
    publisher = await Publisher.claim(redis)
    for namespace in (SHOP, BANK):
        key, origin = gateway_key(namespace, "main"), ResourceOrigin("SidecarGateway", namespace, "main", 1)
        payload = wire.encode(GatewayConfig(key, origin, {}, ()))
        await publisher.bundle(key, GENERATION, wire.pack(key, GENERATION, payload, wire.LeaveUnsigned()))
        published = Published(GENERATION, wire.digest_of(payload))
        await publisher.status(GatewayStatus(key, Phase.ACTIVE, 1, published, True, (), (), (), (), ()))
        acknowledgement = Acknowledgement(
            pod_key(namespace, "main-0"),
            "1",
            "0.1.0",
            Assigned(key),
            NoConfiguration(),
            NothingRejected(),
            0.0,
        )
        await redis.set(keys.acknowledgement(acknowledgement.pod), encode(acknowledgement))
    problems = [Problem(ObjectRef("Limits", each, "l"), "spec", "a", "b") for each in (SHOP, BANK)]
    document = Problem(DocumentRef("secret-plans.yaml", 3), "", "an object", "a list", Reason.MALFORMED)
    await publisher.problems([*problems, document])
    await redis.aclose()


@contextmanager
def guarded_config_api(cluster: KubeApiServer, folder: Path) -> Generator[Guarded]:
    """With the accounts `overseer`, who may see all of it, `shopkeeper`, who may see SHOP, and `nobody`."""
    for name in (HOME, SHOP, BANK):
        cluster.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
    with RedisServer() as redis:
        asyncio.run(_fill(redis.url))
        process = GuardedConfigApi(cluster, folder, redis.url)
        create_account(cluster, HOME, "overseer", ["*"])
        create_account(cluster, HOME, "shopkeeper", [SHOP])
        create_account(cluster, HOME, "nobody")
        process.start()
        try:
            process.await_ready()
            yield Guarded(cluster, process, redis.url)
        finally:
            process.close()
