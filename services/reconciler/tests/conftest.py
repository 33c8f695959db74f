from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from aiohttp import web
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from microgateway_common import wire
from microgateway_compiler.pipeline import Pipeline
from microgateway_reconciler.archive.chronicle import Chronicle
from microgateway_reconciler.kubernetes.api import ApiServer
from microgateway_reconciler.ledger import Ledger
from microgateway_reconciler.sources.changes import ObjectChange

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Clock:
    """Time that tests move."""

    def __init__(self) -> None:
        self.milliseconds = 1_000_000
        self.seconds = 0.0


GATEWAY = """\
apiVersion: microgateway.airlock.com/v1alpha1
kind: SidecarGateway
metadata: {{name: {name}, namespace: shop}}
spec: {{podSelector: {{matchLabels: {{app: {name}}}}}, applications: [{{containerPort: {port}}}]}}
---
apiVersion: v1
kind: Pod
metadata:
  name: {name}-0
  namespace: shop
  labels: {{app: {name}, sidecar.microgateway.airlock.com/inject: "true"}}
"""


class Desk:
    """A pipeline and a ledger, as the reconciler has them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.pipeline = Pipeline()
        self.ledger = Ledger(wire.LeaveUnsigned(), lambda: clock.milliseconds, lambda: clock.seconds)
        self.chronicle = Chronicle(self.pipeline)

    def save(self, name: str, port: int | str = 8080) -> None:
        self.write(f"{name}.yaml", GATEWAY.format(name=name, port=port))

    def write(self, path: str, text: str) -> None:
        self.pipeline.replace_file(path, text)
        self.take(())

    def remove(self, name: str) -> None:
        self.pipeline.remove_file(f"{name}.yaml")
        self.take(())

    def take(self, batch: Iterable[ObjectChange]) -> None:
        """As `Reconciler.follow` does, of what the pipeline was given."""
        changes = self.pipeline.changes()
        self.ledger.take(changes)
        self.chronicle.take(batch, changes)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(clock: Clock) -> Desk:
    return Desk(clock)


@pytest.fixture
def serve() -> Callable[[Handler], AbstractAsyncContextManager[ApiServer]]:
    """Requests of an API server's client, answered by a function over real HTTP."""
    return _serve


@asynccontextmanager
async def _serve(answer: Handler) -> AsyncIterator[ApiServer]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    api = ApiServer(ApiClient(Configuration(host=f"http://{host}:{port}")))
    try:
        yield api
    finally:
        await api.close()
        await runner.cleanup()
