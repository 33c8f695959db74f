"""What a reconciler leaves in Redis for the config-api, of the shop of the examples."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml
from redis.asyncio import Redis

from microgateway_common import wire
from microgateway_common.bus.archive import Archivist
from microgateway_common.bus.connection import connect
from microgateway_common.bus.publisher import Publisher
from microgateway_common.history import (
    FieldManager,
    ObjectVersion,
    encode_configuration,
    grown,
)
from microgateway_common.mirror import Invalid, Manifest, Mirrored, SecretNames
from microgateway_common.names import Generation
from microgateway_common.settings import RedisUrl
from microgateway_common.status import Published
from microgateway_compiler.compile.gateway import Compiled
from microgateway_compiler.objects import BrokenResource, CustomResource, Secret
from microgateway_compiler.pipeline import Pipeline
from microgateway_compiler.redaction import redacted_manifest
from microgateway_compiler.status import gateway_status
from microgateway_config_api.app import create_app
from microgateway_config_api.settings import Settings

SHOP = Path(__file__).resolve().parents[2] / "examples/shop"

#: 2026-01-01T00:00:00Z
GENERATION = Generation(1767225600000)


def shop() -> list[Any]:
    """Manifests of the example."""
    return [each for path in sorted(SHOP.glob("*.yaml")) for each in yaml.safe_load_all(path.read_text())]


def changed(manifests: Iterable[Any], kind: str, **spec: Any) -> list[Any]:
    """Manifests with another spec of the one of that kind."""
    return [{**each, "spec": spec} if each["kind"] == kind else each for each in manifests]


@dataclass
class Reconciled:
    """What a reconciler leaves in Redis of manifests that are applied one after the other."""

    redis: Redis
    publisher: Publisher
    generation: Generation = GENERATION
    pipeline: Pipeline = field(default_factory=Pipeline)

    async def apply(self, manifests: Iterable[Any], by: str = "kubectl", mirror: bool = True) -> None:
        for raw in manifests:
            self.pipeline.replace_object(raw)
        changes = self.pipeline.changes()
        archivist = Archivist(self.redis, self.publisher)
        mirrored = [each for ref in changes.objects if (each := self._mirrored(ref)) is not None]
        if mirror:
            await archivist.mirror(mirrored)
        for gateway in sorted(changes.recompiled):
            outcome = self.pipeline.outcomes[gateway]
            if isinstance(outcome.configuration, Compiled):
                config, self.generation = outcome.configuration.config, Generation(self.generation + 1000)
                payload = wire.encode(config)
                digest = wire.digest_of(payload)
                data = wire.pack(gateway, self.generation, payload, wire.LeaveUnsigned())
                await self.publisher.bundle(gateway, self.generation, data)
                await self.publisher.status(gateway_status(outcome, Published(self.generation, digest), {}))
                before = await archivist.history(gateway)
                configuration = encode_configuration(config)
                objects = self._versions(outcome.gateway, by)
                now = grown(before, self.generation, digest, objects, "test", len(configuration))
                await archivist.record(gateway, now, configuration, ())

    def _versions(self, gateway: Any, by: str) -> list[ObjectVersion]:
        writer = FieldManager(by, "2026-01-01T00:00:00Z")
        found = []
        for ref in self.pipeline.used_by(gateway):
            stored = self.pipeline.stored(ref)
            assert stored is not None
            spec = stored.object.raw["spec"] if isinstance(stored.object, CustomResource) else ""
            found.append(ObjectVersion(ref, 1, "7", repr(spec), writer))
        return found

    def _mirrored(self, ref: Any) -> Mirrored | None:
        stored = self.pipeline.stored(ref)
        match stored.object if stored is not None else None:
            case CustomResource(raw=raw):
                return Manifest(ref, redacted_manifest(raw))
            case BrokenResource(problems=problems):
                return Invalid(ref, len(problems))
            case Secret(data=data):
                return SecretNames(ref, tuple(data))
            case _:
                return None


@asynccontextmanager
async def reconciling(redis_url: RedisUrl) -> AsyncIterator[Reconciled]:
    """As the only reconciler."""
    redis = connect(redis_url)
    yield Reconciled(redis, await Publisher.claim(redis))
    await redis.aclose()


@asynccontextmanager
async def answering(redis_url: RedisUrl) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the config-api."""
    app = create_app(Settings(redis=redis_url))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        yield client
